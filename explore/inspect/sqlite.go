package inspect

import (
	"encoding/binary"
	"fmt"
	"strings"
)

const (
	sqliteHeader = 100
	maxPayload   = 16 << 20 // of a row: RPM's largest is a few MiB
	maxBTree     = 20       // levels: with 4 KiB pages, six hold a terabyte
)

// sqliteFile is a data base of SQLite, of which tables are read in the order of their rows. See https://www.sqlite.org/fileformat.html.
type sqliteFile struct {
	*file
	page   int64 // its size
	usable int64 // in each page
	visits int64 // pages that may still be looked at: a tree has each only once
}

func openSQLite(f *file) (*sqliteFile, []byte, error) {
	head, err := f.bytes(0, sqliteHeader)
	if err != nil {
		return nil, nil, err
	}
	s := &sqliteFile{file: f, page: int64(binary.BigEndian.Uint16(head[16:]))}
	if s.page == 1 {
		s.page = 1 << 16
	}
	s.usable = s.page - int64(head[20])
	if s.page < 512 || s.page&(s.page-1) != 0 || s.usable < 480 {
		return nil, nil, fmt.Errorf("%w: pages of %d bytes", ErrSyntax, s.page)
	}
	s.visits = f.size/s.page + 1
	f.maxServe = min(f.maxServe, 4*f.size+blockSize) // all once, and some pages again
	return s, head, nil
}

// rows calls f with each row of the table whose tree has its root in a page, until it returns false.
func (s *sqliteFile) rows(root uint32, f func(rowid int64, payload []byte) bool) error {
	_, err := s.walk(root, 0, f)
	return err
}

// walk goes through a page: of leaves, or of links to pages whose rows come before those of the next.
func (s *sqliteFile) walk(number uint32, level int, f func(int64, []byte) bool) (more bool, err error) {
	const interior, leaf = 5, 13
	if s.visits--; s.visits < 0 || level > maxBTree || number == 0 {
		return false, fmt.Errorf("%w: page %d of a tree", ErrSyntax, number)
	}
	p, err := s.bytes(int64(number-1)*s.page, s.page)
	if err != nil {
		return false, err
	}
	head := p
	if number == 1 {
		head = p[sqliteHeader:]
	}
	cells := int(binary.BigEndian.Uint16(head[3:]))
	pointers := head[8:]
	if head[0] == interior {
		pointers = head[12:]
	}
	if len(pointers) < 2*cells || head[0] != interior && head[0] != leaf {
		return false, fmt.Errorf("%w: page %d is of kind %d with %d cells", ErrSyntax, number, head[0], cells)
	}
	for i := range cells {
		cell := p[min(int(binary.BigEndian.Uint16(pointers[2*i:])), len(p)):]
		if head[0] == interior {
			more, err = s.walk(u32be(cell, 0), level+1, f)
		} else {
			more, err = s.leaf(cell, f)
		}
		if !more || err != nil {
			return false, err
		}
	}
	if head[0] == interior {
		return s.walk(u32be(head, 8), level+1, f)
	}
	return true, nil
}

// leaf reads a row: the size of its content, its number, and the content, which may go on in other pages.
func (s *sqliteFile) leaf(cell []byte, f func(int64, []byte) bool) (more bool, err error) {
	c := cursor{b: cell, order: binary.BigEndian}
	size, rowid := c.sqliteVarint(), c.sqliteVarint()
	if c.bad || size > uint64(min(maxPayload, s.size)) {
		return false, fmt.Errorf("%w: a row of %d bytes", ErrLimit, size)
	}
	local := s.local(int64(size))
	payload := c.take(int(local))
	if local == int64(size) {
		return !c.bad && f(int64(rowid), payload), nil
	}
	payload = append([]byte(nil), payload...)
	for next := c.u32(); next != 0 && int64(len(payload)) < int64(size); {
		n := min(int64(size)-int64(len(payload)), s.usable-4)
		b, err := s.bytes(int64(next-1)*s.page, 4+n)
		if err != nil {
			return false, err
		}
		next, payload = u32be(b, 0), append(payload, b[4:]...)
	}
	if c.bad || int64(len(payload)) != int64(size) {
		return false, fmt.Errorf("%w: a row of %d bytes is cut", ErrSyntax, size)
	}
	return f(int64(rowid), payload), nil
}

