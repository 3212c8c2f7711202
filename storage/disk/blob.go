package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

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
	if err == nil {
		slot.Store(dir)
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

// link is the record that a repository may see some content.
type link struct {
	size      int64
	mediaType string        // of a manifest
	subject   digest.Digest // of a manifest
	durable   atomic.Bool   // it and its content were synced by this process
}

func (l *link) String() string {
	return strings.TrimRight(strconv.FormatInt(l.size, 10)+" "+l.mediaType+" "+string(l.subject), " ")
}

func parseLink(record string) (*link, error) {
	size, rest, _ := strings.Cut(record, " ")
	mediaType, subject, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return nil, err
	}
	return &link{size: n, mediaType: mediaType, subject: digest.Digest(subject)}, nil
}

// getLink reads a link of r, nil if there is none. Called without the lock.
func (s *Store) getLink(c *cache[linkKey, *link], r *repo, kind string, d digest.Digest) *link {
	key := linkKey{r.name, d}
	if l, ok := c.get(key); ok {
		return l
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	l := s.readLink(r, kind, d)
	if l != nil {
		key.digest = digest.Digest(strings.Clone(string(d)))
		c.put(key, l, 1)
	}
	return l
}

// readLink reads a link from the disk. Called with r's lock held.
func (s *Store) readLink(r *repo, kind string, d digest.Digest) *link {
	_, name := r.linkPath(kind, d)
	record, err := s.tree.readlink(name)
	if err != nil {
		return nil
	}
	l, err := parseLink(record)
	if err != nil {
		s.log.Error("not a link", "path", name, "record", record)
		return nil
	}
	return l
}

// putLink records that r may see d. The caller syncs dir.
func (s *Store) putLink(c *cache[linkKey, *link], r *repo, kind string, d digest.Digest, l *link) (dir string, err error) {
	dir, name := r.linkPath(kind, d)
	if err := s.tree.mkdirs(dir); err != nil {
		return dir, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := s.tree.link(l.String(), name); err != nil {
		return dir, err
	}
	c.put(linkKey{r.name, digest.Digest(strings.Clone(string(d)))}, l, 1)
	s.list(r)
	return dir, nil
}

// blobLink returns the repository's link to the blob, or ErrBlobUnknown.
func (s *Store) blobLink(name oci.Name, d digest.Digest) (*link, error) {
	if r := s.find(name); r != nil {
		if l := s.getLink(&s.links, r, "_blobs", d); l != nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("%w: %s in %s", storage.ErrBlobUnknown, d, name)
}

// StatBlob implements storage.BlobReader.
func (s *Store) StatBlob(ctx context.Context, name oci.Name, d digest.Digest) (int64, error) {
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
	src, err := s.blobLink(from, d)
	if err != nil {
		return err
	}
	if _, err := s.stat(d, src.size); err != nil {
		return s.lost(storage.ErrBlobUnknown, err, d)
	}
	l := &link{size: src.size}
	dir, err := s.putLink(&s.links, s.repo(name), "_blobs", d, l)
	if err != nil {
		return err
	}
	return s.settle(l, src.durable.Load(), d, dir)
}

// settle makes a link and, unless that is known to be done, its content's name durable.
func (s *Store) settle(l *link, contentDone bool, d digest.Digest, dirs ...string) error {
	if !contentDone {
		dirs = append(dirs, shardDir(d))
	}
	if err := s.tree.syncDirs(dirs...); err != nil {
		return err
	}
	l.durable.Store(true)
	return nil
}

// DeleteBlob implements storage.BlobStore.
func (s *Store) DeleteBlob(ctx context.Context, name oci.Name, d digest.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := s.find(name)
	if r == nil {
		return fmt.Errorf("%w: %s in %s", storage.ErrBlobUnknown, d, name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	dir, path := r.linkPath("_blobs", d)
	if s.readLink(r, "_blobs", d) == nil {
		return fmt.Errorf("%w: %s in %s", storage.ErrBlobUnknown, d, name)
	}
	if err := s.tree.remove(path); err != nil {
		return err
	}
	s.links.drop(linkKey{name, d})
	s.unlist(r)
	return s.tree.syncDirs(dir)
}

// BlobRepositories implements storage.BlobFinder.
func (s *Store) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		if dir, err := s.shard(d); err != nil {
			return
		} else if _, err := dir.Lstat(d.Encoded()); err != nil {
			return
		}
		for name, err := range s.Repositories(ctx, "") {
			if err == nil {
				_, path := (&repo{name: name}).linkPath("_blobs", d)
				if _, err := s.tree.readlink(path); err != nil {
					continue
				}
			}
			if !yield(name, err) {
				return
			}
		}
	}
}
