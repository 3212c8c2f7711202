package storagetest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

var contextTests = []test{
	{"ended before writes", testContextWrites},
	{"ended before uploads", testContextUploads},
	{"ends during Append", testContextDuringAppend},
	{"ended before Cancel", testContextCancel},
}

// testContextWrites checks that a call whose ctx has ended says so and does nothing.
func testContextWrites(t *testing.T, s storage.Store) {
	m, another := image(t, "m"), image(t, "another")
	d := pushBlob(t, s, app, "content")
	push(t, s, app, m, "latest")
	ctx := ended(t)
	for call, err := range map[string]error{
		"MountBlob":      s.MountBlob(ctx, other, d, app),
		"DeleteBlob":     s.DeleteBlob(ctx, app, d),
		"PutManifest":    s.PutManifest(ctx, app, another),
		"DeleteManifest": s.DeleteManifest(ctx, app, m.Digest),
		"SetTag":         s.SetTag(ctx, app, "new", m.Digest, storage.Match{}),
		"DeleteTag":      s.DeleteTag(ctx, app, "latest"),
	} {
		wantErr(t, call+" after the end", err, context.Canceled)
	}
	wantBlob(t, s, app, d, "content")
	wantTag(t, s, app, "latest", m)
	wantDescriptors(t, "Manifests", list(t, s.Manifests(t.Context(), app)), []short{brief(m.Descriptor)})
	wantList(t, "Tags", s.Tags(t.Context(), app, ""), []oci.Tag{"latest"})
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), []oci.Name{app})
}

func testContextUploads(t *testing.T, s storage.Store) {
	ctx := ended(t)
	u, err := s.StartUpload(ctx, app, digest.SHA256)
	wantErr(t, "StartUpload after the end", err, context.Canceled)
	if err == nil {
		u.Close()
	}
	u = start(t, s, digest.SHA256)
	add(t, u, "content")
	_, err = u.Append(ctx, 7, strings.NewReader(" and more"))
	wantErr(t, "Append after the end", err, context.Canceled)
	wantErr(t, "Commit after the end", u.Commit(ctx, blobOf("content")), context.Canceled)
	if e, ok := s.(storage.UploadExpirer); ok {
		_, err = e.ExpireUploads(ctx, time.Now().Add(time.Hour))
		wantErr(t, "ExpireUploads after the end", err, context.Canceled)
	}
	wantNoBlob(t, s, app, blobOf("content"))
	resume(t, s, u.ID(), 7)
	commit(t, s, u, "content")
}

// readerFunc is a reader that does something besides.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// testContextDuringAppend ends ctx while the reader has the floor, which then comes to a clean end.
func testContextDuringAppend(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	add(t, u, "con")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	left := 3
	n, err := u.Append(ctx, 3, readerFunc(func(p []byte) (int, error) {
		if left--; left < 0 {
			return 0, io.EOF
		}
		cancel()
		return copy(p, "x"), nil
	}))
	if n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("Append whose ctx ends = %d, %v, want 0, %v", n, err, context.Canceled)
	}
	resume(t, s, u.ID(), 3)
	add(t, u, "tent")
	commit(t, s, u, "content")
}

// testContextCancel checks that Cancel cleans up behind a request that is over: that is when it is deferred for.
func testContextCancel(t *testing.T, s storage.Store) {
	u := start(t, s, digest.SHA256)
	add(t, u, "content")
	if err := u.Cancel(ended(t)); err != nil {
		t.Errorf("Cancel after the end = %v", err)
	}
	wantOver(t, s, u)
}
