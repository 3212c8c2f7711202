package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime/debug"
	"sync"

	"vitrine/explore/zran"
)

// pieceSize is what goes from one goroutine to the next: it stays in the second-level cache on the way.
const pieceSize = 64 << 10

// peekSize is the buffer from which the first bytes are looked at: small enough that large reads pass it by.
const peekSize = 32 << 10

// inFlight is how many pieces there are, so that neither side waits for the other where files are small and many.
const inFlight = 6

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
	full, empty chan piece
	done        chan struct{} // closed by the reading side when it reads no more

	err     error  // of the writing side, once full is closed
	reading piece  // of the reading side
	rest    []byte // of reading
}

type piece struct{ buf, data []byte } // data is a part of buf

// newPieces returns pieces with buffers of size bytes.
func newPieces(size int) *pieces {
	p := &pieces{full: make(chan piece, inFlight), empty: make(chan piece, inFlight), done: make(chan struct{})}
	for range inFlight {
		p.empty <- piece{buf: make([]byte, size)}
	}
	return p
}

// finish ends what is written; err is what the reading side gets.
func (p *pieces) finish(err error) {
	p.err = err
	close(p.full)
}

// decode passes on what b decodes, until the error of its end.
func (p *pieces) decode(b *zran.Builder) (err error) {
	for err == nil {
		select {
		case <-p.done:
			return io.ErrClosedPipe
		case next := <-p.empty:
			if next.data, err = b.Piece(next.buf); len(next.data) > 0 {
				p.full <- next // has room for all there are
			}
		}
	}
	return err
}

// feed decodes on a goroutine of its own. stop ends it and waits for that; if b panics, stop does: nobody could recover on that goroutine.
func (p *pieces) feed(b *zran.Builder) (stop func()) {
	var thrown any
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		err := errors.New("panic")
		defer func() {
			if v := recover(); v != nil {
				thrown = fmt.Sprintf("%v\n%s", v, debug.Stack())
			}
			p.finish(err)
		}()
		err = p.decode(b)
	}()
	return sync.OnceFunc(func() {
		close(p.done)
		<-stopped
		if thrown != nil {
			panic(thrown)
		}
	})
}

// NextPiece implements [tarfs.PieceReader].
func (p *pieces) NextPiece() ([]byte, error) {
	if err := p.fill(); err != nil {
		return nil, err
	}
	piece := p.rest
	p.rest = nil
	return piece, nil
}

// fill waits for a piece when all of the last is read.
func (p *pieces) fill() error {
	if len(p.rest) > 0 {
		return nil
	}
	if p.reading.buf != nil {
		p.empty <- p.reading
		p.reading = piece{}
	}
	next, more := <-p.full
	if !more {
		return p.err
	}
	p.reading, p.rest = next, next.data
	return nil
}

// Read implements [io.Reader].
func (p *pieces) Read(b []byte) (int, error) {
	if err := p.fill(); err != nil {
		return 0, err
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Peek returns the next bytes without taking them, up to n of the piece. There are none at the end.
func (p *pieces) Peek(n int) ([]byte, error) {
	if err := p.fill(); err != nil {
		return nil, err
	}
	return p.rest[:min(n, len(p.rest))], nil
}

// hasher hashes copies of what is written to it, on a goroutine of its own.
type hasher struct {
	*pieces
	filling piece
	sum     hash.Hash
	hashed  chan struct{}
	end     sync.Once
}

func newHasher() *hasher {
	h := &hasher{pieces: newPieces(pieceSize), sum: sha256.New(), hashed: make(chan struct{})}
	go func() {
		defer close(h.hashed)
		for {
			piece, err := h.NextPiece()
			if err != nil {
				return
			}
			h.sum.Write(piece)
		}
	}()
	return h
}

// Write implements [io.Writer].
func (h *hasher) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if h.filling.buf == nil {
			h.filling = <-h.empty
			h.filling.data = h.filling.buf[:0]
		}
		at := len(h.filling.data)
		m := copy(h.filling.buf[at:], b[n:])
		h.filling.data = h.filling.buf[:at+m]
		n += m
		if at+m == len(h.filling.buf) {
			h.flush()
		}
	}
	return n, nil
}

func (h *hasher) flush() {
	if h.filling.buf != nil {
		h.full <- h.filling
		h.filling = piece{}
	}
}

// Sum ends the hashing and returns the digest of what was written.
func (h *hasher) Sum() (sum [32]byte) {
	h.end.Do(func() {
		h.flush()
		h.finish(io.EOF)
		<-h.hashed
	})
	h.sum.Sum(sum[:0])
	return sum
}
