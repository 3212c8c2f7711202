package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"vitrine/explore/tarfs"
)

// Bounds of what one question may follow of links that a stranger made.
const (
	maxHops  = 40   // symbolic links, as on Linux
	maxLink  = 4096 // bytes of a symbolic link: PATH_MAX
	maxSteps = 255  // names looked up, and hard links: no honest path has half of it
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
func (f *FS) resolve(path string, last bool) (*Node, error) {
	n, err := f.lookup(path)
	if err != nil {
		return nil, err
	}
	if n != nil { // so there is no link on the way
		_, isLink, err := f.symlink(n)
		if err != nil || !isLink || !last {
			return n, err
		}
	}
	return new(chase).follow(f, path, last)
}

// symlink returns the target if n is a symbolic link, or a hard link to one.
func (f *FS) symlink(n *Node) (link string, ok bool, err error) { return new(chase).symlink(f.core, n) }

// Target returns the node whose content n has: n itself or, for a hard link, the file that its name meant when n's layer was laid on. That one
// may be of a lower layer, and dead by now. The error wraps [tarfs.ErrNoTarget] and [fs.ErrNotExist] if there is none.
func (f *FS) Target(n *Node) (*Node, error) {
	if n.Entry.Type != tarfs.TypeLink {
		return n, nil
	}
	layer, e, err := f.origin(n)
	if err != nil {
		return nil, err
	}
	versions, err := f.at(e.Path, true)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		if v.Layer == layer && v.Entry.Header == e.Header {
			return v, nil
		}
	}
	return replacedNode(e, layer), nil
}

// origin returns the entry whose content n has, and its layer.
func (f *FS) origin(n *Node) (layer int, e *tarfs.Entry, err error) {
	return new(chase).origin(f.core, n)
}

// chase follows links. Its bounds hold for all that one question leads to: a hard link may lead through symbolic links that are hard
// links of lower layers, and so on.
type chase struct{ steps, hops int }

// step reports whether one more is within bounds.
func (c *chase) step() bool {
	c.steps++
	return c.steps <= maxSteps
}

// follow goes to path element by element.
func (c *chase) follow(f *FS, path string, last bool) (*Node, error) {
	at, err := f.lookup(".")
	left := strings.Split(path, "/")
	for err == nil && len(left) > 0 {
		next := left[0]
		left = left[1:]
		var n *Node
		if n, err = c.enter(f, at, next); err != nil {
			break
		}
		link, isLink, linkErr := c.symlink(f.core, n)
		if linkErr != nil {
			return nil, linkErr
		}
		if !isLink || len(left) == 0 && !last {
			at = n
			continue
		}
		if c.hops++; c.hops > maxHops || len(link) > maxLink {
			return nil, ErrLoop
		}
		if strings.HasPrefix(link, "/") {
			at, err = f.lookup(".")
		}
		left = append(strings.Split(tarfs.Escape(link), "/"), left...)
	}
	return at, err
}

// enter returns what an element of a path leads to from a node.
func (c *chase) enter(f *FS, at *Node, element string) (*Node, error) {
	path := join(at.Path, element)
	switch {
	case !at.IsDir():
		return nil, errNotDir
	case element == "" || element == ".":
		return at, nil
	case !c.step():
		return nil, ErrLoop
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

func (c *chase) symlink(layers *core, n *Node) (link string, ok bool, err error) {
	_, e, err := c.origin(layers, n)
	switch {
	case errors.Is(err, tarfs.ErrNoTarget):
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return e.Link, e.Type == tarfs.TypeSymlink, nil
}
