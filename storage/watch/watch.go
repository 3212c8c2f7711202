// Package watch tells others what changes in a store: whoever indexes images as they come, calls webhooks, or keeps the
// history of tags.
package watch

import (
	"context"
	"iter"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Kind is what has changed.
type Kind string

// The kinds, with the fields of Event that each has besides Kind, Repo and Time.
const (
	BlobStored      Kind = "blob stored"      // Digest, Size
	BlobMounted     Kind = "blob mounted"     // Digest, From
	BlobDeleted     Kind = "blob deleted"     // Digest
	ManifestStored  Kind = "manifest stored"  // the whole Descriptor, and Subject if there is one
	ManifestDeleted Kind = "manifest deleted" // Digest. The tags on it went with it, without events of their own
	TagSet          Kind = "tag set"          // Digest, Tag
	TagDeleted      Kind = "tag deleted"      // Tag
)

// Event is one change, after it has succeeded. What was there already is reported like what is new: a blob that is pushed
// again, a tag that is set to where it was. Fields that a kind does not have are zero.
type Event struct {
	Kind Kind
	Repo oci.Name
	Tag  oci.Tag
	From oci.Name // the repository that a blob was mounted from
	oci.Descriptor
	Subject digest.Digest
	Time    time.Time // when the store had done it
}

// New returns a store that is s, and calls fns, one after the other, for each change that succeeds through it.
//
// They are called before the change returns to its caller, so a receiver must not block: one that has work to do puts the
// event into a queue of its own. One caller's events come in the order of its calls; those of callers that run at
// once may come at once and in any order, so the store is what counts, not the last event. The context has the values of
// the call's and never ends: that the client is gone does not undo the change.
//
// The result has the optional abilities of s. Open blobs are those of s.
func New(s storage.Store, fns ...func(context.Context, Event)) storage.Store {
	if len(fns) == 0 {
		return s
	}
	w := &store{s, fns}
	finder, finds := s.(storage.BlobFinder)
	expirer, expires := s.(storage.UploadExpirer)
	switch {
	case finds && expires:
		return struct {
			*store
			storage.BlobFinder
			storage.UploadExpirer
		}{w, finder, expirer}
	case finds:
		return struct {
			*store
			storage.BlobFinder
		}{w, finder}
	case expires:
		return struct {
			*store
			storage.UploadExpirer
		}{w, expirer}
	}
	return w
}

// store is a Store that reports. What it does not define changes nothing.
type store struct {
	storage.Store
	fns []func(context.Context, Event)
}

// AskPush implements storage.Asker as far as the store does.
func (w *store) AskPush(ctx context.Context, repo oci.Name) error {
	return storage.AskPush(ctx, w.Store, repo)
}

// Reclaim implements storage.Reclaimer as far as the store does.
func (w *store) Reclaim(ctx context.Context, d digest.Digest) (int64, error) {
	return storage.Reclaim(ctx, w.Store, d)
}

// DatedTags implements storage.TagDater as far as the store does.
func (w *store) DatedTags(ctx context.Context, repo oci.Name) iter.Seq2[storage.DatedTag, error] {
	return storage.DatedTags(ctx, w.Store, repo)
}

// StatManifest implements storage.ManifestStater as far as the store does.
func (w *store) StatManifest(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Descriptor, error) {
	return storage.StatManifest(ctx, w.Store, repo, d)
}

// StatTag implements storage.ManifestStater as far as the store does.
func (w *store) StatTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return storage.StatTag(ctx, w.Store, repo, tag)
}

// LocateBlob implements storage.Locator as far as the store does.
func (w *store) LocateBlob(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Name, error) {
	return storage.LocateBlob(ctx, w.Store, repo, d)
}

// MayNote implements storage.Noter as far as the store does.
func (w *store) MayNote(repo oci.Name) bool { return storage.MayNote(w.Store, repo) }

