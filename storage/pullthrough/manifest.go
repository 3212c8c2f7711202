package pullthrough

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// GetManifest implements storage.ManifestReader.
func (s *Store) GetManifest(ctx context.Context, name oci.Name, d digest.Digest) (storage.Manifest, error) {
	r, err := s.allowManifest(name, string(d))
	if err != nil {
		return storage.Manifest{}, err
	}
	old, err := s.local.GetManifest(ctx, r.name, d)
	if err != nil && !isUnknown(err) {
		return storage.Manifest{}, err
	}
	if err == nil && s.isFresh(r, d) {
		s.count.hits.Add(1)
		s.keepsManifest(r, old)
		return old, nil
	}
	key := fileKey{own(r.name), own(d)}
	return answer(ctx, &s.asker, question[storage.Manifest]{
		kind: "manifest", key: string(r.name) + "@" + string(d), old: old, has: err == nil,
		ask: func(ctx context.Context) (storage.Manifest, error) {
			return s.fetch(ctx, repo{key.repo, own(r.up)}, key.d)
		},
	})
}

// StatManifest implements storage.ManifestStater: of what is not kept upstream is asked by HEAD, and no content is brought.
func (s *Store) StatManifest(ctx context.Context, name oci.Name, d digest.Digest) (oci.Descriptor, error) {
	r, err := s.allowManifest(name, string(d))
	if err != nil {
		return oci.Descriptor{}, err
	}
	old, err := s.local.GetManifest(ctx, r.name, d)
	if err != nil && !isUnknown(err) {
		return oci.Descriptor{}, err
	}
	if err == nil && s.isFresh(r, d) {
		s.count.hits.Add(1)
		return old.Descriptor, nil
	}
	key, up := fileKey{own(r.name), own(d)}, own(r.up)
	return answer(ctx, &s.asker, question[oci.Descriptor]{
		kind: "head", key: string(r.name) + "@" + string(d), old: old.Descriptor, has: err == nil,
		ask: func(ctx context.Context) (oci.Descriptor, error) {
			return s.askManifest(ctx, repo{key.repo, up}, key.d)
		},
	})
}

// askManifest asks upstream whether it has the manifest.
func (s *Store) askManifest(ctx context.Context, r repo, d digest.Digest) (oci.Descriptor, error) {
	desc, err := storage.StatManifest(ctx, s.upstream, r.up, d)
	if isAbsent(err) {
		s.forgetFile(r, d, s.local.DeleteManifest(ctx, r.name, d))
		return oci.Descriptor{}, asManifest(err, string(d), r.name)
	}
	if err == nil {
		s.noteFresh(r, d)
	}
	return desc, err
}

// StatTag implements storage.ManifestStater: what a tag points at upstream knows, which has told of it.
func (s *Store) StatTag(ctx context.Context, name oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return s.ResolveTag(ctx, name, tag)
}

// fetch gets a manifest of upstream and keeps it. A local store that cannot is no reason not to serve it.
func (s *Store) fetch(ctx context.Context, r repo, d digest.Digest) (storage.Manifest, error) {
	s.count.fetched.Add(1)
	m, err := s.upstream.GetManifest(ctx, r.up, d)
	if isAbsent(err) {
		s.forgetFile(r, d, s.local.DeleteManifest(ctx, r.name, d))
		return storage.Manifest{}, asManifest(err, string(d), r.name)
	}
	if err != nil {
		return storage.Manifest{}, err
	}
	if got := d.Algorithm().FromBytes(m.Raw); got != d || m.Digest != d {
		return storage.Manifest{}, fmt.Errorf("%w: %w: asked for the manifest %s of %s, it sent %s", storage.ErrUpstream, storage.ErrDamaged, d, r.up, got)
	}
	if err := s.local.PutManifest(ctx, r.name, m); err != nil {
		s.log.Warn("a manifest could not be kept", "repository", r.name, "digest", d, "error", err)
		return m, nil
	}
	s.noteFresh(r, d)
	s.bindPending(ctx, fileKey{r.name, d})
	s.keepsManifest(r, m)
	return m, nil
}

// isFresh reports whether what is kept by digest may be served without asking.
func (s *Store) isFresh(r repo, d digest.Digest) bool {
	if s.o.FileTTL <= 0 {
		return true
	}
	asked, ok := s.files.get(fileKey{r.name, d})
	return ok && time.Since(asked) < s.o.FileTTL
}

// noteFresh says that upstream has just said that it has d.
func (s *Store) noteFresh(r repo, d digest.Digest) {
	if s.o.FileTTL > 0 {
		s.files.put(fileKey{r.name, d}, time.Now(), 1)
	}
}

// forgetFile notes that the local store has dropped, with err, what upstream has no longer.
func (s *Store) forgetFile(r repo, d digest.Digest, err error) {
	s.files.take(fileKey{r.name, d})
	if err != nil && !errors.Is(err, context.Canceled) && !isUnknown(err) {
		s.log.Warn("what upstream has no longer stays", "repository", r.name, "digest", d, "error", err)
	}
}
