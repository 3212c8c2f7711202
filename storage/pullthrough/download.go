package pullthrough

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
)

// download brings one blob into the local store. It is held by those who read it and, once started, by itself.
type download struct {
	s    *Store
	d    digest.Digest
	repo repo // the name that it is asked for and stored under
	arrival

	opened  chan struct{} // closed when the next two and the size are known
	up      storage.Blob
	openErr error

	// Guarded by Store.mu.
	running
	started bool
	runs    bool
	links   []repo // other names that upstream has it under, to be linked when it is here
}

// Why a download ends that could go on.
var (
	errStalled   = errors.New("no more bytes came")
	errAbandoned = errors.New("nobody waits for it")
)

// newDownload begins one. Called with mu held.
func (s *Store) newDownload(r repo, d digest.Digest) *download {
	dl := &download{s: s, d: d, repo: r, opened: make(chan struct{})}
	dl.holders = 1 // open holds it
	dl.arrival.init(s.ctx, s.o.Stall, &s.count.bytes)
	dl.stop = dl.cancel
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

// isOpening reports whether upstream has not answered.
func (dl *download) isOpening() bool {
	select {
	case <-dl.opened:
		return false
	default:
		return true
	}
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
	dl.closeFile()
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
	dl.runs = s.spawnLocked(dl.run)
	if !dl.runs {
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
		s.orphans.adopt(&dl.running)
		dl.runs = false
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

// bring reads the bytes into an upload and makes them a blob. An upload that breaks off is kept for the next try; one of wrong bytes is not.
func (dl *download) bring() error {
	u, err := dl.session()
	if err != nil {
		return localError{err}
	}
	if err := dl.pump(u); err != nil {
		dl.s.partials.keep(dl.ctx, dl.s.local, string(dl.d), dl.repo.name, u, err)
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
	if err := dl.follow(u); err != nil {
		return err
	}
	if u.Size() > 0 {
		if _, err := dl.up.Seek(u.Size(), io.SeekStart); err != nil {
			return err
		}
	}
	return dl.pour(u, dl.up, func() { dl.cancel(errStalled) })
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
