// Package memory is a storage.Store in memory: the smallest complete one, for tests and for throw-away registries.
//
// Nothing bounds it but the machine's memory, an upload in flight is held twice for a moment, and all of it is gone
// with the process. One lock guards everything; it is never held while foreign code runs, that is, while an upload's
// reader is read or the body of a caller's loop runs.
package memory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Store keeps everything in maps. It is a storage.Store, FileStore, BlobFinder, TagDater and UploadExpirer.
type Store struct {
	mu      sync.RWMutex
	repos   map[oci.Name]*repository // those that exist: none of them is empty
	blobs   map[digest.Digest]*content
	uploads map[string]*session
	secrets secrets
}

// repository is what one repository holds. Its blobs are counted only: content knows who links it.
type repository struct {
	blobs     int
	manifests map[digest.Digest]storage.Manifest
	tags      map[oci.Tag]target // each points at one of manifests
	files     map[string]storage.File
	sets      map[string][]storage.Generation // by directory, the last one last
}

// target is what a tag points at.
type target struct {
	digest digest.Digest
	since  time.Time
}

// New returns an empty store.
func New() *Store {
	return &Store{
		repos:   make(map[oci.Name]*repository),
		blobs:   make(map[digest.Digest]*content),
		uploads: make(map[string]*session),
	}
}

// Repositories implements storage.Reader.
func (s *Store) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	return sequence(ctx, func() ([]oci.Name, error) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return keysAfter(s.repos, after), nil
	})
}

// repository returns a repository that exists. The caller holds the lock.
func (s *Store) repository(name oci.Name) (*repository, error) {
	r, ok := s.repos[name]
	if !ok {
		return nil, fmt.Errorf("%w: %s", storage.ErrRepoUnknown, name)
	}
	return r, nil
}

// ensure returns a repository that is about to hold something. The caller holds the lock.
func (s *Store) ensure(name oci.Name) *repository {
	r, ok := s.repos[name]
	if !ok {
		r = &repository{
			manifests: make(map[digest.Digest]storage.Manifest), tags: make(map[oci.Tag]target),
			files: make(map[string]storage.File), sets: make(map[string][]storage.Generation),
		}
		s.repos[name] = r
	}
	return r
}

// tidy forgets a repository that holds nothing any more. The caller holds the lock.
func (s *Store) tidy(name oci.Name) {
	if r := s.repos[name]; r.blobs == 0 && len(r.manifests) == 0 {
		delete(s.repos, name)
	}
}

// sequence yields what list returns, or its error. list takes the lock and gives it back, so that the body of the loop
// may use the store.
func sequence[T any](ctx context.Context, list func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if err := ctx.Err(); err != nil {
			yield(zero, err)
			return
		}
		all, err := list()
		if err != nil {
			yield(zero, err)
			return
		}
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// keysAfter returns the keys of m that are greater than after, in order. Sorting at every call is slower than keeping an
// order, and can't be wrong.
func keysAfter[K cmp.Ordered, V any](m map[K]V, after K) []K {
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(m)), func(k K) bool { return k <= after })
	slices.Sort(keys)
	return keys
}
