package disk

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// upload is a handle on a session.
type upload struct {
	store *Store
	ss    *session
	repo  oci.Name
	file  *os.File // nil until needed
	size  int64    // as last seen
	dirty bool     // appended since it was saved
	ended bool
}

// StartUpload implements storage.UploadManager. The empty file is what brings the session over a restart.
func (s *Store) StartUpload(ctx context.Context, name oci.Name, alg digest.Algorithm) (storage.Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if alg == "" {
		alg = digest.Canonical
	}
	ss := newSession(storage.NewUploadID(), digest.Algorithm(strings.Clone(string(alg))))
	ss.belongTo(name)
	f, err := s.tree.create(ss.path())
	if err != nil {
		return nil, err
	}
	if err := s.admit(ss); err != nil {
		return nil, errors.Join(err, f.Close(), s.tree.remove(ss.path()))
	}
	return &upload{store: s, ss: ss, repo: name, file: f}, nil
}

// ResumeUpload implements storage.UploadManager. An empty session that was found at the start belongs to the first
// repository that asks: nothing was recorded of it but its ID.
func (s *Store) ResumeUpload(ctx context.Context, name oci.Name, id string) (storage.Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ss := s.uploads.get(id)
	if ss != nil && ss.repo.Load() == nil {
		ss.belongTo(name)
	}
	if ss == nil || *ss.repo.Load() != name {
		return nil, fmt.Errorf("%w: %.64q in %s", storage.ErrUploadUnknown, id, name)
	}
	return &upload{store: s, ss: ss, repo: name, size: ss.size.Load()}, nil
}

func (u *upload) ID() string  { return u.ss.id }
func (u *upload) Size() int64 { return u.size }

// open opens the session's file.
func (u *upload) open() (err error) {
	if u.file == nil {
		u.file = u.ss.takeSpare(&u.store.uploads)
	}
	if u.file == nil {
		u.file, err = u.store.tree.openFile(u.ss.path(), os.O_RDWR)
	}
	return err
}

// Append implements storage.Upload.
func (u *upload) Append(ctx context.Context, at int64, r io.Reader) (int64, error) {
	ss := u.ss
	if err := ss.acquire(ctx); err != nil {
		return 0, err
	}
	defer ss.release()
	u.size = ss.size.Load()
	if at != u.size {
		return 0, fmt.Errorf("%w: at %d, the upload has %d bytes", storage.ErrOffset, at, u.size)
	}
	if err := u.open(); err != nil {
		return 0, err
	}
	before, err := ss.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return 0, err
	}
	n, err := u.copy(ctx, r)
	ss.used.Store(time.Now().Unix())
	if err != nil {
		return 0, errors.Join(err, u.undo(at, before))
	}
	u.size += n
	ss.size.Store(u.size)
	u.dirty = u.dirty || n > 0
	return n, nil
}

// undo takes back what a failed Append has written.
func (u *upload) undo(at int64, before []byte) error {
	if err := u.file.Truncate(at); err != nil {
		u.ss.longer = true
	}
	return u.ss.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(before)
}

// Sizes of the steps in which bytes come in: one read, and one request to start writing them out.
const (
	copyBuffer    = 256 << 10
	writebackStep = 8 << 20
)

var buffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// copy writes what r holds behind the session's end, and hashes it on the way.
func (u *upload) copy(ctx context.Context, r io.Reader) (n int64, err error) {
	buf := buffers.Get().(*[copyBuffer]byte)
	defer buffers.Put(buf)
	for started := int64(0); ; {
		got, rerr := readFull(r, buf[:])
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if _, err := u.file.WriteAt(buf[:got], u.size+n); err != nil {
			return n, wrap(err)
		}
		u.ss.hash.Write(buf[:got])
		n += int64(got)
		if rerr == io.EOF {
			return n, nil
		}
		if rerr != nil {
			return n, rerr
		}
		if u.store.tree.sync && n-started >= writebackStep {
			startWriteback(u.file, u.size+started, n-started)
			started = n
		}
	}
}

