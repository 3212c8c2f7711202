package explore

import (
	"context"
	"strings"

	"vitrine/storage/oci"
)

// Configured is a repository that was set up, rather than pushed to: its name is the first component of those below it.
type Configured struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`              // local, remote or virtual
	Package string   `json:"package"`           // what it holds: docker, or a kind of file
	Of      string   `json:"of,omitempty"`      // the host that a remote one stands in front of
	Members []string `json:"members,omitempty"` // of a virtual one, in the order in which they are asked
	Mirror  bool     `json:"mirror,omitempty"`  // names that are unknown here are asked of it, too
	Offline bool     `json:"offline,omitempty"` // Of is not asked
	Href    string   `json:"-"`
}

// configured are those that whoever asks may see.
func (h *handler) configured(ctx context.Context) []Configured {
	if h.o.Configured == nil {
		return nil
	}
	all := h.o.Configured(ctx)
	for i, c := range all {
		all[i].Href = "/files/" + c.Name + "/"
		if c.Package == "docker" {
			all[i].Href = target{Name: oci.Name(c.Name)}.href("r")
		}
	}
	return all
}

// beyond returns the page of what a query names below a repository that has more than is kept here, "" if it names nothing such.
func (h *handler) beyond(ctx context.Context, query string) (href, of string) {
	first, rest, _ := strings.Cut(query, "/")
	t, err := parseTarget(query)
	if rest == "" || err != nil {
		return "", ""
	}
	for _, c := range h.configured(ctx) {
		if c.Name == first && c.Package == "docker" && c.Type != "local" {
			return t.href("r"), c.Of
		}
	}
	return "", ""
}
