package rpm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
)

// The bounds of a header. RPM itself takes 256 MiB; the largest packages there are, of TeX and of kernels' sources, have some 20.
const (
	maxEntries = 1 << 16
	maxData    = 64 << 20
	maxCount   = 1 << 20 // values of an entry that is gone through
)

const (
	headerMagic = "\x8e\xad\xe8\x01"
	introSize   = 16
	entrySize   = 16
)

// The types of entries.
const (
	typeChar = 1 + iota
	typeInt8
	typeInt16
	typeInt32
	typeInt64
	typeString
	typeBytes
	typeStrings
	typeI18N // the same text in several languages, English first
)

// widths are the bytes of a value of each type, 0 for those that end with NUL.
var widths = [typeI18N + 1]int{typeChar: 1, typeInt8: 1, typeInt16: 2, typeInt32: 4, typeInt64: 8, typeBytes: 1}

// Header is the store of a package: values by tag. It may be used by many goroutines at once.
type Header struct {
	entries map[Tag]entry
	data    []byte
}

type entry struct {
	kind, count uint32
	at          uint32 // in the data
}

// ParseHeader reads a header without its magic, as RPM's data base has it: the number of entries, the bytes of data, the entries, the data. It keeps
// b. The errors wrap [ErrFormat] and [ErrLimit].
func ParseHeader(b []byte) (*Header, error) {
	if len(b) < 8 {
		return nil, damaged("a header of %d bytes", len(b))
	}
	n, size, err := headerSizes(b)
	if err != nil {
		return nil, err
	}
	if int64(len(b)-8) < entrySize*n+size {
		return nil, damaged("a header of %d entries and %d bytes in %d", n, size, len(b))
	}
	h := &Header{entries: make(map[Tag]entry, n), data: b[8+entrySize*n:][:size]}
	for i := range n {
		e := b[8+entrySize*i:]
		if err := h.add(Tag(binary.BigEndian.Uint32(e)), binary.BigEndian.Uint32(e[4:]), binary.BigEndian.Uint32(e[8:]), binary.BigEndian.Uint32(e[12:])); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// headerSizes reads the number of entries and the bytes of data.
func headerSizes(b []byte) (entries, data int64, err error) {
	entries, data = int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	if entries > maxEntries || data > maxData {
		return 0, 0, fmt.Errorf("%w: a header of %d entries and %d bytes", ErrLimit, entries, data)
	}
	return entries, data, nil
}

// add takes an entry whose values are within the data; strings are looked for when they are asked for. Of a tag that comes twice the first counts.
func (h *Header) add(t Tag, kind, at, count uint32) error {
	switch {
	case kind == 0 || kind > typeI18N:
		return damaged("type %d of tag %d", kind, t)
	case uint64(at)+uint64(count)*uint64(max(1, widths[kind])) > uint64(len(h.data)): // a string takes a byte at least
		return damaged("%d values of tag %d at %d of %d", count, t, at, len(h.data))
	}
	if _, ok := h.entries[t]; !ok {
		h.entries[t] = entry{kind, count, at}
	}
	return nil
}

// readHeader reads a header with its magic at off, and returns where it ends.
func readHeader(r io.ReaderAt, off, size int64) (h *Header, end int64, err error) {
	intro, err := readAt(r, off, introSize, size)
	if err != nil {
		return nil, 0, err
	}
	if string(intro[:4]) != headerMagic {
		return nil, 0, damaged("no header at %d", off)
	}
	n, data, err := headerSizes(intro[8:])
	if err != nil {
		return nil, 0, err
	}
	b, err := readAt(r, off+8, 8+entrySize*n+data, size)
	if err != nil {
		return nil, 0, err
	}
	h, err = ParseHeader(b)
	return h, off + 8 + int64(len(b)), err
}

// readAt reads n bytes at off of size, which must be there: that is found out before there is room made for them.
func readAt(r io.ReaderAt, off, n, size int64) ([]byte, error) {
	if off > size || n > size-off {
		return nil, damaged("it ends at %d, within %d bytes at %d", size, n, off)
	}
	b := make([]byte, n)
	if got, err := r.ReadAt(b, off); got < len(b) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}

// Has tells whether there are values of a tag.
func (h *Header) Has(t Tag) bool { return h.entries[t].count > 0 }

// Count returns how many values a tag has.
func (h *Header) Count(t Tag) int { return int(h.entries[t].count) }

// Text returns the string of a tag, the first of several; empty if there is none.
func (h *Header) Text(t Tag) string {
	for s := range h.Texts(t) {
		return s
	}
	return ""
}

// Texts goes through the strings of a tag, up to a million. There may be fewer than Count says, in a header that is damaged.
func (h *Header) Texts(t Tag) iter.Seq[string] {
	return func(yield func(string) bool) {
		next := h.texts(t)
		for s, ok := next(); ok && yield(s); s, ok = next() {
		}
	}
}

// texts returns a function that returns the next string of a tag.
func (h *Header) texts(t Tag) func() (string, bool) {
	e := h.entries[t]
	rest, left := h.data[e.at:], min(e.count, maxCount)
	if e.kind != typeString && e.kind != typeStrings && e.kind != typeI18N {
		left = 0
	}
	return func() (string, bool) {
		i := bytes.IndexByte(rest, 0)
		if i < 0 || left == 0 {
			left = 0
			return "", false
		}
		s := string(rest[:i])
		rest, left = rest[i+1:], left-1
		return s, true
	}
}

// Number returns the i-th number of a tag, 0 where there is none.
func (h *Header) Number(t Tag, i int) uint64 {
	e := h.entries[t]
	if i < 0 || i >= int(e.count) {
		return 0
	}
	switch b := h.data[e.at:]; e.kind {
	case typeChar, typeInt8:
		return uint64(b[i])
	case typeInt16:
		return uint64(binary.BigEndian.Uint16(b[2*i:]))
	case typeInt32:
		return uint64(binary.BigEndian.Uint32(b[4*i:]))
	case typeInt64:
		return binary.BigEndian.Uint64(b[8*i:])
	}
	return 0
}

// Bytes returns the bytes of a tag, nil if it has none. They must not be changed.
func (h *Header) Bytes(t Tag) []byte {
	e := h.entries[t]
	if e.kind != typeBytes {
		return nil
	}
	return h.data[e.at:][:e.count]
}

// size returns a number of bytes, which has a tag of its own where it may be 4 GiB and more.
func (h *Header) size(long, short Tag) int64 {
	if h.Has(long) {
		return int64(min(h.Number(long, 0), 1<<62))
	}
	return int64(h.Number(short, 0))
}
