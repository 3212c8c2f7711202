package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// repo is what is known in memory of a repository. Its lock orders changes of the repository's links and tags with
// what is remembered of them; no fsync happens under it, but for deletions.
type repo struct {
	name oci.Name

	mu     sync.RWMutex
	tags   *tagIndex  // nil until first needed
	listed bool       // known to stand in Store.names
	linked int        // counts the referrers that came and went
	files  *repoFiles // nil until first needed

	publishing sync.Mutex   // held by whoever makes a generation, before mu
	emptying   sync.RWMutex // of directories of files: held for writing while they are removed, for reading from making one until a file is in it; before mu
}

// dir returns the path of one of the repository's directories: "_blobs", "sha256".
func (r *repo) dir(elem ...string) string {
	return "repos/" + string(r.name) + "/" + path.Join(elem...)
}

// repoMap holds the repositories that have been used.
type repoMap struct {
	mu sync.RWMutex
	m  map[oci.Name]*repo
}

// repo returns the repository, which need not be there yet. Only writes call it: reads would fill the memory with
// names that strangers made up.
func (s *Store) repo(name oci.Name) *repo {
	s.repos.mu.Lock()
	defer s.repos.mu.Unlock()
	r := s.repos.m[name]
	if r == nil {
		name = oci.Name(strings.Clone(string(name))) // not a piece of a longer path
		r = &repo{name: name}
		if s.repos.m == nil {
			s.repos.m = map[oci.Name]*repo{}
		}
		s.repos.m[name] = r
	}
	return r
}

// find returns the repository if there is something of it on the disk, else nil.
func (s *Store) find(name oci.Name) (*repo, error) {
	s.repos.mu.RLock()
	r := s.repos.m[name]
	s.repos.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	_, err := s.tree.root.Lstat("repos/" + string(name))
	if notThere(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.repo(name), nil
}

// notThere reports whether err says that there is no such file or directory, or that something else stands in the way.
func notThere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// exists reports whether the repository holds a manifest or a blob. Called with the lock held.
func (s *Store) exists(r *repo) (bool, error) {
	if r.listed {
		return true, nil
	}
	for _, kind := range []string{manifests, blobs} {
		for _, alg := range oci.Algorithms {
			if names, err := s.tree.someNames(r.dir(kind, string(alg)), 1); err != nil || len(names) > 0 {
				return err == nil, err
			}
		}
	}
	return false, nil
}

// checkExists returns the repository, or ErrRepoUnknown where there is none. One that holds anything is listed.
func (s *Store) checkExists(name oci.Name) (*repo, error) {
	r, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("%w: %s", storage.ErrRepoUnknown, name)
	}
	r.mu.RLock()
	listed := r.listed
	r.mu.RUnlock()
	if listed {
		return r, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	there, err := s.exists(r)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("%w: %s", storage.ErrRepoUnknown, name)
	}
	s.list(r)
	return r, nil
}

// names is the catalog: all repositories in byte order. It is read from the disk when it is first needed.
type names struct {
	mu     sync.RWMutex
	loaded bool
	sorted []oci.Name
}

// list enters r into the catalog. Called with r's lock held.
func (s *Store) list(r *repo) {
	if r.listed {
		return
	}
	r.listed = true
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	if i, ok := slices.BinarySearch(s.names.sorted, r.name); !ok && s.names.loaded {
		s.names.sorted = slices.Insert(s.names.sorted, i, r.name)
	}
}

// unlist takes r out of the catalog if nothing is left in it. Called with r's lock held.
func (s *Store) unlist(r *repo) (err error) {
	r.listed = false
	if r.listed, err = s.exists(r); r.listed || err != nil {
		return err
	}
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	if i, ok := slices.BinarySearch(s.names.sorted, r.name); ok {
		s.names.sorted = slices.Delete(s.names.sorted, i, i+1)
	}
	return nil
}

// chunk is how many names or tags an iteration copies at a time, so that it holds no lock while its caller works.
const chunk = 128

// Repositories implements storage.Reader.
func (s *Store) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		if err := s.loadNames(ctx); err != nil {
			yield("", err)
			return
		}
		pages(after, itself, yield, func(after oci.Name, buf []oci.Name) ([]oci.Name, error) {
			s.names.mu.RLock()
			defer s.names.mu.RUnlock()
			return append(buf, page(s.names.sorted, after)...), ctx.Err()
		})
	}
}

// pages yields what next appends to buf, asking it again with the name of the last one until it returns less than a chunk.
func pages[T any, N ~string](after N, name func(T) N, yield func(T, error) bool, next func(after N, buf []T) ([]T, error)) {
	var buf []T
	for {
		got, err := next(after, buf[:0])
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		for _, v := range got {
			if !yield(v, nil) {
				return
			}
		}
		if len(got) < chunk {
			return
		}
		after, buf = name(got[len(got)-1]), got
	}
}

// itself is the name of what is a name.
func itself[N ~string](n N) N { return n }

// page returns the first of the sorted names that are greater than after.
func page[T ~string](sorted []T, after T) []T {
	from, to := pageBounds(sorted, after)
	return sorted[from:to]
}

// pageBounds are the indexes of the first of a page and of the one behind it.
func pageBounds[T ~string](sorted []T, after T) (from, to int) {
	from, found := slices.BinarySearch(sorted, after)
	if found {
		from++
	}
	return from, min(from+chunk, len(sorted))
}

func (s *Store) loadNames(ctx context.Context) error {
	s.names.mu.RLock()
	loaded := s.names.loaded
	s.names.mu.RUnlock()
	if loaded {
		return nil
	}
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	if s.names.loaded {
		return nil
	}
	all, err := s.walkNames(ctx, "", nil)
	if err != nil {
		return err
	}
	slices.Sort(all)
	s.names.sorted, s.names.loaded = all, true
	return nil
}

// walkNames appends the repositories below the name prefix to all.
func (s *Store) walkNames(ctx context.Context, prefix string, all []oci.Name) ([]oci.Name, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	elems, err := s.tree.names(path.Join("repos", prefix))
	if err != nil {
		return nil, err
	}
	for _, e := range elems {
		if e[0] == '_' {
			continue
		}
		name, err := oci.ParseName(path.Join(prefix, e))
		if err != nil {
			s.log.Warn("not a repository", "path", path.Join("repos", prefix, e))
			continue
		}
		if all, err = s.walkNames(ctx, string(name), all); err != nil {
			return nil, err
		}
	}
	if prefix == "" {
		return all, nil
	}
	there, err := s.exists(&repo{name: oci.Name(prefix)})
	if there {
		all = append(all, oci.Name(prefix))
	}
	return all, err
}
