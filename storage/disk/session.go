package disk

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// maxSessions bounds the upload sessions that are open at a time: each costs a file and some 500 bytes of memory.
const maxSessions = 100_000

// Sessions that keep their file open while nobody uses them: how many, and for how long.
const (
	maxSpares = 64
	spareTime = time.Second
)

// session is one upload: the bytes in uploads/ID and the hash of them. Its lock is held while they change.
type session struct {
	id   string
	lock chan struct{} // holds a token while free, so that waiting for it ends with a context

	size  atomic.Int64 // bytes that count; the file may be longer after a crash
	used  atomic.Int64 // when it was last written to, in Unix seconds
	repo  atomic.Pointer[oci.Name]
	alg   digest.Algorithm
	hash  hash.Hash
	saved bool // there is an ID.state
	moved bool // the file has become a blob

	longer bool // the file has bytes that do not count

	spare    *os.File // the open file of an empty session, for whoever goes on: its PUT often follows at once
	spareEnd *time.Timer
	ended    bool
}

func newSession(id string, alg digest.Algorithm) *session {
	ss := &session{id: id, alg: alg, hash: alg.Hash(), lock: make(chan struct{}, 1)}
	ss.used.Store(time.Now().Unix())
	ss.lock <- struct{}{}
	return ss
}

func (ss *session) path() string { return "uploads/" + ss.id }

// acquire waits for the session's lock. It fails with ErrUploadUnknown once the session has ended.
func (ss *session) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := ss.wait(ctx); err != nil {
		return err
	}
	if ss.ended {
		ss.release()
		return fmt.Errorf("%w: %s", storage.ErrUploadUnknown, ss.id)
	}
	return nil
}

// maxWait is how long a request waits for another one that writes to the same session. Its own body is unread meanwhile,
// so net/http does not notice that its client goes.
const maxWait = 2 * time.Second

func (ss *session) wait(ctx context.Context) error {
	if ss.tryAcquire() {
		return nil
	}
	late := time.NewTimer(maxWait)
	defer late.Stop()
	select {
	case <-ss.lock:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return fmt.Errorf("%w: another request is writing to upload %s", storage.ErrTooMany, ss.id)
	}
}

// belongTo gives a session that has no repository to the first that asks.
func (ss *session) belongTo(name oci.Name) {
	name = oci.Name(strings.Clone(string(name))) // not a piece of a request line
	ss.repo.CompareAndSwap(nil, &name)
}

// tryAcquire takes the lock if it is free.
func (ss *session) tryAcquire() bool {
	select {
	case <-ss.lock:
		return true
	default:
		return false
	}
}

func (ss *session) release() { ss.lock <- struct{}{} }

// sessions are the uploads that are under way, by ID.
type sessions struct {
	max int // sessions at a time

	mu     sync.Mutex
	m      map[string]*session
	spares atomic.Int64 // sessions that hold their file open
}

func (u *sessions) add(ss *session) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.m) >= u.max {
		return fmt.Errorf("%w: %d uploads are open", storage.ErrTooMany, len(u.m))
	}
	u.put(ss)
	return nil
}

// take adds a session that was there before this process: what was acknowledged is not turned away.
func (u *sessions) take(ss *session) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.put(ss)
}

func (u *sessions) put(ss *session) {
	if u.m == nil {
		u.m = map[string]*session{}
	}
	u.m[ss.id] = ss
}

// admit lets a new session in. When there are too many, the oldest of those that hold nothing makes room.
func (s *Store) admit(ss *session) error {
	err := s.uploads.add(ss)
	if !errors.Is(err, storage.ErrTooMany) {
		return err
	}
	if old := s.uploads.oldestEmpty(); old != nil && s.expire(old, time.Now()) {
		err = s.uploads.add(ss)
	}
	return err
}

func (u *sessions) oldestEmpty() (oldest *session) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, ss := range u.m {
		if ss.size.Load() == 0 && (oldest == nil || ss.used.Load() < oldest.used.Load()) {
			oldest = ss
		}
	}
	return oldest
}

func (u *sessions) get(id string) *session {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.m[id]
}

func (u *sessions) remove(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.m, id)
}

// takeSpare returns the file that the session holds open, nil if it holds none. Called with the session's lock held.
func (ss *session) takeSpare(all *sessions) *os.File {
	f := ss.spare
	if f != nil {
		ss.spare = nil
		ss.spareEnd.Stop()
		all.spares.Add(-1)
	}
	return f
}

// leaveSpare leaves the open file to the session for a moment, and reports whether it took it: not if it is in use, and
// not if many others hold one.
func (ss *session) leaveSpare(all *sessions, f *os.File) bool {
	if !ss.tryAcquire() {
		return false
	}
	defer ss.release()
	if ss.ended || ss.spare != nil {
		return false
	}
	if all.spares.Add(1) > maxSpares {
		all.spares.Add(-1)
		return false
	}
	ss.spare = f
	ss.spareEnd = time.AfterFunc(spareTime, func() { ss.closeSpare(all) })
	return true
}

// closeSpare closes the file that the session holds open, unless somebody is using the session, who will.
func (ss *session) closeSpare(all *sessions) error {
	if !ss.tryAcquire() {
		return nil
	}
	defer ss.release()
	if f := ss.takeSpare(all); f != nil {
		return f.Close()
	}
	return nil
}

// close closes the files that sessions hold open.
func (u *sessions) close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var errs []error
	for _, ss := range u.m {
		errs = append(errs, ss.closeSpare(u))
	}
	return errors.Join(errs...)
}
