package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry"
	"vitrine/registry/auth"
	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/memory"
	"vitrine/storage/mux"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
	"vitrine/storage/watch"
)

// behind is a registry with another one behind it, each over HTTP, as it is put together when it is served.
type behind struct {
	*httptest.Server // the one in front, where the other is "hub/..."
	upstream         *httptest.Server
	content          storage.Store // upstream
	local            storage.Store // of the one in front

	mu    sync.Mutex
	asked []string
	cut   int           // bytes of each body that upstream sends before the connection breaks; 0: all
	wrong bool          // of each body, a byte
	token bool          // it wants one, of its own
	plain bool          // it knows no ranges
	hold  chan struct{} // before the last byte of each GET of a blob, until it is closed; nil: none
	fail  func(w http.ResponseWriter, r *http.Request) (failed bool)
}

// hub is where the other registry stands in the one in front, with and without its first name.
const hub = "hub"

func newBehind(t *testing.T, o pullthrough.Options) *behind {
	t.Helper()
	return newBehindWith(t, o, remote.Options{})
}

func newBehindWith(t *testing.T, o pullthrough.Options, ro remote.Options) *behind {
	t.Helper()
	b := &behind{content: memory.New()}
	speaks := registry.New(b.content, nil)
	b.upstream = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.note(speaks, w, r) }))
	t.Cleanup(b.upstream.Close)
	host := strings.TrimPrefix(b.upstream.URL, "http://")
	ro.PlainHTTP, ro.RetryDelay = []string{host}, time.Millisecond
	client, err := remote.New(b.upstream.URL, &ro)
	if err != nil {
		t.Fatal(err)
	}
	local, err := disk.Open(t.TempDir(), &disk.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	o.Prefix = hub
	told := watch.New(local, func(context.Context, watch.Event) {})
	through := pullthrough.New(told, client, &o)
	b.local = local
	members := []mux.Member{{Name: "team", Store: told, Local: true}, {Name: hub, Store: through}}
	mounts := map[string]storage.Store{hub: through, "all": mux.NewVirtual("all", members, nil)}
	everybody := []string{auth.Anonymous}
	policy, err := auth.NewPolicy([]auth.Rule{{Repositories: "**", Pull: everybody, Push: everybody, Delete: everybody}})
	if err != nil {
		t.Fatal(err)
	}
	guarded := auth.Guard(mux.New(told, mounts), func() *auth.Policy { return policy })
	b.Server = httptest.NewServer(registry.New(guarded, &registry.Options{Namespace: namespace}))
	t.Cleanup(func() {
		b.Server.Close()
		through.Close()
		client.Close()
		local.Close()
	})
	return b
}

// namespace knows the other registry by the name docker.io.
func namespace(ns string) (string, bool) { return hub, ns == "docker.io" }

// set changes what upstream does.
func (b *behind) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// note counts a request of upstream, and may cut the answer short.
func (b *behind) note(h http.Handler, w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v2/")
	if rng := r.Header.Get("Range"); rng != "" {
		call += " " + rng
	}
	b.mu.Lock()
	b.asked = append(b.asked, call)
	cut, wrong, plain, hold, fail := b.cut, b.wrong, b.plain, b.hold, b.fail
	refuses := b.token && r.Header.Get("Authorization") != "Bearer secret"
	b.mu.Unlock()
	switch {
	case r.URL.Path == "/token":
		io.WriteString(w, `{"token":"secret"}`)
		return
	case refuses:
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="test",scope="repository:any:pull"`, b.upstream.URL))
		w.WriteHeader(http.StatusUnauthorized)
		return
	case fail != nil && fail(w, r):
		return
	}
	if plain {
		r.Header.Del("Range")
	}
	if hold != nil && r.Method == "GET" && r.Header.Get("Range") == "" && strings.Contains(r.URL.Path, "/blobs/") {
		w = &holding{w, hold, r}
	}
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

// holding sends half of what it is given, and the rest when it may.
type holding struct {
	http.ResponseWriter
	until chan struct{}
	r     *http.Request
}

func (h *holding) ReadFrom(r io.Reader) (int64, error) {
	all, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	n, err := h.ResponseWriter.Write(all[:len(all)/2])
	if err != nil {
		return int64(n), err
	}
	h.ResponseWriter.(http.Flusher).Flush()
	select {
	case <-h.until:
	case <-h.r.Context().Done():
	}
	m, err := h.ResponseWriter.Write(all[len(all)/2:])
	return int64(n + m), err
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
	m := manifestOf(t, d, len(layer))
	err := b.content.PutManifest(t.Context(), repo, m)
	if err == nil {
		err = b.content.SetTag(t.Context(), repo, tag, m.Digest, storage.Match{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// manifestOf makes the manifest of an image whose one layer, which is its config too, is d.
func manifestOf(t *testing.T, d digest.Digest, size int) storage.Manifest {
	t.Helper()
	raw := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/config","digest":%q,"size":%d},"layers":[]}`, d, size)
	m, _, err := storage.ParseManifest(oci.MediaTypeImageManifest, []byte(raw), "")
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

// want sends a request such as "GET hub/app/tags/list | Accept: a/b" and fails unless the answer has that status and code, as in "404 NAME_UNKNOWN".
func (b *behind) want(t *testing.T, call, want string) (*http.Response, string) {
	t.Helper()
	parts := strings.Split(call, " | ")
	var header []string
	for _, h := range parts[1:] {
		k, v, _ := strings.Cut(h, ": ")
		header = append(header, k, v)
	}
	method, path, _ := strings.Cut(parts[0], " ")
	res, body, err := b.get(t.Context(), method, path, header...)
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	got := fmt.Sprint(res.StatusCode)
	var said struct{ Errors []struct{ Code string } }
	if json.Unmarshal(body, &said) == nil && len(said.Errors) > 0 {
		got += " " + said.Errors[0].Code
	}
	if got != want {
		t.Errorf("%s = %s, want %s: %.300s", call, got, want, body)
	}
	return res, string(body)
}

// wantAsked fails unless upstream was asked just that since the last time.
func (b *behind) wantAsked(t *testing.T, step string, want ...string) {
	t.Helper()
	if got := b.calls(); !slices.Equal(got, want) {
		t.Errorf("%s: upstream is asked %q, want %q", step, got, want)
	}
}

// layerOf is n bytes that are not all the same.
func layerOf(n int) []byte {
	b := make([]byte, 0, n+20)
	for i := int64(0); len(b) < n; i++ {
		b = append(strconv.AppendInt(b, i, 10), " and so on, "...)
	}
	return b[:n]
}
