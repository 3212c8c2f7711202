package pullthrough

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
)

// fetch brings one file into the local store, or finds that what is there is what upstream has.
//
//	FetchFile ---- not modified ------------------------------------------------> confirm --> settled
//	    |                                                                                        ^
//	    +--> opened: info, size --> pour --- broken: FetchFile from there on --> pour ...        |
//	                                  |                                                          |
//	                                  all there --> Verify --> Commit --> PutFile or Publish ----+--> the last byte for readers
type fetch struct {
	s    *Files
	path string
	part string // the root whose publication it is for: it is given no path then; "": it stands by itself
	rule Rule
	have storage.File // what is kept, if anything
	arrival
	running // guarded by asker.mu

	opened  chan struct{} // closed when the next two are known, or at the end
	isKept  bool          // upstream has what is kept
	info    storage.File  // what upstream says of the file
	settled chan struct{} // closed when the next two are known
	result  storage.File
	failed  error

	line   context.Context // of the question or the answer that is under way
	hangUp func()
	pinned digest.Digest // what is here and has no path yet
}

// join holds the download of path, which the caller leaves. It begins one where there is none.
func (s *Files) join(path, part string, have storage.File) *fetch {
	key := path
	if part != "" {
		key = "/" + path // no path begins so
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fetches[key]
	if f == nil {
		f = &fetch{s: s, path: path, part: part, rule: s.o.Rule(path), have: have, opened: make(chan struct{}), settled: make(chan struct{})}
		f.arrival.init(s.ctx, s.o.Stall, &s.bytes)
		f.stop, f.line, f.hangUp = f.cancel, f.ctx, func() {}
		if !s.spawnLocked(func() { f.run(key) }) {
			f.failed = errClosed
			close(f.opened)
			close(f.settled)
		} else {
			s.fetches[key] = f
			f.holders++ // itself
		}
		s.live++
	}
	f.holders++
	s.orphans.adopt(&f.running)
	return f
}

// leave gives f back. It goes on, within bounds.
func (s *Files) leave(f *fetch) {
	s.mu.Lock()
	f.holders--
	left := f.holders
	if left == 1 && !f.hasSettled() {
		s.orphans.abandon(&f.running)
	}
	s.mu.Unlock()
	if left == 0 {
		f.closeFile()
		f.cancel(context.Canceled)
		if f.part != "" {
			f.unpin(nil)
		}
		s.released()
	}
}

func (f *fetch) hasSettled() bool {
	select {
	case <-f.settled:
		return true
	default:
		return false
	}
}

// run is the fetch from its start to its end.
func (f *fetch) run(key string) {
	s := f.s
	err := f.bringOrFind()
	if err != nil {
		err = f.conclude(err)
	}
	if f.part == "" {
		f.unpin(err)
	}
	s.mu.Lock()
	if s.fetches[key] == f {
		delete(s.fetches, key)
	}
	s.orphans.adopt(&f.running)
	if err != nil {
		f.failed = err
	}
	close(f.settled)
	s.mu.Unlock()
	f.finish(err)
	if !f.hasOpened() {
		close(f.opened)
	}
	f.hangUp()
	s.leave(f)
}

// bringOrFind is bring, unless another fetch has brought the file between the look at what is kept and this one's beginning.
func (f *fetch) bringOrFind() error {
	if f.part == "" && f.have.Digest == "" && !f.s.isPublished(f.rule) {
		if kept, err := f.s.kept(f.ctx, f.path); err == nil {
			f.result = kept
			return nil
		}
	}
	return f.bring()
}

// unpin lets what has come go, at once if nothing became of it.
func (f *fetch) unpin(err error) {
	if f.pinned == "" {
		return
	}
	f.s.unpin(f.pinned)
	if err != nil {
		f.s.dropBlob(f.pinned)
	}
}

func (f *fetch) hasOpened() bool {
	select {
	case <-f.opened:
		return true
	default:
		return false
	}
}

// conclude says of an error whose it is, and what follows of it.
func (f *fetch) conclude(err error) error {
	s := f.s
	if local, ok := errors.AsType[localError](err); ok && isUnknown(local) { // somebody has deleted what came before it had its path
		err = fmt.Errorf("%w: it was deleted while it was to be kept: %v", storage.ErrUpstream, err)
	}
	if isAbsent(err) || errors.Is(err, storage.ErrDenied) || errors.Is(err, storage.ErrNoIdentity) {
		err = s.told("file", err)
		s.noteAbsent(f.absentKey(), err)
		return err
	}
	err = f.explain(err)
	s.log.Warn("a file did not arrive", "repository", s.name, "path", f.path, "bytes", f.arrived, "of", f.size, "error", err)
	if errors.Is(err, storage.ErrDamaged) { // asking again at once would bring the same
		s.noteAbsent(f.absentKey(), err)
	}
	return err
}

// absentKey is what it is remembered under that upstream does not give us the file: where another one is kept, that is served.
func (f *fetch) absentKey() string {
	switch {
	case f.part != "":
		return "part " + f.path // nobody asks for it by itself
	case f.have.Digest != "":
		return "gone " + f.path
	}
	return "file " + f.path
}

// bring does it.
func (f *fetch) bring() error {
	u, got, err := f.begin()
	if err != nil {
		return err
	}
	if got.NotModified {
		return f.confirm()
	}
	defer func() { got.Body.Close() }()
	if u, err = f.session(u, got); err != nil {
		return localError{err}
	}
	f.announce(got)
	f.s.downloads.Add(1)
	if err := f.receive(u, &got); err != nil {
		f.giveUp(u, err)
		return err
	}
	return f.keep(u)
}

// begin asks for the file: from where it broke off the last time, if that can be.
func (f *fetch) begin() (u storage.Upload, got storage.Fetched, err error) {
	q := storage.Fetch{Have: f.have}
	if q.Have.Modified.Equal(q.Have.Stored.Truncate(time.Second)) { // our own time, because upstream told none: it may not ask upstream by it
		q.Have.Modified = time.Time{}
	}
	if info, ok := f.s.broken.get(f.path); ok {
		f.s.broken.take(f.path)
		if u = f.s.partials.resume(f.ctx, f.s.local, f.path, f.s.name); u != nil {
			q = storage.Fetch{Have: info, Offset: u.Size()}
		}
	}
	got, err = f.dial(q)
	if err == nil && u != nil && got.Offset != u.Size() { // it has another one now, or sends no parts
		u.Cancel(f.ctx)
		u = nil
	}
	if err != nil && u != nil {
		f.info = q.Have
		f.giveUp(u, err)
	}
	return u, got, err
}

// session returns the upload that goes on, or a new one.
func (f *fetch) session(u storage.Upload, got storage.Fetched) (storage.Upload, error) {
	f.sum = digest.SHA256.Hash()
	if u == nil {
		return f.s.local.StartUpload(f.ctx, f.s.name, digest.SHA256)
	}
	file, err := storage.Follow(u)
	if err != nil {
		return nil, errors.Join(err, u.Cancel(f.ctx))
	}
	defer file.Close()
	if _, err := io.Copy(f.sum, io.NewSectionReader(file, 0, u.Size())); err != nil {
		return nil, errors.Join(err, u.Cancel(f.ctx))
	}
	return u, nil
}

// announce lets those know who wait what is coming.
func (f *fetch) announce(got storage.Fetched) {
	f.info = got.File
	f.info.Class, f.info.Checked = f.rule.Class, time.Now()
	f.size = got.Size
	close(f.opened)
}

// giveUp keeps what has come for the next try, if it can be known again.
func (f *fetch) giveUp(u storage.Upload, why error) {
	s := f.s
	known := f.info.ETag != "" && !strings.HasPrefix(f.info.ETag, "W/") || f.info.ETag == "" && !f.info.Modified.IsZero()
	if !known || errors.Is(why, errChanged) {
		u.Cancel(f.ctx)
		return
	}
	if s.partials.keep(f.ctx, s.local, f.path, s.name, u, why) {
		s.broken.put(f.path, validators(f.info), 1)
	}
}

// confirm notes that what is kept is what upstream has.
func (f *fetch) confirm() error {
	if f.have.Digest == "" {
		return fmt.Errorf("%w: nothing new, said of what is not here", storage.ErrUpstream)
	}
	f.result, f.isKept = f.have, true
	f.result.Checked = time.Now()
	if f.part != "" {
		return nil
	}
	f.s.checked.put(f.path, f.result.Checked, 1)
	err := f.s.local.PutFile(f.ctx, f.s.name, f.path, f.result, storage.Still(f.have.Digest))
	if err != nil && !errors.Is(err, storage.ErrFileGeneration) && !errors.Is(err, storage.ErrFileMatch) && !isUnknown(err) {
		return localError{err}
	}
	return nil
}
