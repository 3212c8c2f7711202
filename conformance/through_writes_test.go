package conformance

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// TestThroughWrites tries all that would change a repository of the other registry. Each is refused with what is allowed instead, and where to push to.
func TestThroughWrites(t *testing.T) {
	layer := layerOf(1000)
	b := newBehind(t, pullthrough.Options{})
	m := b.image(t, "library/app", layer, "1")
	d := string(digest.FromBytes(layer))
	for _, tt := range []struct{ call, allow string }{
		{"POST hub/library/app/blobs/uploads/", ""},
		{"POST hub/library/app/blobs/uploads/?digest=" + d, ""},
		{"POST hub/library/app/blobs/uploads/?from=team/app&mount=" + d, ""},
		{"PATCH hub/library/app/blobs/uploads/x", ""},
		{"PUT hub/library/app/blobs/uploads/x?digest=" + d, ""},
		{"DELETE hub/library/app/blobs/uploads/x", ""},
		{"PUT hub/library/app/manifests/1 | Content-Type: a/b", "GET, HEAD"},
		{"PUT hub/library/app/manifests/" + d, "GET, HEAD"},
		{"DELETE hub/library/app/manifests/1", "GET, HEAD"},
		{"DELETE hub/library/app/manifests/" + string(m.Digest), "GET, HEAD"},
		{"DELETE hub/library/app/blobs/" + d, "GET, HEAD"},
		{"DELETE library/app/manifests/1?ns=docker.io", "GET, HEAD"},
	} {
		res, body := b.want(t, tt.call, "405 UNSUPPORTED")
		if got, ok := res.Header["Allow"]; !ok || strings.Join(got, "") != tt.allow {
			t.Errorf("%s: Allow %q, want %q", tt.call, got, tt.allow)
		}
		if !strings.Contains(body, "can only be read here: push to a name that does not begin with hub/") {
			t.Errorf("%s is told %s", tt.call, body)
		}
	}
	b.wantAsked(t, "writes")
}

// TestThroughMount mounts blobs of the other registry into a local repository: those that are here. What is not is to be uploaded, and is not fetched for it.
func TestThroughMount(t *testing.T) {
	kept, other := layerOf(1000), layerOf(2000)
	b := newBehind(t, pullthrough.Options{Library: true})
	b.image(t, "library/app", kept, "1")
	b.image(t, "library/app", other, "2")
	d, o := string(digest.FromBytes(kept)), string(digest.FromBytes(other))
	b.want(t, "GET hub/library/app/blobs/"+d, "200")
	b.settled(t, digest.Digest(d))
	b.calls()
	for _, from := range []string{"from=hub/library/app&", "from=hub/app&", "from=all/library/app&", ""} {
		b.want(t, "POST team/app/blobs/uploads/?"+from+"mount="+o, "202")
		b.want(t, "POST team/app/blobs/uploads/?"+from+"mount="+d, "201")
		b.want(t, "GET team/app/blobs/"+d, "200")
		b.want(t, "DELETE team/app/blobs/"+d, "202")
	}
	b.wantAsked(t, "mounts")
}

// TestThroughNamespace asks as containerd asks a mirror.
func TestThroughNamespace(t *testing.T) {
	layer := layerOf(1000)
	d := digest.FromBytes(layer)
	b := newBehind(t, pullthrough.Options{IndexTTL: time.Hour})
	m := b.image(t, "library/app", layer, "1")
	for _, call := range []string{"HEAD library/app/manifests/1", "GET library/app/manifests/" + string(m.Digest), "GET library/app/blobs/" + string(d),
		"GET library/app/referrers/" + string(m.Digest)} {
		res, _ := b.want(t, call+"?ns=docker.io", "200")
		if got := res.Header.Get("OCI-Namespace"); got != "docker.io" {
			t.Errorf("%s: OCI-Namespace %q", call, got)
		}
		b.wantAsked(t, call, call)
		b.want(t, call+"?ns=registry.example", map[bool]string{true: "404", false: "404 NAME_UNKNOWN"}[call[:4] == "HEAD"])
		b.wantAsked(t, call+" of a registry that is not known")
	}
	b.settled(t, d)
	b.want(t, "GET hub/library/app/blobs/"+string(d), "200")
	b.want(t, "GET library/app/blobs/"+string(d), "404 BLOB_UNKNOWN")
	b.wantAsked(t, "the same by its name here")
}

// TestThroughLists reads lists in pages: of tags those that upstream has, of repositories those of which something is kept.
func TestThroughLists(t *testing.T) {
	b := newBehind(t, pullthrough.Options{IndexTTL: time.Hour})
	layer := layerOf(1000)
	for _, tag := range []string{"1", "2", "3"} {
		for _, repo := range []string{"library/app", "library/never", "other/app"} {
			b.image(t, oci.Name(repo), layer, oci.Tag(tag))
		}
	}
	if err := storage.PutBlob(t.Context(), b.local, "team/app", digest.FromBytes(layer), bytes.NewReader(layer)); err != nil {
		t.Fatal(err)
	}
	b.want(t, "GET hub/library/app/manifests/1", "200")
	b.want(t, "GET hub/other/app/manifests/3", "200")
	b.calls()
	for _, tt := range []struct{ path, want, next string }{
		{"hub/library/app/tags/list", `{"name":"hub/library/app","tags":["1","2","3"]}`, ""},
		{"hub/library/app/tags/list?n=2", `{"name":"hub/library/app","tags":["1","2"]}`, `</v2/hub/library/app/tags/list?n=2&last=2>; rel="next"`},
		{"hub/library/app/tags/list?n=2&last=2", `{"name":"hub/library/app","tags":["3"]}`, ""},
		{"hub/library/app/tags/list?last=3", `{"name":"hub/library/app","tags":[]}`, ""},
		{"library/app/tags/list?n=1&ns=docker.io", `{"name":"library/app","tags":["1"]}`, `</v2/library/app/tags/list?n=1&last=1&ns=docker.io>; rel="next"`},
		{"all/library/never/tags/list", `{"name":"all/library/never","tags":["1","2","3"]}`, ""},
		{"_catalog", `{"repositories":["all/app","all/library/app","all/other/app","hub/library/app","hub/other/app","team/app"]}`, ""},
		{"_catalog?n=1&last=all/other/app", `{"repositories":["hub/library/app"]}`, `</v2/_catalog?n=1&last=hub%2Flibrary%2Fapp>; rel="next"`},
	} {
		if res, body := b.want(t, "GET "+tt.path, "200"); body != tt.want || res.Header.Get("Link") != tt.next {
			t.Errorf("GET %s = %s, Link %q, want %s, %q", tt.path, body, res.Header.Get("Link"), tt.want, tt.next)
		}
	}
	b.wantAsked(t, "lists", "GET library/app/tags/list", "GET library/never/tags/list")
}
