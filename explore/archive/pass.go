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
)

// pieceSize is what goes from one goroutine to the next: it stays in the second-level cache on the way.
const pieceSize = 64 << 10

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

// pieces are buffers on their way from one goroutine to another and back. All but the last are full.
type pieces struct {
	full, empty chan []byte
	done        chan struct{} // closed by the reading side when it reads no more

	filling []byte // by the writing side
	err     error  // of the writing side, once full is closed
	reading []byte // the piece of the reading side
	rest    []byte // of reading
}

func newPieces() *pieces {
	const inFlight = 8 // so that neither side waits for the other where files are small and many
	p := &pieces{full: make(chan []byte, inFlight), empty: make(chan []byte, inFlight), done: make(chan struct{})}
	for range inFlight {
		p.empty <- make([]byte, 0, pieceSize)
	}
	return p
}

// Write implements [io.Writer]; it copies.
func (p *pieces) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if p.filling == nil {
			select {
			case <-p.done:
				return n, io.ErrClosedPipe
			case p.filling = <-p.empty:
			}
		}
		at := len(p.filling)
		m := copy(p.filling[at:pieceSize], b[n:])
		p.filling = p.filling[:at+m]
		n += m
		if len(p.filling) == pieceSize {
			p.flush()
		}
	}
	return n, nil
}

func (p *pieces) flush() {
	if p.filling != nil {
		p.full <- p.filling // has room for all there are
		p.filling = nil
	}
}

// finish ends what is written; err is what the reading side gets, io.EOF if it is nil.
func (p *pieces) finish(err error) {
	p.flush()
	if p.err = err; err == nil {
		p.err = io.EOF
	}
	close(p.full)
}

// feed runs write, which writes to p, on a goroutine of its own. stop ends it and waits for that; if write panics, stop does: nobody could recover on
// that goroutine.
func (p *pieces) feed(write func() error) (stop func()) {
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
		err = write()
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
	if p.reading != nil {
		p.empty <- p.reading[:0]
		p.reading = nil
	}
	piece, more := <-p.full
	if !more {
		return p.err
	}
	p.reading, p.rest = piece, piece
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

// hasher hashes on a goroutine of its own.
type hasher struct {
	*pieces
	sum    hash.Hash
	hashed chan struct{}
	end    sync.Once
}

func newHasher() *hasher {
	h := &hasher{pieces: newPieces(), sum: sha256.New(), hashed: make(chan struct{})}
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

// Sum ends the hashing and returns the digest of what was written.
func (h *hasher) Sum() (sum [32]byte) {
	h.end.Do(func() {
		h.finish(nil)
		<-h.hashed
	})
	h.sum.Sum(sum[:0])
	return sum
}
