package memory

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// ResolveTag implements storage.ManifestReader.
func (s *Store) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return oci.Descriptor{}, err
	}
	r, err := s.repository(repo)
	if err != nil {
		return oci.Descriptor{}, err
	}
	at, ok := r.tags[tag]
	if !ok {
		return oci.Descriptor{}, unknownTag(repo, tag)
	}
	return brief(r.manifests[at.digest]), nil
}

// Tags implements storage.ManifestReader.
func (s *Store) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return sequence(ctx, func() ([]oci.Tag, error) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		r, err := s.repository(repo)
		if err != nil {
			return nil, err
		}
		return keysAfter(r.tags, after), nil
	})
}

// DatedTags implements storage.TagDater.
func (s *Store) DatedTags(ctx context.Context, repo oci.Name) iter.Seq2[storage.DatedTag, error] {
	return sequence(ctx, func() ([]storage.DatedTag, error) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		r, err := s.repository(repo)
		if err != nil {
			return nil, err
		}
		var all []storage.DatedTag
		for _, tag := range keysAfter(r.tags, "") {
			all = append(all, storage.DatedTag{Tag: tag, Digest: r.tags[tag].digest, Time: r.tags[tag].since})
		}
		return all, nil
	})
}

// SetTag implements storage.ManifestStore.
func (s *Store) SetTag(ctx context.Context, repo oci.Name, tag oci.Tag, d digest.Digest, when storage.Match) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.repository(repo)
	if err != nil {
		return fmt.Errorf("%w: %w", storage.ErrManifestUnknown, err) // a repository that is not there has no manifest d
	}
	if _, err := r.manifest(repo, d); err != nil {
		return err
	}
	at := r.tags[tag].digest
	if !when.Holds(at) {
		return fmt.Errorf("%w: %s in %s is at %.80q", storage.ErrTagMatch, tag, repo, at)
	}
	if at != d {
		r.tags[tag] = target{d, time.Now()}
	}
	return nil
}

// DeleteTag implements storage.ManifestStore.
func (s *Store) DeleteTag(ctx context.Context, repo oci.Name, tag oci.Tag) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.repository(repo)
	if err != nil {
		return err
	}
	if _, ok := r.tags[tag]; !ok {
		return unknownTag(repo, tag)
	}
	delete(r.tags, tag)
	return nil
}

func unknownTag(repo oci.Name, tag oci.Tag) error {
	return fmt.Errorf("%w: tag %s in %s", storage.ErrManifestUnknown, tag, repo)
}
