package explore

import (
	"context"
	"iter"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// refusing is a registry that is not asked: all it says is why.
type refusing struct{ err error }

// StatBlob implements storage.BlobReader.
func (r refusing) StatBlob(context.Context, oci.Name, digest.Digest) (int64, error) { return 0, r.err }

// OpenBlob implements storage.BlobReader.
func (r refusing) OpenBlob(context.Context, oci.Name, digest.Digest) (storage.Blob, error) {
	return nil, r.err
}

// GetManifest implements storage.ManifestReader.
func (r refusing) GetManifest(context.Context, oci.Name, digest.Digest) (storage.Manifest, error) {
	return storage.Manifest{}, r.err
}

// ResolveTag implements storage.ManifestReader.
func (r refusing) ResolveTag(context.Context, oci.Name, oci.Tag) (oci.Descriptor, error) {
	return oci.Descriptor{}, r.err
}

// Tags implements storage.ManifestReader.
func (r refusing) Tags(context.Context, oci.Name, oci.Tag) iter.Seq2[oci.Tag, error] {
	return failed[oci.Tag](r.err)
}

// Referrers implements storage.ManifestReader.
func (r refusing) Referrers(context.Context, oci.Name, digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return failed[oci.Descriptor](r.err)
}

// Repositories implements storage.Reader.
func (r refusing) Repositories(context.Context, oci.Name) iter.Seq2[oci.Name, error] {
	return failed[oci.Name](r.err)
}

// failed is a sequence of one error.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}
