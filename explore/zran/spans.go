package zran

import (
	"hash/crc32"
	"io"
)

// A spanWriter encodes spans one after the other.
type spanWriter struct {
	rope    rope
	table   []byte
	count   int64
	longest int64

	point  point  // of the current span
	packed []byte // its window
	pages  []byte // the CRC-32 of each page so far
	crc    uint32 // of the page that is being added
	inPage int
	length int64
}

func (s *spanWriter) empty() bool { return s.rope.size == 0 }

// start begins a span at p; the one before is complete.
func (s *spanWriter) start(p point) {
	if s.empty() {
		s.rope.write(make([]byte, headerSize))
	} else {
		s.flush()
	}
	s.point, s.packed, s.pages, s.crc, s.inPage, s.length = p, s.packed[:0], s.pages[:0], 0, 0, 0
}

// size returns how many bytes there are so far.
func (s *spanWriter) size() int64 {
	return s.rope.size + int64(len(s.table)+len(s.pages)+len(s.packed)) + recordSize
}

func (s *spanWriter) window(packed []byte) { s.packed = append(s.packed[:0], packed...) }

// add takes the next bytes of the span.
func (s *spanWriter) add(p []byte) {
	s.length += int64(len(p))
	for len(p) > 0 {
		n := min(len(p), pageSize-s.inPage)
		s.crc = crc32.Update(s.crc, crc32.IEEETable, p[:n])
		s.inPage += n
		if s.inPage == pageSize {
			s.endPage()
		}
		p = p[n:]
	}
}

func (s *spanWriter) endPage() {
	s.pages = le.AppendUint32(s.pages, s.crc)
	s.crc, s.inPage = 0, 0
}

// flush writes what a Reader of the current span needs besides the stream, and the span's record.
func (s *spanWriter) flush() {
	if s.inPage > 0 {
		s.endPage()
	}
	r := record{point: s.point, at: s.rope.size, size: len(s.pages) + len(s.packed)}
	r.sum = crc32.Update(crc32.ChecksumIEEE(s.pages), crc32.IEEETable, s.packed)
	s.rope.write(s.pages)
	s.rope.write(s.packed)
	s.table = r.append(s.table, s.count)
	s.count++
	s.longest = max(s.longest, s.length)
}

// finish ends the last span; the decoded stream has out bytes, the compressed one in.
func (s *spanWriter) finish(out, in int64) {
	if s.length > 0 || s.count == 0 {
		s.flush()
	}
	end := record{point: point{out: out, bit: in * 8}, at: s.rope.size}
	s.table = end.append(s.table, s.count)
	h := header{size: out, compressed: in, count: s.count, table: s.rope.size, longest: s.longest}
	s.rope.write(s.table)
	s.table = nil
	h.put(&s.rope)
}

// index returns what was written.
func (s *spanWriter) index() (*Index, error) { return OpenIndex(&s.rope, s.rope.size) }

// A rope is bytes in pieces of one size: it grows without being copied.
type rope struct {
	pieces [][]byte
	size   int64
}

const ropePiece = 64 << 10

func (r *rope) write(p []byte) {
	for len(p) > 0 {
		if r.size%ropePiece == 0 {
			r.pieces = append(r.pieces, make([]byte, ropePiece))
		}
		n := copy(r.pieces[r.size/ropePiece][r.size%ropePiece:], p)
		r.size, p = r.size+int64(n), p[n:]
	}
}

// ReadAt implements [io.ReaderAt].
func (r *rope) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) && off < r.size {
		piece := r.pieces[off/ropePiece][off%ropePiece:]
		k := copy(p[n:], piece[:min(int64(len(piece)), r.size-off)])
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}