// local returns how much of a row's content is in the page itself (section 1.6, "Cell Payload Overflow Pages").
func (s *sqliteFile) local(size int64) int64 {
	most := s.usable - 35
	if size <= most {
		return size
	}
	least := (s.usable-12)*32/255 - 23
	if n := least + (size-least)%(s.usable-4); n <= most {
		return n
	}
	return least
}

// sqliteVarint takes a number of seven bits a byte, the highest first; the ninth byte has eight.
func (c *cursor) sqliteVarint() (v uint64) {
	for i := range 9 {
		b := c.u8()
		if i == 8 {
			return v<<8 | uint64(b)
		}
		v = v<<7 | uint64(b&0x7f)
		if b < 0x80 {
			return v
		}
	}
	return v
}

// sqliteValue is a column of a row: text and blobs are bytes, the others numbers.
type sqliteValue struct {
	bytes  []byte
	number int64
}

// sqliteRow splits the content of a row, of which no more than 64 columns are wanted: the types, then the values (section 2.1, "Record Format").
func sqliteRow(payload []byte) (row []sqliteValue) {
	types := cursor{b: payload}
	size := types.sqliteVarint()
	if size > uint64(len(payload)) || types.bad {
		return nil
	}
	values := cursor{b: payload[size:], order: binary.BigEndian}
	types.b = payload[len(payload)-len(types.b) : max(int(size), len(payload)-len(types.b))]
	for len(types.b) > 0 && len(row) < 64 {
		row = append(row, sqliteColumn(types.sqliteVarint(), &values))
	}
	if values.bad || types.bad {
		return nil
	}
	return row
}

func sqliteColumn(kind uint64, c *cursor) (v sqliteValue) {
	switch {
	case kind >= 12:
		v.bytes = c.take(int(min((kind-12)/2, maxPayload)))
	case kind == 9:
		v.number = 1
	case kind >= 1 && kind <= 6:
		b := c.take([]int{1, 2, 3, 4, 6, 8}[kind-1])
		for i, x := range b {
			if i == 0 {
				v.number = int64(int8(x))
			} else {
				v.number = v.number<<8 | int64(x)
			}
		}
	case kind == 7:
		c.take(8)
	}
	return v
}

// sqliteObject is a row of the table of tables.
type sqliteObject struct {
	kind, name, table, sql string
	root                   uint32
}

// schema reads the table of tables, which begins in page 1.
func (s *sqliteFile) schema() (all []sqliteObject, err error) {
	err = s.rows(1, func(_ int64, payload []byte) bool {
		if r := sqliteRow(payload); len(r) >= 5 {
			o := sqliteObject{string(r[0].bytes), string(r[1].bytes), string(r[2].bytes), string(r[4].bytes), uint32(r[3].number)}
			o.sql = o.sql[:min(len(o.sql), 4*maxValue)]
			all = append(all, o)
		}
		return len(all) < maxRows
	})
	return all, err
}

// decodeSQLite shows the header and the tables; what is RPM's, as the packages that it has.
func decodeSQLite(f *file) (*Doc, error) {
	s, head, err := openSQLite(f)
	if err != nil {
		return nil, err
	}
	all, err := s.schema()
	if rpmTable(all) != 0 {
		return decodePackages(f)
	}
	about := Section{Title: "Header"}
	about.add("Page size", number(s.page))
	about.add("Pages", number(u32be(head, 28)))
	about.add("Free pages", number(u32be(head, 36)))
	about.add("Encoding", Value{Text: []string{"not said", "UTF-8", "UTF-16LE", "UTF-16BE"}[u32be(head, 56)&3]})
	about.add("User version", number(u32be(head, 60)))
	about.add("Application ID", hexNumber(u32be(head, 68)))
	if v := u32be(head, 96); v > 0 {
		about.add("Written by SQLite", Value{Text: fmt.Sprintf("%d.%d.%d", v/1e6, v/1e3%1e3, v%1e3)})
	}
	tables := table("Tables, indexes, views, triggers", "Type", "Name", "Of", "#Root page", "SQL")
	for _, o := range all {
		tables.row(plain(o.kind), plain(o.name), plain(o.table), number(o.root), plain(strings.Join(strings.Fields(o.sql), " ")))
	}
	d := &Doc{Kind: string(KindSQLite), Title: fmt.Sprintf("SQLite data base, %d tables and the like", len(all)), Command: "cat > db; sqlite3 db .schema"}
	d.addSection(about)
	d.addSection(tables)
	return d, err
}
