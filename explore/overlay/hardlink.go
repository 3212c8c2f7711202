package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"vitrine/explore/tarfs"
)

// origin returns the entry whose content n has, and its layer.
func (c *chase) origin(layers *core, n *Node) (layer int, e *tarfs.Entry, err error) {
	layer, e = n.Layer, n.Entry
	for err == nil && e.Type == tarfs.TypeLink { // each time further to the front of its layer, or further down
		layer, e, err = c.linked(layers, layer, e)
	}
	return layer, e, err
}

// linked returns what a hard link of a layer means: what stood under its name in the layer, before it; or else in the layers below; or
// else in the layer, behind it.
func (c *chase) linked(layers *core, layer int, link *tarfs.Entry) (int, *tarfs.Entry, error) {
	own, noTarget := layers.layers[layer].Target(link)
	switch {
	case noTarget == nil && own.Header < link.Header:
		return layer, own, nil
	case noTarget != nil && !errors.Is(noTarget, tarfs.ErrNoTarget):
		return 0, nil, noTarget
	}
	before, err := c.before(layers, layer, link)
	switch {
	case err != nil:
		return 0, nil, err
	case before != nil && isDir(before):
		return 0, nil, missing(link)
	case before != nil:
		return layer, before, nil
	}
	below := &FS{layers, layer - 1}
	found, err := c.follow(below, tarfs.Escape(link.Link), false)
	switch {
	case err == nil && !found.IsDir():
		return found.Layer, found.Entry, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrLoop):
		return 0, nil, err
	}
	return layer, own, noTarget
}

// before returns what stands under the name of a hard link in its layer, before it. It is a link or a directory, neither of which tarfs
// takes for a target.
func (c *chase) before(layers *core, layer int, link *tarfs.Entry) (*tarfs.Entry, error) {
	name := path.Clean("/" + link.Link)[1:]
	for e, err := range layers.table(layer).Versions(tarfs.Escape(name)) {
		switch {
		case err != nil:
			return nil, err
		case !c.step():
			return nil, missing(link)
		case e.Header < link.Header && !e.Synthetic:
			return e, nil
		}
	}
	return nil, nil
}

func missing(link *tarfs.Entry) error {
	return fmt.Errorf("%w (%.512q): %w", tarfs.ErrNoTarget, link.Link, fs.ErrNotExist)
}
