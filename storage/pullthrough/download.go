package pullthrough

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
)

// readStep is the most that is read at a time, and so the most of memory that a download takes. Readers see it as soon as it is appended.
const readStep = 256 << 10

var buffers = sync.Pool{New: func() any { return new([readStep]byte) }}

// download brings one blob into the local store. It is held by those who read it and, once started, by itself.
type download struct {
	s      *Store
	d      digest.Digest
	repo   repo // the name that it is asked for and stored under
	ctx    context.Context
	cancel context.CancelCauseFunc

	opened  chan struct{} // closed when the next three are known
	up      storage.Blob
	size    int64
	openErr error

	// Guarded by Store.mu.
	holders int
	started bool
	running bool
	links   []repo // other names that upstream has it under, to be linked when it is here
	expiry  *time.Timer

	mu      sync.Mutex
	file    storage.Appended // nil: nothing can be read yet
	arrived int64
	done    bool
	err     error
	more    chan struct{} // closed when the above changes; nil while nobody waits
}

// Why a download ends that could go on.
var (
	errStalled   = errors.New("no more bytes came")
	errAbandoned = errors.New("nobody waits for it")
)

// newDownload begins one. Called with mu held.
func (s *Store) newDownload(r repo, d digest.Digest) *download {
	dl := &download{s: s, d: d, repo: r, opened: make(chan struct{}), holders: 1} // open holds it
	dl.ctx, dl.cancel = context.WithCancelCause(s.ctx)
	if !s.spawnLocked(dl.open) {
		dl.openErr = errClosed
		close(dl.opened)
		return dl
	}
	s.downloads[d] = dl
	s.live++
	return dl
}

// open asks upstream for the blob. Its bytes are read when somebody wants them.
func (dl *download) open() {
	s := dl.s
	s.count.downloads.Add(1)
	up, err := s.upstream.OpenBlob(dl.ctx, dl.repo.up, dl.d)
	if err == nil {
		dl.up, dl.size = up, up.Size()
		err = dl.checkSize()
	}
	switch {
	case err == nil:
	case isAbsent(err):
		dl.openErr = asBlob(err, dl.repo, dl.d)
	case isTrouble(err):
		dl.openErr = upstreams(err)
	default:
		dl.openErr = s.told("blob", err)
	}
	if err != nil {
		s.mu.Lock()
		s.land(dl)
		s.mu.Unlock()
	}
	close(dl.opened)
	s.leave(dl)
}

// checkSize sees to the size that needs no reading: nobody would wait for the end of it.
func (dl *download) checkSize() error {
	if dl.size < 0 || dl.size == 0 && dl.d.Algorithm().FromBytes(nil) != dl.d {
		return fmt.Errorf("%w: %w: it announces %d bytes of %s", storage.ErrUpstream, storage.ErrDamaged, dl.size, dl.d)
	}
	return nil
}

// release closes what dl has open, when neither a reader nor it itself is going to read any more.
func (dl *download) release() {
	dl.cancel(context.Canceled)
	if dl.up != nil {
		dl.up.Close()
	}
	dl.mu.Lock()
	if dl.file != nil {
		dl.file.Close()
	}
	dl.mu.Unlock()
	dl.s.released()
}

// start lets the bytes come, once.
func (dl *download) start() {
	s := dl.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if dl.started {
		return
	}
	dl.started = true
	dl.running = s.spawnLocked(dl.run)
	if !dl.running {
		s.land(dl)
		dl.finish(errClosed)
	}
}

func (dl *download) isStarted() bool {
	dl.s.mu.Lock()
	defer dl.s.mu.Unlock()
	return dl.started
}

// run is the download from its start to its end.
func (dl *download) run() {
	s := dl.s
	err := dl.bring()
	if err != nil {
		err = dl.explain(err)
		s.log.Warn("a blob did not arrive", "repository", dl.repo.name, "digest", dl.d, "bytes", dl.arrived, "of", dl.size, "error", err)
	}
	if err == nil {
		err = dl.openAll()
	}
	if errors.Is(err, storage.ErrDamaged) { // asking again at once would bring the same
		s.noteAbsent("download "+string(dl.repo.name)+"@"+string(dl.d), err)
	}
	for !s.settle(dl, err) {
	}
}

// settle links the blob into the other names that wait for it, and reports whether none has come meanwhile: then dl has ended.
func (s *Store) settle(dl *download, err error) bool {
	s.mu.Lock()
	links := dl.links
	dl.links = nil
	ends, left := len(links) == 0 || err != nil, false
	if ends {
		s.land(dl)
		s.adopt(dl)
		dl.running = false
		dl.finish(err)
		left = dl.holders == 0
	}
	s.mu.Unlock()
	if left {
		dl.release()
	}
	if ends {
		return true
	}
	for _, r := range links {
		if err := s.local.MountBlob(s.ctx, r.name, dl.d, dl.repo.name); err != nil {
			s.log.Warn("a blob could not be linked", "repository", r.name, "digest", dl.d, "error", err)
			continue
		}
		s.count.mounted.Add(1)
		s.noteFresh(r, dl.d)
	}
	return false
}

