package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry"
	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/memory"
	"vitrine/storage/mux"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// behind is a registry with another one behind it, each over HTTP, as it is put together when it is served.
type behind struct {
	*httptest.Server // the one in front, where the other is "hub/..."
	upstream         *httptest.Server
	content          storage.Store // upstream

	mu    sync.Mutex
	asked []string
	cut   int  // bytes of each body that upstream sends before the connection breaks; 0: all
	wrong bool // of each body, a byte
}

func newBehind(t *testing.T, o pullthrough.Options) *behind {
	t.Helper()
	b := &behind{content: memory.New()}
	speaks := registry.New(b.content, nil)
	b.upstream = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.note(speaks, w, r) }))
	t.Cleanup(b.upstream.Close)
	host := strings.TrimPrefix(b.upstream.URL, "http://")
	client, err := remote.New(b.upstream.URL, &remote.Options{PlainHTTP: []string{host}, RetryDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	local, err := disk.Open(t.TempDir(), &disk.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	o.Prefix = "hub"
	through := pullthrough.New(local, client, &o)
	b.Server = httptest.NewServer(registry.New(mux.New(local, map[string]storage.Store{"hub": through}), nil))
	t.Cleanup(func() {
		b.Server.Close()
		through.Close()
		client.Close()
		local.Close()
	})
	return b
}

// note counts a request of upstream, and may cut the answer short.
func (b *behind) note(h http.Handler, w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v2/")
	if rng := r.Header.Get("Range"); rng != "" {
		call += " " + rng
	}
	b.mu.Lock()
	b.asked = append(b.asked, call)
	cut, wrong := b.cut, b.wrong
	b.mu.Unlock()
	if wrong {
		w = &spoiling{w}
	}
	if cut > 0 {
		w = &cutting{w, cut}
	}
	h.ServeHTTP(w, r)
}

// cutting breaks the connection after some bytes.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) <= c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	c.ResponseWriter.Write(p[:c.left])
	c.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// spoiling changes the first byte of each piece.
type spoiling struct{ http.ResponseWriter }

func (s *spoiling) Write(p []byte) (int, error) {
	p = bytes.Clone(p)
	p[0]++
	return s.ResponseWriter.Write(p)
}

// calls returns what upstream was asked since the last time.
func (b *behind) calls() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.asked
	b.asked = nil
	return all
}

// image makes an image of one layer upstream.
func (b *behind) image(t *testing.T, repo oci.Name, layer []byte, tag oci.Tag) storage.Manifest {
	t.Helper()
	d := digest.FromBytes(layer)
	if err := storage.PutBlob(t.Context(), b.content, repo, d, bytes.NewReader(layer)); err != nil {
		t.Fatal(err)
	}
	raw := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/config","digest":%q,"size":%d},"layers":[]}`, d, len(layer))
	m, _, err := storage.ParseManifest(oci.MediaTypeImageManifest, []byte(raw), "")
	if err == nil {
		err = b.content.PutManifest(t.Context(), repo, m)
	}
	if err == nil {
		err = b.content.SetTag(t.Context(), repo, tag, m.Digest, storage.Match{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// get reads a path of the registry in front.
func (b *behind) get(ctx context.Context, method, path string, header ...string) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.URL+"/v2/"+path, nil)
	if err != nil {
		return nil, nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.Client().Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, body, err
}

// layerOf is n bytes that are not all the same.
func layerOf(n int) []byte {
	var buf bytes.Buffer
	for i := 0; buf.Len() < n; i++ {
		fmt.Fprintf(&buf, "%d ", i)
	}
	return buf.Bytes()[:n]
}

// TestThroughRequests counts what upstream is asked for by each request. It asks no more than is said here, so that an image that is used every minute costs
// nothing of what a registry allows in an hour.
func TestThroughRequests(t *testing.T) {
	layer := layerOf(100_000)
	b := newBehind(t, pullthrough.Options{IndexTTL: time.Hour})
	m := b.image(t, "library/app", layer, "1")
	d := digest.FromBytes(layer)
	for _, tt := range []struct {
		step, method, path string
		status             int
		want               []string
	}{
		{"cold HEAD of a blob", "HEAD", "blobs/" + string(d), 200, []string{"HEAD library/app/blobs/" + string(d)}},
		{"cold tag", "GET", "manifests/1", 200, []string{"HEAD library/app/manifests/1", "GET library/app/manifests/" + string(m.Digest)}},
		{"cold blob", "GET", "blobs/" + string(d), 200, []string{"GET library/app/blobs/" + string(d)}},
		{"warm tag", "GET", "manifests/1", 200, nil},
		{"warm tag, HEAD", "HEAD", "manifests/1", 200, nil},
		{"warm digest", "GET", "manifests/" + string(m.Digest), 200, nil},
		{"warm blob", "GET", "blobs/" + string(d), 200, nil},
		{"warm HEAD of a blob", "HEAD", "blobs/" + string(d), 200, nil},
		{"tags", "GET", "tags/list", 200, []string{"GET library/app/tags/list"}},
		{"tags again", "GET", "tags/list", 200, nil},
		{"no such tag", "GET", "manifests/2", 404, []string{"HEAD library/app/manifests/2", "GET library/app/manifests/2"}},
		{"no such tag again", "GET", "manifests/2", 404, nil},
		{"a write", "DELETE", "manifests/1", 405, nil},
	} {
		res, _, err := b.get(t.Context(), tt.method, "hub/library/app/"+tt.path)
		if err != nil || res.StatusCode != tt.status {
			t.Fatalf("%s: %v, %v, want %d", tt.step, res, err, tt.status)
		}
		if got := b.calls(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: upstream is asked %q, want %q", tt.step, got, tt.want)
		}
		if tt.step == "cold blob" {
			b.settle(t, d)
		}
	}
}

// settle waits until the blob is kept, which is a moment after a client has it.
func (b *behind) settle(t *testing.T, d digest.Digest) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		_, body, err := b.get(t.Context(), "GET", "hub/library/app/blobs/"+string(d))
		if len(b.calls()) == 0 && err == nil && digest.FromBytes(body) == d {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not kept: %v", d, err)
		}
	}
}

// TestThroughBrokenLine has connections break off again and again. Clients see nothing of it.
func TestThroughBrokenLine(t *testing.T) {
	layer := layerOf(5 << 20)
	b := newBehind(t, pullthrough.Options{})
	b.image(t, "library/app", layer, "1")
	b.cut = 2 << 20
	d := digest.FromBytes(layer)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			if _, body, err := b.get(t.Context(), "GET", "hub/library/app/blobs/"+string(d)); err != nil || digest.FromBytes(body) != d {
				t.Errorf("%d bytes, %v", len(body), err)
			}
		})
	}
	clients.Wait()
	if calls := b.calls(); len(calls) != 3 {
		t.Errorf("upstream is asked %q, want the blob once and the rest of it twice", calls)
	}
}

