package registry_test

import (
	"fmt"
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

// sink is a ResponseWriter that costs nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// full is a store with 10,000 tags, 1,000 referrers and a blob of 1 KiB.
func full(b *testing.B) (store storage.Store, blob, subject digest.Digest) {
	b.Helper()
	store = memory.New()
	content := strings.Repeat("x", 1<<10)
	blob = digest.FromString(content)
	if err := storage.PutBlob(b.Context(), store, "app", blob, strings.NewReader(content)); err != nil {
		b.Fatal(err)
	}
	subject = digest.FromString("subject")
	for i := range 1000 {
		raw := fmt.Sprintf(`{"artifactType":"application/vnd.example.sbom.v1","subject":{"mediaType":"a/b","digest":"%s","size":7},"annotations":{"i":"%d","org.opencontainers.image.created":"2026-01-01T00:00:00Z"}}`, subject, i)
		m, _, err := storage.ParseManifest(oci.MediaTypeImageIndex, []byte(raw), "")
		if err == nil {
			err = store.PutManifest(b.Context(), "app", m)
		}
		for j := 0; j < 10 && err == nil; j++ {
			err = store.SetTag(b.Context(), "app", oci.Tag(fmt.Sprintf("t%05d", 10*i+j)), m.Digest, storage.Match{})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return store, blob, subject
}

// BenchmarkHandler is the cost of the handler alone, over storage/memory: what net/http and the disk add is not in it.
func BenchmarkHandler(b *testing.B) {
	store, blob, subject := full(b)
	h := registry.New(store, nil)
	for _, call := range []string{
		"HEAD /v2/app/blobs/" + string(blob),
		"GET /v2/app/blobs/" + string(blob),
		"HEAD /v2/app/manifests/t05000",
		"GET /v2/app/manifests/t05000",
		"GET /v2/app/tags/list?n=100&last=t05000",
		"GET /v2/app/referrers/" + string(subject),
	} {
		method, path, _ := strings.Cut(call, " ")
		b.Run(fmt.Sprintf("%s_%.22s", method, strings.TrimPrefix(path, "/v2/app/")), func(b *testing.B) {
			r := httptest.NewRequest(method, path, nil)
			b.ReportAllocs()
			for b.Loop() {
				w := sink{header: make(http.Header, 8)}
				if h.ServeHTTP(&w, r); w.status >= 400 {
					b.Fatal(w.status)
				}
			}
		})
	}
}
