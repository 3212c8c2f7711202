package explore

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// elsewhere is a site whose manifests name a layer that is kept on another server, which may be asked though it is not public.
type elsewhere struct {
	*site
	server *httptest.Server
	asked  atomic.Int32
	layer  digest.Digest
	image  digest.Digest
	url    string
}

func newElsewhere(t *testing.T, may func(netip.AddrPort) bool) *elsewhere {
	t.Helper()
	e := &elsewhere{site: newSite(t, nil)}
	content := tarGzip(t, "etc/", "etc/foreign=yes")
	e.layer = digest.FromString(content)
	mux := http.NewServeMux()
	mux.HandleFunc("/layer", func(w http.ResponseWriter, _ *http.Request) { e.asked.Add(1); _, _ = io.WriteString(w, content) })
	mux.HandleFunc("/wrong", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", len(content)))
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, content+"x") })
	mux.HandleFunc("/missing", http.NotFound)
	mux.Handle("/moved", http.RedirectHandler("/layer", http.StatusFound))
	mux.Handle("/away", http.RedirectHandler("file:///etc/passwd", http.StatusFound))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	e.server = httptest.NewServer(mux)
	t.Cleanup(e.server.Close)
	e.url = strings.TrimPrefix(e.server.URL, "http://")
	h := New(e.store, &Options{Foreign: true}).(*handler)
	h.store = newForeign(e.store, foreignClient(may))
	e.Handler = h
	e.image = e.imageOf("app", int64(len(content)))
	return e
}

// imageOf stores an image whose layer is elsewhere.
func (e *elsewhere) imageOf(repo string, size int64) digest.Digest {
	var urls []string
	for _, p := range []string{"layer", "wrong", "long", "missing", "moved", "away", "loop"} {
		urls = append(urls, e.server.URL+"/"+p)
	}
	config := e.blob(repo, "{}")
	return e.manifest(repo, oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeImageManifest,
		"config": oci.Descriptor{MediaType: mediaTypeConfig, Digest: config, Size: 2},
		"layers": []oci.Descriptor{{MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Digest: e.layer, Size: size, URLs: urls}}}, "1")
}

func (e *elsewhere) page(at string, d digest.Digest, pairs ...string) string {
	return withQuery("/http/"+e.url+"/"+at+"@"+string(d), pairs...)
}

func everywhere(netip.AddrPort) bool { return true }

