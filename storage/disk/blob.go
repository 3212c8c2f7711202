package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strconv"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// shardDir returns the directory of the content d, and file its path.
func shardDir(d digest.Digest) string {
	return "blobs/" + string(d.Algorithm()) + "/" + d.Encoded()[:2]
}

func file(d digest.Digest) string { return shardDir(d) + "/" + d.Encoded() }

// shard returns the open directory of the content d: with it, a look at a file is one system call.
func (s *Store) shard(d digest.Digest) (*dir, error) {
	alg := 0
	if d.Algorithm() == digest.SHA512 {
		alg = 1
	}
	b, err := strconv.ParseUint(d.Encoded()[:2], 16, 8)
	if err != nil {
		return nil, err
	}
	slot := &s.shards[alg][b]
	if dir := slot.Load(); dir != nil {
		return dir, nil
	}
	dir, err := s.tree.use(shardDir(d)) // and never released
	if err == nil && !slot.CompareAndSwap(nil, dir) {
		return dir, s.tree.release(dir) // another one was quicker, and holds it
	}
	if err == nil {
		s.tree.pin()
	}
	return dir, err
}

// stat looks at the content d, which has to have size bytes.
func (s *Store) stat(d digest.Digest, size int64) (fs.FileInfo, error) {
	dir, err := s.shard(d)
	if err != nil {
		return nil, err
	}
	fi, err := dir.Lstat(d.Encoded())
	if err != nil {
		return nil, err
	}
	return fi, checkSize(fi, size)
}

var errWrongSize = errors.New("wrong size")

func checkSize(fi fs.FileInfo, size int64) error {
	if !fi.Mode().IsRegular() || fi.Size() != size {
		return fmt.Errorf("%w: %d bytes, stored with %d", errWrongSize, fi.Size(), size)
	}
	return nil
}

// lost turns the failure to get at linked content into damage, or leaves an error that says nothing about it.
func (s *Store) lost(unknown, err error, d digest.Digest) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errWrongSize) {
		return s.damaged(unknown, d, err.Error())
	}
	return err
}

// blobLink returns the repository's link to the blob, or ErrBlobUnknown.
func (s *Store) blobLink(name oci.Name, d digest.Digest) (*link, error) {
	r, err := s.find(name)
	if r != nil {
		var l *link
		if l, err = s.getLink(r, blobs, d); l != nil {
			return l, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%w: %s in %s", storage.ErrBlobUnknown, d, name)
	}
	return nil, err
}

// StatBlob implements storage.BlobReader.
func (s *Store) StatBlob(ctx context.Context, name oci.Name, d digest.Digest) (int64, error) {
	defer s.keeping.read(d)()
	l, err := s.blobLink(name, d)
	if err != nil {
		return 0, err
	}
	if _, err := s.stat(d, l.size); err != nil {
		return 0, s.lost(storage.ErrBlobUnknown, err, d)
	}
	return l.size, nil
}

// blob embeds the file, so that net/http finds in it what the kernel can send by itself.
type blob struct {
	*os.File
	size int64
}

func (b *blob) Size() int64 { return b.size }

// OpenBlob implements storage.BlobReader.
func (s *Store) OpenBlob(ctx context.Context, name oci.Name, d digest.Digest) (storage.Blob, error) {
	defer s.keeping.read(d)()
	l, err := s.blobLink(name, d)
	if err != nil {
		return nil, err
	}
	f, err := s.openFile(d, l.size)
	if err != nil {
		return nil, s.lost(storage.ErrBlobUnknown, err, d)
	}
	return &blob{f, l.size}, nil
}

// openFile opens the content d, which has to have size bytes.
func (s *Store) openFile(d digest.Digest, size int64) (*os.File, error) {
	dir, err := s.shard(d)
	if err != nil {
		return nil, err
	}
	f, err := dir.OpenFile(d.Encoded(), os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil {
		err = checkSize(fi, size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// MountBlob implements storage.BlobStore.
func (s *Store) MountBlob(ctx context.Context, name oci.Name, d digest.Digest, from oci.Name) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.keeping.read(d)()
	src, err := s.blobLink(from, d)
	if err != nil {
		return err
	}
	if _, err := s.stat(d, src.size); err != nil {
		return s.lost(storage.ErrBlobUnknown, err, d)
	}
	l := &link{size: src.size}
	dirs, err := s.putLink(s.repo(name), blobs, d, l)
	if err != nil {
		return err
	}
	if !src.durable.Load() {
		dirs = append(dirs, shardDir(d))
	}
	return s.settle(l, dirs)
}

// DeleteBlob implements storage.BlobStore.
func (s *Store) DeleteBlob(ctx context.Context, name oci.Name, d digest.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.find(name)
	if err != nil {
		return err
	}
	if r == nil {
		return fmt.Errorf("%w: %s in %s", storage.ErrBlobUnknown, d, name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l, err := s.readLink(r, blobs, d)
	if err != nil {
		return err
	}
	if l == nil {
		return fmt.Errorf("%w: %s in %s", storage.ErrBlobUnknown, d, name)
	}
	held, err := s.fileHolds(r, d)
	if err != nil {
		return err
	}
	if held {
		return fmt.Errorf("%w: %s in %s", storage.ErrFileHolds, d, name)
	}
	return s.dropLink(r, blobs, d)
}

// BlobRepositories implements storage.BlobFinder.
func (s *Store) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		dir, err := s.shard(d)
		if err != nil {
			return
		}
		if _, err := dir.Lstat(d.Encoded()); err != nil {
			return
		}
		for name, err := range s.Repositories(ctx, "") {
			if err == nil {
				_, path := (&repo{name: name}).linkPath(blobs, d)
				if _, err := s.tree.root.Lstat(path); err != nil { // not through the open directories: it passes by all of them
					continue
				}
			}
			if !yield(name, err) {
				return
			}
		}
	}
}
