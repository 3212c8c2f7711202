package overlay

import (
	"io/fs"
	"strings"
)

// walker yields nodes until nobody wants more.
type walker struct {
	f     *FS
	yield func(*Node, error) bool
	free  []*merger // of directories that are done, to be used again
}

// walk yields the tree at root, or what of it comes behind a path.
func (w *walker) walk(root, after string) error {
	if after != "" {
		rest, ok := below(root, after)
		if !ok || !fs.ValidPath(after) {
			return errAfter
		}
		s, err := w.f.existing(root)
		if err == nil {
			w.resume(s, rest)
		}
		return err
	}
	nodes, err := w.f.at(root, false)
	if err != nil {
		return err
	}
	if len(nodes) == 0 {
		return fs.ErrNotExist
	}
	if !w.nodes(nodes, true) {
		return nil
	}
	s, err := w.f.scope(root)
	if err == nil && len(s.dirs) > 0 {
		w.dir(s, "", true)
	}
	return err
}

// resume goes down to where a walk stopped, and on from there.
func (w *walker) resume(s *scope, rest string) bool {
	base, deeper, found := strings.Cut(rest, "/")
	in, err := w.f.scope(join(s.path, base))
	switch {
	case err != nil:
		w.yield(nil, err)
		return false
	case len(in.dirs) == 0: // nor is anything below it, however long the path is
	case found && !w.resume(in, deeper), !found && !w.dir(in, "", true):
		return false
	}
	return w.dir(s, base, true)
}

// dir yields what is in a directory behind a name and, in a deep walk, what is below.
func (w *walker) dir(s *scope, after string, deep bool) bool {
	m := &merger{}
	if last := len(w.free) - 1; last >= 0 {
		m, w.free = w.free[last], w.free[:last]
	}
	w.f.merge(m, s, after, 0, w.f.top)
	defer func() { w.free = append(w.free, m) }()
	for {
		base, found, err := m.next()
		if err != nil {
			w.yield(nil, err)
			return false
		}
		if !found {
			return true
		}
		m.nodes = s.history(m.nodes[:0], base, m.slots, w.f.top, false)
		if !w.nodes(m.nodes, m.older()) {
			return false
		}
		if !deep || !m.isDir() {
			continue
		}
		in, err := w.f.enter(s, base, m.slots)
		if err != nil {
			w.yield(nil, err)
			return false
		}
		if !w.dir(in, "", true) {
			return false
		}
	}
}

// nodes yields those of one name, with what they replaced in their layers if there may be something.
func (w *walker) nodes(nodes []*Node, older bool) bool {
	for _, n := range nodes {
		if !w.yield(n, nil) {
			return false
		}
	}
	for i := 0; older && i < len(nodes); i++ {
		for o, err := range w.f.older(nodes[i]) {
			if !w.yield(o, err) || err != nil {
				return false
			}
		}
	}
	return true
}

// older reports whether an entry of the current name replaced others of its own layer.
func (m *merger) older() bool {
	for _, s := range m.slots {
		if s.older {
			return true
		}
	}
	return false
}

// isDir reports whether a layer has a directory of the current name.
func (m *merger) isDir() bool {
	for _, s := range m.slots {
		if s.entry != nil && isDir(s.entry) {
			return true
		}
	}
	return false
}
