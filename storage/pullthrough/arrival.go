package pullthrough

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/storage"
)

// readStep is the most that is read at a time, and so the most of memory that a download takes. Readers see it as soon as it is appended.
const readStep = 256 << 10

var buffers = sync.Pool{New: func() any { return new([readStep]byte) }}

// arrival is what has come of something that is being brought into an upload, for those who read it meanwhile.
type arrival struct {
	ctx    context.Context // of the bringing
	cancel context.CancelCauseFunc
	stall  time.Duration // the longest without a byte
	count  *atomic.Int64 // of bytes
	size   int64         // as it was announced; negative: it was not. Nobody changes it once there are readers
	sum    hash.Hash     // of what has come; nil where the digest is known and the store is going to check it

	mu      sync.Mutex
	file    storage.Appended // nil: nothing can be read yet
	arrived int64
	done    bool
	err     error
	more    chan struct{} // closed when the above changes; nil while nobody waits

	noRanges bool // upstream sends it from its beginning only
}

func (a *arrival) init(ctx context.Context, stall time.Duration, count *atomic.Int64) {
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	a.stall, a.count = stall, count
}

// explain says of an error of the bringing whose it is.
func (a *arrival) explain(err error) error {
	if cause := context.Cause(a.ctx); cause != nil {
		if errors.Is(cause, errStalled) {
			return fmt.Errorf("%w: %w", storage.ErrUpstreamTimeout, cause)
		}
		return fmt.Errorf("%w: %w", storage.ErrUpstream, cause)
	}
	if errors.Is(err, storage.ErrDigestMismatch) {
		return fmt.Errorf("%w: %w: %w", storage.ErrUpstream, storage.ErrDamaged, err)
	}
	if local, ok := errors.AsType[localError](err); ok {
		return local
	}
	return upstreams(err)
}

// localError is an error of the local store, which is not upstream's trouble.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

// follow lets readers see what is in u, and what is going to be.
func (a *arrival) follow(u storage.Upload) error {
	file, err := storage.Follow(u)
	if err != nil && !errors.Is(err, storage.ErrUnsupported) { // then readers have to wait for the end
		return localError{err}
	}
	a.advance(file, u.Size())
	return nil
}

// maxUnsized bounds what is taken of an upstream that does not say how much it is going to send.
const maxUnsized = 1 << 30

// pour appends what in holds, up to its end. stop is called when no byte comes for too long.
func (a *arrival) pour(u storage.Upload, in io.Reader, stop func()) error {
	watch := time.AfterFunc(a.stall, stop)
	defer watch.Stop()
	buf := buffers.Get().(*[readStep]byte)
	defer buffers.Put(buf)
	for {
		watch.Reset(a.stall)
		n, err := in.Read(buf[:])
		watch.Stop() // the disk may take its time
		if appendErr := a.append(u, buf[:n]); appendErr != nil {
			return appendErr
		}
		switch {
		case err == io.EOF && u.Size() < a.size:
			return fmt.Errorf("%w: it sent %d bytes of %d", storage.ErrUpstream, u.Size(), a.size)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// append adds one piece of upstream's, which must not be more than it has announced.
func (a *arrival) append(u storage.Upload, p []byte) error {
	most := a.size
	if most < 0 {
		most = maxUnsized
	}
	if u.Size()+int64(len(p)) > most {
		return fmt.Errorf("%w: it sends more than the %d bytes that it announced, or may", storage.ErrDigestMismatch, most)
	}
	if len(p) == 0 {
		return a.ctx.Err()
	}
	if _, err := u.Append(a.ctx, u.Size(), bytes.NewReader(p)); err != nil {
		return localError{err}
	}
	if a.sum != nil {
		a.sum.Write(p) // never fails
	}
	a.count.Add(int64(len(p)))
	a.advance(nil, u.Size())
	return nil
}

// advance tells readers how much there is. file is where, if it is not nil.
func (a *arrival) advance(file storage.Appended, arrived int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if file != nil {
		a.file = file
	}
	a.arrived = arrived
	a.tell()
}

// tell wakes those who wait. Called with mu held.
func (a *arrival) tell() {
	if a.more != nil {
		close(a.more)
		a.more = nil
	}
}

// finish tells readers that no more comes.
func (a *arrival) finish(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done, a.err = true, err
	a.tell()
}

// have returns how many bytes there are to read from off on. If there are none it returns why there never will be, or what tells of more.
func (a *arrival) have(off int64) (n int64, more <-chan struct{}, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	there := a.arrived
	if there == a.size && (!a.done || a.err != nil) {
		there-- // whoever counts bytes must not count to the end before they are verified
	}
	switch {
	case a.file != nil && off < there:
		return there - off, nil, nil
	case a.done && a.err != nil:
		return 0, nil, a.err
	case a.done:
		return 0, nil, io.EOF
	}
	if a.more == nil {
		a.more = make(chan struct{})
	}
	return 0, a.more, nil
}

// isNear reports whether what stands at off can be waited for.
func (a *arrival) isNear(off int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.noRanges || off <= a.arrived+near
}

// hasNoRanges notes what err says if it is that upstream sends this from its beginning only: all of it has to be waited for then.
func (a *arrival) hasNoRanges(err error) bool {
	if !errors.Is(err, storage.ErrUnsupported) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noRanges = true
	return true
}

// closeFile is for when nobody reads any more.
func (a *arrival) closeFile() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file != nil {
		a.file.Close()
	}
}