// report tells of e unless err says that nothing has changed. It returns err.
func (w *store) report(ctx context.Context, err error, e Event) error {
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	e.Time = time.Now()
	for _, fn := range w.fns {
		fn(ctx, e)
	}
	return nil
}

// MountBlob implements storage.BlobStore.
func (w *store) MountBlob(ctx context.Context, repo oci.Name, d digest.Digest, from oci.Name) error {
	err := w.Store.MountBlob(ctx, repo, d, from)
	return w.report(ctx, err, Event{Kind: BlobMounted, Repo: repo, From: from, Descriptor: oci.Descriptor{Digest: d}})
}

// DeleteBlob implements storage.BlobStore.
func (w *store) DeleteBlob(ctx context.Context, repo oci.Name, d digest.Digest) error {
	err := w.Store.DeleteBlob(ctx, repo, d)
	return w.report(ctx, err, Event{Kind: BlobDeleted, Repo: repo, Descriptor: oci.Descriptor{Digest: d}})
}

// PutManifest implements storage.ManifestStore.
func (w *store) PutManifest(ctx context.Context, repo oci.Name, m storage.Manifest) error {
	err := w.Store.PutManifest(ctx, repo, m)
	return w.report(ctx, err, Event{Kind: ManifestStored, Repo: repo, Descriptor: m.Descriptor, Subject: m.Subject})
}

// DeleteManifest implements storage.ManifestStore.
func (w *store) DeleteManifest(ctx context.Context, repo oci.Name, d digest.Digest) error {
	err := w.Store.DeleteManifest(ctx, repo, d)
	return w.report(ctx, err, Event{Kind: ManifestDeleted, Repo: repo, Descriptor: oci.Descriptor{Digest: d}})
}

// SetTag implements storage.ManifestStore.
func (w *store) SetTag(ctx context.Context, repo oci.Name, tag oci.Tag, d digest.Digest, when storage.Match) error {
	err := w.Store.SetTag(ctx, repo, tag, d, when)
	return w.report(ctx, err, Event{Kind: TagSet, Repo: repo, Tag: tag, Descriptor: oci.Descriptor{Digest: d}})
}

// DeleteTag implements storage.ManifestStore.
func (w *store) DeleteTag(ctx context.Context, repo oci.Name, tag oci.Tag) error {
	err := w.Store.DeleteTag(ctx, repo, tag)
	return w.report(ctx, err, Event{Kind: TagDeleted, Repo: repo, Tag: tag})
}

// StartUpload implements storage.UploadManager.
func (w *store) StartUpload(ctx context.Context, repo oci.Name, alg digest.Algorithm) (storage.Upload, error) {
	u, err := w.Store.StartUpload(ctx, repo, alg)
	return w.wrap(u, repo, err)
}

// ResumeUpload implements storage.UploadManager.
func (w *store) ResumeUpload(ctx context.Context, repo oci.Name, id string) (storage.Upload, error) {
	u, err := w.Store.ResumeUpload(ctx, repo, id)
	return w.wrap(u, repo, err)
}

// wrap makes u, an upload to repo, one that reports.
func (w *store) wrap(u storage.Upload, repo oci.Name, err error) (storage.Upload, error) {
	if err != nil {
		return nil, err
	}
	return &upload{u, w, repo}, nil
}

// upload is an Upload whose Commit is reported.
type upload struct {
	storage.Upload
	store *store
	repo  oci.Name
}

// Follow implements storage.Follower as far as the store does.
func (u *upload) Follow() (storage.Appended, error) { return storage.Follow(u.Upload) }

// Commit implements storage.Upload.
func (u *upload) Commit(ctx context.Context, d digest.Digest) error {
	err := u.Upload.Commit(ctx, d)
	return u.store.report(ctx, err, Event{Kind: BlobStored, Repo: u.repo, Descriptor: oci.Descriptor{Digest: d, Size: u.Size()}})
}
