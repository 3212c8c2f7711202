package explore

import (
	"context"
	"slices"
	"strings"

	"vitrine/storage/oci"
)

// Bounds of a page with repositories.
const (
	maxNames   = 100_000 // names that are read to make it
	maxEntries = 200     // of the uppermost level, on one page
	maxNested  = 300     // below them: folders that have more are links to a page of their own
)

// repoTree is a part of the repositories as a tree by the components of their names.
type repoTree struct {
	Prefix string     `json:"prefix,omitempty"` // of them all, without the slash behind it
	Count  int        `json:"repositories"`
	More   bool       `json:"more,omitempty"` // there are more than were counted
	Nodes  []repoNode `json:"nodes"`
	First  string     `json:"first,omitempty"` // URL of the first page, where this is another
	Next   string     `json:"next,omitempty"`  // URL of the next page
}

// repoNode is a component of names: a repository, or what the names of several begin with, or both.
type repoNode struct {
	Name  string     `json:"name"`
	Repo  oci.Name   `json:"repository,omitempty"` // "" if there is none of just this name
	Href  string     `json:"href"`
	Below int        `json:"below,omitempty"` // repositories whose names go on
	Nodes []repoNode `json:"nodes,omitempty"` // those, unless they are too many for this page
}

// readNames returns the names that begin with prefix and a slash, all of them where prefix is "".
func (h *handler) readNames(ctx context.Context, prefix string) (names []oci.Name, more bool, err error) {
	below := prefix
	if prefix != "" {
		below += "/"
	}
	for name, err := range h.store.Repositories(ctx, oci.Name(prefix)) {
		switch {
		case err != nil:
			return nil, false, err
		case strings.HasPrefix(string(name), below):
			if len(names) == maxNames {
				return names, true, nil
			}
			names = append(names, name)
		case string(name) > below:
			return names, false, nil
		}
	}
	return names, false, nil
}

// newRepoTree makes a page of names, which begin with prefix and are in byte order: the components after the one named after. page is the URL that it
// stands at.
func newRepoTree(names []oci.Name, prefix, after, page string) repoTree {
	skip := len(prefix)
	if prefix != "" {
		skip++
	}
	p := repoTree{Prefix: prefix, Count: len(names), Nodes: []repoNode{}}
	groups := groupNames(names, skip)
	from := 0
	if after != "" {
		from = sortedAfter(groups, after)
		p.First = page
	}
	budget := maxNested
	to := min(from+maxEntries, len(groups))
	for _, g := range groups[from:to] {
		p.Nodes = append(p.Nodes, g.node(skip, &budget))
	}
	if to < len(groups) {
		p.Next = withQuery(page, "after", groups[to-1].component)
	}
	return p
}

func sortedAfter(groups []nameGroup, after string) int {
	i, found := slices.BinarySearchFunc(groups, after, func(g nameGroup, s string) int { return strings.Compare(g.component, s) })
	if found {
		i++
	}
	return i
}

// nameGroup is the names that share a component.
type nameGroup struct {
	component string
	itself    bool // the component is the last of one of the names
	path      oci.Name
	below     []oci.Name
}

// groupNames groups sorted names by the component that begins at skip. A name and what is below it need not follow each other: "a-b" stands between "a"
// and "a/b".
func groupNames(names []oci.Name, skip int) []nameGroup {
	var groups []nameGroup
	at := map[string]int{}
	for i := 0; i < len(names); {
		rest := string(names[i][skip:])
		component, _, deeper := strings.Cut(rest, "/")
		k, ok := at[component]
		if !ok {
			k = len(groups)
			at[component] = k
			groups = append(groups, nameGroup{component: component, path: names[i][:skip+len(component)]})
		}
		j := i + 1
		if deeper {
			for j < len(names) && strings.HasPrefix(string(names[j][skip:]), rest[:len(component)+1]) {
				j++
			}
			groups[k].below = names[i:j]
		} else {
			groups[k].itself = true
		}
		i = j
	}
	slices.SortFunc(groups, func(a, b nameGroup) int { return strings.Compare(a.component, b.component) })
	return groups
}

// node makes a node of a group, with what is below it as long as the budget of nodes lasts.
func (g nameGroup) node(skip int, budget *int) repoNode {
	n := repoNode{Name: g.component, Href: target{Name: g.path}.href("r"), Below: len(g.below)}
	if g.itself {
		n.Repo = g.path
	}
	if len(g.below) == 0 || len(g.below) > *budget {
		return n
	}
	*budget -= len(g.below)
	skip += len(g.component) + 1
	for _, below := range groupNames(g.below, skip) {
		n.Nodes = append(n.Nodes, below.node(skip, budget))
	}
	if only := n.Nodes[0]; len(n.Nodes) == 1 && !g.itself { // a folder of one thing is a step for nothing
		only.Name = n.Name + "/" + only.Name
		return only
	}
	return n
}
