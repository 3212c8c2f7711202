package overlay

import (
	"slices"

	"vitrine/explore/tarfs"
)

// history appends to nodes what a view up to layer top has at a name of s: the live node first if there is one, then the dead, newest first.
// Entries that another one of their own layer replaced are not among them. With all, every directory is a node, also those that are merged.
func (s *scope) history(nodes []*Node, base string, slots []slot, top int, all bool) []*Node {
	path := pathOf(s, base, slots)
	if len(slots) == 1 && slots[0].entry != nil { // as nearly everywhere
		if slots[0].layer <= top {
			nodes = append(nodes, s.single(path, base, slots[0], top))
		}
		return nodes
	}
	h := history{path: path, all: all, kills: s.kills, nodes: nodes}
	for _, found := range slots {
		if found.marker != nil {
			h.kills = addKill(h.kills, kill{found.layer, Deleted, found.marker.Path})
		}
	}
	for _, found := range slots {
		switch {
		case found.layer > top || found.entry == nil:
		case s.hides(found.layer, base, found.entry):
			h.nodes = append(h.nodes, hiddenNode(path, found))
		default:
			h.add(found)
		}
	}
	h.end(top, kill{})
	added := h.nodes[len(nodes):]
	slices.Reverse(added)
	slices.SortStableFunc(added, func(a, b *Node) int { return order(a) - order(b) })
	return h.nodes
}

// order is where a node stands among those of its name.
func order(n *Node) int {
	if n.State == Live {
		return 0
	}
	return 1
}

func hiddenNode(path string, found slot) *Node {
	return &Node{Entry: found.entry, Path: path, Layer: found.layer, State: Whiteout, By: -1}
}

// replacedNode is an entry that a later one of its layer replaced.
func replacedNode(e *tarfs.Entry, layer int) *Node {
	return &Node{Entry: e, Path: e.Path, Layer: layer, State: Overwritten, By: layer, ByPath: e.Path}
}

func (s *scope) single(path, base string, found slot, top int) *Node {
	if s.hides(found.layer, base, found.entry) {
		return hiddenNode(path, found)
	}
	n := &Node{Entry: found.entry, Path: path, Layer: found.layer, By: -1}
	if k, dead := firstKill(s.kills, found.layer, top); dead {
		n.State, n.By, n.ByPath = k.state, k.layer, k.path
	}
	return n
}

// history is the life of one name, layer after layer.
type history struct {
	path  string
	all   bool // also merged directories
	kills []kill
	nodes []*Node // the oldest first
	now   []slot  // what is there: entries of one or, if they are directories, of several layers
}

// add lays an entry over what is there.
func (h *history) add(found slot) {
	if len(h.now) > 0 {
		last := h.now[len(h.now)-1]
		_, deleted := firstKill(h.kills, last.layer, found.layer)
		if deleted || !isDir(last.entry) || !isDir(found.entry) {
			h.end(found.layer, kill{found.layer, Overwritten, h.path})
		}
	}
	h.now = append(h.now, found)
}

// end makes nodes of what is there: live ones unless a layer up to upto deleted them, or replaced does not say that one came instead.
func (h *history) end(upto int, replaced kill) {
	if len(h.now) == 0 {
		return
	}
	how, dead := firstKill(h.kills, h.now[len(h.now)-1].layer, upto)
	if !dead {
		how = replaced
	}
	shown := h.shown()
	for i, found := range h.now {
		n := &Node{Entry: found.entry, Path: h.path, Layer: found.layer, By: -1}
		switch {
		case how.state != Live:
			n.State, n.By, n.ByPath = how.state, how.layer, how.path
		case i != shown:
			n.State, n.By, n.ByPath = Merged, h.now[shown].layer, h.path
		}
		if h.all || i == shown {
			h.nodes = append(h.nodes, n)
		}
	}
	h.now = h.now[:0]
}

// shown returns which of the entries that are there has the attributes: the highest that is not only implied.
func (h *history) shown() int {
	for i := len(h.now) - 1; i > 0; i-- {
		if !h.now[i].entry.Synthetic {
			return i
		}
	}
	return 0
}
