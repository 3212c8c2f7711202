package overlay

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"vitrine/explore/overlay/overlaytest"
)

// made is a file of a reference: a tree of them is an unpacked image.
type made struct {
	overlaytest.Entry
	layer   int
	content *made // what a hard link is; itself otherwise
	means   *made // the link or directory that a hard link is to
	implied bool
}

// reference unpacks layers one over the other into a map, as the specification tells it, and keeps every state in between. It knows
// nothing of tables, and is in no hurry.
type reference struct {
	states []map[string]*made // after each layer
}

func newReference(layers [][]overlaytest.Entry) *reference {
	r := &reference{}
	tree := map[string]*made{}
	for i, l := range layers {
		tree = unpack(tree, l, i)
		r.states = append(r.states, tree)
	}
	return r
}

// unpack returns the tree with a layer over it.
func unpack(below map[string]*made, entries []overlaytest.Entry, layer int) map[string]*made {
	tree, own := map[string]*made{}, ownFiles(entries, layer)
	for p, m := range below {
		if !hiddenBy(p, own) {
			tree[p] = m
		}
	}
	for _, p := range sortedPaths(own) {
		m := own[p]
		if isMeta(p, own) {
			continue
		}
		old, exists := tree[p]
		switch {
		case m.Kind == "hard" && m.content == nil:
			m.content = linkTarget(below, own, m)
		case exists && old.Kind == "dir" && m.implied: // keeps its attributes
			continue
		}
		if !exists || old.Kind != "dir" || m.Kind != "dir" {
			removeTree(tree, p)
		}
		tree[p] = m
	}
	return tree
}

// linkTarget returns what a hard link means that has no target before it in its layer: a file of the layers below, or one behind it.
func linkTarget(below, own map[string]*made, m *made) *made {
	link := m.Link
	if m.means != nil && m.means.Kind == "dir" {
		return nil
	}
	if m.means != nil {
		return linkTarget(below, own, m.means)
	}
	if p, ok := follow(below, link, false); ok && below[p] != nil && below[p].content != nil && below[p].content.Kind != "dir" {
		return below[p].content
	}
	if m := own[link]; m != nil && m.Kind != "hard" && m.Kind != "dir" {
		return m
	}
	return nil
}

// ownFiles returns what a layer has by itself, markers included: of one name the last entry, and directories above everything.
func ownFiles(entries []overlaytest.Entry, layer int) map[string]*made {
	own := map[string]*made{}
	for _, e := range entries {
		m := &made{Entry: e, layer: layer}
		if e.Kind == "hard" {
			t := own[e.Link]
			switch {
			case t != nil && t.content != nil && t.Kind != "dir":
				m.content = t.content
			case t != nil:
				m.means = t
			}
		} else {
			m.content = m
		}
		own[e.Name] = m
	}
	for _, p := range sortedPaths(own) {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if own[dir] == nil || own[dir].Kind != "dir" {
				m := &made{Entry: overlaytest.Entry{Kind: "dir", Name: dir, Mode: 0o755}, layer: layer, implied: true}
				m.content = m
				own[dir] = m
			}
		}
	}
	return own
}

// hiddenBy reports whether a layer has a whiteout of p or of a directory above it, or an opaque marker beside one of them.
func hiddenBy(p string, own map[string]*made) bool {
	for ; p != "."; p = path.Dir(p) {
		dir, base := path.Split(p)
		wh, opaque := own[dir+".wh."+base], own[dir+".wh..wh..opq"]
		if wh != nil && !wh.implied && !strings.HasPrefix(base, ".wh.") || opaque != nil && !opaque.implied {
			return true
		}
	}
	return false
}

// isMeta reports whether p is a marker, or below one.
func isMeta(p string, own map[string]*made) bool {
	for ; p != "."; p = path.Dir(p) {
		base := path.Base(p)
		if strings.HasPrefix(base, ".wh..wh.") || strings.HasPrefix(base, ".wh.") && !own[p].implied {
			return true
		}
	}
	return false
}

func removeTree(tree map[string]*made, p string) {
	for q := range tree {
		if q == p || strings.HasPrefix(q, p+"/") {
			delete(tree, q)
		}
	}
}

func sortedPaths(tree map[string]*made) []string {
	paths := make([]string, 0, len(tree))
	for p := range tree {
		paths = append(paths, p)
	}
	slices.SortFunc(paths, comparePaths)
	return paths
}

// comparePaths orders as a walk does: what is in a directory comes right behind it.
func comparePaths(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

// view lists a state as lines. It and format agree about names without odd bytes.
func (r *reference) view(layer int) (lines []string) {
	tree := r.states[layer]
	for _, p := range sortedPaths(tree) {
		lines = append(lines, tree[p].line(p))
	}
	return lines
}

func (m *made) line(p string) string {
	shown := m.content
	if shown == nil {
		shown = m
	}
	head := fmt.Sprintf("%d %s %04o %s", m.layer, shown.Kind, shown.Mode, p)
	switch {
	case m.implied:
		return fmt.Sprintf("%d dir - %s", m.layer, p)
	case shown.Kind == "file":
		return fmt.Sprintf("%s %q", head, shown.Body)
	case shown.Kind == "link":
		return fmt.Sprintf("%d link 0777 %s -> %s", m.layer, p, shown.Link)
	}
	return head
}

// follow goes to a path through symbolic links.
func follow(tree map[string]*made, p string, last bool) (string, bool) {
	at, left := ".", strings.Split(p, "/")
	for hops := 0; len(left) > 0; {
		if at != "." && (tree[at].content == nil || tree[at].content.Kind != "dir") {
			return "", false
		}
		next := path.Join(at, left[0])
		left = left[1:]
		if next == "." || strings.HasPrefix(next, "..") {
			at = "."
			continue
		}
		m := tree[next]
		if m == nil {
			return "", false
		}
		if m.content != nil && m.content.Kind == "link" && (last || len(left) > 0) {
			if hops++; hops > maxHops {
				return "", false
			}
			if strings.HasPrefix(m.content.Link, "/") {
				at = "."
			}
			left = append(strings.Split(m.content.Link, "/"), left...)
			continue
		}
		at = next
	}
	return at, true
}
