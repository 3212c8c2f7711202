package memory

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// session is an upload that has not ended: those that have are not in Store.uploads any more.
type session struct {
	id    string
	repo  oci.Name
	data  []byte // only ever appended to
	wrote time.Time
}

// upload is a handle on a session.
type upload struct {
	*session
	store *Store
	size  int64
}

// StartUpload implements storage.UploadManager. It has no use for the algorithm: Commit hashes all of the bytes.
func (s *Store) StartUpload(ctx context.Context, repo oci.Name, _ digest.Algorithm) (storage.Upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	x := &session{id: storage.NewUploadID(), repo: repo, wrote: time.Now()}
	s.uploads[x.id] = x
	return &upload{session: x, store: s}, nil
}

// ResumeUpload implements storage.UploadManager.
func (s *Store) ResumeUpload(ctx context.Context, repo oci.Name, id string) (storage.Upload, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	x, ok := s.uploads[id]
	if !ok || x.repo != repo {
		return nil, fmt.Errorf("%w: %.64q in %s", storage.ErrUploadUnknown, id, repo)
	}
	return &upload{session: x, store: s, size: int64(len(x.data))}, nil
}

// ExpireUploads implements storage.UploadExpirer.
func (s *Store) ExpireUploads(ctx context.Context, t time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	before := len(s.uploads)
	for id, x := range s.uploads {
		if x.wrote.Before(t) {
			delete(s.uploads, id)
		}
	}
	return before - len(s.uploads), nil
}

func (u *upload) ID() string   { return u.id }
func (u *upload) Size() int64  { return u.size }
func (u *upload) Close() error { return nil }

// Append implements storage.Upload. It reads r without the lock, so others may have appended meanwhile: the second look at
// the offset decides, the first one saves reading in vain.
func (u *upload) Append(ctx context.Context, at int64, r io.Reader) (int64, error) {
	u.store.mu.RLock()
	err := u.check(ctx, at)
	u.store.mu.RUnlock()
	if err != nil {
		return 0, err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	if err := u.check(ctx, at); err != nil {
		return 0, err
	}
	u.data = append(u.data, data...)
	u.size = int64(len(u.data))
	u.wrote = time.Now()
	return int64(len(data)), nil
}

// Commit implements storage.Upload. It hashes without the lock, which is safe because bytes that are there don't change.
func (u *upload) Commit(ctx context.Context, d digest.Digest) error {
	data, err := u.bytes(ctx)
	if err != nil {
		return err
	}
	if got := d.Algorithm().FromBytes(data); got != d {
		return fmt.Errorf("%w: want %s, the %d bytes of upload %s have %s", storage.ErrDigestMismatch, d, len(data), u.id, got)
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	if err := u.check(ctx, int64(len(data))); err != nil { // or somebody appended after all
		return err
	}
	delete(u.store.uploads, u.id)
	u.store.keep(u.repo, d, data)
	return nil
}

// Cancel implements storage.Upload. It is for cleaning up, so it does not mind that ctx has ended.
func (u *upload) Cancel(context.Context) error {
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	delete(u.store.uploads, u.id)
	return nil
}

// Follow implements storage.Follower.
func (u *upload) Follow() (storage.Appended, error) {
	u.store.mu.RLock()
	defer u.store.mu.RUnlock()
	return appended{u.session, u.store}, u.alive(context.Background())
}

// appended is what a session holds, also after its end.
type appended struct {
	*session
	store *Store
}

// ReadAt implements io.ReaderAt.
func (a appended) ReadAt(p []byte, off int64) (int, error) {
	a.store.mu.RLock()
	data := a.data
	a.store.mu.RUnlock()
	return bytes.NewReader(data).ReadAt(p, off)
}

func (appended) Close() error { return nil }

// bytes returns what has been appended so far.
func (u *upload) bytes(ctx context.Context) ([]byte, error) {
	u.store.mu.RLock()
	defer u.store.mu.RUnlock()
	return u.data, u.alive(ctx)
}

// alive looks whether the session goes on, and at its size. The caller holds the lock.
func (u *upload) alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if u.store.uploads[u.id] != u.session {
		return fmt.Errorf("%w: %s in %s has ended", storage.ErrUploadUnknown, u.id, u.repo)
	}
	u.size = int64(len(u.data))
	return nil
}

// check looks whether the session goes on, and ends at the offset at. The caller holds the lock.
func (u *upload) check(ctx context.Context, at int64) error {
	if err := u.alive(ctx); err != nil {
		return err
	}
	if at != u.size {
		return fmt.Errorf("%w: %d, want %d", storage.ErrOffset, at, u.size)
	}
	return nil
}
