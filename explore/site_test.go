package explore

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// site is an explorer over a store in memory.
type site struct {
	t     testing.TB
	store storage.Store
	index *Indexer
	http.Handler
}

func newSite(t testing.TB, o *Options) *site {
	t.Helper()
	store := memory.New()
	h := New(store, o)
	return &site{t, store, h.(*handler).index, h}
}

// get asks as a browser does; headers are pairs and may say otherwise.
func (s *site) get(url string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.Host = "localhost:5000"
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && w.Code/100 != 3 && w.Header().Get("Content-Encoding") == "" {
		checkHTML(s.t, url, w.Body.String())
	}
	return w
}

// blob stores content in a repository.
func (s *site) blob(repo, content string) digest.Digest {
	s.t.Helper()
	d := digest.FromString(content)
	if err := storage.PutBlob(s.t.Context(), s.store, oci.Name(repo), d, strings.NewReader(content)); err != nil {
		s.t.Fatalf("blob of %s: %v", repo, err)
	}
	return d
}

// manifest stores a manifest, which is raw where it is a string and JSON of it otherwise, and tags it.
func (s *site) manifest(repo, contentType string, m any, tags ...string) digest.Digest {
	s.t.Helper()
	raw, ok := m.(string)
	if !ok {
		b, err := json.Marshal(m)
		if err != nil {
			s.t.Fatal(err)
		}
		raw = string(b)
	}
	parsed, _, err := storage.ParseManifest(contentType, []byte(raw), "")
	if err != nil {
		s.t.Fatalf("manifest of %s: %v", repo, err)
	}
	if err := s.store.PutManifest(s.t.Context(), oci.Name(repo), parsed); err != nil {
		s.t.Fatalf("manifest of %s: %v", repo, err)
	}
	for _, tag := range tags {
		if err := s.store.SetTag(s.t.Context(), oci.Name(repo), oci.Tag(tag), parsed.Digest, storage.Match{}); err != nil {
			s.t.Fatalf("%s:%s: %v", repo, tag, err)
		}
	}
	return parsed.Digest
}

// built is when everything in the fixtures was made.
var built = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// tarGzip makes a layer. Each entry is "NAME", "NAME=CONTENT", "NAME/", "NAME -> TARGET" or "NAME => HARD LINK'S TARGET".
func tarGzip(t testing.TB, entries ...string) string {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, ModTime: built}
		name, content, _ := strings.Cut(e, "=")
		if n, to, ok := strings.Cut(e, " => "); ok {
			name, content, h.Typeflag, h.Linkname = n, "", tar.TypeLink, to
		} else if n, to, ok := strings.Cut(e, " -> "); ok {
			name, content, h.Typeflag, h.Linkname, h.Mode = n, "", tar.TypeSymlink, to, 0o777
		} else if strings.HasSuffix(name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		h.Name, h.Size = name, int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// image stores an image with these layers (see tarGzip) and returns its digest and those of the layers. config is merged into its configuration.
func (s *site) image(repo string, config map[string]any, layers []string, tags ...string) (digest.Digest, []digest.Digest) {
	s.t.Helper()
	var descriptors []oci.Descriptor
	var digests []digest.Digest
	diffs := []string{}
	for _, l := range layers {
		d := s.blob(repo, l)
		digests = append(digests, d)
		descriptors = append(descriptors, oci.Descriptor{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Digest: d, Size: int64(len(l))})
		z, err := gzip.NewReader(strings.NewReader(l))
		if err != nil {
			s.t.Fatal(err)
		}
		diff, err := digest.FromReader(z)
		if err != nil {
			s.t.Fatal(err)
		}
		diffs = append(diffs, string(diff))
	}
	c := map[string]any{"architecture": "amd64", "os": "linux", "created": built.Format(time.RFC3339), "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs}}
	for k, v := range config {
		c[k] = v
	}
	raw, err := json.Marshal(c)
	if err != nil {
		s.t.Fatal(err)
	}
	m := map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest, "layers": descriptors,
		"config": oci.Descriptor{MediaType: "application/vnd.oci.image.config.v1+json", Digest: s.blob(repo, string(raw)), Size: int64(len(raw))}}
	return s.manifest(repo, oci.MediaTypeImageManifest, m, tags...), digests
}

var update = flag.Bool("update", false, "write the golden pages anew")

// What changes without the page: when the test pushed something, ages from day to day, and the versions of our own files.
var (
	pushes   = regexp.MustCompile(`<time datetime="[^"]*" title="(just now|\d minutes? (ago|from now))">[^<]*</time>`)
	ages     = regexp.MustCompile(`title="[^"]* ago"`)
	versions = regexp.MustCompile(`\?v=[0-9a-f]{12}`)
)

// chrome is what all pages begin with. Only the golden page of an empty registry has it.
var chrome = regexp.MustCompile(`(?s)<!doctype html>.*?(<title>[^<]*</title>).*?</header>`)

// golden compares a page with testdata/golden/NAME.html, whose first line is the status.
func golden(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code == http.StatusInternalServerError {
		t.Fatalf("%s: %s", name, w.Body)
	}
	got := strconv.Itoa(w.Code) + " " + http.StatusText(w.Code) + "\n" + pushes.ReplaceAllString(w.Body.String(), "<time>when it was pushed</time>")
	got = versions.ReplaceAllString(ages.ReplaceAllString(got, `title="some time ago"`), "")
	if name != "front-empty" {
		got = chrome.ReplaceAllString(got, "$1")
	}
	file := filepath.Join("testdata", "golden", name+".html")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; go test ./explore -update writes it anew, git diff shows what changed\n%s", file, firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is longer"
}
