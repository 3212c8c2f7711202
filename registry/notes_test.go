package registry_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/registry"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// remarking is a store that leaves a note on each answer about the repository "far/app".
type remarking struct{ storage.Store }

func (n remarking) MayNote(repo oci.Name) bool { return repo == "far/app" }

func (n remarking) note(ctx context.Context) {
	storage.AddNote(ctx, storage.Note{Kind: storage.Stale, Text: `a.example answered "503"`})
}

func (n remarking) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	n.note(ctx)
	return n.Store.StatBlob(ctx, repo, d)
}

func (n remarking) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	n.note(ctx)
	return n.Store.OpenBlob(ctx, repo, d)
}

func (n remarking) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	n.note(ctx)
	return n.Store.ResolveTag(ctx, repo, tag)
}

func (n remarking) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return func(yield func(oci.Tag, error) bool) {
		n.note(ctx)
		n.Store.Tags(ctx, repo, after)(yield)
	}
}

func (n remarking) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		n.note(ctx)
		n.Store.Referrers(ctx, repo, d)(yield)
	}
}

// TestNotesAreWarnings has the store say something besides each answer.
func TestNotesAreWarnings(t *testing.T) {
	c := startOn(t, remarking{memory.New()}, nil)
	for _, repo := range []string{"far/app", "near/app"} {
		c.image(repo, "1", "m")
		c.blob(repo, "large", strings.Repeat("large", 20_000))
	}
	for _, tt := range []struct{ call, want string }{
		{"GET /v2/$r/manifests/1", "200"},
		{"HEAD /v2/$r/manifests/1", "200"},
		{"GET /v2/$r/manifests/1 -H If-None-Match: *", "304"},
		{"GET /v2/$r/manifests/2", "404 MANIFEST_UNKNOWN"},
		{"GET /v2/$r/blobs/$layer", "200"},
		{"GET /v2/$r/blobs/$large", "200"},
		{"GET /v2/$r/blobs/$large -H Range: bytes=50000-", "206"},
		{"GET /v2/$r/blobs/$layer -H Range: bytes=1-1,3-3", "206"},
		{"GET /v2/$r/blobs/$layer -H Range: bytes=1000-", "416 BLOB_UPLOAD_INVALID"},
		{"HEAD /v2/$r/blobs/$layer", "200"},
		{"GET /v2/$r/tags/list", "200"},
		{"GET /v2/$r/referrers/$m", "200"},
	} {
		c.has(c.do(strings.ReplaceAll(tt.call, "$r", "near/app"), "", tt.want), "Warning:")
		c.has(c.do(strings.ReplaceAll(tt.call, "$r", "far/app"), "", tt.want), `Warning: 110 - "Response is Stale", 299 - "a.example answered \"503\""`)
	}
}

// TestCacheStatus wants no word of a cache where there is none, or no answer.
func TestCacheStatus(t *testing.T) {
	c := startOn(t, remarking{memory.New()}, nil)
	c.image("far/app", "1", "m")
	c.image("near/app", "1", "m")
	c.has(c.do("HEAD /v2/near/app/blobs/$layer", "", "200"), "Cache-Status:")
	c.has(c.do("HEAD /v2/far/app/blobs/$layer", "", "200"), "Cache-Status: vitrine; hit")
	c.has(c.do("GET /v2/far/app/manifests/2", "", "404 MANIFEST_UNKNOWN"), "Cache-Status:")
	c.has(c.do("PATCH /v2/far/app/manifests/2", "", "405 UNSUPPORTED"), "Cache-Status:")
}

// connection is a ResponseWriter that can take a file, as that of net/http can.
type connection struct {
	http.ResponseWriter
	took string
}

func (c *connection) ReadFrom(r io.Reader) (int64, error) {
	c.took = fmt.Sprintf("%T", r)
	return io.Copy(c.ResponseWriter, r)
}

// TestNotesLeaveFilesToTheKernel checks that what tells of notes does not stand between a blob and the connection.
func TestNotesLeaveFilesToTheKernel(t *testing.T) {
	store := remarking{memory.New()}
	content := strings.Repeat("large", 20_000)
	d := digest.FromString(content)
	if err := storage.PutBlob(t.Context(), store, "far/app", d, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	w := &connection{ResponseWriter: httptest.NewRecorder()}
	registry.New(store, nil).ServeHTTP(w, httptest.NewRequest("GET", "/v2/far/app/blobs/"+string(d), nil))
	if w.took != "*io.LimitedReader" || w.Header().Get("Warning") == "" {
		t.Errorf("the connection takes a %q, want the limited blob; headers %v", w.took, w.Header())
	}
}
