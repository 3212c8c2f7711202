package explore

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/oci"
)

// likeFiles are what the files of the layer are made of: they compress as those of a distribution do, to a bit less than half.
func likeFiles(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+16)
	for len(b) < n {
		if r.IntN(3) == 0 {
			b = fmt.Appendf(b, "%x", r.Uint64())
		} else {
			b = append(b, " lib include usr share static const void return"[r.IntN(40):][:6]...)
		}
	}
	return b[:n]
}

// largeLayer is a layer of some 93 MB, 207 MB unpacked, of 6,800 files in 300 directories and one of 10,000 besides.
func largeLayer(b *testing.B) []byte {
	b.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	r := rand.New(rand.NewPCG(1, 2))
	add := func(name string, content []byte) {
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: built}
		if err := w.WriteHeader(h); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 300 {
		for j := range 22 {
			add(fmt.Sprintf("usr/lib/dir%03d/file%02d.so", i, j), likeFiles(r, 1000+r.IntN(60_000)))
		}
		if i == 150 {
			for j := range 10_000 {
				add(fmt.Sprintf("var/many/entry-%05d.conf", j), []byte("x"))
			}
		}
	}
	add("zz/deep.txt", likeFiles(r, 20_000))
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

// countedWriter is a client that counts.
type countedWriter struct {
	head http.Header
	code int
	n    int64
}

func (w *countedWriter) Header() http.Header         { return w.head }
func (w *countedWriter) WriteHeader(code int)        { w.code = code }
func (w *countedWriter) Write(p []byte) (int, error) { w.n += int64(len(p)); return len(p), nil }

// BenchmarkFiles is the time that the server takes for pages about files, of a disk store, warm.
func BenchmarkFiles(b *testing.B) {
	store, err := disk.Open(b.TempDir(), &disk.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	x := NewIndexer(&IndexerOptions{Cache: store.Derived(1 << 30)})
	defer x.Close()
	h := New(store, &Options{Indexer: x})
	raw := largeLayer(b)
	d := digest.FromBytes(raw)
	put := func(content []byte) {
		if err := storage.PutBlob(b.Context(), store, "app", digest.FromBytes(content), bytes.NewReader(content)); err != nil {
			b.Fatal(err)
		}
	}
	put(raw)
	put([]byte("{}"))
	text := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"a/b","digest":%q,"size":2},"layers":[{"mediaType":"x","digest":%[3]q,"size":%[4]d},{"mediaType":"x","digest":%[3]q,"size":%[4]d}]}`,
		oci.MediaTypeImageManifest, digest.FromString("{}"), d, len(raw))
	m, _, err := storage.ParseManifest(oci.MediaTypeImageManifest, []byte(text), "")
	if err != nil {
		b.Fatal(err)
	}
	if err := store.PutManifest(b.Context(), "app", m); err != nil {
		b.Fatal(err)
	}
	started := time.Now()
	getPage(b, h, "/fs/app@"+string(d)+"/?format=json", "")
	b.Logf("a layer of %d bytes; its first page took %v", len(raw), time.Since(started))
	at, in := "/fs/app@"+string(d), "/layers/app@"+string(m.Digest)
	for _, page := range []struct{ name, url, accept string }{
		{"directory", at + "/usr/lib/dir007/", "text/html"}, {"300-directories", at + "/usr/lib/", "text/html"}, {"many", at + "/var/many/", "text/html"}, {"many-later", at + "/var/many/?after=entry-08999.conf", "text/html"},
		{"many-by-size", at + "/var/many/?sort=size", "text/html"}, {"flat", at + "/?all=true", "text/html"}, {"search", at + "/?search=file21", "text/html"},
		{"small-file", at + "/var/many/entry-00001.conf", "text/html"}, {"deep-file", at + "/zz/deep.txt", "text/html"}, {"raw", at + "/usr/lib/dir200/file07.so", "*/*"},
		{"image-directory", in + "/usr/lib/dir007/", "text/html"}, {"image-many", in + "/var/many/", "text/html"}, {"image-file", in + "/zz/deep.txt", "text/html"}, {"image-flat", in + "/?all=true", "text/html"},
	} {
		b.Run(page.name, func(b *testing.B) {
			var n int64
			for b.Loop() {
				n = getPage(b, h, page.url, page.accept)
			}
			b.ReportMetric(float64(n), "bytes")
		})
	}
	b.Run("cold-deep-file", func(b *testing.B) { // as after a restart: nothing is open, and nothing decompressed
		for b.Loop() {
			fresh := NewIndexer(&IndexerOptions{Cache: store.Derived(1 << 30)})
			getPage(b, New(store, &Options{Indexer: fresh}), at+"/usr/lib/dir290/file07.so?raw", "")
			fresh.Close()
		}
	})
}

func getPage(b *testing.B, h http.Handler, url, accept string) int64 {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", "gzip")
	w := &countedWriter{head: http.Header{}}
	h.ServeHTTP(w, r)
	if w.code >= 300 {
		b.Fatalf("GET %s: %d", url, w.code)
	}
	return w.n
}
