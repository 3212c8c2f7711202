package watch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/storagetest"
	"vitrine/storage/watch"
)

func TestStore(t *testing.T) {
	var seen log
	storagetest.Run(t, func(*testing.T) storage.Store { return watch.New(memory.New(), seen.receive) })
	if len(seen.take()) == 0 {
		t.Error("the suite has run, and nothing was reported")
	}
}

// log is a receiver that keeps what it was told.
type log struct {
	mu     sync.Mutex
	events []watch.Event
}

func (l *log) receive(_ context.Context, e watch.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// take returns what has come since the last call.
func (l *log) take() []watch.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

const (
	app     = oci.Name("app")
	other   = oci.Name("other")
	content = "content"
)

var (
	blob   = digest.FromString(content)
	absent = digest.FromString("absent")
)

// artifact is a manifest with everything that an event can show.
func artifact(t *testing.T) storage.Manifest {
	t.Helper()
	raw := fmt.Sprintf(`{"artifactType":"a/b","manifests":[],"subject":{"mediaType":"c/d","digest":%q,"size":7},"annotations":{"k":"v"}}`, blob)
	m, _, err := storage.ParseManifest(oci.MediaTypeImageIndex, []byte(raw), "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// pushResumed pushes content over two handles of one session.
func pushResumed(ctx context.Context, s storage.Store) error {
	u, err := s.StartUpload(ctx, app, digest.SHA256)
	if err != nil {
		return err
	}
	_, err = u.Append(ctx, 0, strings.NewReader(content))
	if err := errors.Join(err, u.Close()); err != nil {
		return err
	}
	if u, err = s.ResumeUpload(ctx, app, u.ID()); err != nil {
		return err
	}
	return u.Commit(ctx, blob)
}

// describe is the event on one line, without its time.
func describe(e watch.Event) string {
	return fmt.Sprintf("%s: %s %q from %q, %s %d %q %q %v, subject %q",
		e.Kind, e.Repo, e.Tag, e.From, e.Digest, e.Size, e.MediaType, e.ArtifactType, e.Annotations, e.Subject)
}

// TestEvents makes one change after the other and compares what each is reported as.
func TestEvents(t *testing.T) {
	var seen log
	s, ctx, m := watch.New(memory.New(), seen.receive), t.Context(), artifact(t)
	named := func(d digest.Digest) oci.Descriptor { return oci.Descriptor{Digest: d} }
	stored := oci.Descriptor{Digest: blob, Size: int64(len(content))}
	for _, tt := range []struct {
		call string
		do   func() error
		want watch.Event
	}{
		{"PutBlob", func() error { return storage.PutBlob(ctx, s, app, blob, strings.NewReader(content)) },
			watch.Event{Kind: watch.BlobStored, Repo: app, Descriptor: stored}},
		{"Commit of a resumed upload", func() error { return pushResumed(ctx, s) },
			watch.Event{Kind: watch.BlobStored, Repo: app, Descriptor: stored}},
		{"MountBlob", func() error { return s.MountBlob(ctx, other, blob, app) },
			watch.Event{Kind: watch.BlobMounted, Repo: other, From: app, Descriptor: named(blob)}},
		{"DeleteBlob", func() error { return s.DeleteBlob(ctx, other, blob) },
			watch.Event{Kind: watch.BlobDeleted, Repo: other, Descriptor: named(blob)}},
		{"PutManifest", func() error { return s.PutManifest(ctx, app, m) },
			watch.Event{Kind: watch.ManifestStored, Repo: app, Descriptor: m.Descriptor, Subject: blob}},
		{"SetTag", func() error { return s.SetTag(ctx, app, "latest", m.Digest, storage.Unset()) },
			watch.Event{Kind: watch.TagSet, Repo: app, Tag: "latest", Descriptor: named(m.Digest)}},
		{"DeleteTag", func() error { return s.DeleteTag(ctx, app, "latest") },
			watch.Event{Kind: watch.TagDeleted, Repo: app, Tag: "latest"}},
		{"DeleteManifest", func() error { return s.DeleteManifest(ctx, app, m.Digest) },
			watch.Event{Kind: watch.ManifestDeleted, Repo: app, Descriptor: named(m.Digest)}},
	} {
		before := time.Now()
		if err := tt.do(); err != nil {
			t.Fatalf("%s = %v", tt.call, err)
		}
		events := seen.take()
		if len(events) != 1 || describe(events[0]) != describe(tt.want) {
			t.Fatalf("%s reports %v, want %s", tt.call, events, describe(tt.want))
		}
		if at := events[0].Time; at.Before(before) || at.After(time.Now()) {
			t.Errorf("%s reports %v as its time, want one between %v and now", tt.call, at, before)
		}
	}
}

// TestNoEvents has all that fails, and all that changes nothing.
func TestNoEvents(t *testing.T) {
	var seen log
	s, ctx, m := watch.New(memory.New(), seen.receive), t.Context(), artifact(t)
	if err := storage.PutBlob(ctx, s, app, blob, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	seen.take()
	bad := m
	bad.Digest = absent
	for call, tt := range map[string]struct {
		err  error
		want error
	}{
		"Commit":         {storage.PutBlob(ctx, s, app, absent, strings.NewReader(content)), storage.ErrDigestMismatch},
		"MountBlob":      {s.MountBlob(ctx, other, absent, app), storage.ErrBlobUnknown},
		"DeleteBlob":     {s.DeleteBlob(ctx, app, absent), storage.ErrBlobUnknown},
		"PutManifest":    {s.PutManifest(ctx, app, bad), storage.ErrDigestMismatch},
		"DeleteManifest": {s.DeleteManifest(ctx, app, absent), storage.ErrManifestUnknown},
		"SetTag":         {s.SetTag(ctx, app, "latest", absent, storage.Match{}), storage.ErrManifestUnknown},
		"DeleteTag":      {s.DeleteTag(ctx, app, "latest"), storage.ErrManifestUnknown},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s = %v, want %v", call, tt.err, tt.want)
		}
	}
	if _, err := s.ResumeUpload(ctx, app, storage.NewUploadID()); !errors.Is(err, storage.ErrUploadUnknown) {
		t.Errorf("ResumeUpload = %v, want %v", err, storage.ErrUploadUnknown)
	}
	u, err := s.StartUpload(ctx, app, digest.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Append(ctx, 0, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if err := u.Cancel(ctx); err != nil {
		t.Fatal(err)
	}
	for range s.Repositories(ctx, "") {
	}
	if events := seen.take(); len(events) != 0 {
		t.Errorf("nothing has changed, and was reported: %v", events)
	}
}

// TestReceivers checks what a receiver may rely on: the change has been made, it is told in the order of New's arguments
// and before the call returns, and its context outlives the call's.
func TestReceivers(t *testing.T) {
	type key struct{}
	base := memory.New()
	m := artifact(t)
	call, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "who"))
	var told []int
	receive := func(n int) func(context.Context, watch.Event) {
		return func(ctx context.Context, e watch.Event) {
			told = append(told, n)
			cancel()
			if ctx.Err() != nil || ctx.Value(key{}) != "who" {
				t.Errorf("receiver %d: the context is over (%v) or without its values", n, ctx.Err())
			}
			if _, err := base.GetManifest(ctx, e.Repo, e.Digest); err != nil {
				t.Errorf("receiver %d is told before it is so: %v", n, err)
			}
		}
	}
	if err := watch.New(base, receive(1), receive(2)).PutManifest(call, app, m); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(told) != "[1 2]" {
		t.Errorf("told %v, want [1 2]", told)
	}
}

// Stores with none or one of the optional abilities.
type (
	plain struct{ storage.Store }
	finds struct {
		storage.Store
		storage.BlobFinder
	}
	expires struct {
		storage.Store
		storage.UploadExpirer
	}
)

func TestAbilities(t *testing.T) {
	base := memory.New()
	for _, tt := range []struct {
		name            string
		s               storage.Store
		finder, expirer bool
	}{
		{"none", plain{base}, false, false},
		{"BlobFinder", finds{base, base}, true, false},
		{"UploadExpirer", expires{base, base}, false, true},
		{"both", base, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var seen log
			s := watch.New(tt.s, seen.receive)
			if err := storage.PutBlob(t.Context(), s, app, blob, strings.NewReader(content)); err != nil || len(seen.take()) != 1 {
				t.Errorf("PutBlob = %v, or is not reported", err)
			}
			if _, finder := s.(storage.BlobFinder); finder != tt.finder {
				t.Errorf("is a BlobFinder = %v, want %v", finder, tt.finder)
			}
			if repo, err := storage.FindBlob(t.Context(), s, blob); repo != app || err != nil {
				t.Errorf("FindBlob = %s, %v, want %s", repo, err, app)
			}
			wantExpirer(t, s, tt.expirer)
		})
	}
}

// wantExpirer checks that s is an UploadExpirer or not, and that one is at work.
func wantExpirer(t *testing.T, s storage.Store, want bool) {
	t.Helper()
	if _, err := s.StartUpload(t.Context(), app, ""); err != nil {
		t.Fatal(err)
	}
	e, ok := s.(storage.UploadExpirer)
	if ok != want {
		t.Errorf("is an UploadExpirer = %v, want %v", ok, want)
	}
	if !ok {
		return
	}
	if n, err := e.ExpireUploads(t.Context(), time.Now().Add(time.Hour)); n == 0 || err != nil {
		t.Errorf("ExpireUploads = %d, %v, want the session to end", n, err)
	}
}

// fileBlob stands for an open blob of a type that others look for: a file, which the kernel can send.
type fileBlob struct{ *bytes.Reader }

func (*fileBlob) Close() error { return nil }

type fileStore struct {
	storage.Store
	blob *fileBlob
}

func (s fileStore) OpenBlob(context.Context, oci.Name, digest.Digest) (storage.Blob, error) {
	return s.blob, nil
}

func TestOpenBlobIsTheStores(t *testing.T) {
	want := &fileBlob{bytes.NewReader([]byte(content))}
	var seen log
	got, err := watch.New(fileStore{memory.New(), want}, seen.receive).OpenBlob(t.Context(), app, blob)
	if err != nil || got != storage.Blob(want) {
		t.Errorf("OpenBlob = %T, %v, want the very %T of the store", got, err, want)
	}
}

func TestNoReceivers(t *testing.T) {
	base := memory.New()
	if s := watch.New(base); s != storage.Store(base) {
		t.Errorf("New without receivers = %T, want the store itself", s)
	}
}
