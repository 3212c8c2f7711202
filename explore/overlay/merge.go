package overlay

import (
	"slices"
	"strings"

	"vitrine/explore/tarfs"
)

// merger goes through the names of a directory in order, over all its layers at once.
type merger struct {
	files, markers []cursor // ascending by layer
	slots          []slot   // of the name that next returned; good until the next one
	nodes          []*Node  // room for what is made of them
}

// merge makes m start behind a name, in the layers from lowest on.
func (c *core) merge(m *merger, s *scope, after string, lowest, top int) *merger {
	m.files, m.markers = m.files[:0], m.markers[:0]
	for _, l := range s.dirs {
		if l < lowest || l > top {
			continue
		}
		m.files = addCursor(m.files, cursor{table: c.table(l), layer: l, dir: s.path, after: after})
		if len(m.files) > 1 && !slices.Contains(s.hidden, l) {
			m.markers = addCursor(m.markers, cursor{table: c.table(l), layer: l, dir: s.path, after: marker + after, skip: len(marker)})
		}
	}
	return m
}

// addCursor appends c, which gets the room of the cursor that stood there before.
func addCursor(cursors []cursor, c cursor) []cursor {
	if n := len(cursors); n < cap(cursors) {
		c.buf = cursors[:n+1][n].buf[:0]
	}
	return append(cursors, c)
}

// next returns the next name that has an entry; m.slots says what the layers have.
func (m *merger) next() (base string, found bool, err error) {
	base, found, err = least(m.files)
	if !found || err != nil {
		return base, found, err
	}
	m.slots = m.slots[:0]
	markers := m.markers
	for i := range m.files {
		s := slot{layer: m.files[i].layer}
		if m.files[i].name == base {
			s.entry, s.older = m.files[i].take()
		}
		if len(markers) > 0 && markers[0].layer == s.layer {
			if s.marker, err = m.whiteout(&markers[0], base); err != nil {
				return "", false, err
			}
			markers = markers[1:]
		}
		if s.entry != nil || s.marker != nil {
			m.slots = append(m.slots, s)
		}
	}
	return base, true, nil
}

// whiteout returns that of a name. Those of names that no layer has are passed over.
func (m *merger) whiteout(c *cursor, base string) (*tarfs.Entry, error) {
	for {
		ok, err := c.peek()
		if !ok || err != nil || c.name > base {
			return nil, err
		}
		name := c.name
		e, _ := c.take()
		if name == base && canHide(base) && !e.Synthetic {
			return e, nil
		}
	}
}

// least returns the first name that any of the cursors is at.
func least(cursors []cursor) (name string, found bool, err error) {
	for i := range cursors {
		ok, err := cursors[i].peek()
		if err != nil {
			return "", false, err
		}
		if ok && (!found || cursors[i].name < name) {
			name, found = cursors[i].name, true
		}
	}
	return name, found, nil
}

// cursor goes through a directory of one layer, some entries at a time: it holds no coroutine that would have to be stopped.
type cursor struct {
	table *tarfs.Table
	layer int
	dir   string
	after string // the name that was read last
	skip  int    // bytes of the marker's prefix; entries without it end the cursor

	name string // what peek found, without the prefix
	buf  []read
	at   int
	size int  // of the last buf
	end  bool // there is no more behind buf
}

// read is an entry and whether it replaced others of its layer.
type read struct {
	entry *tarfs.Entry
	older bool
}

// A cursor reads few entries first, since most directories are small, and then more, since finding the place again costs some
// microseconds.
const (
	firstRead = 16
	mostRead  = 256
)

// peek sets c.name to the next name.
func (c *cursor) peek() (bool, error) {
	if c.at == len(c.buf) {
		if c.end {
			c.name = ""
			return false, nil
		}
		if err := c.fill(); err != nil || len(c.buf) == 0 {
			return false, err
		}
		c.set()
	}
	return true, nil
}

// take returns the entry that peek found.
func (c *cursor) take() (*tarfs.Entry, bool) {
	r := c.buf[c.at]
	c.at++
	c.set()
	return r.entry, r.older
}

func (c *cursor) set() {
	c.name = ""
	if c.at < len(c.buf) {
		c.name = c.base(c.buf[c.at].entry)[c.skip:]
	}
}

// base is the last element of an entry's path.
func (c *cursor) base(e *tarfs.Entry) string {
	if c.dir == "." {
		return e.Path
	}
	return e.Path[len(c.dir)+1:]
}

func (c *cursor) fill() error {
	c.buf, c.at = c.buf[:0], 0
	c.size = min(max(2*c.size, firstRead), mostRead)
	for e, err := range c.table.DirVersions(c.dir, c.after) {
		switch {
		case err != nil:
			return err
		case e.Overwritten:
			if len(c.buf) > 0 {
				c.buf[len(c.buf)-1].older = true
			}
			continue
		case len(c.buf) == c.size:
			c.after = c.base(c.buf[len(c.buf)-1].entry)
			return nil
		case c.skip > 0 && !strings.HasPrefix(c.base(e), marker):
			c.end = true
			return nil
		}
		c.buf = append(c.buf, read{e, false})
	}
	c.end = true
	return nil
}