// explain says of an error of bring whose it is.
func (dl *download) explain(err error) error {
	if cause := context.Cause(dl.ctx); cause != nil {
		if errors.Is(cause, errStalled) {
			return fmt.Errorf("%w: %w", storage.ErrUpstreamTimeout, cause)
		}
		return fmt.Errorf("%w: %w", storage.ErrUpstream, cause)
	}
	if errors.Is(err, storage.ErrDigestMismatch) {
		return fmt.Errorf("%w: %w: %w", storage.ErrUpstream, storage.ErrDamaged, err)
	}
	if local, ok := errors.AsType[localError](err); ok {
		return local.error
	}
	return upstreams(err)
}

// localError is an error of the local store, which is not upstream's trouble.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

// bring reads the bytes into an upload and makes them a blob. An upload that breaks off is kept for the next try; one of wrong bytes is not.
func (dl *download) bring() error {
	u, err := dl.session()
	if err != nil {
		return localError{err}
	}
	if err := dl.pump(u); err != nil {
		dl.s.keepPartial(dl, u, err)
		return err
	}
	if err := u.Commit(dl.ctx, dl.d); err != nil {
		u.Cancel(dl.ctx)
		if !errors.Is(err, storage.ErrDigestMismatch) {
			err = localError{err}
		}
		return err
	}
	dl.s.noteFresh(dl.repo, dl.d)
	dl.s.keepsBlob(dl.d, dl.size)
	return nil
}

// pump appends what upstream sends.
func (dl *download) pump(u storage.Upload) error {
	file, err := storage.Follow(u)
	if err != nil && !errors.Is(err, storage.ErrUnsupported) { // then readers have to wait for the end
		return localError{err}
	}
	dl.advance(file, u.Size())
	if u.Size() > 0 {
		if _, err := dl.up.Seek(u.Size(), io.SeekStart); err != nil {
			return err
		}
	}
	stall := dl.s.o.Stall
	watch := time.AfterFunc(stall, func() { dl.cancel(errStalled) })
	defer watch.Stop()
	buf := buffers.Get().(*[readStep]byte)
	defer buffers.Put(buf)
	for {
		watch.Reset(stall)
		n, err := dl.up.Read(buf[:])
		watch.Stop() // the disk may take its time
		if appendErr := dl.append(u, buf[:n]); appendErr != nil {
			return appendErr
		}
		switch {
		case err == io.EOF && u.Size() < dl.size:
			return fmt.Errorf("%w: it sent %d bytes of %d", storage.ErrUpstream, u.Size(), dl.size)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// append adds one piece of upstream's, which must not be more than it has announced.
func (dl *download) append(u storage.Upload, p []byte) error {
	if u.Size()+int64(len(p)) > dl.size {
		return fmt.Errorf("%w: it sends more than the %d bytes that it announced", storage.ErrDigestMismatch, dl.size)
	}
	if len(p) == 0 {
		return dl.ctx.Err()
	}
	if _, err := u.Append(dl.ctx, u.Size(), bytes.NewReader(p)); err != nil {
		return localError{err}
	}
	dl.s.count.bytes.Add(int64(len(p)))
	dl.advance(nil, u.Size())
	return nil
}

// advance tells readers how much there is. file is where, if it is not nil.
func (dl *download) advance(file storage.Appended, arrived int64) {
	dl.mu.Lock()
	defer dl.mu.Unlock()
	if file != nil {
		dl.file = file
	}
	dl.arrived = arrived
	dl.tell()
}

// tell wakes those who wait. Called with mu held.
func (dl *download) tell() {
	if dl.more != nil {
		close(dl.more)
		dl.more = nil
	}
}

// openAll opens the blob that has come for those who wait, where the upload could not be followed.
func (dl *download) openAll() error {
	if dl.file != nil {
		return nil
	}
	b, err := dl.s.local.OpenBlob(dl.ctx, dl.repo.name, dl.d)
	if err == nil {
		dl.advance(b, dl.size)
	}
	return err
}

// finish tells readers that no more comes.
func (dl *download) finish(err error) {
	dl.mu.Lock()
	defer dl.mu.Unlock()
	dl.done, dl.err = true, err
	dl.tell()
}

// have returns how many bytes there are to read from off on. If there are none it returns why there never will be, or what tells of more.
func (dl *download) have(off int64) (n int64, more <-chan struct{}, err error) {
	dl.mu.Lock()
	defer dl.mu.Unlock()
	there := dl.arrived
	if there == dl.size && (!dl.done || dl.err != nil) {
		there-- // whoever counts bytes must not count to the end before they are verified
	}
	switch {
	case dl.file != nil && off < there:
		return there - off, nil, nil
	case dl.done && dl.err != nil:
		return 0, nil, dl.err
	case dl.done:
		return 0, nil, io.EOF
	}
	if dl.more == nil {
		dl.more = make(chan struct{})
	}
	return 0, dl.more, nil
}
