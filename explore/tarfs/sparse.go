package tarfs

import (
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
)

// Extent is a run of bytes of a sparse file that the archive has; what lies between extents reads as zeros. The bytes of all extents
// stand one after another from [Entry.Data] on.
type Extent struct {
	Offset int64 // in the file
	Length int64
}

func (x Extent) end() int64 { return x.Offset + x.Length }

// validExtents reports whether extents are in order, apart, and inside a file of size bytes.
func validExtents(extents []Extent, size int64) bool {
	at := int64(0)
	for _, x := range extents {
		if x.Offset < at || x.Length < 0 || x.Offset > math.MaxInt64-x.Length || x.end() > size {
			return false
		}
		at = x.end()
	}
	return size >= 0
}

// join drops empty extents and joins those that touch: what is left is what a reader has to know.
func join(extents []Extent) []Extent {
	joined := make([]Extent, 0, len(extents))
	for _, x := range extents {
		last := len(joined) - 1
		switch {
		case x.Length == 0:
		case last >= 0 && joined[last].end() == x.Offset:
			joined[last].Length += x.Length
		default:
			joined = append(joined, x)
		}
	}
	return joined
}

func storedSize(extents []Extent) (n int64) {
	for _, x := range extents {
		n += x.Length
	}
	return n
}

// sparseMap reads the map of the entry that s stands at the data of, wherever its format keeps it. sparse is false for other entries.
func (s *scanner) sparseMap(head *block, f format, records map[string]string) (sparse bool, err error) {
	e := &s.entry
	var extents []Extent
	major, minor := records["GNU.sparse.major"], records["GNU.sparse.minor"]
	switch {
	case e.Type == TypeSparse:
		extents, err = s.oldSparseMap(head, f)
	case major == "0" && (minor == "0" || minor == "1"), major+minor == "" && records["GNU.sparse.map"] != "":
		if err = s.sparseFields(records); err == nil {
			extents, err = mapOfRecords(records)
		}
	case major == "1" && minor == "0":
		if err = s.sparseFields(records); err == nil {
			extents, err = s.mapOfData()
		}
	default:
		return false, nil
	}
	if err == nil && (headerOnly(e.Type) || !validExtents(extents, e.Size) || storedSize(extents) != s.left) {
		err = fmt.Errorf("%w: sparse map does not fit the file", ErrHeader)
	}
	e.Sparse = join(extents)
	return true, err
}

// sparseFields takes name and size of the file as it was from the PAX records of a sparse one.
func (s *scanner) sparseFields(records map[string]string) (err error) {
	if name := records["GNU.sparse.name"]; name != "" {
		s.entry.Name = name
	}
	size := records["GNU.sparse.size"]
	if size == "" {
		size = records["GNU.sparse.realsize"]
	}
	if size != "" {
		if s.entry.Size, err = strconv.ParseInt(size, 10, 64); err != nil {
			return fmt.Errorf("%w: size of a sparse file", ErrHeader)
		}
	}
	return nil
}

// oldSparseMap reads the map of the old GNU format: four extents in the header itself, 21 in each block that follows it.
func (s *scanner) oldSparseMap(head *block, f format) (extents []Extent, err error) {
	var p numbers
	if f != formatGNU {
		return nil, fmt.Errorf("%w: type S is GNU's", ErrHeader)
	}
	s.entry.Size = p.number(head.field(483, 12))
	slots := head.field(386, 4*24+1)
	for read := len(slots); read < maxSpecial; read += blockSize {
		more := slots[len(slots)/24*24] > 0
		for ; len(slots) >= 24 && slots[0] != 0; slots = slots[24:] {
			extents = append(extents, Extent{p.number(slots[:12]), p.number(slots[12:24])})
		}
		if p.bad {
			return nil, fmt.Errorf("%w: number in a sparse map", ErrHeader)
		}
		if !more {
			return extents, nil
		}
		head = new(block)
		if err := s.in.full(head[:]); err != nil {
			return nil, err
		}
		slots = head[:]
	}
	return nil, fmt.Errorf("%w: sparse map of more than %d bytes", ErrLimit, maxSpecial)
}

