// Package mux is a storage.Store made of others: it sends each name to the Store that is mounted at the name's first component.
//
//	team/app      ----------------------------------------->  local: everything that nothing is mounted at
//	hub/library/nginx   -->  mounts["hub"], a pullthrough.Store with Prefix "hub"
//	                             |  library/nginx   --------->  upstream
//	                             `  hub/library/nginx  ------>  the same local store
//	all/app       -->  mounts["all"], a Virtual of team and hub
//	                             |  team/app   -------------->  local, which takes the pushes
//	                             `  hub/app   --------------->  the one at "hub"
//
// Names go whole to the Store that they are sent to: none is cut here. A pull-through Store cuts its own prefix before it asks upstream, and stores under
// the whole name; so one local store holds what all of them keep, content once, and a blob can be mounted from one into another. A Virtual puts the
// names of its members in the place of its own.
//
// What is mounted at "" takes the names that nothing else is mounted at, in the place of the local store: such as a Virtual of that and of a registry that is
// asked for what is not known here.
//
// What the local store has under a name where something is mounted is seen through that only. The mounts can be replaced at any time, all at once; calls that
// run end with those that they began with.
package mux

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Store sends names to others. It has all optional abilities, as far as they do.
type Store struct {
	local  storage.Store
	mounts atomic.Pointer[map[string]storage.Store]
}

// New returns a Store that sends names that begin with a key of mounts, or are one, to the Store there, and all others to the one at "", or to local if
// there is none. A key is one component of a name, or "".
func New(local storage.Store, mounts map[string]storage.Store) *Store {
	s := &Store{local: local}
	s.Swap(mounts)
	return s
}

// Swap replaces all mounts. It returns those before, for the caller to close when nobody can be using them any more.
func (s *Store) Swap(mounts map[string]storage.Store) (before map[string]storage.Store) {
	mounts = maps.Clone(mounts)
	if old := s.mounts.Swap(&mounts); old != nil {
		return *old
	}
	return nil
}

// mountOf returns the key that name is sent to: its first component if something is mounted there, else "".
func mountOf(mounts map[string]storage.Store, name oci.Name) string {
	first, _, _ := strings.Cut(string(name), "/")
	if _, ok := mounts[first]; ok {
		return first
	}
	return ""
}

// at returns the Store that name is sent to.
func (s *Store) at(name oci.Name) storage.Store { return s.among(*s.mounts.Load(), name) }

func (s *Store) among(mounts map[string]storage.Store, name oci.Name) storage.Store {
	if m, ok := mounts[mountOf(mounts, name)]; ok {
		return m
	}
	return s.local
}

// StatBlob implements storage.BlobReader.
func (s *Store) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	return s.at(repo).StatBlob(ctx, repo, d)
}

// OpenBlob implements storage.BlobReader. The blob is the Store's own.
func (s *Store) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	return s.at(repo).OpenBlob(ctx, repo, d)
}

// MountBlob implements storage.BlobStore. Between two Stores it works where they keep things in one, and the blob is kept there under the name of its source
// by now; else it is storage.ErrBlobUnknown, upon which clients upload.
func (s *Store) MountBlob(ctx context.Context, repo oci.Name, d digest.Digest, from oci.Name) error {
	mounts := *s.mounts.Load()
	to := s.among(mounts, repo)
	if mountOf(mounts, repo) == mountOf(mounts, from) {
		return to.MountBlob(ctx, repo, d, from)
	}
	from, err := storage.LocateBlob(ctx, s.among(mounts, from), from, d)
	if err != nil {
		return noSource(ctx, err)
	}
	return to.MountBlob(ctx, repo, d, from)
}

// noSource is the error of a mount whose source has failed with err: what cannot be had is not there.
func noSource(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: to mount: %v", storage.ErrBlobUnknown, err)
}

// LocateBlob implements storage.Locator.
func (s *Store) LocateBlob(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Name, error) {
	return storage.LocateBlob(ctx, s.at(repo), repo, d)
}