// TestThroughWrongBytes has upstream send something else. Nobody takes it for the blob, and it is not kept.
func TestThroughWrongBytes(t *testing.T) {
	layer := layerOf(100_000)
	b := newBehind(t, pullthrough.Options{NegativeTTL: -1})
	b.image(t, "library/app", layer, "1")
	path := "hub/library/app/blobs/" + string(digest.FromBytes(layer))
	b.wrong = true
	for range 2 {
		if res, body, err := b.get(t.Context(), "GET", path); err == nil && res.StatusCode == 200 {
			t.Errorf("%d bytes come to a clean end", len(body))
		}
	}
	b.mu.Lock()
	b.wrong = false
	b.mu.Unlock()
	if _, body, err := b.get(t.Context(), "GET", path); err != nil || !bytes.Equal(body, layer) {
		t.Errorf("%d bytes, %v, when it sends the right ones", len(body), err)
	}
}

// TestThroughRanges looks into a blob that is not here. What stands near is waited for, and what is far comes by itself.
func TestThroughRanges(t *testing.T) {
	layer := layerOf(9 << 20)
	b := newBehind(t, pullthrough.Options{})
	b.image(t, "library/app", layer, "1")
	path := "hub/library/app/blobs/" + string(digest.FromBytes(layer))
	for _, rng := range [][2]int{{8 << 20, 8<<20 + 9}, {10, 19}, {0, len(layer) - 1}, {len(layer) - 1, len(layer) - 1}} {
		res, body, err := b.get(t.Context(), "GET", path, "Range", fmt.Sprintf("bytes=%d-%d", rng[0], rng[1]))
		if err != nil || res.StatusCode != http.StatusPartialContent || !bytes.Equal(body, layer[rng[0]:rng[1]+1]) {
			t.Errorf("bytes %d: %d bytes, %v", rng, len(body), err)
		}
	}
}

// TestThroughWithoutUpstream stops the registry behind.
func TestThroughWithoutUpstream(t *testing.T) {
	layer := layerOf(100_000)
	b := newBehind(t, pullthrough.Options{IndexTTL: -1})
	b.image(t, "library/app", layer, "1")
	d := digest.FromBytes(layer)
	paths := []string{"manifests/1", "blobs/" + string(d), "tags/list"}
	for _, p := range paths {
		b.get(t.Context(), "GET", "hub/library/app/"+p)
	}
	b.settle(t, d)
	b.upstream.Close()
	for _, p := range paths {
		if res, _, err := b.get(t.Context(), "GET", "hub/library/app/"+p); err != nil || res.StatusCode != 200 {
			t.Errorf("GET %s: %v, %v", p, res, err)
		}
	}
	for _, p := range []string{"manifests/2", "blobs/" + string(digest.FromString("else"))} {
		if res, body, err := b.get(t.Context(), "GET", "hub/library/app/"+p); err != nil || res.StatusCode != 502 || !bytes.Contains(body, []byte(`"errors"`)) {
			t.Errorf("GET %s: %v, %v, %s", p, res, err, body)
		}
	}
}