// mapOfRecords parses GNU.sparse.map, "OFFSET,LENGTH,OFFSET,LENGTH...", the PAX formats 0.0 and 0.1.
func mapOfRecords(records map[string]string) ([]Extent, error) {
	var fields []string
	if m := records["GNU.sparse.map"]; m != "" {
		fields = strings.Split(m, ",")
	}
	n, err := strconv.ParseInt(records["GNU.sparse.numblocks"], 10, 64)
	if err != nil || n < 0 || n > maxSpecial || len(fields) != int(2*n) {
		return nil, fmt.Errorf("%w: number of extents", ErrHeader)
	}
	return parseExtents(fields)
}

// mapOfData reads the map of PAX format 1.0, which stands before the data in whole blocks: the number of extents, then offset and length of
// each, every number on a line of its own.
func (s *scanner) mapOfData() ([]Extent, error) {
	var text []byte
	lines, want := 0, 1
	for lines < want {
		if len(text) >= maxSpecial {
			return nil, fmt.Errorf("%w: sparse map of more than %d bytes", ErrLimit, maxSpecial)
		}
		if s.left < blockSize {
			return nil, fmt.Errorf("%w: sparse map longer than the entry", ErrHeader)
		}
		text = append(text, make([]byte, blockSize)...)
		added := text[len(text)-blockSize:]
		if err := s.in.full(added); err != nil {
			return nil, err
		}
		s.left -= blockSize
		lines += strings.Count(string(added), "\n")
		if want == 1 && lines > 0 {
			first, _, _ := strings.Cut(string(text), "\n")
			n, err := strconv.ParseInt(first, 10, 64)
			if err != nil || n < 0 || n > maxSpecial {
				return nil, fmt.Errorf("%w: number of extents", ErrHeader)
			}
			want += int(2 * n)
		}
	}
	return parseExtents(strings.Split(string(text), "\n")[1:want])
}

func parseExtents(fields []string) ([]Extent, error) {
	extents := make([]Extent, 0, len(fields)/2)
	for ; len(fields) >= 2; fields = fields[2:] {
		offset, err1 := strconv.ParseInt(fields[0], 10, 64)
		length, err2 := strconv.ParseInt(fields[1], 10, 64)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%w: number in a sparse map", ErrHeader)
		}
		extents = append(extents, Extent{offset, length})
	}
	return extents, nil
}

// sparseReader is a sparse file with its holes.
type sparseReader struct {
	data    io.ReaderAt // the extents, one after another
	extents []Extent
	starts  []int64 // of each extent, in data
	size    int64
}

func newSparseReader(data io.ReaderAt, extents []Extent, size int64) *sparseReader {
	r := &sparseReader{data, extents, make([]int64, len(extents)), size}
	at := int64(0)
	for i, x := range extents {
		r.starts[i] = at
		at += x.Length
	}
	return r
}

// ReadAt implements [io.ReaderAt].
func (r *sparseReader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errNegative
	}
	short := off >= r.size || int64(len(p)) > r.size-off
	if short {
		p = p[:max(0, r.size-off)]
	}
	i := sort.Search(len(r.extents), func(i int) bool { return r.extents[i].end() > off })
	for n < len(p) && err == nil {
		var m int
		at := off + int64(n)
		switch {
		case i == len(r.extents):
			m = len(p) - n
			clear(p[n:])
		case at < r.extents[i].Offset:
			m = int(min(int64(len(p)-n), r.extents[i].Offset-at))
			clear(p[n : n+m])
		default:
			x := r.extents[i]
			want := min(int64(len(p)-n), x.end()-at)
			m, err = r.data.ReadAt(p[n:n+int(want)], r.starts[i]+at-x.Offset)
			if int64(m) == want {
				err = nil
			}
			i++
		}
		n += m
	}
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}
