package overlay

import (
	"slices"
	"strings"

	"vitrine/explore/tarfs"
)

// scope is what has to be known of a directory before anything in it is read. It is that of all layers, whatever a view shows.
type scope struct {
	path   string
	dirs   []int  // layers that have a directory there, ascending
	kills  []kill // ascending, at most one a layer
	hidden []int  // of dirs: layers in which a whiteout is above, so that nothing is live or does anything
}

// hides reports whether an entry of a layer, called base, is no file of the image.
func (s *scope) hides(layer int, base string, e *tarfs.Entry) bool {
	return isMarker(base, e) || slices.Contains(s.hidden, layer)
}

// kill says that a layer ended all that lower layers have in a directory. The first one above an entry is what ended it.
type kill struct {
	layer int
	state State
	path  string // of what did it
}

// firstKill returns the first of layers above < layer <= upto.
func firstKill(kills []kill, above, upto int) (kill, bool) {
	for _, k := range kills {
		if k.layer > above {
			return k, k.layer <= upto
		}
	}
	return kill{}, false
}

// addKill puts k in order. Of two in one layer the first that was added stays.
func addKill(kills []kill, k kill) []kill {
	i, found := slices.BinarySearchFunc(kills, k.layer, func(k kill, layer int) int { return k.layer - layer })
	if found {
		return kills
	}
	return slices.Insert(slices.Clip(kills), i, k)
}

// slot is what one layer says about one name.
type slot struct {
	layer  int
	entry  *tarfs.Entry // nil if there is only a whiteout
	older  bool         // entry replaced others of its own layer
	marker *tarfs.Entry // the whiteout of the name
}

// root returns the scope of the root, which is a directory in every layer.
func (c *core) root() (*scope, error) {
	s := &scope{path: "."}
	for i, l := range c.layers {
		if l != nil {
			s.dirs = append(s.dirs, i)
		}
	}
	return s, c.opaque(s)
}

// scope returns what there is to know of a directory. It has no layers if none has a directory there.
func (c *core) scope(path string) (*scope, error) {
	s, err := c.cached(".", c.root)
	for at := 0; err == nil && path != "." && at < len(path) && len(s.dirs) > 0; {
		end := len(path)
		if i := strings.IndexByte(path[at:], '/'); i >= 0 {
			end = at + i
		}
		parent, base := s, path[at:end]
		s, err = c.cached(path[:end], func() (*scope, error) {
			slots, err := c.slots(parent, base)
			if err != nil {
				return nil, err
			}
			return c.enter(parent, base, slots)
		})
		at = end + 1
	}
	return s, err
}

// slots returns what the layers say about a name in a directory, ascending.
func (c *core) slots(s *scope, base string) (slots []slot, err error) {
	path := join(s.path, base)
	for i, l := range s.dirs {
		found := slot{layer: l}
		for e, err := range c.table(l).Versions(path) {
			if err != nil {
				return nil, err
			}
			if found.entry != nil {
				found.older = true
				break
			}
			found.entry = e
		}
		if i > 0 && canHide(base) && !slices.Contains(s.hidden, l) {
			if found.marker, err = c.marker(l, join(s.path, marker+base)); err != nil {
				return nil, err
			}
		}
		if found.entry != nil || found.marker != nil {
			slots = append(slots, found)
		}
	}
	return slots, nil
}

// marker returns the entry of a whiteout, nil if there is none.
func (c *core) marker(layer int, path string) (*tarfs.Entry, error) {
	for e, err := range c.table(layer).Versions(path) {
		if err == nil && e.Synthetic {
			break
		}
		return e, err
	}
	return nil, nil
}

// enter returns the scope of a directory below s.
func (c *core) enter(s *scope, base string, slots []slot) (*scope, error) {
	in := &scope{path: pathOf(s, base, slots), kills: s.kills}
	for _, found := range slots {
		if found.marker != nil {
			in.kills = addKill(in.kills, kill{found.layer, Deleted, found.marker.Path})
		}
		switch {
		case found.entry == nil:
		case s.hides(found.layer, base, found.entry):
			if isDir(found.entry) {
				in.dirs = append(in.dirs, found.layer)
				in.hidden = append(in.hidden, found.layer)
			}
		case isDir(found.entry):
			in.dirs = append(in.dirs, found.layer)
		default:
			in.kills = addKill(in.kills, kill{found.layer, Overwritten, in.path})
		}
	}
	return in, c.opaque(in)
}

// opaque looks for opaque markers in the layers that have others below them.
func (c *core) opaque(s *scope) error {
	for i, l := range s.dirs {
		if i == 0 || slices.Contains(s.hidden, l) {
			continue
		}
		e, err := c.marker(l, join(s.path, opaqueMarker))
		if err != nil {
			return err
		}
		if e != nil {
			s.kills = addKill(s.kills, kill{l, Deleted, e.Path})
		}
	}
	return nil
}

// lowest returns the lowest layer whose entries in s are live in the view up to a layer.
func (s *scope) lowest(top int) (l int) {
	for _, k := range s.kills {
		if k.layer <= top {
			l = k.layer
		}
	}
	return l
}

// pathOf returns the path of a name in s: that of its entry, which is there already.
func pathOf(s *scope, base string, slots []slot) string {
	for _, found := range slots {
		if found.entry != nil {
			return found.entry.Path
		}
	}
	return join(s.path, base)
}
