package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore"
	"vitrine/explore/zran"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// startAbroad runs a registry whose explorer shows other registries, u among them though it is not public. name is what u is called there.
func startAbroad(t *testing.T, u *upstream, args ...string) (r *running, name string) {
	t.Helper()
	host := strings.TrimPrefix(u.URL, "http://")
	r = start(t, nil, append([]string{"--ephemeral", "--explore-remote", "any", "--explore-remote-allow", "http://" + host}, args...)...)
	return r, strings.Replace(host, ":", "_", 1)
}

// TestElsewhere looks at another registry through the front, and counts what that is asked.
func TestElsewhere(t *testing.T) {
	u := newUpstream(t)
	r, name := startAbroad(t, u)
	page := func(path string, want ...string) {
		t.Helper()
		code, body := fetch(t, r.url+path)
		for _, w := range want {
			if code != 200 || !strings.Contains(body, w) {
				t.Errorf("GET %s: %d, no %s in\n%s", path, code, w, body)
			}
		}
	}
	layer, config := u.layer.String(), digest.FromString("{}").String()
	_, manifest := fetch(t, u.URL+"/v2/app/manifests/1")
	image := digest.FromString(manifest).String()
	u.calls()

	page("/r/"+name+"/app:1?format=html", "docker pull "+strings.Replace(name, "_", ":", 1)+"/app:1")
	u.asks(t, "HEAD app/manifests/1", "GET app/manifests/"+image, "GET app/blobs/"+config, "GET app/referrers/"+image)
	page("/r/"+name+"/app:1?format=html", "crane manifest")
	page("/r/"+name+"/app@"+image+"?format=html", "crane manifest")
	u.asks(t)
	page("/fs/"+name+"/app@"+layer+"/etc/motd", "hello")
	calls := u.calls()
	if want := "HEAD app/blobs/" + layer; len(calls) == 0 || calls[0] != want {
		t.Errorf("a layer: %q, want %s first", calls, want)
	}
	page("/fs/"+name+"/app@"+layer+"/etc/motd", "hello")
	page("/layers/"+name+"/app@"+image+"/etc/motd", "hello")
	page("/sizes/"+name+"/app@"+image+"/?format=html", "motd")
	page("/blob/"+name+"/app@"+layer+"?raw", "\x1f\x8b")
	u.asks(t)
	page("/r/"+name+"/app?format=html", "/app:1")
	u.asks(t, "GET app/tags/list")
	r.expect(t, "GET /r/"+name+"/none:1 404", "GET /v2/"+name+"/app/manifests/1 404", "GET /r/"+name+"/app:2 404")
}

// TestElsewhereOff: unless it is told to, the explorer asks no registry that a visitor names.
func TestElsewhereOff(t *testing.T) {
	u := newUpstream(t)
	_, name := startAbroad(t, u)
	for _, args := range [][]string{nil, {"--explore-remote", "off"}, {"--explore-remote", "configured"}, {"--explore-remote", "any"}, {"--explore-remote", "any", "--offline"}} {
		r := start(t, nil, append([]string{"--ephemeral"}, args...)...)
		for _, path := range []string{"/r/" + name + "/app:1", "/r/" + name + "/app", "/?image=" + strings.TrimPrefix(u.URL, "http://") + "/app:1", "/fs/" + name + "/app@" + u.layer.String() + "/"} {
			code, body := fetch(t, r.url+path)
			if code < 400 || slices.Contains(args, "--offline") && !strings.Contains(body, "this registry is offline") {
				t.Errorf("%q: GET %s = %d %s", args, path, code, body)
			}
		}
	}
	u.asks(t)
}

// TestElsewhereKept: with off, what is kept of a configured registry is shown, and that is not asked.
func TestElsewhereKept(t *testing.T) {
	u := newUpstream(t)
	r := start(t, nil, "--explore-remote", "off", "--config", configOf(t, u.remote("hub")))
	r.expect(t, "GET /v2/hub/app/manifests/1 200")
	u.calls()
	r.expect(t, "GET /r/hub/app:1 200", "GET /r/hub/app:2 404", "GET /r/hub/other 404")
	u.asks(t)
}

// counted is a registry that counts the bytes of blobs that it sends.
type counted struct {
	http.Handler
	sent atomic.Int64
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "/blobs/") {
		w = &countedWriter{w, c}
	}
	c.Handler.ServeHTTP(w, r)
}

type countedWriter struct {
	http.ResponseWriter
	c *counted
}

func (w *countedWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.c.sent.Add(int64(n))
	return n, err
}

