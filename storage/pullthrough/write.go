package pullthrough

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// readOnly is the error of every write.
func (s *Store) readOnly(name oci.Name) error {
	where := "another registry"
	if s.o.Prefix != "" {
		where = fmt.Sprintf("a name that does not begin with %s/", s.o.Prefix)
	}
	return fmt.Errorf("%w: %s is a copy of another registry's repository, which can only be read here: push to %s", storage.ErrUnsupported, name, where)
}

// AskPush implements storage.Asker: nobody may.
func (s *Store) AskPush(_ context.Context, name oci.Name) error { return s.readOnly(name) }

// MountBlob fails with storage.ErrUnsupported, as all that follow do.
func (s *Store) MountBlob(_ context.Context, name oci.Name, _ digest.Digest, _ oci.Name) error {
	return s.readOnly(name)
}

// DeleteBlob implements storage.BlobStore.
func (s *Store) DeleteBlob(_ context.Context, name oci.Name, _ digest.Digest) error {
	return s.readOnly(name)
}

// PutManifest implements storage.ManifestStore.
func (s *Store) PutManifest(_ context.Context, name oci.Name, _ storage.Manifest) error {
	return s.readOnly(name)
}

// DeleteManifest implements storage.ManifestStore.
func (s *Store) DeleteManifest(_ context.Context, name oci.Name, _ digest.Digest) error {
	return s.readOnly(name)
}

// SetTag implements storage.ManifestStore.
func (s *Store) SetTag(_ context.Context, name oci.Name, _ oci.Tag, _ digest.Digest, _ storage.Match) error {
	return s.readOnly(name)
}

// DeleteTag implements storage.ManifestStore.
func (s *Store) DeleteTag(_ context.Context, name oci.Name, _ oci.Tag) error {
	return s.readOnly(name)
}

// StartUpload implements storage.UploadManager.
func (s *Store) StartUpload(_ context.Context, name oci.Name, _ digest.Algorithm) (storage.Upload, error) {
	return nil, s.readOnly(name)
}

// ResumeUpload implements storage.UploadManager.
func (s *Store) ResumeUpload(_ context.Context, name oci.Name, _ string) (storage.Upload, error) {
	return nil, s.readOnly(name)
}
