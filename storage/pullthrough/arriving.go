package pullthrough

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// near is how far ahead of what has arrived one waits for it, in bytes, rather than to ask upstream for it.
const near = 4 << 20

// source is what brings a blob that is read while it arrives.
type source interface {
	start() // lets the bytes come, once
	isStarted() bool
	// openAt opens a stream of upstream's own from off on.
	openAt(ctx context.Context, off int64) (io.ReadCloser, error)
	// readAt reads all of p from upstream.
	readAt(ctx context.Context, p []byte, off int64) (int, error)
	// told is what whoever reads is told of a refusal of upstream.
	told(err error) error
	leave()
}

// arriving is a blob that is read while it is downloaded. Its methods but ReadAt are for one goroutine at a time.
type arriving struct {
	in   *arrival
	from source
	ctx  context.Context

	pos    int64
	side   io.ReadCloser // a stream of upstream's for what is far ahead; nil: none
	sideAt int64
	closed bool
	way    past
}

// Size implements storage.Blob.
func (a *arriving) Size() int64 { return a.in.size }

// Verified implements storage.Verified: not before all of it has come.
func (a *arriving) Verified() bool {
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	return a.in.done && a.in.err == nil
}

// Read implements io.Reader. It waits for the bytes, or takes them from upstream if they are far ahead.
func (a *arriving) Read(p []byte) (int, error) {
	if a.closed {
		return 0, fs.ErrClosed
	}
	if len(p) == 0 || a.pos >= a.in.size && a.in.size > 0 {
		return 0, eofIf(len(p) > 0)
	}
	for {
		have, more, err := a.in.have(a.pos)
		switch {
		case have > 0:
			a.closeSide()
			return a.advance(readFull(a.in.file, p[:min(int64(len(p)), have)], a.pos))
		case a.way.leads(err):
			return a.advance(a.readPast(p))
		case err != nil:
			return 0, err
		case !a.in.isNear(a.pos):
			n, err := a.readSide(p)
			if a.in.hasNoRanges(err) {
				continue
			}
			return a.advance(n, err)
		}
		a.from.start()
		if err := a.wait(more); err != nil {
			return 0, err
		}
	}
}

func eofIf(end bool) error {
	if end {
		return io.EOF
	}
	return nil
}

// advance moves the position behind what was read.
func (a *arriving) advance(n int, err error) (int, error) {
	a.pos += int64(n)
	return n, err
}

// readFull reads all of p, which is known to be there.
func readFull(r io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		err = nil
	} else if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (a *arriving) wait(more <-chan struct{}) error {
	select {
	case <-more:
		return nil
	case <-a.ctx.Done():
		return a.ctx.Err()
	}
}

// readSide reads at pos from a stream of its own.
func (a *arriving) readSide(p []byte) (int, error) {
	if a.side == nil || a.sideAt != a.pos {
		a.closeSide()
		in, err := a.from.openAt(a.ctx, a.pos)
		if err != nil {
			return 0, a.explain(err)
		}
		a.side = in
	}
	n, err := a.side.Read(p[:min(int64(len(p)), a.in.size-a.pos)])
	a.sideAt = a.pos + int64(n)
	if err == io.EOF { // what is there ends at the size, which is not here
		err = eofIf(n == 0)
		if err != nil {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, a.explain(err)
}

// explain says of an error of upstream whose it is.
func (a *arriving) explain(err error) error {
	switch {
	case err == nil || a.ctx.Err() != nil:
		return err
	case isTrouble(err):
		return upstreams(err)
	}
	return a.from.told(err)
}

func (a *arriving) closeSide() {
	if a.side != nil {
		a.side.Close()
		a.side = nil
	}
}

// ReadAt implements io.ReaderAt. While nobody reads the blob from its beginning it is upstream's own.
func (a *arriving) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("reading at %d: %w", off, fs.ErrInvalid)
	}
	for n < len(p) && off+int64(n) < a.in.size {
		m, err := a.readSome(p[n:], off+int64(n))
		if n += m; err != nil {
			return n, err
		}
	}
	return n, eofIf(n < len(p))
}

// readSome reads what there is at off, waits for it, or asks upstream for all of p.
func (a *arriving) readSome(p []byte, off int64) (int, error) {
	p = p[:min(int64(len(p)), a.in.size-off)]
	have, more, err := a.in.have(off)
	switch {
	case have > 0:
		return readFull(a.in.file, p[:min(int64(len(p)), have)], off)
	case a.way.leads(err):
		n, err := a.from.readAt(a.ctx, p, off)
		return n, a.explain(err)
	case err != nil:
		return 0, err
	case a.from.isStarted() && a.in.isNear(off):
		return 0, a.wait(more)
	}
	n, err := a.from.readAt(a.ctx, p, off)
	if a.in.hasNoRanges(err) {
		a.from.start()
		return 0, nil
	}
	return n, a.explain(err)
}

// Seek implements io.Seeker.
func (a *arriving) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += a.pos
	case io.SeekEnd:
		offset += a.in.size
	default:
		return 0, fmt.Errorf("seek: whence %d: %w", whence, fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, errors.New("seek: a negative position")
	}
	if offset != a.pos {
		a.way = past{d: a.way.d, gaps: offset > 0}
	}
	a.pos = offset
	return offset, nil
}

// Close implements io.Closer. The download goes on.
func (a *arriving) Close() error {
	if a.closed {
		return fs.ErrClosed
	}
	a.closed = true
	a.closeSide()
	a.from.leave()
	return nil
}
