package overlay

import (
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"vitrine/explore/tarfs"
)

// FS is the layers of an image up to one of them, laid over each other. It implements [fs.StatFS], [fs.ReadDirFS] and [fs.ReadLinkFS]
// for what is live. An FS may be used by many goroutines at once, if the data of its layers may.
type FS struct {
	*core
	top int // the highest layer that counts
}

// core is what all views of an image share.
type core struct {
	layers []*tarfs.FS
	scopes scopes
	totals totals
}

// New returns the file system of an image whose layers are given from the lowest to the highest. A layer that cannot be opened is nil:
// it counts as empty, and [FS.Missing] tells. Nothing is read yet.
func New(layers []*tarfs.FS) *FS {
	c := &core{layers: slices.Clone(layers)}
	return &FS{c, len(layers) - 1}
}

// Upto returns the file system as it was after layer n. It shares what f knows already. Before layer 0 there is an empty directory.
func (f *FS) Upto(n int) *FS { return &FS{f.core, min(max(n, -1), len(f.layers)-1)} }

// Layers returns the number of layers of the view.
func (f *FS) Layers() int { return f.top + 1 }

// Layer returns a layer by itself, nil for one that is missing or that the image does not have.
func (f *FS) Layer(n int) *tarfs.FS {
	if n < 0 || n >= len(f.layers) {
		return nil
	}
	return f.layers[n]
}

// Missing returns the layers of the view that could not be opened.
func (f *FS) Missing() (layers []int) {
	for i, l := range f.layers[:f.top+1] {
		if l == nil {
			layers = append(layers, i)
		}
	}
	return layers
}

func (c *core) table(layer int) *tarfs.Table { return c.layers[layer].Table() }

// Lookup returns the live node at path; a link is not followed, nor one on the way. The error wraps [fs.ErrNotExist] if there is none.
func (f *FS) Lookup(path string) (*Node, error) {
	n, err := f.lookup(path)
	if err == nil && n == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return n, nil
}

// lookup is Lookup that returns nil where nothing is.
func (f *FS) lookup(path string) (*Node, error) {
	nodes, err := f.at(path, false)
	if err != nil || len(nodes) == 0 || nodes[0].State != Live {
		return nil, err
	}
	return nodes[0], nil
}

// at returns the history of a path.
func (f *FS) at(path string, all bool) ([]*Node, error) {
	switch {
	case !fs.ValidPath(path):
		return nil, fs.ErrInvalid
	case path == ".":
		return f.rootNodes(all)
	}
	dir, base := split(path)
	s, err := f.scope(dir)
	if err != nil {
		return nil, err
	}
	slots, err := f.slots(s, base)
	if err != nil {
		return nil, err
	}
	return s.history(nil, base, slots, f.top, all), nil
}

// rootNodes returns the history of the root, which nothing can delete. Without layers it is made up.
func (f *FS) rootNodes(all bool) ([]*Node, error) {
	h := history{path: ".", all: all}
	for l := 0; l <= f.top; l++ {
		if f.layers[l] == nil {
			continue
		}
		e, err := f.table(l).Lookup(".")
		if err != nil {
			return nil, err
		}
		if isDir(e) {
			h.now = append(h.now, slot{layer: l, entry: e})
		}
	}
	if len(h.now) == 0 {
		h.now = []slot{{layer: -1, entry: noLayers}}
	}
	h.end(f.top, kill{})
	slices.Reverse(h.nodes)
	return h.nodes, nil
}

var noLayers = &tarfs.Entry{Path: ".", Type: tarfs.TypeDir, Mode: 0o755, Synthetic: true}

// Versions returns what every layer of the view has at path, the highest layer first and, within a layer, what counts there first, with
// at most 100 entries that others of the same layer replaced. There is nothing for a path that no layer has.
func (f *FS) Versions(path string) ([]*Node, error) {
	nodes, err := f.at(path, true)
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	for _, n := range slices.Clone(nodes) {
		found := 0
		for o, err := range f.older(n) {
			if err != nil {
				return nil, &fs.PathError{Op: "lstat", Path: path, Err: err}
			}
			nodes = append(nodes, o)
			if found++; found == maxOlder {
				break
			}
		}
	}
	slices.SortStableFunc(nodes, func(a, b *Node) int { return b.Layer - a.Layer })
	return nodes, nil
}

