package registry_test

import (
	"context"
	"errors"
	"iter"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"

	"github.com/opencontainers/go-digest"

	"vitrine/registry"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// noting is a store that notes the strings it is given, and whether whoever asks may push.
type noting struct {
	storage.Store
	deny error
	got  []string
}

func (n *noting) AskPush(context.Context, oci.Name) error { return n.deny }

func (n *noting) PutManifest(_ context.Context, name oci.Name, m storage.Manifest) error {
	n.got = append(n.got, string(name), m.MediaType)
	return nil
}

func (n *noting) SetTag(_ context.Context, _ oci.Name, tag oci.Tag, _ digest.Digest, _ storage.Match) error {
	n.got = append(n.got, string(tag))
	return nil
}

func (n *noting) Repositories(context.Context, oci.Name) iter.Seq2[oci.Name, error] {
	panic("looked for before it was asked")
}

// TestAsksBeforeItWorks: a stranger's body is not even read.
func TestAsksBeforeItWorks(t *testing.T) {
	for _, call := range []string{"PUT /v2/app/manifests/1", "POST /v2/app/blobs/uploads/?mount=" + string(digest.FromString(""))} {
		method, path, _ := strings.Cut(call, " ")
		w := httptest.NewRecorder()
		h := registry.New(&noting{Store: memory.New(), deny: storage.ErrNoIdentity}, nil)
		h.ServeHTTP(w, httptest.NewRequest(method, path, iotest.ErrReader(errors.New("read"))))
		if w.Code != 401 {
			t.Errorf("%s = %d, want 401", call, w.Code)
		}
	}
}

// TestStoresKeepNoMoreThanTheyNeed: a string that is a part of a longer one keeps all of that alive.
func TestStoresKeepNoMoreThanTheyNeed(t *testing.T) {
	n := &noting{Store: memory.New()}
	r := httptest.NewRequest("PUT", "/v2/app/manifests/"+string(digest.FromString(emptyIndex))+"?tag=1&x="+strings.Repeat("x", 60_000), strings.NewReader(emptyIndex))
	r.Header.Set("Content-Type", oci.MediaTypeImageIndex+";"+strings.Repeat("x", 60_000))
	registry.New(n, nil).ServeHTTP(httptest.NewRecorder(), r)
	if len(n.got) != 3 {
		t.Fatalf("the store has got %q", n.got)
	}
	for _, s := range n.got {
		for _, big := range []string{r.RequestURI, r.URL.Path, r.URL.RawQuery, r.Header.Get("Content-Type")} {
			at := uintptr(unsafe.Pointer(unsafe.StringData(s))) - uintptr(unsafe.Pointer(unsafe.StringData(big)))
			if at < uintptr(len(big)) {
				t.Errorf("%q is a part of %d bytes", s, len(big))
			}
		}
	}
}

// TestNoPages: a manifest is whatever its pusher says, and a browser must not run it.
func TestNoPages(t *testing.T) {
	c := start(t, nil)
	c.manifest("app", "1", "page", "text/html", `{"x":"<script>alert(1)</script>"}`)
	for _, call := range []string{"GET /v2/app/manifests/1", "GET /v2/app/manifests/$page", "GET /v2/app/tags/list", "GET /v2/app/referrers/$page"} {
		c.has(c.do(call, "", "200"), "Content-Security-Policy: default-src 'none'; sandbox", "X-Content-Type-Options: nosniff")
	}
}
