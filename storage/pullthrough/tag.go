package pullthrough

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// binding is what a tag pointed at when upstream was last asked.
type binding struct {
	desc  oci.Descriptor
	asked time.Time
}

// ResolveTag implements storage.ManifestReader. Within IndexTTL it asks nobody; behind it, upstream for what the tag points at, and for no manifest.
func (s *Store) ResolveTag(ctx context.Context, name oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	r, err := s.allowManifest(name, string(tag))
	if err != nil {
		return oci.Descriptor{}, err
	}
	key := tagKey{own(r.name), own(tag)}
	if b, ok := s.tags.get(key); ok && time.Since(b.asked) < s.o.IndexTTL {
		return b.desc, ctx.Err()
	}
	old, err := s.local.ResolveTag(ctx, r.name, tag)
	if err != nil && !isUnknown(err) {
		return oci.Descriptor{}, err
	}
	return answer(ctx, &s.asker, question[oci.Descriptor]{
		kind: "tag", key: string(r.name) + ":" + string(tag), old: old, has: err == nil,
		ask: func(ctx context.Context) (oci.Descriptor, error) { return s.askTag(ctx, key, own(r.up)) },
	})
}

// askTag asks upstream what the tag points at, and lets the local store's tag follow.
func (s *Store) askTag(ctx context.Context, key tagKey, up oci.Name) (oci.Descriptor, error) {
	s.count.checked.Add(1)
	desc, err := s.upstream.ResolveTag(ctx, up, key.tag)
	if isAbsent(err) {
		s.tags.take(key)
		s.dropTag(ctx, key)
		return oci.Descriptor{}, asManifest(err, string(key.tag), key.repo)
	}
	if err != nil {
		return oci.Descriptor{}, err
	}
	desc = oci.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
	s.tags.put(key, binding{desc, time.Now()}, 1)
	s.bind(ctx, key, desc)
	return desc, nil
}

// bind sets the local store's tag. Where the manifest is not kept yet, it is set when it comes: that is expected before it is tried, because it may come
// between the two.
func (s *Store) bind(ctx context.Context, key tagKey, desc oci.Descriptor) {
	if at, err := s.local.ResolveTag(ctx, key.repo, key.tag); err == nil && at.Digest == desc.Digest {
		return
	}
	file := fileKey{key.repo, desc.Digest}
	s.pending.update(file, 1, func(all []oci.Tag) []oci.Tag {
		if slices.Contains(all, key.tag) || len(all) >= maxPendingTags {
			return all
		}
		return append(slices.Clip(all), key.tag)
	})
	err := s.local.SetTag(ctx, key.repo, key.tag, desc.Digest, storage.Match{})
	if err != nil && !isUnknown(err) {
		s.log.Warn("a tag could not be kept", "repository", key.repo, "tag", key.tag, "error", err)
	}
}

// maxPendingTags bounds the tags that wait for one manifest.
const maxPendingTags = 64

// bindPending sets the tags that waited for the manifest, unless they have moved on.
func (s *Store) bindPending(ctx context.Context, file fileKey) {
	for _, tag := range s.pending.take(file) {
		b, ok := s.tags.get(tagKey{file.repo, tag})
		if !ok || b.desc.Digest != file.d {
			continue
		}
		if err := s.local.SetTag(ctx, file.repo, tag, file.d, storage.Match{}); err != nil {
			s.log.Warn("a tag could not be kept", "repository", file.repo, "tag", tag, "error", err)
		}
	}
}

// dropTag removes the local store's tag, which upstream has no longer. What it pointed at stays.
func (s *Store) dropTag(ctx context.Context, key tagKey) {
	err := s.local.DeleteTag(ctx, key.repo, key.tag)
	if err != nil && !isUnknown(err) {
		s.log.Warn("a tag that upstream has no longer stays", "repository", key.repo, "tag", key.tag, "error", err)
	}
}

// isUnknown reports whether err is the local store's for what it does not have, or has and cannot read: it is fetched again then.
func isUnknown(err error) bool {
	return errors.Is(err, storage.ErrBlobUnknown) || errors.Is(err, storage.ErrManifestUnknown) || errors.Is(err, storage.ErrRepoUnknown)
}

// asManifest makes sure that an answer that there is no such repository says that there is no such manifest.
func asManifest(err error, ref string, name oci.Name) error {
	if errors.Is(err, storage.ErrManifestUnknown) {
		return err
	}
	return fmt.Errorf("%w: %.160s in %s: %w", storage.ErrManifestUnknown, ref, name, err)
}

// own returns a copy of s that is no piece of a request line: what is remembered would keep the whole of it.
func own[T ~string](s T) T { return T(strings.Clone(string(s))) }