// maxOlder bounds the entries of one path in one layer that Versions has: an archive may have millions.
const maxOlder = 100

// older yields what n replaced in its own layer.
func (f *FS) older(n *Node) iter.Seq2[*Node, error] {
	return func(yield func(*Node, error) bool) {
		if n.Layer < 0 {
			return
		}
		for e, err := range f.table(n.Layer).Versions(n.Path) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !e.Overwritten {
				continue
			}
			o := replacedNode(e, n.Layer)
			if n.State == Whiteout {
				o = hiddenNode(n.Path, slot{layer: n.Layer, entry: e})
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Dir yields the live entries of a live directory whose names are above after, in order. Symbolic links are not followed. The error
// wraps [fs.ErrNotExist] if path is no live directory.
func (f *FS) Dir(path, after string) iter.Seq2[*Node, error] {
	return func(yield func(*Node, error) bool) {
		n, err := f.Lookup(path)
		if err == nil && !n.IsDir() {
			err = &fs.PathError{Op: "readdir", Path: path, Err: errNotDir}
		}
		if err != nil {
			yield(nil, err)
			return
		}
		f.dir(path, after, yield)
	}
}

func (f *FS) dir(path, after string, yield func(*Node, error) bool) {
	s, err := f.scope(path)
	if err != nil {
		yield(nil, err)
		return
	}
	m := f.merge(&merger{}, s, after, s.lowest(f.top), f.top)
	for {
		base, found, err := m.next()
		if err != nil {
			yield(nil, err)
			return
		}
		if !found {
			return
		}
		m.nodes = s.history(m.nodes[:0], base, m.slots, f.top, false)
		if len(m.nodes) > 0 && m.nodes[0].State == Live && !yield(m.nodes[0], nil) {
			return
		}
	}
}

// DirAll yields all that the layers have in a directory, live or not, whose names are above after, in order. Of one name the live node
// comes first, then the dead ones, the newest first; directories that are merged are one node. The error wraps [fs.ErrNotExist] if no
// layer of the view has a directory at path.
func (f *FS) DirAll(path, after string) iter.Seq2[*Node, error] {
	return func(yield func(*Node, error) bool) {
		s, err := f.existing(path)
		if err != nil {
			yield(nil, &fs.PathError{Op: "readdir", Path: path, Err: err})
			return
		}
		w := walker{f: f, yield: yield}
		w.dir(s, after, false)
	}
}

// existing returns the scope of a directory that some layer of the view has.
func (f *FS) existing(path string) (*scope, error) {
	if !fs.ValidPath(path) {
		return nil, fs.ErrInvalid
	}
	s, err := f.scope(path)
	if err == nil && path != "." && (len(s.dirs) == 0 || s.dirs[0] > f.top) {
		err = fs.ErrNotExist
	}
	return s, err
}

// Walk yields root and all below it that the layers have, live or not: each directory, then what is in it, in the order and with the states of
// DirAll. The error wraps [fs.ErrNotExist] if no layer of the view has anything at root.
func (f *FS) Walk(root string) iter.Seq2[*Node, error] { return f.WalkAfter(root, "") }

// WalkAfter is Walk from behind a path on, all of whose nodes are left out: one that is below root, or "" for everything. It need not exist.
func (f *FS) WalkAfter(root, after string) iter.Seq2[*Node, error] {
	return func(yield func(*Node, error) bool) {
		w := walker{f: f, yield: yield}
		if err := w.walk(root, after); err != nil {
			yield(nil, &fs.PathError{Op: "walk", Path: root, Err: err})
		}
	}
}

// below returns what path adds to root.
func below(root, path string) (rest string, ok bool) {
	if root == "." {
		return path, path != "."
	}
	return strings.CutPrefix(path, root+"/")
}

var errAfter = fmt.Errorf("%w: not below the root of the walk", fs.ErrInvalid)
