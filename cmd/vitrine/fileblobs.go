package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/mux"
	"vitrine/storage/oci"
)

// seeing is what the explorer sees: as well as images, the content of repositories of files by its digest, so that it can look into packages. Clients that want
// images are told that these hold none.
type seeing struct {
	*mux.Store
	m *mounts
}

// holders are the names under which the files of a repository of files are kept; none for one of images. Those of a virtual one are its members'.
func (s seeing) holders(repo oci.Name) []oci.Name {
	for _, r := range s.m.now.Load().repositories {
		if r.name != string(repo) || r.pkg == "docker" {
			continue
		}
		all := []oci.Name{repo}
		for _, member := range r.members {
			all = append(all, oci.Name(member))
		}
		return all
	}
	return nil
}

// StatBlob implements storage.BlobReader.
func (s seeing) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	return kept(s, repo, d, s.Store, func(b storage.BlobReader, name oci.Name) (int64, error) { return b.StatBlob(ctx, name, d) })
}

// OpenBlob implements storage.BlobReader.
func (s seeing) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	return kept(s, repo, d, s.Store, func(b storage.BlobReader, name oci.Name) (storage.Blob, error) { return b.OpenBlob(ctx, name, d) })
}

// kept asks what is kept for a file of repo, under the names that it may be kept by, and images where repo is none of files.
func kept[T any](s seeing, repo oci.Name, d digest.Digest, images storage.BlobReader, ask func(storage.BlobReader, oci.Name) (T, error)) (T, error) {
	holders := s.holders(repo)
	if holders == nil {
		return ask(images, repo)
	}
	for _, name := range holders {
		got, err := ask(s.m.kept, name)
		if !errors.Is(err, storage.ErrBlobUnknown) && !errors.Is(err, storage.ErrRepoUnknown) {
			return got, err
		}
	}
	var none T
	return none, fmt.Errorf("%w: %s in %s", storage.ErrBlobUnknown, d, repo)
}
