package pullthrough

import (
	"context"
	"fmt"
	"iter"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// ListFiles implements storage.FileReader: what is kept. What upstream has besides, it does not list.
func (s *Files) ListFiles(ctx context.Context, repo oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	if repo != s.name {
		return func(func(storage.Entry, error) bool) {}
	}
	return s.local.ListFiles(ctx, repo, dir, after)
}

// Generations implements storage.GenerationReader: those that are kept.
func (s *Files) Generations(ctx context.Context, repo oci.Name, base string) iter.Seq2[storage.Generation, error] {
	if repo != s.name {
		return func(func(storage.Generation, error) bool) {}
	}
	return s.local.Generations(ctx, repo, base)
}

// GetGeneration implements storage.GenerationReader.
func (s *Files) GetGeneration(ctx context.Context, repo oci.Name, base string, number int64) (storage.Generation, error) {
	if repo != s.name {
		return storage.Generation{}, fmt.Errorf("%w: %s is not %s", storage.ErrFileUnknown, repo, s.name)
	}
	return s.local.GetGeneration(ctx, repo, base, number)
}

// StatBlob implements storage.BlobReader for the content of what is kept.
func (s *Files) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	if repo != s.name {
		return 0, fmt.Errorf("%w: %s is not %s", storage.ErrBlobUnknown, repo, s.name)
	}
	return s.local.StatBlob(ctx, repo, d)
}

// OpenBlob implements storage.BlobReader, so that a generation can be read on in: see storage.OpenFileAt.
func (s *Files) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	if repo != s.name {
		return nil, fmt.Errorf("%w: %s is not %s", storage.ErrBlobUnknown, repo, s.name)
	}
	return s.local.OpenBlob(ctx, repo, d)
}
