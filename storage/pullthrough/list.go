package pullthrough

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// listed is what upstream has listed.
type listed[T any] struct {
	all   []T
	long  bool // there are more than are kept: they have to be asked for each time
	asked time.Time
}

// maxList bounds a list that is kept, in bytes of memory: some 100,000 tags.
const maxList = maxLists / 8

// Tags implements storage.ManifestReader. They are those of upstream, as a whole as old as IndexTTL at most; where upstream is in trouble and they are not known,
// those that are kept.
func (s *Store) Tags(ctx context.Context, name oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return func(yield func(oci.Tag, error) bool) {
		r, err := s.allow(name, "tags", "list")
		if err != nil {
			yield("", err)
			return
		}
		l, err := s.listTags(ctx, r)
		if err == nil && l.long {
			passOn(ctx, s, "tags", s.upstream.Tags(ctx, r.up, after), yield)
			return
		}
		i, found := slices.BinarySearch(l.all, after)
		if found {
			i++
		}
		yieldAll(ctx, l.all[i:], err, yield)
	}
}

func (s *Store) listTags(ctx context.Context, r repo) (listed[oci.Tag], error) {
	cost := func(t oci.Tag) int64 { return int64(len(t)) + 16 }
	key := own(string(r.name))
	l, ok := s.tagLists.get(key)
	if ok && time.Since(l.asked) < s.o.IndexTTL {
		return l, nil
	}
	if !ok {
		l.all, ok = something(s.local.Tags(ctx, r.name, ""))
	}
	up := own(r.up)
	return answer(ctx, &s.asker, question[listed[oci.Tag]]{
		kind: "tags", key: key, old: l, has: ok,
		ask: func(ctx context.Context) (listed[oci.Tag], error) {
			return keepList(s.tagLists, key, s.upstream.Tags(ctx, up, ""), cmp.Compare[oci.Tag], cost)
		},
	})
}

// DatedTags implements storage.TagDater for what is kept, which is all there is to know of with storage.KeptOnly: what upstream's other tags point at, it would
// have to be asked for one by one.
func (s *Store) DatedTags(ctx context.Context, name oci.Name) iter.Seq2[storage.DatedTag, error] {
	return func(yield func(storage.DatedTag, error) bool) {
		r, err := s.allow(name, "tags", "list")
		if err == nil && !storage.IsKeptOnly(ctx) {
			err = fmt.Errorf("%w: dates of tags of another registry", storage.ErrUnsupported)
		}
		if err != nil {
			yield(storage.DatedTag{}, err)
			return
		}
		storage.DatedTags(ctx, s.local, r.name)(yield)
	}
}

// Referrers implements storage.ManifestReader, as Tags does. Upstream that knows no such repository has no referrers.
func (s *Store) Referrers(ctx context.Context, name oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		r, err := s.allow(name, "referrers", string(d))
		if err != nil {
			yield(oci.Descriptor{}, err)
			return
		}
		l, err := s.listReferrers(ctx, r, d)
		if err == nil && l.long {
			passOn(ctx, s, "referrers", s.upstream.Referrers(ctx, r.up, d), yield)
			return
		}
		yieldAll(ctx, l.all, err, yield)
	}
}

func (s *Store) listReferrers(ctx context.Context, r repo, d digest.Digest) (listed[oci.Descriptor], error) {
	key := string(r.name) + "@" + string(d)
	l, ok := s.referrers.get(key)
	if ok && time.Since(l.asked) < s.o.IndexTTL {
		return l, nil
	}
	if !ok {
		l.all, ok = something(s.local.Referrers(ctx, r.name, d))
	}
	up, d := own(r.up), own(d)
	l, err := answer(ctx, &s.asker, question[listed[oci.Descriptor]]{
		kind: "referrers", key: key, old: l, has: ok,
		ask: func(ctx context.Context) (listed[oci.Descriptor], error) {
			return keepList(s.referrers, key, s.upstream.Referrers(ctx, up, d), byDigest, descriptorCost)
		},
	})
	if isAbsent(err) {
		err = nil
	}
	return l, err
}

