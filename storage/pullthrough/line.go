package pullthrough

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"vitrine/storage"
)

// dial asks upstream, which has as long to answer as to send a byte. The line is hung up with the next one, or at the end.
func (f *fetch) dial(q storage.Fetch) (storage.Fetched, error) {
	f.hangUp()
	line, cancel := context.WithCancelCause(f.ctx)
	f.line, f.hangUp = line, func() { cancel(errStalled) }
	watch := time.AfterFunc(f.stall, f.hangUp)
	defer watch.Stop()
	got, err := f.s.upstream.FetchFile(line, f.path, q)
	if err == nil && !got.NotModified && got.Body == nil {
		err = fmt.Errorf("%w: an answer without content", storage.ErrUpstream)
	}
	return got, f.stalled(err)
}

// stalled makes of the error of a line that was hung up what it was hung up for.
func (f *fetch) stalled(err error) error {
	if err != nil && f.ctx.Err() == nil && errors.Is(context.Cause(f.line), errStalled) {
		return fmt.Errorf("%w: %w", storage.ErrUpstreamTimeout, errStalled)
	}
	return err
}

// Bounds of taking up a line that breaks.
const (
	maxBreaks = 64 // in all
	maxIdle   = 3  // that brought nothing, one after the other
	breakTime = 200 * time.Millisecond
)

// receive takes what upstream sends, and takes it up where it breaks.
func (f *fetch) receive(u storage.Upload, got *storage.Fetched) error {
	if err := f.follow(u); err != nil {
		return err
	}
	err := f.stalled(f.pour(u, got.Body, f.hangUp))
	idle := 0
	for n := 0; err != nil && f.goesOn(err) && n < maxBreaks && idle < maxIdle; n++ {
		before := u.Size()
		var next storage.Fetched
		if next, err = f.reopen(u, idle); err == nil {
			got.Body.Close()
			got.Body = next.Body
			err = f.stalled(f.pour(u, got.Body, f.hangUp))
		}
		if idle++; u.Size() > before {
			idle = 0
		}
	}
	return err
}

// goesOn reports whether a line that broke with err may be taken up.
func (f *fetch) goesOn(err error) bool {
	_, local := errors.AsType[localError](err)
	return !local && f.ctx.Err() == nil && isTrouble(err) && !errors.Is(err, storage.ErrDigestMismatch) && !errors.Is(err, storage.ErrDamaged) &&
		!errors.Is(err, errChanged) && !errors.Is(err, storage.ErrTooMany)
}

// errChanged is why a file that some have read the beginning of cannot be gone on with.
var errChanged = fmt.Errorf("%w: the file changed there while it was read", storage.ErrUpstream)

// reopen asks for the rest of the file.
func (f *fetch) reopen(u storage.Upload, idle int) (storage.Fetched, error) {
	if idle > 0 {
		wait := time.NewTimer(breakTime << idle)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-f.ctx.Done():
			return storage.Fetched{}, f.ctx.Err()
		}
	}
	got, err := f.dial(storage.Fetch{Have: validators(f.info), Offset: u.Size()})
	if err != nil {
		return got, err
	}
	switch {
	case got.NotModified || got.Size >= 0 && f.size >= 0 && got.Size != f.size:
		err = errChanged
	case got.Offset == u.Size():
	case got.Offset == 0:
		err = f.skip(got.Body, u.Size())
	default:
		err = fmt.Errorf("%w: it sends from %d on, asked for %d", errChanged, got.Offset, u.Size())
	}
	if err != nil && got.Body != nil {
		got.Body.Close()
	}
	return got, err
}

// validators is what f is asked for again by: nothing of it is here to compare with.
func validators(f storage.File) storage.File {
	return storage.File{Size: f.Size, ETag: f.ETag, Modified: f.Modified}
}

// skip reads what is here already, which has to be the same.
func (f *fetch) skip(in io.Reader, n int64) error {
	if f.file == nil {
		return errChanged
	}
	watch := time.AfterFunc(f.stall, f.hangUp)
	defer watch.Stop()
	theirs, ours := buffers.Get().(*[readStep]byte), buffers.Get().(*[readStep]byte)
	defer buffers.Put(theirs)
	defer buffers.Put(ours)
	for at := int64(0); at < n; {
		watch.Reset(f.stall)
		m, err := in.Read(theirs[:min(readStep, n-at)])
		if _, err := readFull(f.file, ours[:m], at); err != nil {
			return localError{err}
		}
		if !bytes.Equal(theirs[:m], ours[:m]) {
			return errChanged
		}
		if at += int64(m); err != nil && at < n {
			if err == io.EOF { // it is shorter now
				err = errChanged
			}
			return f.stalled(err)
		}
	}
	return nil
}
