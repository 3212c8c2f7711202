package conformance

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/pullthrough"
)

// TestThroughRequests counts what upstream is asked for by each request. It asks no more than is said here, so that an image that is used every minute costs
// nothing of what a registry allows in an hour.
func TestThroughRequests(t *testing.T) {
	layer := layerOf(100_000)
	b := newBehind(t, pullthrough.Options{IndexTTL: time.Hour, NegativeTTL: time.Hour})
	b.token = true
	m := b.image(t, "library/app", layer, "1")
	b.image(t, "library/app", layer, "new")
	d := digest.FromBytes(layer)
	for _, tt := range []struct {
		step, method, path string
		status             int
		want               []string
	}{
		{"first HEAD of a blob", "HEAD", "blobs/" + string(d), 200, []string{"HEAD library/app/blobs/" + string(d), "GET /token", "HEAD library/app/blobs/" + string(d)}},
		{"cold HEAD of a tag", "HEAD", "manifests/1", 200, []string{"HEAD library/app/manifests/1"}},
		{"warm HEAD of a tag", "HEAD", "manifests/1", 200, nil},
		{"cold HEAD of a digest", "HEAD", "manifests/" + string(m.Digest), 200, []string{"HEAD library/app/manifests/" + string(m.Digest)}},
		{"cold manifest of a warm tag", "GET", "manifests/1", 200, []string{"GET library/app/manifests/" + string(m.Digest)}},
		{"cold tag", "GET", "manifests/new", 200, []string{"HEAD library/app/manifests/new"}},
		{"cold blob", "GET", "blobs/" + string(d), 200, []string{"GET library/app/blobs/" + string(d)}},
		{"warm tag", "GET", "manifests/1", 200, nil},
		{"warm tag, HEAD", "HEAD", "manifests/1", 200, nil},
		{"warm digest", "GET", "manifests/" + string(m.Digest), 200, nil},
		{"warm digest, HEAD", "HEAD", "manifests/" + string(m.Digest), 200, nil},
		{"warm blob", "GET", "blobs/" + string(d), 200, nil},
		{"warm HEAD of a blob", "HEAD", "blobs/" + string(d), 200, nil},
		{"tags", "GET", "tags/list", 200, []string{"GET library/app/tags/list"}},
		{"tags again", "GET", "tags/list?n=1", 200, nil},
		{"referrers", "GET", "referrers/" + string(m.Digest), 200, []string{"GET library/app/referrers/" + string(m.Digest)}},
		{"referrers again", "HEAD", "referrers/" + string(m.Digest), 200, nil},
		{"no such tag", "GET", "manifests/2", 404, []string{"HEAD library/app/manifests/2", "GET library/app/manifests/2"}},
		{"no such tag again", "HEAD", "manifests/2", 404, nil},
		{"a write", "DELETE", "manifests/1", 405, nil},
	} {
		res, _, err := b.get(t.Context(), tt.method, "hub/library/app/"+tt.path)
		if err != nil || res.StatusCode != tt.status {
			t.Fatalf("%s: %v, %v, want %d", tt.step, res, err, tt.status)
		}
		if got := b.calls(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: upstream is asked %q, want %q", tt.step, got, tt.want)
		}
		status := map[bool]string{true: "vitrine; hit", false: "vitrine; fwd="}[tt.want == nil]
		if got := res.Header.Get("Cache-Status"); tt.status == 200 && !strings.HasPrefix(got, status) || tt.status != 200 && got != "" {
			t.Errorf("%s: Cache-Status %q, want %q", tt.step, got, status)
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