// byDigest orders descriptors as a list of referrers is ordered.
func byDigest(a, b oci.Descriptor) int { return strings.Compare(string(a.Digest), string(b.Digest)) }

// descriptorCost estimates the memory of a descriptor in bytes.
func descriptorCost(d oci.Descriptor) int64 {
	n := 300 + len(d.MediaType) + len(d.ArtifactType)
	for k, v := range d.Annotations {
		n += 64 + len(k) + len(v)
	}
	return int64(n)
}

// keepList reads seq and keeps it in l, in order, each once: not all registries care. It reads no more than can be kept.
func keepList[T any](l *lru[string, listed[T]], key string, seq iter.Seq2[T, error], compare func(a, b T) int, cost func(T) int64) (listed[T], error) {
	got, sum := listed[T]{}, int64(len(key)+64)
	for v, err := range seq {
		if err != nil {
			return listed[T]{}, err
		}
		if sum += cost(v); sum > maxList {
			got.all, got.long = nil, true
			break
		}
		got.all = append(got.all, v)
	}
	slices.SortFunc(got.all, compare)
	got.all = slices.CompactFunc(got.all, func(a, b T) bool { return compare(a, b) == 0 })
	got.asked = time.Now()
	l.put(key, got, min(sum, maxList))
	return got, nil
}

// something returns all that seq yields, and whether that is anything, and no error.
func something[T any](seq iter.Seq2[T, error]) (all []T, ok bool) {
	for v, err := range seq {
		if err != nil {
			return nil, false
		}
		all = append(all, v)
	}
	return all, len(all) > 0
}

// yieldAll yields all, or err in their place.
func yieldAll[T any](ctx context.Context, all []T, err error, yield func(T, error) bool) {
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		var none T
		yield(none, err)
		return
	}
	for _, v := range all {
		if !yield(v, nil) {
			return
		}
	}
}

// passOn yields what upstream does.
func passOn[T any](ctx context.Context, s *Store, kind string, seq iter.Seq2[T, error], yield func(T, error) bool) {
	storage.NoteAsked(ctx, storage.AskedNew)
	for v, err := range seq {
		if isTrouble(err) {
			err = upstreams(err)
		}
		if !yield(v, s.told(kind, err)) || err != nil {
			return
		}
	}
}

// Repositories implements storage.Reader: those of which something is kept. What upstream has besides may be more than anybody wants to read, and most
// do not tell.
func (s *Store) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		first := s.withPrefix("") // no name, but less than all that begin with it
		for name, err := range s.local.Repositories(ctx, max(after, first)) {
			if err == nil && !strings.HasPrefix(string(name), string(first)) {
				return
			}
			if err == nil && !s.shows(name) {
				continue
			}
			if !yield(name, err) {
				return
			}
		}
	}
}

// shows reports whether the patterns let lists have the name.
func (s *Store) shows(name oci.Name) bool {
	_, err := s.allow(name, "tags", "list")
	return err == nil
}

// BlobRepositories implements storage.BlobFinder, of what is kept.
func (s *Store) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		for name, err := range storage.BlobRepositories(ctx, s.local, d) {
			if err == nil && !s.holds(ctx, name, d) {
				continue
			}
			if !yield(name, err) {
				return
			}
		}
	}
}

// holds reports whether the name is one of this Store's, and has the blob.
func (s *Store) holds(ctx context.Context, name oci.Name, d digest.Digest) bool {
	if !s.shows(name) {
		return false
	}
	_, err := s.local.StatBlob(ctx, name, d)
	return err == nil
}

// Manifests implements storage.ManifestStore: those that are kept.
func (s *Store) Manifests(ctx context.Context, name oci.Name) iter.Seq2[oci.Descriptor, error] {
	r, err := s.allow(name, "tags", "list")
	if err != nil {
		return func(yield func(oci.Descriptor, error) bool) { yield(oci.Descriptor{}, err) }
	}
	return s.local.Manifests(ctx, r.name)
}
