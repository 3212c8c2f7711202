package disk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Where the files of a repository stand.
const (
	fileTree    = "_files/tree"        // DIR.../NAME -> the record: see filename.go and fileRecord
	generations = "_files/generations" // DIR.../NUMBER-MILLISECONDS: a file, see generationRecord
)

// repoFiles is what is known in memory of a repository's files, guarded by the lock of the repository.
type repoFiles struct {
	last    map[string]storage.Generation // of each directory that has one
	version int64                         // counts the changes of names
	holds   map[digest.Digest]int         // how many records name each content; nil until a blob is to be deleted
}

// hold counts n more records that name d, or fewer. Called with the lock held.
func (x *repoFiles) hold(d digest.Digest, n int) {
	if x.holds == nil || d == "" {
		return
	}
	if x.holds[d] += n; x.holds[d] == 0 {
		delete(x.holds, d)
	}
}

// published returns the file of the last generation of a directory above path, that of the nearest first.
func (x *repoFiles) published(path string) (storage.File, bool) {
	if len(x.last) == 0 {
		return storage.File{}, false
	}
	for base := range storage.Above(path) {
		if f, ok := x.last[base].Files[path]; ok {
			f.Header = maps.Clone(f.Header)
			return f, true
		}
	}
	return storage.File{}, false
}

// filesOf returns what is known of r's files, reading it the first time. Called with the lock held for writing.
func (s *Store) filesOf(r *repo) (*repoFiles, error) {
	if r.files != nil {
		return r.files, nil
	}
	last := map[string]storage.Generation{}
	if err := s.loadGenerations(r, last); err != nil {
		return nil, err
	}
	r.files = &repoFiles{last: last}
	return r.files, nil
}

// readFiles calls f with what is known of r's files and the lock held for reading.
func (s *Store) readFiles(r *repo, f func(*repoFiles)) error {
	return reading(&r.mu, &r.files, func() (*repoFiles, error) { return s.filesOf(r) }, f)
}

func unknownFile(name oci.Name, path string) error {
	return fmt.Errorf("%w: %.256q in %s", storage.ErrFileUnknown, path, name)
}

// StatFile implements storage.FileReader.
func (s *Store) StatFile(ctx context.Context, name oci.Name, path string) (storage.File, error) {
	if err := errors.Join(storage.CheckPath(path), ctx.Err()); err != nil {
		return storage.File{}, err
	}
	r, err := s.find(name)
	if err != nil {
		return storage.File{}, err
	}
	if r == nil {
		return storage.File{}, unknownFile(name, path)
	}
	f, ok, err := s.statFile(r, path)
	if err == nil && !ok {
		err = unknownFile(name, path)
	}
	return f, err
}

// statFile returns what path is in r, if it is anything. Called without the lock.
func (s *Store) statFile(r *repo, path string) (f storage.File, ok bool, err error) {
	if err := s.readFiles(r, func(x *repoFiles) { f, ok = x.published(path) }); ok || err != nil {
		return f, ok, err
	}
	return s.readFile(r, path)
}

// readFile reads the record of a single file.
func (s *Store) readFile(r *repo, path string) (storage.File, bool, error) {
	_, name := filePath(r.dir(fileTree), path)
	target, err := s.tree.readlink(name)
	if notThere(err) {
		return storage.File{}, false, nil
	}
	if err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: something else than a link stands there
		return storage.File{}, false, err
	}
	f, err := parseFile(target)
	if err != nil {
		s.log.Error("not a file's record", "path", name, "error", err)
		return storage.File{}, false, nil
	}
	return f, true, nil
}

// maxTurns bounds how often OpenFile begins again because the path has changed meanwhile.
const maxTurns = 16

// OpenFile implements storage.FileReader.
func (s *Store) OpenFile(ctx context.Context, name oci.Name, path string) (storage.Blob, storage.File, error) {
	var before storage.File
	for range maxTurns {
		f, err := s.StatFile(ctx, name, path)
		if err != nil {
			return nil, storage.File{}, err
		}
		b, err := s.OpenBlob(ctx, name, f.Digest)
		if err == nil {
			return b, f, nil
		}
		if !errors.Is(err, storage.ErrBlobUnknown) {
			return nil, storage.File{}, err
		}
		if f.Digest == before.Digest { // it was not replaced between the two looks
			return nil, storage.File{}, fmt.Errorf("%w: %.256q in %s: %w", storage.ErrFileUnknown, path, name, s.damaged(storage.ErrBlobUnknown, f.Digest, "a file names it and it is not there"))
		}
		before = f
	}
	return nil, storage.File{}, fmt.Errorf("%w: %.256q in %s changes all the time", storage.ErrTooMany, path, name)
}