// readFull fills buf as far as r goes. The error is r's own, io.EOF at its end.
func readFull(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// Commit implements storage.Upload.
func (u *upload) Commit(ctx context.Context, d digest.Digest) error {
	ss := u.ss
	if err := ss.acquire(ctx); err != nil {
		return err
	}
	defer ss.release()
	if err := u.open(); err != nil {
		return err
	}
	if err := u.verify(ctx, d); err != nil {
		return err
	}
	defer u.store.keeping.read(d)()
	if err := u.settleFile(d); err != nil {
		return err
	}
	u.ss.moved = true
	return errors.Join(u.publish(d), u.end())
}

// verify compares the session's bytes with d, reading them again where another algorithm went along with them.
func (u *upload) verify(ctx context.Context, d digest.Digest) error {
	got := digest.NewDigest(u.ss.alg, u.ss.hash)
	if d.Algorithm() != u.ss.alg {
		h := d.Algorithm().Hash()
		buf := buffers.Get().(*[copyBuffer]byte)
		defer buffers.Put(buf)
		content := io.NewSectionReader(u.file, 0, u.ss.size.Load())
		if _, err := io.CopyBuffer(h, &minding{ctx, content}, buf[:]); err != nil {
			return err
		}
		got = digest.NewDigest(d.Algorithm(), h)
	}
	if got != d {
		return fmt.Errorf("%w: want %s, the content has %s", storage.ErrDigestMismatch, d, got)
	}
	return nil
}

// minding is a reader that ends with its context.
type minding struct {
	ctx context.Context
	r   io.Reader
}

func (m *minding) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	return m.r.Read(p)
}

// settleFile makes the session's file durable under the name of the content d. The session has lost it then.
func (u *upload) settleFile(d digest.Digest) error {
	t := u.store.tree
	links, _ := u.store.repo(u.repo).linkPath(blobs, d)
	for _, dir := range []string{shardDir(d), links} { // what a full disk could refuse comes before the file is moved
		if err := t.mkdirs(dir); err != nil {
			return err
		}
	}
	if err := u.cut(); err != nil {
		return err
	}
	if err := u.sync(); err != nil {
		return err
	}
	return t.rename(u.ss.path(), file(d))
}

// sync makes the session's bytes durable. A failure ends the session: the kernel reports a lost page once, and the next
// fsync would succeed without it.
func (u *upload) sync() error {
	err := u.store.tree.syncFile(u.file)
	if err != nil {
		err = errors.Join(err, u.end())
	}
	return err
}

// publish links the content d into the repository and makes both names durable.
func (u *upload) publish(d digest.Digest) error {
	s := u.store
	l := &link{size: u.ss.size.Load()}
	dirs, err := s.putLink(s.repo(u.repo), blobs, d, l)
	if err != nil {
		return err
	}
	return s.settle(l, append(dirs, shardDir(d)))
}

// cut takes away what a failed Append could not.
func (u *upload) cut() error {
	if !u.ss.longer {
		return nil
	}
	return wrap(u.file.Truncate(u.ss.size.Load()))
}

// Cancel implements storage.Upload. A session that another handle has ended is left alone.
func (u *upload) Cancel(ctx context.Context) error {
	if u.ended {
		return nil
	}
	err := u.ss.acquire(context.WithoutCancel(ctx)) // bounded all the same
	if errors.Is(err, storage.ErrUploadUnknown) {
		u.ended = true
		return u.closeFile()
	}
	if err != nil {
		return err
	}
	defer u.ss.release()
	return u.end()
}

// end forgets the session. Called with its lock held.
func (u *upload) end() error {
	u.ended, u.ss.ended = true, true
	u.store.uploads.remove(u.ss.id)
	err := u.closeFile()
	if u.file = u.ss.takeSpare(&u.store.uploads); u.file != nil {
		err = errors.Join(err, u.closeFile())
	}
	if !u.ss.moved {
		err = errors.Join(err, u.store.tree.remove(u.ss.path()))
	}
	if u.ss.saved {
		err = errors.Join(err, u.store.tree.remove(u.ss.path()+stateSuffix))
	}
	return err
}

// Close implements storage.Upload.
func (u *upload) Close() error {
	if u.ended {
		return nil
	}
	u.ended = true
	if u.dirty {
		return errors.Join(u.save(), u.closeFile())
	}
	if u.size == 0 && u.file != nil && u.ss.leaveSpare(&u.store.uploads, u.file) {
		return nil
	}
	return u.closeFile()
}

func (u *upload) closeFile() error {
	if u.file == nil {
		return nil
	}
	f := u.file
	u.file = nil
	return f.Close()
}
