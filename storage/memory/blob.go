package memory

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// content is the bytes of a blob, kept once, with the repositories that link it: at least one.
type content struct {
	data  []byte // never written to: open blobs read it without the lock
	repos map[oci.Name]bool
}

// blob is an open blob. It holds on to the bytes by itself, whatever becomes of their links.
type blob struct{ *bytes.Reader }

func (blob) Close() error { return nil }

// StatBlob implements storage.BlobReader.
func (s *Store) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	data, err := s.read(ctx, repo, d)
	return int64(len(data)), err
}

// OpenBlob implements storage.BlobReader.
func (s *Store) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	data, err := s.read(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	return blob{bytes.NewReader(data)}, nil
}

// MountBlob implements storage.BlobStore.
func (s *Store) MountBlob(ctx context.Context, repo oci.Name, d digest.Digest, from oci.Name) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := s.linked(from, d)
	if err != nil {
		return err
	}
	s.link(repo, c)
	return nil
}

// DeleteBlob implements storage.BlobStore.
func (s *Store) DeleteBlob(ctx context.Context, repo oci.Name, d digest.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := s.linked(repo, d)
	if err != nil {
		return err
	}
	if s.repos[repo].names(d) {
		return fmt.Errorf("%w: %s in %s", storage.ErrFileHolds, d, repo)
	}
	delete(c.repos, repo)
	if len(c.repos) == 0 {
		delete(s.blobs, d)
	}
	s.repos[repo].blobs--
	s.tidy(repo)
	return nil
}

// BlobRepositories implements storage.BlobFinder.
func (s *Store) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[oci.Name, error] {
	return sequence(ctx, func() ([]oci.Name, error) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		c, ok := s.blobs[d]
		if !ok {
			return nil, nil
		}
		return slices.Collect(maps.Keys(c.repos)), nil
	})
}

func (s *Store) read(ctx context.Context, repo oci.Name, d digest.Digest) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := s.linked(repo, d)
	if err != nil {
		return nil, err
	}
	return c.data, nil
}

// linked returns the content of d if repo links it. The caller holds the lock.
func (s *Store) linked(repo oci.Name, d digest.Digest) (*content, error) {
	c, ok := s.blobs[d]
	if !ok || !c.repos[repo] {
		return nil, fmt.Errorf("%w: %s in %s", storage.ErrBlobUnknown, d, repo)
	}
	return c, nil
}

// keep makes data, whose digest is d, a blob of repo. The caller holds the lock.
func (s *Store) keep(repo oci.Name, d digest.Digest, data []byte) {
	c, ok := s.blobs[d]
	if !ok {
		c = &content{repos: make(map[oci.Name]bool)}
		s.blobs[d] = c
	}
	c.data = data
	s.link(repo, c)
}

// link links c into repo, once. The caller holds the lock.
func (s *Store) link(repo oci.Name, c *content) {
	if !c.repos[repo] {
		c.repos[repo] = true
		s.ensure(repo).blobs++
	}
}