// PutFile implements storage.FileStore.
func (s *Store) PutFile(ctx context.Context, name oci.Name, path string, f storage.File, when storage.Match) error {
	if err := errors.Join(storage.CheckPath(path), ctx.Err()); err != nil {
		return err
	}
	l, err := s.contentLink(name, f.Digest)
	if err != nil {
		return err
	}
	r := s.repo(name)
	dir, _ := filePath(r.dir(fileTree), path)
	durable, err := s.putFile(r, path, dir, f, when)
	if err != nil || durable {
		return err
	}
	if !l.durable.Load() {
		links, _ := r.linkPath(blobs, f.Digest)
		if err := s.settle(l, []string{links, shardDir(f.Digest)}); err != nil {
			return err
		}
	}
	if err := s.tree.syncDirs(dir); !notThere(err) { // it was deleted meanwhile, with its directory
		return err
	}
	return nil
}

// contentLink returns the repository's link to content that is there.
func (s *Store) contentLink(name oci.Name, d digest.Digest) (*link, error) {
	l, err := s.blobLink(name, d)
	if err != nil {
		return nil, err
	}
	if _, err := s.stat(d, l.size); err != nil {
		return nil, s.lost(storage.ErrBlobUnknown, err, d)
	}
	return l, nil
}

// putFile writes the record into dir, and reports whether that need not be made durable.
func (s *Store) putFile(r *repo, path, dir string, f storage.File, when storage.Match) (durable bool, err error) {
	r.emptying.RLock()
	defer r.emptying.RUnlock()
	if err := s.tree.mkdirs(dir); err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x, old, err := s.mayChange(r, path, when)
	if err != nil {
		return false, err
	}
	if f, err = s.newFile(r, f, old, time.Now()); err != nil {
		return false, err
	}
	target, err := fileTarget(f)
	if err != nil {
		return false, err
	}
	_, name := filePath(r.dir(fileTree), path)
	if err := s.tree.link(target, name); err != nil {
		return false, err
	}
	if old.Digest != f.Digest {
		x.hold(f.Digest, 1)
		x.hold(old.Digest, -1)
	}
	if old.Digest == "" {
		x.version++
	}
	old.Checked = f.Checked
	before, err := fileTarget(old)
	return err == nil && before == target, nil
}

// mayChange returns the single file at path, the zero one if there is none, unless it must not be put or removed. Called with the lock held.
func (s *Store) mayChange(r *repo, path string, when storage.Match) (*repoFiles, storage.File, error) {
	x, err := s.filesOf(r)
	if err != nil {
		return nil, storage.File{}, err
	}
	if _, ok := x.published(path); ok {
		return nil, storage.File{}, fmt.Errorf("%w: %.256q in %s", storage.ErrFileGeneration, path, r.name)
	}
	old, _, err := s.readFile(r, path)
	if err == nil && !when.Holds(old.Digest) {
		err = fmt.Errorf("%w: %.256q in %s has %.80q", storage.ErrFileMatch, path, r.name, old.Digest)
	}
	return x, old, err
}

// newFile returns f as it is going to be kept in place of old. Called with the lock held: the blob is linked, and stays so once a record names it.
func (s *Store) newFile(r *repo, f, old storage.File, now time.Time) (storage.File, error) {
	l, err := s.readLink(r, blobs, f.Digest)
	if err != nil {
		return storage.File{}, err
	}
	if l == nil {
		return storage.File{}, fmt.Errorf("%w: %s in %s", storage.ErrBlobUnknown, f.Digest, r.name)
	}
	f = f.Replacing(old, now)
	f.Size = l.size
	return f, nil
}

// DeleteFile implements storage.FileStore.
func (s *Store) DeleteFile(ctx context.Context, name oci.Name, path string, when storage.Match) error {
	if err := errors.Join(storage.CheckPath(path), ctx.Err()); err != nil {
		return err
	}
	r, err := s.find(name)
	if err != nil {
		return err
	}
	if r == nil {
		return unknownFile(name, path)
	}
	dir, link := filePath(r.dir(fileTree), path)
	if err := s.removeFile(r, path, link, when); err != nil {
		return err
	}
	if err := s.tree.syncDirs(dir); err != nil && !notThere(err) { // somebody else has removed the directory, after its last file
		return err
	}
	r.emptying.Lock()
	defer r.emptying.Unlock()
	return s.tree.removeDirs(dir, r.dir(fileTree))
}

// removeFile removes the record.
func (s *Store) removeFile(r *repo, path, link string, when storage.Match) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, old, err := s.mayChange(r, path, storage.Match{})
	if err != nil {
		return err
	}
	if old.Digest == "" {
		return unknownFile(r.name, path)
	}
	if !when.Holds(old.Digest) {
		return fmt.Errorf("%w: %.256q in %s has %.80q", storage.ErrFileMatch, path, r.name, old.Digest)
	}
	if err := s.tree.remove(link); err != nil {
		return err
	}
	x.hold(old.Digest, -1)
	x.version++
	return nil
}
