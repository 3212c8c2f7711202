package memory

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// StatFile implements storage.FileReader.
func (s *Store) StatFile(ctx context.Context, repo oci.Name, path string) (storage.File, error) {
	f, _, err := s.readFile(ctx, repo, path)
	return f, err
}

// OpenFile implements storage.FileReader.
func (s *Store) OpenFile(ctx context.Context, repo oci.Name, path string) (storage.Blob, storage.File, error) {
	f, data, err := s.readFile(ctx, repo, path)
	if err != nil {
		return nil, storage.File{}, err
	}
	return blob{bytes.NewReader(data)}, f, nil
}

func (s *Store) readFile(ctx context.Context, repo oci.Name, path string) (storage.File, []byte, error) {
	if err := storage.CheckPath(path); err != nil {
		return storage.File{}, nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return storage.File{}, nil, err
	}
	f, ok := s.repos[repo].file(path)
	if !ok {
		return storage.File{}, nil, unknownFile(repo, path)
	}
	f.Header = maps.Clone(f.Header)
	return f, s.blobs[f.Digest].data, nil
}

func unknownFile(repo oci.Name, path string) error {
	return fmt.Errorf("%w: %.256q in %s", storage.ErrFileUnknown, path, repo)
}

// file returns what the path is: a file of the last generation of a directory above it, or a single one. r may be nil.
func (r *repository) file(path string) (storage.File, bool) {
	if r == nil {
		return storage.File{}, false
	}
	if f, ok := r.published(path); ok {
		return f, true
	}
	f, ok := r.files[path]
	return f, ok
}

// published looks in the last generations, that of the nearest directory first.
func (r *repository) published(path string) (storage.File, bool) {
	for base := range storage.Above(path) {
		if f, ok := last(r.sets[base]).Files[path]; ok {
			return f, true
		}
	}
	return storage.File{}, false
}

// last returns the last generation of a set, the zero one of none.
func last(set []storage.Generation) (g storage.Generation) {
	if len(set) > 0 {
		g = set[len(set)-1]
	}
	return g
}

// names reports whether a file of r, also one of a generation that is kept, has the content d.
func (r *repository) names(d digest.Digest) bool {
	has := func(files map[string]storage.File) bool {
		for _, f := range files {
			if f.Digest == d {
				return true
			}
		}
		return false
	}
	for _, set := range r.sets {
		if slices.ContainsFunc(set, func(g storage.Generation) bool { return has(g.Files) }) {
			return true
		}
	}
	return has(r.files)
}

// ListFiles implements storage.FileReader. It looks at every file of the repository.
func (s *Store) ListFiles(ctx context.Context, repo oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	return sequence(ctx, func() ([]storage.Entry, error) {
		if err := storage.CheckDir(dir); err != nil {
			return nil, err
		}
		s.mu.RLock()
		defer s.mu.RUnlock()
		r, ok := s.repos[repo]
		if !ok {
			return nil, nil
		}
		entries := r.entries(dir)
		var all []storage.Entry
		for _, name := range keysAfter(entries, after) {
			all = append(all, entries[name])
		}
		return all, nil
	})
}

// entries returns what stands in dir, by name.
func (r *repository) entries(dir string) map[string]storage.Entry {
	all := map[string]storage.Entry{}
	add := func(path string) {
		if !storage.InDir(path, dir) {
			return
		}
		name, _, below := strings.Cut(strings.TrimPrefix(path[len(dir):], "/"), "/")
		e := storage.Entry{Name: name}
		if below {
			e.Name += "/"
		} else {
			e.File, _ = r.file(path)
		}
		all[e.Name] = e
	}
	for path := range r.files {
		add(path)
	}
	for _, set := range r.sets {
		for path := range last(set).Files {
			add(path)
		}
	}
	return all
}

// PutFile implements storage.FileStore.
func (s *Store) PutFile(ctx context.Context, repo oci.Name, path string, f storage.File, when storage.Match) error {
	if err := storage.CheckPath(path); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.newFile(ctx, repo, path, f)
	if err != nil {
		return err
	}
	r := s.repos[repo]
	if err := r.mayChange(repo, path, when); err != nil {
		return err
	}
	r.files[path] = f
	return nil
}

// newFile returns f as it is going to be kept. The caller holds the lock.
func (s *Store) newFile(ctx context.Context, repo oci.Name, path string, f storage.File) (storage.File, error) {
	if err := ctx.Err(); err != nil {
		return storage.File{}, err
	}
	c, err := s.linked(repo, f.Digest)
	if err != nil {
		return storage.File{}, err
	}
	old, _ := s.repos[repo].file(path)
	f = f.Replacing(old, time.Now())
	f.Size = int64(len(c.data))
	return f, nil
}

// mayChange fails unless the single file at path may be put or removed.
func (r *repository) mayChange(repo oci.Name, path string, when storage.Match) error {
	if _, ok := r.published(path); ok {
		return fmt.Errorf("%w: %.256q in %s", storage.ErrFileGeneration, path, repo)
	}
	if at := r.files[path].Digest; !when.Holds(at) {
		return fmt.Errorf("%w: %.256q in %s has %.80q", storage.ErrFileMatch, path, repo, at)
	}
	return nil
}

// DeleteFile implements storage.FileStore.
func (s *Store) DeleteFile(ctx context.Context, repo oci.Name, path string, when storage.Match) error {
	if err := storage.CheckPath(path); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	r := s.repos[repo]
	if _, ok := r.file(path); !ok {
		return unknownFile(repo, path)
	}
	if err := r.mayChange(repo, path, when); err != nil {
		return err
	}
	delete(r.files, path)
	return nil
}

// PutFiles implements storage.FileStore.
func (s *Store) PutFiles(ctx context.Context, repo oci.Name, base string, files map[string]storage.File, keep int) (storage.Generation, error) {
	if err := storage.CheckGeneration(base, files); err != nil {
		return storage.Generation{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := make(map[string]storage.File, len(files))
	for path, f := range files {
		f, err := s.newFile(ctx, repo, path, f)
		if err != nil {
			return storage.Generation{}, err
		}
		own[path] = f
	}
	r := s.ensure(repo)
	set := r.sets[base]
	g := storage.NextGeneration(last(set), own, time.Now())
	set = append(set, g)
	r.sets[base] = slices.Clone(set[max(0, len(set)-max(keep, 1)):])
	s.tidy(repo)
	return g.Brief(), nil
}

// Generations implements storage.GenerationReader.
func (s *Store) Generations(ctx context.Context, repo oci.Name, base string) iter.Seq2[storage.Generation, error] {
	return sequence(ctx, func() ([]storage.Generation, error) {
		set, err := s.set(repo, base)
		var all []storage.Generation
		for _, g := range slices.Backward(set) {
			all = append(all, g.Brief())
		}
		return all, err
	})
}

// GetGeneration implements storage.GenerationReader.
func (s *Store) GetGeneration(ctx context.Context, repo oci.Name, base string, number int64) (storage.Generation, error) {
	set, err := s.set(repo, base)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return storage.Generation{}, err
	}
	for _, g := range set {
		if g.Number == number {
			return g, nil
		}
	}
	return storage.Generation{}, fmt.Errorf("%w: generation %d of %.256q in %s", storage.ErrFileUnknown, number, base, repo)
}

// set returns the generations of base, which nobody changes.
func (s *Store) set(repo oci.Name, base string) ([]storage.Generation, error) {
	if err := storage.CheckDir(base); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r, ok := s.repos[repo]; ok {
		return r.sets[base], nil
	}
	return nil, nil
}
