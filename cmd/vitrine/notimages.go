package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// notImages stands, for clients that want images, at the name of a repository of other packages. It embeds nothing: all that can be asked for is refused, and
// it shows in no list.
type notImages struct{ of *repository }

// err is NAME_INVALID: there can be no image of such a name.
func (n notImages) err() error {
	return fmt.Errorf("%w: repository %s holds %s packages, not images", oci.ErrName, n.of.name, n.of.pkg)
}

func (n notImages) StatBlob(context.Context, oci.Name, digest.Digest) (int64, error) {
	return 0, n.err()
}

func (n notImages) OpenBlob(context.Context, oci.Name, digest.Digest) (storage.Blob, error) {
	return nil, n.err()
}

func (n notImages) MountBlob(context.Context, oci.Name, digest.Digest, oci.Name) error {
	return n.err()
}

func (n notImages) DeleteBlob(context.Context, oci.Name, digest.Digest) error { return n.err() }

func (n notImages) GetManifest(context.Context, oci.Name, digest.Digest) (storage.Manifest, error) {
	return storage.Manifest{}, n.err()
}

func (n notImages) ResolveTag(context.Context, oci.Name, oci.Tag) (oci.Descriptor, error) {
	return oci.Descriptor{}, n.err()
}

func (n notImages) Tags(context.Context, oci.Name, oci.Tag) iter.Seq2[oci.Tag, error] {
	return failing[oci.Tag](n.err())
}

func (n notImages) Referrers(context.Context, oci.Name, digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return failing[oci.Descriptor](n.err())
}

func (n notImages) Manifests(context.Context, oci.Name) iter.Seq2[oci.Descriptor, error] {
	return failing[oci.Descriptor](n.err())
}

func (n notImages) PutManifest(context.Context, oci.Name, storage.Manifest) error { return n.err() }

func (n notImages) DeleteManifest(context.Context, oci.Name, digest.Digest) error { return n.err() }

func (n notImages) SetTag(context.Context, oci.Name, oci.Tag, digest.Digest, storage.Match) error {
	return n.err()
}

func (n notImages) DeleteTag(context.Context, oci.Name, oci.Tag) error { return n.err() }

func (n notImages) StartUpload(context.Context, oci.Name, digest.Algorithm) (storage.Upload, error) {
	return nil, n.err()
}

func (n notImages) ResumeUpload(context.Context, oci.Name, string) (storage.Upload, error) {
	return nil, n.err()
}

// AskPush implements storage.Asker.
func (n notImages) AskPush(context.Context, oci.Name) error { return n.err() }

// Repositories yields none.
func (n notImages) Repositories(context.Context, oci.Name) iter.Seq2[oci.Name, error] {
	return func(func(oci.Name, error) bool) {}
}

// failing yields err and nothing else.
func failing[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}