// DeleteBlob implements storage.BlobStore.
func (s *Store) DeleteBlob(ctx context.Context, repo oci.Name, d digest.Digest) error {
	return s.at(repo).DeleteBlob(ctx, repo, d)
}

// GetManifest implements storage.ManifestReader.
func (s *Store) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	return s.at(repo).GetManifest(ctx, repo, d)
}

// ResolveTag implements storage.ManifestReader.
func (s *Store) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return s.at(repo).ResolveTag(ctx, repo, tag)
}

// StatManifest implements storage.ManifestStater.
func (s *Store) StatManifest(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Descriptor, error) {
	return storage.StatManifest(ctx, s.at(repo), repo, d)
}

// StatTag implements storage.ManifestStater.
func (s *Store) StatTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return storage.StatTag(ctx, s.at(repo), repo, tag)
}

// PutManifest implements storage.ManifestStore.
func (s *Store) PutManifest(ctx context.Context, repo oci.Name, m storage.Manifest) error {
	return s.at(repo).PutManifest(ctx, repo, m)
}

// DeleteManifest implements storage.ManifestStore.
func (s *Store) DeleteManifest(ctx context.Context, repo oci.Name, d digest.Digest) error {
	return s.at(repo).DeleteManifest(ctx, repo, d)
}

// SetTag implements storage.ManifestStore.
func (s *Store) SetTag(ctx context.Context, repo oci.Name, tag oci.Tag, d digest.Digest, when storage.Match) error {
	return s.at(repo).SetTag(ctx, repo, tag, d, when)
}

// DeleteTag implements storage.ManifestStore.
func (s *Store) DeleteTag(ctx context.Context, repo oci.Name, tag oci.Tag) error {
	return s.at(repo).DeleteTag(ctx, repo, tag)
}

// StartUpload implements storage.UploadManager.
func (s *Store) StartUpload(ctx context.Context, repo oci.Name, alg digest.Algorithm) (storage.Upload, error) {
	return s.at(repo).StartUpload(ctx, repo, alg)
}

// ResumeUpload implements storage.UploadManager.
func (s *Store) ResumeUpload(ctx context.Context, repo oci.Name, id string) (storage.Upload, error) {
	return s.at(repo).ResumeUpload(ctx, repo, id)
}

// AskPush implements storage.Asker.
func (s *Store) AskPush(ctx context.Context, repo oci.Name) error {
	return storage.AskPush(ctx, s.at(repo), repo)
}

// MayNote implements storage.Noter.
func (s *Store) MayNote(repo oci.Name) bool {
	mounts := *s.mounts.Load()
	if repo != "" {
		return storage.MayNote(s.among(mounts, repo), repo)
	}
	for _, m := range mounts {
		if storage.MayNote(m, "") {
			return true
		}
	}
	return storage.MayNote(s.local, "")
}

// Reclaim implements storage.Reclaimer, for the local store.
func (s *Store) Reclaim(ctx context.Context, d digest.Digest) (int64, error) {
	return storage.Reclaim(ctx, s.local, d)
}

// ExpireUploads implements storage.UploadExpirer, for the local store and whatever is mounted.
func (s *Store) ExpireUploads(ctx context.Context, t time.Time) (int, error) {
	n, err := expire(ctx, s.local, t)
	for _, m := range *s.mounts.Load() {
		more, moreErr := expire(ctx, m, t)
		n, err = n+more, errors.Join(err, moreErr)
	}
	return n, err
}

func expire(ctx context.Context, s storage.Store, t time.Time) (int, error) {
	if e, ok := s.(storage.UploadExpirer); ok {
		return e.ExpireUploads(ctx, t)
	}
	return 0, nil
}

type everything interface {
	storage.Store
	storage.BlobFinder
	storage.TagDater
	storage.UploadExpirer
	storage.Asker
	storage.Reclaimer
	storage.ManifestStater
	storage.Locator
	storage.Noter
}

var _ everything = (*Store)(nil)
