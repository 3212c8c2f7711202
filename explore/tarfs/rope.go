package tarfs

import "io"

// ropePiece is the size of the pieces of a rope.
const ropePiece = 64 << 10

// rope is a growing run of bytes that is never moved: while a slice grows, it takes more than twice its size.
type rope struct {
	pieces [][]byte // all but the last are full
	size   int64
}

func (r *rope) append(p []byte) {
	r.size += int64(len(p))
	for len(p) > 0 {
		last := len(r.pieces) - 1
		if last < 0 || len(r.pieces[last]) == ropePiece {
			r.pieces = append(r.pieces, make([]byte, 0, ropePiece))
			last++
		}
		n := min(len(p), ropePiece-len(r.pieces[last]))
		r.pieces[last] = append(r.pieces[last], p[:n]...)
		p = p[n:]
	}
}

// stored is a table in memory: header and directory, then the blocks.
type stored struct {
	head   []byte
	blocks rope
}

// ReadAt implements [io.ReaderAt].
func (s stored) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errNegative
	}
	if off < int64(len(s.head)) {
		n = copy(p, s.head[off:])
	}
	for n < len(p) {
		at := off + int64(n) - int64(len(s.head))
		if at >= s.blocks.size {
			return n, io.EOF
		}
		n += copy(p[n:], s.blocks.pieces[at/ropePiece][at%ropePiece:])
	}
	return n, nil
}
