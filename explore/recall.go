package explore

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// How long what another registry said is not asked again, where it may change: a tag that people move sooner than what is attached to a manifest.
const (
	recallTags     = time.Minute
	recallAttached = 5 * time.Minute
)

// Bounds of what is recalled of one registry.
const (
	maxRecalled = 2 << 20 // bytes, about, of each kind
)

// recall is another registry with what it said lately of tags and referrers. What goes by digest, it remembers by itself.
type recall struct {
	storage.Reader
	now       func() time.Time
	tags      recalled[string, oci.Descriptor]
	lists     recalled[oci.Name, []oci.Tag]
	referrers recalled[string, []oci.Descriptor]
}

func newRecall(r storage.Reader) *recall {
	c := &recall{Reader: r, now: time.Now}
	c.tags.kept = newLRU[string, said[oci.Descriptor]](maxRecalled)
	c.lists.kept = newLRU[oci.Name, said[[]oci.Tag]](maxRecalled)
	c.referrers.kept = newLRU[string, said[[]oci.Descriptor]](maxRecalled)
	return c
}

// ResolveTag implements storage.ManifestReader. That there is no such tag is remembered too.
func (c *recall) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	lasts := recallTags
	if _, kind := attachment(tag); kind != "" {
		lasts = recallAttached
	}
	return c.tags.of(string(repo)+":"+string(tag), c.now(), lasts, func() (oci.Descriptor, int64, error) {
		d, err := c.Reader.ResolveTag(ctx, repo, tag)
		return d, int64(factOverhead + len(d.MediaType)), err
	})
}

// Tags implements storage.ManifestReader. Of more than maxUndated of them one is more than is shown.
func (c *recall) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	if after != "" {
		return c.Reader.Tags(ctx, repo, after)
	}
	all, err := c.lists.of(repo, c.now(), recallTags, func() (all []oci.Tag, cost int64, err error) {
		for tag, err := range c.Reader.Tags(ctx, repo, "") {
			if err != nil {
				return nil, 0, err
			}
			all, cost = append(all, tag), cost+int64(len(tag))+16
			if len(all) > maxUndated {
				break
			}
		}
		return all, cost + factOverhead, nil
	})
	return sequence(all, err)
}

// Referrers implements storage.ManifestReader.
func (c *recall) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	all, err := c.referrers.of(string(repo)+"@"+string(d), c.now(), recallAttached, func() ([]oci.Descriptor, int64, error) {
		l := &referrerList{seen: map[digest.Digest]bool{}}
		for d, err := range c.Reader.Referrers(ctx, repo, d) {
			if err != nil {
				return nil, 0, err
			}
			if l.add(d, ""); l.full {
				break
			}
		}
		all := make([]oci.Descriptor, len(l.all))
		for i, r := range l.all {
			all[i] = r.Descriptor
		}
		return all, int64(l.size + factOverhead*(len(all)+1)), nil
	})
	return sequence(all, err)
}

// sequence yields all, or the error.
func sequence[T any](all []T, err error) iter.Seq2[T, error] {
	if err != nil {
		return failed[T](err)
	}
	return func(yield func(T, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// recalled are answers, for a while each.
type recalled[K comparable, V any] struct {
	mu   sync.Mutex
	kept *lru[K, said[V]]
}

// said is an answer: something, or that there is no such thing.
type said[V any] struct {
	v     V
	err   error
	until time.Time
}

// of returns what was said under key, or asks. Errors that are no answers are not remembered.
func (r *recalled[K, V]) of(key K, now time.Time, lasts time.Duration, ask func() (V, int64, error)) (V, error) {
	r.mu.Lock()
	s, ok := r.kept.get(key)
	r.mu.Unlock()
	if ok && now.Before(s.until) {
		return s.v, s.err
	}
	v, cost, err := ask()
	if err == nil || isUnknown(err) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.kept.put(key, said[V]{v, err, now.Add(lasts)}, cost+factOverhead)
	}
	return v, err
}
