package mux

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// target returns the repository that writes go to.
func (v *Virtual) target(repo oci.Name) (part, error) {
	parts := v.named(repo)
	for _, p := range parts {
		if p.Local {
			return p, nil
		}
	}
	if len(parts) == 0 {
		return part{}, fmt.Errorf("%w: %s is the name of no repository: it has to be longer", storage.ErrUnsupported, repo)
	}
	return part{}, fmt.Errorf("%w: %s is made of repositories that can only be read", storage.ErrUnsupported, repo)
}

// write has do write to the repository that writes go to.
func (v *Virtual) write(repo oci.Name, do func(to part) error) error {
	to, err := v.target(repo)
	if err != nil {
		return err
	}
	return do(to)
}

// AskPush implements storage.Asker.
func (v *Virtual) AskPush(ctx context.Context, repo oci.Name) error {
	return v.write(repo, func(to part) error { return storage.AskPush(ctx, to.Store, to.repo) })
}

// MountBlob implements storage.BlobStore. A source below the Virtual's name is that of the member that has the blob.
func (v *Virtual) MountBlob(ctx context.Context, repo oci.Name, d digest.Digest, from oci.Name) error {
	if _, ok := below(from, v.name); ok {
		name, err := v.LocateBlob(ctx, from, d)
		if err != nil {
			return noSource(ctx, err)
		}
		from = name
	}
	return v.write(repo, func(to part) error { return to.Store.MountBlob(ctx, to.repo, d, from) })
}

// DeleteBlob implements storage.BlobStore.
func (v *Virtual) DeleteBlob(ctx context.Context, repo oci.Name, d digest.Digest) error {
	return v.write(repo, func(to part) error { return to.Store.DeleteBlob(ctx, to.repo, d) })
}

// DeleteManifest implements storage.ManifestStore.
func (v *Virtual) DeleteManifest(ctx context.Context, repo oci.Name, d digest.Digest) error {
	return v.write(repo, func(to part) error { return to.Store.DeleteManifest(ctx, to.repo, d) })
}

// SetTag implements storage.ManifestStore.
func (v *Virtual) SetTag(ctx context.Context, repo oci.Name, tag oci.Tag, d digest.Digest, when storage.Match) error {
	return v.write(repo, func(to part) error { return to.Store.SetTag(ctx, to.repo, tag, d, when) })
}

// DeleteTag implements storage.ManifestStore.
func (v *Virtual) DeleteTag(ctx context.Context, repo oci.Name, tag oci.Tag) error {
	return v.write(repo, func(to part) error { return to.Store.DeleteTag(ctx, to.repo, tag) })
}

// StartUpload implements storage.UploadManager.
func (v *Virtual) StartUpload(ctx context.Context, repo oci.Name, alg digest.Algorithm) (storage.Upload, error) {
	to, err := v.target(repo)
	if err != nil {
		return nil, err
	}
	return to.Store.StartUpload(ctx, to.repo, alg)
}

// ResumeUpload implements storage.UploadManager.
func (v *Virtual) ResumeUpload(ctx context.Context, repo oci.Name, id string) (storage.Upload, error) {
	to, err := v.target(repo)
	if err != nil {
		return nil, err
	}
	return to.Store.ResumeUpload(ctx, to.repo, id)
}

// PutManifest implements storage.ManifestStore. Clients leave out what they see that the Virtual has. What of it only other members have is taken over first: it
// would be missing when they no longer have it.
func (v *Virtual) PutManifest(ctx context.Context, repo oci.Name, m storage.Manifest) error {
	return v.write(repo, func(to part) error {
		if err := v.takeOver(ctx, to, repo, m, 0); err != nil {
			return err
		}
		return to.Store.PutManifest(ctx, to.repo, m)
	})
}

// maxNesting bounds how deep indexes stand in indexes whose content is taken over. What is deeper is left where it is.
const maxNesting = 4

// takeOver brings to the repository what m names and others have.
func (v *Virtual) takeOver(ctx context.Context, to part, repo oci.Name, m storage.Manifest, depth int) error {
	c, err := oci.ParseManifest(m.MediaType, m.Raw)
	if err != nil || depth == maxNesting {
		return nil // whether it is a manifest is not for a store to say
	}
	for _, d := range distinct(c.Blobs()) {
		if err := v.takeBlob(ctx, to, repo, d); err != nil {
			return err
		}
	}
	for _, d := range distinct(c.Manifests) {
		if err := v.takeManifest(ctx, to, repo, d, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// takeBlob takes over one blob, if others have it.
func (v *Virtual) takeBlob(ctx context.Context, to part, repo oci.Name, d digest.Digest) error {
	if _, err := to.Store.StatBlob(ctx, to.repo, d); err == nil || !isUnknown(err) {
		return err
	}
	from, err := v.LocateBlob(ctx, repo, d)
	if err == nil {
		err = to.Store.MountBlob(ctx, to.repo, d, from)
	}
	if err == nil || !errors.Is(err, storage.ErrBlobUnknown) {
		return err
	}
	b, err := v.OpenBlob(ctx, repo, d)
	if isUnknown(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer b.Close()
	return storage.PutBlob(ctx, to.Store, to.repo, d, b)
}

// takeManifest takes over one child of an index, with all that it names. Some children are blobs: caches list layers so.
func (v *Virtual) takeManifest(ctx context.Context, to part, repo oci.Name, d digest.Digest, depth int) error {
	if _, err := to.Store.GetManifest(ctx, to.repo, d); err == nil || !isUnknown(err) {
		return err
	}
	m, err := v.GetManifest(ctx, repo, d)
	if isUnknown(err) {
		return v.takeBlob(ctx, to, repo, d)
	}
	if err != nil {
		return err
	}
	if err := v.takeOver(ctx, to, repo, m, depth); err != nil {
		return err
	}
	return to.Store.PutManifest(ctx, to.repo, m)
}
