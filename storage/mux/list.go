package mux

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Tags implements storage.ManifestReader.
func (s *Store) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return s.at(repo).Tags(ctx, repo, after)
}

// DatedTags implements storage.TagDater.
func (s *Store) DatedTags(ctx context.Context, repo oci.Name) iter.Seq2[storage.DatedTag, error] {
	return storage.DatedTags(ctx, s.at(repo), repo)
}

// Referrers implements storage.ManifestReader.
func (s *Store) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return s.at(repo).Referrers(ctx, repo, d)
}

// Manifests implements storage.ManifestStore.
func (s *Store) Manifests(ctx context.Context, repo oci.Name) iter.Seq2[oci.Descriptor, error] {
	return s.at(repo).Manifests(ctx, repo)
}

// Repositories implements storage.Reader: those of all Stores. One that cannot tell is left out.
func (s *Store) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	return s.all(func(to storage.Store, first string) iter.Seq2[oci.Name, error] {
		return to.Repositories(ctx, max(after, before(first)))
	})
}

// BlobRepositories implements storage.BlobFinder. They come in order, and those of a Store that cannot find them are asked one by one.
func (s *Store) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[oci.Name, error] {
	return s.all(func(to storage.Store, _ string) iter.Seq2[oci.Name, error] { return holders(ctx, to, d) })
}

// before is no name, less than all that are sent to first, and greater than all other names that are less.
func before(first string) oci.Name {
	if first == "" {
		return ""
	}
	last := len(first) - 1
	return oci.Name(first[:last] + string(rune(first[last]-1)) + "\x7f")
}

// all merges what of yields of the local store and of what is mounted, each of it for its own names.
func (s *Store) all(of func(to storage.Store, first string) iter.Seq2[oci.Name, error]) iter.Seq2[oci.Name, error] {
	mounts := *s.mounts.Load()
	var seqs []iter.Seq2[oci.Name, error]
	if mounts[""] == nil {
		seqs = append(seqs, under(mounts, of(s.local, ""), ""))
	}
	for _, first := range slices.Sorted(maps.Keys(mounts)) {
		seqs = append(seqs, under(mounts, of(mounts[first], first), first))
	}
	return merge(seqs, cmp.Compare, func(_ int, err error) error {
		if errors.Is(err, storage.ErrUnsupported) {
			return nil
		}
		return err
	})
}

// under leaves those names that are sent to what is mounted at first.
func under(mounts map[string]storage.Store, names iter.Seq2[oci.Name, error], first string) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		behind := oci.Name(first + "0") // "0" comes after "/"
		for name, err := range names {
			if err == nil && mountOf(mounts, name) != first {
				if first != "" && name > behind {
					return
				}
				continue
			}
			if !yield(name, err) {
				return
			}
		}
	}
}

// holders yields the repositories of s that hold the blob, in order.
func holders(ctx context.Context, s storage.Store, d digest.Digest) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		_, sure := s.(storage.BlobFinder)
		var all []oci.Name
		for name, err := range storage.BlobRepositories(ctx, s, d) {
			if err != nil {
				yield("", err)
				return
			}
			if !sure {
				if _, err := s.StatBlob(ctx, name, d); err != nil {
					continue
				}
			}
			all = append(all, name)
		}
		slices.Sort(all)
		for _, name := range all {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// merge yields what seqs do, each of which is in order, in order, and what several have once: that of the first of them. One that fails has ended; failed is
// asked what is to be yielded in place of its error, nil for nothing: else all has ended. Every seq has been asked for its first value before one is yielded.
func merge[T any](seqs []iter.Seq2[T, error], compare func(a, b T) int, failed func(i int, err error) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		m := &merger[T]{compare: compare, failed: failed}
		defer m.stop()
		for i, seq := range seqs {
			next, stop := iter.Pull2(seq)
			m.from = append(m.from, &source[T]{i: i, next: next, stop: stop})
		}
		for _, from := range m.from {
			m.advance(from)
		}
		for m.err == nil {
			v, ok := m.least()
			if !ok {
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		var none T
		yield(none, m.err)
	}
}

// merger is the state of merge.
type merger[T any] struct {
	from    []*source[T]
	compare func(a, b T) int
	failed  func(i int, err error) error
	err     error // what all ends with
}

// source is one of the sequences, with the value that it is at.
type source[T any] struct {
	i    int
	next func() (T, error, bool)
	stop func()
	at   T
	live bool
}

func (m *merger[T]) stop() {
	for _, from := range m.from {
		from.stop()
	}
}

func (m *merger[T]) advance(from *source[T]) {
	v, err, ok := from.next()
	from.at, from.live = v, ok && err == nil
	if ok && err != nil && m.err == nil {
		m.err = m.failed(from.i, err)
	}
}

// least returns the least of the values and steps behind it everywhere.
func (m *merger[T]) least() (v T, ok bool) {
	for _, from := range m.from {
		if from.live && (!ok || m.compare(from.at, v) < 0) {
			v, ok = from.at, true
		}
	}
	if !ok {
		return v, false
	}
	for _, from := range m.from {
		if from.live && m.compare(from.at, v) == 0 {
			m.advance(from)
		}
	}
	return v, true
}
