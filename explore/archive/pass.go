package archive

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"
)

// pieceSize is what goes from one goroutine to the next: it stays in the second-level cache on the way.
const pieceSize = 128 << 10

// input reads the blob: it counts the bytes, keeps the last ones, stops when ctx is done, and passes all on to be hashed.
type input struct {
	ctx  context.Context
	r    io.Reader
	size int64
	tail []byte
	hash io.Writer
}

// Read implements [io.Reader].
func (in *input) Read(p []byte) (int, error) {
	if err := in.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := in.r.Read(p)
	p = p[:n]
	in.size += int64(n)
	in.hash.Write(p)
	in.tail = append(in.tail, p[max(0, n-tailSize):]...)
	in.tail = in.tail[max(0, len(in.tail)-tailSize):]
	return n, err
}

// pieces are buffers on their way from one goroutine to another and back.
type pieces struct {
	full, empty chan []byte
	done        chan struct{} // closed by the reading side when it reads no more
	err         error         // of the writing side, once full is closed
	rest        []byte        // of the piece that is being read
	piece       []byte
}

func newPieces() *pieces {
	const inFlight = 4
	p := &pieces{make(chan []byte, inFlight), make(chan []byte, inFlight), make(chan struct{}), nil, nil, nil}
	for range inFlight {
		p.empty <- make([]byte, pieceSize)
	}
	return p
}

// Write implements [io.Writer]; it copies.
func (p *pieces) Write(b []byte) (n int, err error) {
	for n < len(b) {
		select {
		case <-p.done:
			return n, io.ErrClosedPipe
		case piece := <-p.empty:
			m := copy(piece[:pieceSize], b[n:])
			p.full <- piece[:m]
			n += m
		}
	}
	return n, nil
}

// finish ends what is written; err is what the reading side gets, io.EOF if it is nil.
func (p *pieces) finish(err error) {
	p.err = err
	close(p.full)
}

// Read implements [io.Reader].
func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 && !p.next() {
		return 0, p.err
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *pieces) next() bool {
	if p.piece != nil {
		p.empty <- p.piece
		p.piece = nil
	}
	piece, more := <-p.full
	p.piece, p.rest = piece, piece
	if !more && p.err == nil {
		p.err = io.EOF
	}
	return more
}

// hasher hashes on a goroutine of its own.
type hasher struct {
	*pieces
	sum    hash.Hash
	hashed chan struct{}
}

func newHasher() *hasher {
	h := &hasher{newPieces(), sha256.New(), make(chan struct{})}
	go func() {
		defer close(h.hashed)
		for h.next() {
			h.sum.Write(h.piece)
		}
	}()
	return h
}

// Sum ends the hashing and returns the digest of what was written.
func (h *hasher) Sum() (sum [32]byte) {
	h.finish(nil)
	<-h.hashed
	h.sum.Sum(sum[:0])
	return sum
}
