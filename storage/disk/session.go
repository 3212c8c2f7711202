package disk

import (
	"context"
	"encoding"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// stateSuffix makes the name of a session's record out of that of its bytes.
const stateSuffix = ".state"

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

	loaded bool // taken up from another process

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
	select {
	case <-ss.lock:
	case <-ctx.Done():
		return ctx.Err()
	}
	if ss.ended {
		ss.release()
		return fmt.Errorf("%w: %s", storage.ErrUploadUnknown, ss.id)
	}
	return nil
}

func (ss *session) release() { ss.lock <- struct{}{} }

// sessions are the uploads that are under way, by ID.
type sessions struct {
	mu     sync.Mutex
	m      map[string]*session
	spares atomic.Int64 // sessions that hold their file open
}

func (u *sessions) add(ss *session) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.m) >= maxSessions {
		return fmt.Errorf("%w: %d uploads are open", storage.ErrTooMany, len(u.m))
	}
	if u.m == nil {
		u.m = map[string]*session{}
	}
	u.m[ss.id] = ss
	return nil
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

// save makes the session as it stands survive a power cut: first its bytes, then the record that counts them.
func (u *upload) save() error {
	if err := u.ss.acquire(context.Background()); errors.Is(err, storage.ErrUploadUnknown) {
		return nil // ended meanwhile
	}
	defer u.ss.release()
	if err := u.store.tree.syncFile(u.file); err != nil {
		return err
	}
	record, err := u.ss.record()
	if err != nil {
		return err
	}
	if err := u.store.tree.link(record, u.ss.path()+stateSuffix); err != nil {
		return err
	}
	u.ss.saved, u.dirty = true, false
	return u.store.tree.syncDirs("uploads")
}

// record is "SIZE ALGORITHM HASHSTATE NAME", at most some 600 bytes.
func (ss *session) record() (string, error) {
	state, err := ss.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %s %s %s", ss.size.Load(), ss.alg, base64.RawStdEncoding.EncodeToString(state), *ss.repo.Load()), nil
}

// parseRecord is the inverse of record.
func parseRecord(id, record string) (*session, error) {
	f := strings.Split(record, " ")
	if len(f) != 4 {
		return nil, fmt.Errorf("%d fields, want 4", len(f))
	}
	size, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return nil, err
	}
	alg, err := oci.ParseAlgorithm(f[1])
	if err != nil {
		return nil, err
	}
	state, err := base64.RawStdEncoding.DecodeString(f[2])
	if err != nil {
		return nil, err
	}
	name, err := oci.ParseName(f[3])
	if err != nil {
		return nil, err
	}
	ss := newSession(id, alg)
	ss.saved = true
	ss.size.Store(size)
	ss.repo.Store(&name)
	return ss, ss.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

// loadUploads takes up the sessions of the process before, and removes what a crash has left in uploads/.
func (s *Store) loadUploads() error {
	names, err := s.tree.names("uploads")
	if err != nil {
		return err
	}
	for _, name := range names {
		id, isState := strings.CutSuffix(name, stateSuffix)
		switch {
		case !storage.ValidUploadID(id):
			err = s.tree.remove("uploads/" + name)
		case isState:
			err = s.dropOrphan(id)
		default:
			err = s.loadUpload(id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropOrphan removes the record of a session whose bytes are gone: its commit came between.
func (s *Store) dropOrphan(id string) error {
	if _, err := s.tree.root.Lstat("uploads/" + id); err == nil {
		return nil
	}
	return s.tree.remove("uploads/" + id + stateSuffix)
}

// loadUpload takes up one session. Its file has at least the bytes that the record counts, unless somebody damaged it;
// without a record nothing of it was acknowledged but its ID.
func (s *Store) loadUpload(id string) error {
	fi, err := s.tree.root.Lstat("uploads/" + id)
	if err != nil {
		return err
	}
	ss := newSession(id, oci.Algorithms[0])
	if record, err := s.tree.readlink("uploads/" + id + stateSuffix); err == nil {
		saved, err := parseRecord(id, record)
		if err != nil || saved.size.Load() > fi.Size() {
			s.log.Error("upload lost", "id", id, "err", err, "bytes", fi.Size())
			return errors.Join(s.tree.remove("uploads/"+id), s.tree.remove("uploads/"+id+stateSuffix))
		}
		ss = saved
	}
	ss.loaded = true
	ss.used.Store(fi.ModTime().Unix())
	return s.uploads.add(ss)
}

// ExpireUploads implements storage.UploadExpirer. A session that is being written to is not old.
func (s *Store) ExpireUploads(ctx context.Context, before time.Time) (n int, err error) {
	for _, ss := range s.idle(before) {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		select {
		case <-ss.lock:
		default:
			continue
		}
		if !ss.ended {
			u := &upload{store: s, ss: ss}
			err = errors.Join(err, u.end())
			n++
		}
		ss.release()
	}
	return n, err
}

func (s *Store) idle(before time.Time) []*session {
	s.uploads.mu.Lock()
	defer s.uploads.mu.Unlock()
	var all []*session
	for _, ss := range s.uploads.m {
		if ss.used.Load() < before.Unix() {
			all = append(all, ss)
		}
	}
	return all
}

var _ interface {
	storage.Store
	storage.BlobFinder
	storage.UploadExpirer
} = (*Store)(nil)
