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

// maxSpares bounds the sessions that keep their file open while nobody uses them.
const maxSpares = 64

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

	spare *os.File // the open file of an empty session, for whoever goes on: its PUT often follows at once
	ended bool
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
	select {
	case <-ss.lock:
		return nil
	default:
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
	if ss.spare = nil; f != nil {
		all.spares.Add(-1)
	}
	return f
}

// leaveSpare leaves the open file to the session, and reports whether it took it: not if it is in use, and not if many
// others hold one.
func (ss *session) leaveSpare(all *sessions, f *os.File) bool {
	select {
	case <-ss.lock:
		defer ss.release()
	default:
		return false
	}
	if ss.ended || ss.spare != nil {
		return false
	}
	if all.spares.Add(1) > maxSpares {
		all.spares.Add(-1)
		return false
	}
	ss.spare = f
	return true
}

// close closes the files that sessions hold open.
func (u *sessions) close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var errs []error
	for _, ss := range u.m {
		select {
		case <-ss.lock:
			if f := ss.takeSpare(u); f != nil {
				errs = append(errs, f.Close())
			}
			ss.release()
		default: // somebody is using it, and will close it
		}
	}
	return errors.Join(errs...)
}
