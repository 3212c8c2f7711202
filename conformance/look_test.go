package conformance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/explore"
	"vitrine/registry"
	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/mux"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// looking is the explorer of a registry with another one behind it, and counts what that is asked.
type looking struct {
	t        *testing.T
	upstream *memory.Store
	explorer http.Handler

	mu    sync.Mutex
	asked []string
}

func newLooking(t *testing.T) *looking {
	t.Helper()
	l := &looking{t: t, upstream: memory.New()}
	speaks := registry.New(l.upstream, nil)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.asked = append(l.asked, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v2/"))
		l.mu.Unlock()
		speaks.ServeHTTP(w, r)
	}))
	t.Cleanup(up.Close)
	client, err := remote.New(up.URL, &remote.Options{PlainHTTP: []string{strings.TrimPrefix(up.URL, "http://")}})
	if err != nil {
		t.Fatal(err)
	}
	local := memory.New()
	through := pullthrough.New(local, client, &pullthrough.Options{Prefix: "hub"})
	l.explorer = explore.New(mux.New(local, map[string]storage.Store{"hub": through}), nil)
	t.Cleanup(func() { through.Close(); client.Close() })
	return l
}

// look opens a page, which must be there, and returns it and how often upstream was asked for what; digests and repositories are left out.
func (l *looking) look(url string) (page string, asked []string) {
	l.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", url, nil)
	r.Header.Set("Accept", "text/html")
	l.explorer.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		l.t.Fatalf("GET %s: %d\n%s", url, w.Code, w.Body)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, call := range l.asked {
		method, path, _ := strings.Cut(call, " ")
		parts := strings.Split(path, "/")
		asked = append(asked, method+" "+parts[max(0, len(parts)-2)])
	}
	l.asked = nil
	slices.Sort(asked)
	return w.Body.String(), asked
}

// many makes an index of n images of two layers each, with a tag.
func (l *looking) many(repo oci.Name, n int, tag oci.Tag) {
	l.t.Helper()
	put := func(content string) oci.Descriptor {
		d := digest.FromString(content)
		if err := storage.PutBlob(l.t.Context(), l.upstream, repo, d, strings.NewReader(content)); err != nil {
			l.t.Fatal(err)
		}
		return oci.Descriptor{Digest: d, Size: int64(len(content))}
	}
	keep := func(mediaType, raw string) storage.Manifest {
		m, _, err := storage.ParseManifest(mediaType, []byte(raw), "")
		if err == nil {
			err = l.upstream.PutManifest(l.t.Context(), repo, m)
		}
		if err != nil {
			l.t.Fatal(err)
		}
		return m
	}
	var children []string
	for i := range n {
		config := put(fmt.Sprintf(`{"os":"linux","architecture":"a%d","config":{}}`, i))
		var layers []string
		for j := range 2 {
			layer := put(fmt.Sprintf("layer %d of %d", j, i))
			layers = append(layers, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, "application/vnd.oci.image.layer.v1.tar+gzip", layer.Digest, layer.Size))
		}
		m := keep(oci.MediaTypeImageManifest, fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[%s]}`,
			config.Digest, config.Size, strings.Join(layers, ",")))
		children = append(children, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,"platform":{"os":"linux","architecture":"a%d"}}`, m.MediaType, m.Digest, m.Size, i))
	}
	index := keep(oci.MediaTypeImageIndex, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, oci.MediaTypeImageIndex, strings.Join(children, ",")))
	if err := l.upstream.SetTag(l.t.Context(), repo, tag, index.Digest, storage.Match{}); err != nil {
		l.t.Fatal(err)
	}
}

// TestLookingAsksLittle wants pages about another registry's images to cost it a request or two, however many rows they have.
func TestLookingAsksLittle(t *testing.T) {
	l := newLooking(t)
	l.many("app", 12, "1")
	l.many("app", 3, "2")
	steps := []struct {
		what, url string
		asked     []string
		shows     string
	}{
		{"a repository that nobody has pulled from", "/r/hub/app", []string{"GET tags"}, ">2</a>"},
		{"the same again", "/r/hub/app", nil, ">2</a>"},
		{"an index, cold", "/r/hub/app:1", []string{"GET manifests", "GET referrers", "HEAD manifests"}, "linux/a11"},
		{"an index, warm", "/r/hub/app:1", nil, "linux/a11"},
		{"the repository, of which a tag is kept now", "/r/hub/app", nil, "2 tags"},
		{"the front page", "/", nil, "hub/app"},
		{"a search", "/search?q=app", nil, "hub/app"},
	}
	for _, s := range steps {
		page, asked := l.look(s.url)
		if !slices.Equal(asked, s.asked) {
			t.Errorf("%s: upstream is asked %q, want %q", s.what, asked, s.asked)
		}
		if !strings.Contains(page, s.shows) {
			t.Errorf("%s: no %q in\n%s", s.what, s.shows, page)
		}
	}
	child := digestIn(t, l.upstream, "app", "1")
	for i, want := range [][]string{{"GET blobs", "GET manifests", "GET referrers"}, nil} {
		if _, asked := l.look("/r/hub/app@" + string(child)); !slices.Equal(asked, want) {
			t.Errorf("an image, look %d: upstream is asked %q, want %q", i+1, asked, want)
		}
	}
}

// digestIn returns the first image of an index.
func digestIn(t *testing.T, s storage.Reader, repo oci.Name, tag oci.Tag) digest.Digest {
	t.Helper()
	d, err := s.ResolveTag(t.Context(), repo, tag)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetManifest(t.Context(), repo, d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	c, err := oci.ParseManifest(m.MediaType, m.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return c.Manifests[0].Digest
}
