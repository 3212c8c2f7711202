package zran

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"
)

const (
	// magic begins an index. Its first byte is no text, its last ones are spoilt by who takes it for some.
	magic      = "\x8ezran\r\n\x1a"
	version    = 1
	headerSize = 64
	recordSize = 44

	// pageSize is how many bytes of a span have a CRC-32 of their own: a Reader decodes up to the end of a page, to check it.
	pageSize = 32 << 10

	// maxSpanLen is the longest span there can be: a checkpoint comes as soon as one is due and a symbol has ended.
	maxSpanLen = MaxSpan + outSlack
)

var le = binary.LittleEndian

// A kind says where in the stream a checkpoint lies.
type kind uint8

const (
	memberPoint kind = iota // before the header of a member: nothing is needed
	blockPoint              // before the header of a block
	innerPoint              // inside a block
	kinds
)

// A point is a checkpoint: where decoding can go on.
type point struct {
	out  int64 // offset in the decoded stream
	bit  int64 // in bits: offset in the compressed one
	head int64 // in bits: offset of the header of the block that it is in
	kind kind
}

// A record is a point as it stands in the table of an index, with the place of what else is known about its span.
type record struct {
	point
	at   int64  // offset in the index
	size int    // bytes: CRC-32 of each page, the window
	sum  uint32 // CRC-32 of that
}

// append appends the encoding of r, which is number i, to b.
func (r record) append(b []byte, i int64) []byte {
	from, back := len(b), uint64(0)
	if r.kind == innerPoint {
		back = uint64(r.bit - r.head)
	}
	b = le.AppendUint64(b, uint64(r.out))
	b = le.AppendUint64(b, uint64(r.bit))
	b = le.AppendUint64(b, back<<2|uint64(r.kind))
	b = le.AppendUint64(b, uint64(r.at))
	b = le.AppendUint32(b, uint32(r.size))
	b = le.AppendUint32(b, r.sum)
	return le.AppendUint32(b, recordSum(b[from:], i))
}

// recordSum is the CRC-32 of a record and its number, so that none stands for another.
func recordSum(b []byte, i int64) uint32 {
	sum := ^crc32.ChecksumIEEE(b[:recordSize-4])
	for range 8 { // crc32.Update would move the number to the heap
		sum = crc32.IEEETable[byte(sum)^byte(i)] ^ sum>>8
		i >>= 8
	}
	return ^sum
}

// parseRecord is the inverse of append. What it returns is consistent in itself and with an index of that size.
func (x *Index) parseRecord(b []byte, i int64) (r record, err error) {
	if le.Uint32(b[recordSize-4:]) != recordSum(b, i) {
		return r, x.bad(x.head.table+i*recordSize, "wrong CRC-32 of a checkpoint")
	}
	back := le.Uint64(b[16:])
	r.out, r.bit, r.kind = int64(le.Uint64(b)), int64(le.Uint64(b[8:])), kind(back&3)
	r.head = r.bit - int64(back>>2)
	r.at, r.size, r.sum = int64(le.Uint64(b[24:])), int(le.Uint32(b[32:])), le.Uint32(b[36:])
	switch {
	case r.out < 0 || r.out > x.head.size || r.bit < 0 || r.bit > x.head.compressed*8 || r.head < 0 || r.head > r.bit || r.kind >= kinds,
		r.at < headerSize || r.at > x.head.table || int64(r.size) > x.head.table-r.at:
		return r, x.bad(x.head.table+i*recordSize, "an impossible checkpoint")
	}
	return r, nil
}

// header is what an index begins with.
type header struct {
	size, compressed int64 // of the stream
	count            int64 // of spans; the table has a record more, for the end
	table            int64 // offset of the table
	longest          int64 // span
	sum              uint32
}

// put writes h to the start of an index that has all the rest.
func (h header) put(r *rope) {
	b := append(make([]byte, 0, headerSize), magic...)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, pageSize)
	for _, v := range []int64{h.size, h.compressed, h.count, h.table, h.longest} {
		b = le.AppendUint64(b, uint64(v))
	}
	sum := crc32.NewIEEE()
	_, _ = io.Copy(sum, io.NewSectionReader(r, headerSize, r.size-headerSize)) // a rope has no errors
	b = le.AppendUint32(b, sum.Sum32())
	b = le.AppendUint32(b, crc32.ChecksumIEEE(b))
	copy(r.pieces[0], b)
}

// An Index is the list of checkpoints of one gzip stream. It stays in its encoded form, wherever that is kept; a lookup reads a few
// hundred bytes of it. Its methods may be called at the same time.
type Index struct {
	src  io.ReaderAt
	len  int64
	head header
}