func TestForeign(t *testing.T) {
	e := newElsewhere(t, everywhere)
	named := []string{"repo", "app", "manifest", string(e.image)}
	files := "/fs/app@" + string(e.layer) + "/etc/foreign"
	if w := e.get(files); w.Code != 404 {
		t.Errorf("before it is fetched: %d", w.Code)
	}
	for _, c := range []struct {
		url    string
		status int
		want   string
	}{
		{e.page("wrong", e.layer, named...), 502, "digest"},
		{e.page("long", e.layer, named...), 502, "size"},
		{e.page("missing", e.layer, named...), 502, "404"},
		{e.page("away", e.layer, named...), 502, "moved"},
		{e.page("loop", e.layer, named...), 502, "moved too often"},
		{e.page("other", e.layer, named...), 404, "does not say"},
		{e.page("layer", digest.FromString("x"), named...), 404, "does not say"},
		{e.page("layer", e.layer), 400, "repo="},
		{e.page("layer", e.layer, "repo", "app", "manifest", "x"), 400, ""},
		{e.page("layer", e.layer, "repo", "other", "manifest", string(e.image)), 404, ""},
		{strings.Replace(e.page("layer", e.layer, named...), "/http/", "/https/", 1), 404, "does not say"},
		{"/http/" + e.url + "/layer", 400, "DIGEST"},
		{e.page("moved", e.layer, named...), 302, "/fs/app@" + string(e.layer) + "/"},
		{e.page("layer", e.layer, named...), 302, "/fs/app@" + string(e.layer) + "/"},
	} {
		w := e.get(c.url)
		got := w.Body.String() + w.Header().Get("Location")
		if w.Code != c.status || !strings.Contains(got, c.want) {
			t.Errorf("GET %s: %d, want %d with %s\n%s", c.url, w.Code, c.status, c.want, mainPart(got))
		}
	}
	if n := e.asked.Load(); n != 2 {
		t.Errorf("fetched %d times, want once by each URL", n)
	}
	for url, want := range map[string]string{files: "yes", "/fs/app@" + string(e.layer) + "/etc/": "foreign", "/layers/app@" + string(e.image) + "/etc/foreign": "yes"} {
		if w := e.get(url); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("GET %s: %d\n%s", url, w.Code, mainPart(w.Body.String()))
		}
	}
	if w := e.get("/blob/app@" + string(e.layer) + "?raw"); w.Code != 200 || digest.FromBytes(w.Body.Bytes()) != e.layer {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

// TestForeignOff: the explorer fetches nothing unless it is told to.
func TestForeignOff(t *testing.T) {
	e := newElsewhere(t, everywhere)
	e.Handler = New(e.store, nil)
	if w := e.get(e.page("layer", e.layer, "repo", "app", "manifest", string(e.image))); w.Code != 404 || e.asked.Load() != 0 {
		t.Errorf("%d, and %d fetches", w.Code, e.asked.Load())
	}
}

// TestForeignPrivate: what is reached from here and not from everywhere is not asked, by whatever name or detour.
func TestForeignPrivate(t *testing.T) {
	e := newElsewhere(t, mayFetch)
	w := e.get(e.page("layer", e.layer, "repo", "app", "manifest", string(e.image)))
	if w.Code != 502 || !strings.Contains(w.Body.String(), errPrivate.Error()) || e.asked.Load() != 0 {
		t.Errorf("%d, %d fetches\n%s", w.Code, e.asked.Load(), mainPart(w.Body.String()))
	}
	for address, want := range map[string]bool{"8.8.8.8": true, "2606:4700::1111": true,
		"127.0.0.1": false, "::1": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"fe80::1": false, "fd00::1": false, "fec0::1": false, "224.0.0.1": false, "ff02::1": false, "255.255.255.255": false, "100.64.0.1": false, "198.18.0.1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "0.1.2.3": false} {
		if got := public(netip.MustParseAddr(address).Unmap()); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	for place, want := range map[string]bool{"8.8.8.8:443": true, "8.8.8.8:80": true, "[2606:4700::1111]:5000": true, "8.8.8.8:22": false, "127.0.0.1:443": false, "8.8.8.8:8080": false} {
		if got := mayFetch(netip.MustParseAddrPort(place)); got != want {
			t.Errorf("%s: %v", place, got)
		}
	}
}

// TestForeignOwners: what was fetched for one repository is not shown under another that does not name it, nor when its manifest is gone.
func TestForeignOwners(t *testing.T) {
	e := newElsewhere(t, everywhere)
	e.blob("other", "x")
	if w := e.get(e.page("layer", e.layer, "repo", "app", "manifest", string(e.image))); w.Code != 302 {
		t.Fatalf("%d\n%s", w.Code, w.Body)
	}
	for name, want := range map[string]int{"app": 200, "other": 404} {
		if w := e.get("/blob/" + name + "@" + string(e.layer)); w.Code != want {
			t.Errorf("in %s: %d, want %d", name, w.Code, want)
		}
	}
	other := e.imageOf("other", 1<<10)
	if w := e.get(e.page("missing", e.layer, "repo", "other", "manifest", string(other))); w.Code != 502 {
		t.Errorf("by a digest and a URL where nothing is: %d", w.Code)
	}
	if w := e.get("/blob/other@" + string(e.layer)); w.Code != 404 {
		t.Errorf("named by a manifest whose URLs have nothing: %d", w.Code)
	}
	if err := e.store.DeleteManifest(t.Context(), "app", e.image); err != nil {
		t.Fatal(err)
	}
	if w := e.get("/blob/app@" + string(e.layer)); w.Code != 404 {
		t.Errorf("without the manifest: %d", w.Code)
	}
}

// TestKeptBlobs: there is room for so much; who reads what is dropped reads on.
func TestKeptBlobs(t *testing.T) {
	f := newForeign(memory.New(), http.DefaultClient)
	f.keep.bound = 10
	put := func(s string) digest.Digest {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }))
		defer server.Close()
		d := digest.FromString(s)
		u, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.fetch(t.Context(), foreignSource{repo: "app"}, oci.Descriptor{Digest: d, Size: int64(len(s))}, u.String()); err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := put("first")
	reader := f.keep.open(first)
	second := put("second")
	if f.keep.open(first) != nil || f.keep.open(second) == nil {
		t.Error("the one that was not asked for last is not the one that went")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { put("third"); put("fourth") })
	}
	wg.Wait()
	if f.keep.size > 10 {
		t.Errorf("%d bytes are kept", f.keep.size)
	}
	if b, err := io.ReadAll(reader); err != nil || string(b) != "first" {
		t.Errorf("%q, %v", b, err)
	}
	if err := errors.Join(reader.Close(), reader.Close()); err != nil {
		t.Error(err)
	}
	if _, err := reader.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("a dropped file is still open behind its last reader")
	}
}
