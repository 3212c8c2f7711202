package explore

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// away returns the registry that name is of, nil for this one.
func (h *handler) away(ctx context.Context, name oci.Name) *Registry {
	if h.anywhere == nil {
		return nil
	}
	return h.anywhere.route(ctx, name).away
}

// awayName is what a repository of another registry is called there.
func (h *handler) awayName(ctx context.Context, name oci.Name) (host string, rest oci.Name, away bool) {
	if h.anywhere == nil {
		return "", name, false
	}
	r := h.anywhere.route(ctx, name)
	if r.away == nil {
		return "", name, false
	}
	return r.host, r.name, true
}

// indexer opens the layers of name.
func (h *handler) indexer(ctx context.Context, name oci.Name) *Indexer {
	if away := h.away(ctx, name); away != nil && away.Index != nil {
		return away.Index
	}
	return h.index
}

// realm is whose word is taken for it that name has some content, as the beginning of a key: what is remembered in one is not shown in another. Anybody
// can have a registry that says it has everything.
func (h *handler) realm(ctx context.Context, name oci.Name) string {
	away := h.away(ctx, name)
	switch {
	case away == nil:
		return ""
	case away.Whose == "":
		return "elsewhere "
	}
	return "of " + away.Whose + " "
}

// api is how a shell asks for what is below the API's URL of a repository. crane knows how to get a token of any registry.
func (h *handler) api(r *request, name oci.Name) (curl, base string) {
	host, rest, away := h.awayName(r.Context(), name)
	if !away {
		return "curl", h.base(r) + "/v2/" + string(name)
	}
	curl = `curl -H "$(crane auth token -H ` + quote(host+"/"+string(rest)) + `)"`
	if host == hub {
		host = "registry-1.docker.io"
	}
	return curl, "https://" + host + "/v2/" + string(rest)
}

// refer reads a reference as people write it: a repository that is here, or else one of the registry that it names, which is Docker Hub where it names
// none. Where this registry is all there is, it is one of this registry.
func (h *handler) refer(ctx context.Context, r *request, ref string) (target, error) {
	if h.anywhere == nil {
		return parseTarget(ref)
	}
	host, rest := splitHost(ref)
	if host != "" && h.local(r, host) {
		return parseTarget(rest)
	}
	t, err := parseTarget(ref)
	if err == nil && !h.anywhere.unknownHere(ctx, t.Name) {
		return t, nil
	}
	if strings.HasPrefix(host, "[") {
		return t, badRequest("a registry at an address of IPv6 cannot be looked at: %.64q", host)
	}
	if host == "" {
		host = hub
		if _, _, already := hostOf(t.Name); err == nil && already { // registry.example_5000/app
			return t, nil
		}
	}
	return parseTarget(nameOf(host, rest))
}

// respell leads from another spelling of a repository elsewhere to the one that its pages have: /r/docker.io/ubuntu, /r/registry.example:5000/app. Not
// done means that there is none.
func (h *handler) respell(w http.ResponseWriter, r *request) (done bool, err error) {
	host, rest := splitHost(r.rest)
	if h.anywhere == nil || host == "" || !slices.Contains(hosted, r.page) {
		return false, nil
	}
	if strings.HasPrefix(host, "[") {
		return true, badRequest("a registry at an address of IPv6 cannot be looked at: %.64q", host)
	}
	if t, err := parseTarget(r.rest); err == nil && !h.anywhere.unknownHere(r.Context(), t.Name) {
		return false, nil
	}
	if to := nameOf(host, rest); to != r.rest {
		return true, h.redirect(w, r, withoutHost(r, to), true)
	}
	return false, nil
}

// maxAwayNames bounds the names of a catalog of another registry that are read for a page.
const maxAwayNames = 1000

// awayHost shows the repositories of another registry, if it says which there are: few do.
func (h *handler) awayHost(w http.ResponseWriter, r *request, host string) error {
	reg, err := h.anywhere.meet(r.Context(), host)
	if err != nil {
		return err
	}
	var names []oci.Name
	more := false
	for name, err := range reg.Repositories(r.Context(), "") {
		u, _ := errors.AsType[*storage.UpstreamError](err)
		switch {
		case u != nil && u.Status == 0: // it did not even answer
			return err
		case errors.Is(err, storage.ErrUnsupported), errors.Is(err, storage.ErrNoIdentity), errors.Is(err, storage.ErrDenied):
			return statusError{http.StatusNotImplemented, host + " does not say which repositories it has.", "One is looked at by its name: /r/" + nameOf(host, "NAME") + "."}
		case err != nil:
			return err
		}
		if more = len(names) == maxAwayNames; more {
			break
		}
		names = append(names, oci.Name(nameOf(host, string(name))))
	}
	slices.Sort(names)
	tree := newRepoTree(names, nameOf(host, ""), r.query.Get("after"), "/r/"+nameOf(host, ""))
	tree.More = more
	return h.show(w, r, &page{name: "folder", Title: host, View: tree, Crumbs: []crumb{{"Repositories", "/"}, {host, ""}},
		Command: line("crane catalog", quote(host)), text: func() []byte { return nameLines(names) }})
}

// isHost reports whether a name of one component is that of another registry.
func (h *handler) isHost(name oci.Name) (host string, ok bool) {
	host, _, ok = hostOf(name + "/x")
	return host, ok && h.anywhere != nil && !strings.Contains(string(name), "/")
}