// OpenIndex returns the index whose encoding, as [Index.WriteTo] made it, is the size bytes of r. It reads the header only; the
// rest is read, and checked, when it is needed. Errors wrap [ErrIndex], or are r's.
func OpenIndex(r io.ReaderAt, size int64) (*Index, error) {
	x := &Index{src: r, len: size}
	if size < headerSize {
		return nil, x.bad(0, "too short")
	}
	b := make([]byte, headerSize)
	if err := x.read(b, 0); err != nil {
		return nil, err
	}
	switch {
	case string(b[:len(magic)]) != magic:
		return nil, x.bad(0, "not an index")
	case le.Uint32(b[8:]) != version || le.Uint32(b[12:]) != pageSize:
		return nil, x.bad(8, "of another version")
	case le.Uint32(b[60:]) != crc32.ChecksumIEEE(b[:60]):
		return nil, x.bad(60, "wrong CRC-32 of the header")
	}
	v := func(i int) int64 { return int64(le.Uint64(b[16+8*i:])) }
	x.head = header{v(0), v(1), v(2), v(3), v(4), le.Uint32(b[56:])}
	if h := x.head; h.size < 0 || h.compressed < 0 || h.compressed > 1<<59 || h.table < headerSize || h.table > size ||
		h.count < 1 || h.count > size/recordSize || h.table+(h.count+1)*recordSize != size || h.longest < 0 || h.longest > maxSpanLen {
		return nil, x.bad(16, "an impossible header")
	}
	return x, nil
}

// bad returns an error that wraps ErrIndex.
func (x *Index) bad(offset int64, what string) error {
	return fmt.Errorf("%w: offset %d of %d: %s", ErrIndex, offset, x.len, what)
}

// read fills b from offset off of the index.
func (x *Index) read(b []byte, off int64) error {
	n, err := x.src.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || err == io.EOF:
		return x.bad(off+int64(n), "cut short")
	}
	return err
}

// WriteTo writes the index's encoding to w.
func (x *Index) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, io.NewSectionReader(x.src, 0, x.len))
	if err == nil && n < x.len {
		err = x.bad(n, "cut short")
	}
	return n, err
}

// Verify reads the whole index and compares its checksum.
func (x *Index) Verify() error {
	sum := crc32.NewIEEE()
	n, err := io.Copy(sum, io.NewSectionReader(x.src, headerSize, x.len-headerSize))
	switch {
	case err != nil:
		return err
	case n < x.len-headerSize:
		return x.bad(headerSize+n, "cut short")
	case sum.Sum32() != x.head.sum:
		return x.bad(0, "wrong CRC-32")
	}
	return nil
}

// Size returns how many bytes the stream decodes to.
func (x *Index) Size() int64 { return x.head.size }

// CompressedSize returns the length of the gzip stream in bytes.
func (x *Index) CompressedSize() int64 { return x.head.compressed }

// EncodedSize returns how many bytes WriteTo writes.
func (x *Index) EncodedSize() int64 { return x.len }

// Len returns the number of checkpoints, which is that of spans.
func (x *Index) Len() int64 { return x.head.count }

// LongestSpan returns the largest distance between two checkpoints, in bytes of output.
func (x *Index) LongestSpan() int64 { return x.head.longest }

// A span is what lies between two checkpoints: where its output begins and ends, and where decoding it begins.
type span struct {
	record
	number int64
	end    point
}

func (s span) length() int { return int(s.end.out - s.out) }
func (s span) pages() int  { return (s.length() + pageSize - 1) / pageSize }

// span returns span i.
func (x *Index) span(i int64) (s span, err error) {
	b := records.Get().(*[2 * recordSize]byte)
	defer records.Put(b)
	return x.parseSpan(i, b[:])
}

// records are what records are read into: each lookup needs some.
var records = sync.Pool{New: func() any { return new([2 * recordSize]byte) }}

func (x *Index) parseSpan(i int64, b []byte) (s span, err error) {
	if err := x.read(b, x.head.table+i*recordSize); err != nil {
		return s, err
	}
	s.number = i
	if s.record, err = x.parseRecord(b, i); err != nil {
		return s, err
	}
	end, err := x.parseRecord(b[recordSize:], i+1)
	if err != nil {
		return s, err
	}
	s.end = end.point
	length := end.out - s.out
	if length < 0 || length > x.head.longest || end.bit < s.bit || s.size < 4*s.pages() || s.size-4*s.pages() > maxPacked {
		return s, x.bad(x.head.table+i*recordSize, "an impossible span")
	}
	return s, nil
}

// find returns the span that has offset off, which is below Size.
func (x *Index) find(off int64) (s span, err error) {
	b := records.Get().(*[2 * recordSize]byte)
	defer records.Put(b)
	low, high := int64(0), x.head.count // the spans before low begin at off or before, those from high on behind it
	for low < high {
		i := (low + high) / 2
		if err := x.read(b[:recordSize], x.head.table+i*recordSize); err != nil {
			return s, err
		}
		if int64(le.Uint64(b[:])) > off {
			high = i
		} else {
			low = i + 1
		}
	}
	s, err = x.parseSpan(max(low-1, 0), b[:])
	if err == nil && (off < s.out || off >= s.end.out) {
		err = x.bad(x.head.table, "the checkpoints are in disorder")
	}
	return s, err
}

// extra returns the CRC-32s of the pages of s, and then its window as it is encoded. It is in b if that is large enough.
func (x *Index) extra(s span, b []byte) ([]byte, error) {
	b = slices.Grow(b[:0], s.size)[:s.size]
	if err := x.read(b, s.at); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(b) != s.sum {
		return nil, x.bad(s.at, "wrong CRC-32 of a window")
	}
	return b, nil
}
