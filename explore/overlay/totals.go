package overlay

import (
	"context"
	"errors"
	"slices"
	"sync"

	"vitrine/explore/tarfs"
)

// Sum counts files that have content, and the bytes that their layers store of it: without the holes of sparse files, and uncompressed.
type Sum struct {
	Files int64
	Bytes int64
}

func (s *Sum) add(bytes int64) { s.Files, s.Bytes = s.Files+1, s.Bytes+bytes }

// LayerTotals is what one layer ships.
type LayerTotals struct {
	Missing   bool  // the layer cannot be opened; there is nothing else to say
	Entries   int64 // with directories, links and whiteouts; without directories that are only implied
	Whiteouts int64 // and opaque markers
	All       Sum
	Live      Sum // of All: what the image still shows, if only by a hard link
	Wasted    Sum // of All: what is deleted or overwritten, and shipped all the same
}

// Totals is what an image ships.
type Totals struct {
	Live, Wasted Sum
	Layers       []LayerTotals // the lowest first
}

// Totals counts all that the layers of the view have. It walks over the whole image the first time.
func (f *FS) Totals(ctx context.Context) (Totals, error) {
	if t, ok := f.totals.get(f.top); ok {
		return t, nil
	}
	c := counter{f: f, layers: make([]LayerTotals, f.top+1), linked: map[place]*Node{}}
	for _, l := range f.Missing() {
		c.layers[l].Missing = true
	}
	seen := 0
	for n, err := range f.Walk(".") {
		if seen++; err == nil && (seen%1024 == 0 || n.Entry.Type == tarfs.TypeLink) { // links may take long
			err = ctx.Err()
		}
		if err == nil {
			err = c.count(n)
		}
		if err != nil {
			return Totals{}, err
		}
	}
	t := c.sum()
	f.totals.put(f.top, t)
	return t.clone(), nil
}

func (t Totals) clone() Totals {
	t.Layers = slices.Clone(t.Layers)
	return t
}

// place is where an entry stands: two hard links have one file if they lead to one place.
type place struct {
	layer  int
	header int64
}

// counter counts nodes.
type counter struct {
	f      *FS
	layers []LayerTotals
	linked map[place]*Node // dead files that a live hard link still shows
}

func (c *counter) count(n *Node) error {
	if n.Layer < 0 || n.Entry.Synthetic {
		return nil
	}
	l := &c.layers[n.Layer]
	l.Entries++
	if _, _, ok := n.Hides(); ok {
		l.Whiteouts++
	}
	switch {
	case n.Entry.Type == tarfs.TypeLink && n.State == Live:
		t, err := c.f.Target(n)
		switch {
		case errors.Is(err, tarfs.ErrNoTarget):
		case err != nil:
			return err
		case t.State != Live:
			c.linked[place{t.Layer, t.Entry.Header}] = t
		}
	case n.Entry.FileMode().IsRegular():
		bytes := n.Entry.Stored()
		l.All.add(bytes)
		if n.State == Live {
			l.Live.add(bytes)
		}
	}
	return nil
}

func (c *counter) sum() (t Totals) {
	for _, n := range c.linked {
		if n.Entry.FileMode().IsRegular() {
			c.layers[n.Layer].Live.add(n.Entry.Stored())
		}
	}
	t.Layers = c.layers
	for i := range t.Layers {
		l := &t.Layers[i]
		l.Wasted = Sum{l.All.Files - l.Live.Files, l.All.Bytes - l.Live.Bytes}
		t.Live = Sum{t.Live.Files + l.Live.Files, t.Live.Bytes + l.Live.Bytes}
		t.Wasted = Sum{t.Wasted.Files + l.Wasted.Files, t.Wasted.Bytes + l.Wasted.Bytes}
	}
	return t
}

// totals remembers what was counted, by the highest layer of the view.
type totals struct {
	mu  sync.Mutex
	all map[int]Totals
}

func (t *totals) get(top int) (Totals, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.all[top]
	return found.clone(), ok
}

func (t *totals) put(top int, found Totals) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = make(map[int]Totals)
	}
	t.all[top] = found
}