// noisyLayer is a tar.gz of files of size bytes that do not compress, each with one of 4 KiB behind it.
func noisyLayer(t *testing.T, files, size int) []byte {
	t.Helper()
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	noise := make([]byte, size)
	random := rand.NewChaCha8([32]byte{})
	for i := range files {
		random.Read(noise)
		for name, content := range map[string][]byte{fmt.Sprintf("large/%d", i): noise, fmt.Sprintf("small/%d", i): noise[:4<<10]} {
			err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
			_, err2 := w.Write(content)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestElsewhereRanges: a layer is read once, and after that a small file costs about a span of it, wherever it lies.
func TestElsewhereRanges(t *testing.T) {
	layer := noisyLayer(t, 12, 1<<20)
	d := digest.FromBytes(layer)
	store := memory.New()
	if err := storage.PutBlob(t.Context(), store, "app", d, bytes.NewReader(layer)); err != nil {
		t.Fatal(err)
	}
	c := &counted{Handler: blobsOf(store)}
	u := &upstream{Server: httptest.NewServer(c)}
	t.Cleanup(u.Close)
	r, name := startAbroad(t, u)
	for _, want := range []string{`role="status"`, "small/"} { // sent while it is read, and again when it has been
		if code, body := fetch(t, r.url+"/fs/"+name+"/app@"+d.String()+"/?format=html"); code != 200 || !strings.Contains(body, want) {
			t.Fatalf("%d\n%s", code, body)
		}
	}
	if sent, most := c.sent.Swap(0), int64(len(layer))*5/4; sent > most {
		t.Errorf("the pass took %d bytes of a layer of %d, want at most %d", sent, len(layer), most)
	}
	for _, i := range []int{5, 11, 0, 7} {
		code, body := fetch(t, fmt.Sprintf("%s/fs/%s/app@%s/small/%d", r.url, name, d, i))
		if code != 200 || len(body) != 4<<10 {
			t.Fatalf("small/%d: %d, %d bytes", i, code, len(body))
		}
		if sent := c.sent.Swap(0); sent > 2*zran.DefaultSpan {
			t.Errorf("small/%d took %d bytes, want at most two spans, which are %d", i, sent, 2*zran.DefaultSpan)
		} else {
			t.Logf("small/%d took %d bytes", i, sent)
		}
	}
}

// blobsOf serves blobs, with ranges.
func blobsOf(store storage.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, s, _ := strings.Cut(r.URL.Path, "/blobs/")
		b, err := store.OpenBlob(r.Context(), oci.Name("app"), digest.Digest(s))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer b.Close()
		w.Header().Set("ETag", `"`+s+`"`)
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, b)
	})
}

// slowLayer is a registry whose layer takes as long as it is wanted.
type slowLayer struct {
	*httptest.Server
	began, ended chan struct{} // of each pass
}

func newSlowLayer(t *testing.T, size int) *slowLayer {
	s := &slowLayer{began: make(chan struct{}, 8), ended: make(chan struct{}, 8)}
	layer := noisyLayer(t, 2, size/2)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "HEAD" || r.Header.Get("Range") != "" {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(layer))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(layer)))
		w.Write(layer[:len(layer)/2])
		w.(http.Flusher).Flush()
		s.began <- struct{}{}
		<-r.Context().Done()
		s.ended <- struct{}{}
	}))
	t.Cleanup(s.Close)
	return s
}

// TestElsewhereLeft: whoever is the last to leave ends the reading of a layer.
func TestElsewhereLeft(t *testing.T) {
	u := newSlowLayer(t, 1<<20)
	r, name := startAbroad(t, &upstream{Server: u.Server})
	visit := func() (leave func()) {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "GET", r.url+"/fs/"+name+"/app@sha256:"+strings.Repeat("1", 64)+"/?format=json", nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if resp, err := client(t).Do(req); err == nil {
				resp.Body.Close()
			}
		}()
		return func() { cancel(); <-done }
	}
	first := visit()
	<-u.began
	second := visit()
	first()
	third := visit()
	second()
	third()
	<-u.ended
}

// TestElsewhereBounds: a layer that is too large is not read, and who names registry after registry is told to wait.
func TestElsewhereBounds(t *testing.T) {
	u := newSlowLayer(t, 2<<20)
	r, name := startAbroad(t, &upstream{Server: u.Server}, "--explore-remote-layer", "1MiB")
	if code, body := fetch(t, r.url+"/fs/"+name+"/app@sha256:"+strings.Repeat("1", 64)+"/"); code != 422 || !strings.Contains(body, "layers of up to 1.00 MiB are read from other registries") {
		t.Errorf("%d %s", code, body)
	}
	var code int
	var body string
	for i := range 2 * newSites {
		if code, body = fetch(t, fmt.Sprintf("%s/r/10.0.0.%d/app:1", r.url, i)); code == 429 {
			break
		}
	}
	if code != 429 || !strings.Contains(body, "too many other registries are named") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := fetch(t, r.url+"/fs/"+name+"/app@sha256:"+strings.Repeat("1", 64)+"/"); code != 422 {
		t.Errorf("a registry that is known already: %d", code)
	}
}

// TestElsewhereForgets: registries that nobody looks at make room, those that somebody looks at stay as long as that.
func TestElsewhereForgets(t *testing.T) {
	e := newElsewhere(elsewhereOptions{perMinute: 100, cache: explore.NewMemory(1 << 20), log: slog.New(slog.DiscardHandler)})
	ctx, leave := context.WithCancel(t.Context())
	first, err := e.find(ctx, "first.example")
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxSites {
		ctx, leave := context.WithCancel(t.Context())
		if _, err := e.find(ctx, fmt.Sprintf("%d.example", i)); err != nil {
			t.Fatal(err)
		}
		leave()
	}
	e.mu.Lock()
	if len(e.sites) != maxSites || e.recent.Len() != maxSites || e.sites[siteKey{"first.example", ""}] != nil {
		t.Errorf("%d are known", len(e.sites))
	}
	e.mu.Unlock()
	again, err := e.find(ctx, "first.example")
	if err != nil || again == first {
		t.Errorf("what was forgotten is there: %v", err)
	}
	leave()
	eventually(t, "all have left", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return e.visits == 0 })
	e.close()
	if _, err := e.find(t.Context(), "first.example"); !errors.Is(err, storage.ErrTooMany) {
		t.Errorf("after the end: %v", err)
	}
}
