package overlay

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"vitrine/explore/tarfs"
)

// Bounds of following links that a stranger made.
const (
	maxHops  = 40   // symbolic links for one name, as on Linux
	maxLink  = 4096 // bytes of a link that is followed: PATH_MAX
	maxSteps = 4096 // elements of the path and of all links together
)

var (
	// ErrLoop says that a symbolic link leads to itself, or through too many others.
	ErrLoop = errors.New("too many levels of symbolic links")

	errNotDir = fmt.Errorf("not a directory: %w", fs.ErrNotExist)
	errIsDir  = errors.New("is a directory")
)

// Resolve returns the live node that path leads to: symbolic links are followed through all layers and never leave the root. The error
// wraps [fs.ErrNotExist] or [ErrLoop].
func (f *FS) Resolve(path string) (*Node, error) {
	n, err := f.resolve(path, true)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return n, nil
}

// resolve follows links on the way to path and, if it should, at its end.
func (f *FS) resolve(path string, follow bool) (*Node, error) {
	n, err := f.lookup(path)
	if err != nil {
		return nil, err
	}
	if n != nil { // so there is no link on the way
		if _, isLink := f.symlink(n); !isLink || !follow {
			return n, nil
		}
	}
	return f.follow(path, follow)
}

// follow goes to path element by element.
func (f *FS) follow(path string, follow bool) (*Node, error) {
	at, err := f.lookup(".")
	left := strings.Split(path, "/")
	for steps, hops := 0, 0; err == nil && len(left) > 0; steps++ {
		next := left[0]
		left = left[1:]
		var n *Node
		if n, err = f.step(at, next); err != nil {
			break
		}
		link, isLink := f.symlink(n)
		if !isLink || len(left) == 0 && !follow {
			at = n
			continue
		}
		if hops++; hops > maxHops || steps > maxSteps || len(link) > maxLink {
			return nil, ErrLoop
		}
		if strings.HasPrefix(link, "/") {
			at, err = f.lookup(".")
		}
		left = append(strings.Split(tarfs.Escape(link), "/"), left...)
	}
	return at, err
}

// step returns what an element of a path leads to from a node.
func (f *FS) step(at *Node, element string) (*Node, error) {
	path := join(at.Path, element)
	switch {
	case !at.IsDir():
		return nil, errNotDir
	case element == "" || element == ".":
		return at, nil
	case element == ".." && at.Path == ".":
		return at, nil
	case element == "..":
		path, _ = split(at.Path)
	}
	n, err := f.lookup(path)
	if err == nil && n == nil {
		err = fs.ErrNotExist
	}
	return n, err
}

// symlink returns the target if n is a symbolic link, or a hard link to one.
func (f *FS) symlink(n *Node) (link string, ok bool) {
	_, e, err := f.origin(n)
	if err != nil {
		return "", false
	}
	return e.Link, e.Type == tarfs.TypeSymlink
}

// Target returns the node whose content n has: n itself or, for a hard link, the file that its name meant when n's layer was laid on. That one
// may be of a lower layer, and dead by now. The error wraps [tarfs.ErrNoTarget] if there is none.
func (f *FS) Target(n *Node) (*Node, error) {
	if n.Entry.Type != tarfs.TypeLink {
		return n, nil
	}
	layer, e, err := f.origin(n)
	if err != nil {
		return nil, err
	}
	versions, err := f.Versions(e.Path)
	for _, v := range versions {
		if v.Layer == layer && v.Entry.Header == e.Header {
			return v, nil
		}
	}
	return nil, err
}

// origin returns the entry whose content n has, and its layer.
func (f *FS) origin(n *Node) (layer int, e *tarfs.Entry, err error) {
	layer, e = n.Layer, n.Entry
	for err == nil && e.Type == tarfs.TypeLink { // each time further to the front of its layer, or further down
		layer, e, err = f.linked(layer, e)
	}
	return layer, e, err
}

// linked returns what a hard link of a layer means: what stood under its name in the layer, before it; or else in the layers below; or
// else in the layer, behind it.
func (f *FS) linked(layer int, link *tarfs.Entry) (int, *tarfs.Entry, error) {
	own, noTarget := f.layers[layer].Target(link)
	switch {
	case noTarget == nil && own.Header < link.Header:
		return layer, own, nil
	case noTarget != nil && !errors.Is(noTarget, tarfs.ErrNoTarget):
		return 0, nil, noTarget
	}
	before, err := f.before(layer, link)
	switch {
	case err != nil:
		return 0, nil, err
	case before != nil && isDir(before):
		return 0, nil, cmp.Or(noTarget, tarfs.ErrNoTarget)
	case before != nil:
		return layer, before, nil
	}
	below, err := f.Upto(layer-1).follow(tarfs.Escape(link.Link), false)
	switch {
	case err == nil && !below.IsDir():
		return below.Layer, below.Entry, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrLoop):
		return 0, nil, err
	}
	return layer, own, noTarget
}

// before returns what stands under the name of a hard link in its layer, before it. It is a link or a directory, neither of which tarfs
// takes for a target.
func (c *core) before(layer int, link *tarfs.Entry) (*tarfs.Entry, error) {
	name := path.Clean("/" + link.Link)[1:]
	for e, err := range c.table(layer).Versions(tarfs.Escape(name)) {
		if err != nil || e.Header < link.Header && !e.Synthetic {
			return e, err
		}
	}
	return nil, nil
}
