package memory

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// GetManifest implements storage.ManifestReader.
func (s *Store) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return storage.Manifest{}, err
	}
	r, err := s.repository(repo)
	if err != nil {
		return storage.Manifest{}, err
	}
	return r.manifest(repo, d)
}

// PutManifest implements storage.ManifestStore.
func (s *Store) PutManifest(ctx context.Context, repo oci.Name, m storage.Manifest) error {
	if got := m.Digest.Algorithm().FromBytes(m.Raw); got != m.Digest {
		return fmt.Errorf("%w: want %s, the manifest has %s", storage.ErrDigestMismatch, m.Digest, got)
	}
	m.Raw = bytes.Clone(m.Raw) // the caller's may change
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	s.ensure(repo).manifests[m.Digest] = m
	return nil
}

// DeleteManifest implements storage.ManifestStore.
func (s *Store) DeleteManifest(ctx context.Context, repo oci.Name, d digest.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.repository(repo)
	if err != nil {
		return err
	}
	if _, err := r.manifest(repo, d); err != nil {
		return err
	}
	delete(r.manifests, d)
	maps.DeleteFunc(r.tags, func(_ oci.Tag, at target) bool { return at.digest == d })
	s.tidy(repo)
	return nil
}

// Manifests implements storage.ManifestStore.
func (s *Store) Manifests(ctx context.Context, repo oci.Name) iter.Seq2[oci.Descriptor, error] {
	return sequence(ctx, func() ([]oci.Descriptor, error) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		r, err := s.repository(repo)
		if err != nil {
			return nil, err
		}
		var all []oci.Descriptor
		for _, d := range keysAfter(r.manifests, "") {
			all = append(all, brief(r.manifests[d]))
		}
		return all, nil
	})
}

// Referrers implements storage.ManifestReader. It looks at every manifest of the repository: an index would be one more
// thing to keep true.
func (s *Store) Referrers(ctx context.Context, repo oci.Name, subject digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return sequence(ctx, func() ([]oci.Descriptor, error) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		r, ok := s.repos[repo]
		if !ok || subject == "" {
			return nil, nil
		}
		var all []oci.Descriptor
		for _, d := range keysAfter(r.manifests, "") {
			if m := r.manifests[d]; m.Subject == subject {
				all = append(all, m.Descriptor)
			}
		}
		return all, nil
	})
}

// manifest returns the manifest d of r, whose name is repo.
func (r *repository) manifest(repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	m, ok := r.manifests[d]
	if !ok {
		return storage.Manifest{}, fmt.Errorf("%w: %s in %s", storage.ErrManifestUnknown, d, repo)
	}
	return m, nil
}

// brief is the descriptor of m without what only referrers lists show.
func brief(m storage.Manifest) oci.Descriptor {
	return oci.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: m.Size}
}
