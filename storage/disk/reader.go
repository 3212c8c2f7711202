package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Reader is a storage.Reader of a root that another process may have open and write to. It takes no lock and changes nothing. It remembers what it
// has read, so it is for a short life: a tag that moves meanwhile may be seen where it was.
type Reader struct{ s *Store }

// OpenReader opens the store at root for reading. Errors wrap fs.ErrNotExist where there is none, ErrLayout, or those of the file system.
func OpenReader(root string, log *slog.Logger) (*Reader, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	if err := checkLayout(r); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s: no store is there: %w", root, err)
		}
		return nil, errors.Join(err, r.Close())
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{tree: newTree(r, false), log: log}
	s.links.max, s.raws.max, s.referrers.max, s.listings.max = maxLinks, maxRawBytes, maxReferrers, maxListings
	return &Reader{s}, nil
}

// Close gives the root back.
func (r *Reader) Close() error { return r.s.Close() }

// StatBlob implements storage.BlobReader.
func (r *Reader) StatBlob(ctx context.Context, name oci.Name, d digest.Digest) (int64, error) {
	return r.s.StatBlob(ctx, name, d)
}

// OpenBlob implements storage.BlobReader.
func (r *Reader) OpenBlob(ctx context.Context, name oci.Name, d digest.Digest) (storage.Blob, error) {
	return r.s.OpenBlob(ctx, name, d)
}

// GetManifest implements storage.ManifestReader.
func (r *Reader) GetManifest(ctx context.Context, name oci.Name, d digest.Digest) (storage.Manifest, error) {
	return r.s.GetManifest(ctx, name, d)
}

// ResolveTag implements storage.ManifestReader.
func (r *Reader) ResolveTag(ctx context.Context, name oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return r.s.ResolveTag(ctx, name, tag)
}

// Tags implements storage.ManifestReader.
func (r *Reader) Tags(ctx context.Context, name oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return r.s.Tags(ctx, name, after)
}

// DatedTags implements storage.TagDater.
func (r *Reader) DatedTags(ctx context.Context, name oci.Name) iter.Seq2[storage.DatedTag, error] {
	return r.s.DatedTags(ctx, name)
}

// Referrers implements storage.ManifestReader.
func (r *Reader) Referrers(ctx context.Context, name oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return r.s.Referrers(ctx, name, d)
}

// StatFile implements storage.FileReader.
func (r *Reader) StatFile(ctx context.Context, name oci.Name, path string) (storage.File, error) {
	return r.s.StatFile(ctx, name, path)
}

// OpenFile implements storage.FileReader.
func (r *Reader) OpenFile(ctx context.Context, name oci.Name, path string) (storage.Blob, storage.File, error) {
	return r.s.OpenFile(ctx, name, path)
}

// ListFiles implements storage.FileReader.
func (r *Reader) ListFiles(ctx context.Context, name oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	return r.s.ListFiles(ctx, name, dir, after)
}

// Generations implements storage.GenerationReader.
func (r *Reader) Generations(ctx context.Context, name oci.Name, base string) iter.Seq2[storage.Generation, error] {
	return r.s.Generations(ctx, name, base)
}

// GetGeneration implements storage.GenerationReader.
func (r *Reader) GetGeneration(ctx context.Context, name oci.Name, base string, number int64) (storage.Generation, error) {
	return r.s.GetGeneration(ctx, name, base, number)
}

// Repositories implements storage.Reader.
func (r *Reader) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	return r.s.Repositories(ctx, after)
}

// DerivedReader reads what a Derived of the same root has kept, also while it does.
type DerivedReader struct{ s *Store }

// Derived returns the derived data of the root. It keeps nothing.
func (r *Reader) Derived() *DerivedReader { return &DerivedReader{r.s} }

// Get opens what is kept under key; fs.ErrNotExist if that is nothing. The caller closes it.
func (c *DerivedReader) Get(_ context.Context, key string) (storage.Blob, error) {
	name, err := checkKey(key)
	if err != nil {
		return nil, err
	}
	return c.s.openDerived(name)
}

// Put fails with storage.ErrUnsupported.
func (c *DerivedReader) Put(context.Context, string, func(io.Writer) error) error {
	return fmt.Errorf("%w: the root is open for reading", storage.ErrUnsupported)
}
