package api

import (
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

func TestParse(t *testing.T) {
	d := digest.FromString("")
	for _, tt := range []struct {
		path string
		want Route
	}{
		{"/v2/", Route{Endpoint: Ping}},
		{"/v2", Route{Endpoint: Ping}},
		{"/v2/_catalog", Route{Endpoint: Catalog}},
		{"/v2/a/blobs/$d", Route{Endpoint: Blob, Name: "a", Digest: d}},
		{"/v2/a/b/c/manifests/$d", Route{Endpoint: Manifest, Name: "a/b/c", Digest: d}},
		{"/v2/a/manifests/1", Route{Endpoint: Manifest, Name: "a", Tag: "1"}},
		{"/v2/a/manifests/sha256", Route{Endpoint: Manifest, Name: "a", Tag: "sha256"}},
		{"/v2/a/blobs/uploads/", Route{Endpoint: Uploads, Name: "a"}},
		{"/v2/a/blobs/uploads", Route{Endpoint: Uploads, Name: "a"}},
		{"/v2/a/blobs/uploads/x", Route{Endpoint: Upload, Name: "a", ID: "x"}},
		{"/v2/a/tags/list", Route{Endpoint: Tags, Name: "a"}},
		{"/v2/a/referrers/$d", Route{Endpoint: Referrers, Name: "a", Digest: d}},
		{"/v2/blobs/uploads/tags/list/tags/list", Route{Endpoint: Tags, Name: "blobs/uploads/tags/list"}},
		{"/v2/manifests/manifests/manifests", Route{Endpoint: Manifest, Name: "manifests", Tag: "manifests"}},
		{"/v2/blobs/uploads/blobs/uploads/x", Route{Endpoint: Upload, Name: "blobs/uploads", ID: "x"}},
	} {
		got, err := Parse(strings.ReplaceAll(tt.path, "$d", string(d)))
		if got != tt.want || err != nil {
			t.Errorf("%s = %+v, %v, want %+v", tt.path, got, err, tt.want)
		}
	}
	for path, want := range map[string]error{
		"": ErrNoRoute, "/": ErrNoRoute, "/v3/": ErrNoRoute, "/v2x": ErrNoRoute, "/v2/a": ErrNoRoute, "/v2/a/tags/lists": ErrNoRoute,
		"/v2/a/manifests/": ErrNoRoute, "/v2/a/blobs/": ErrNoRoute, "/v2/uploads/x": ErrNoRoute,
		"/v2/A/tags/list": oci.ErrName, "/v2/../tags/list": oci.ErrName, "/v2/tags/list": oci.ErrName,
		"/v2/a/manifests/.x": oci.ErrTag, "/v2/a/manifests/sha256:x": oci.ErrDigest, "/v2/a/blobs/x": oci.ErrDigest,
	} {
		if _, err := Parse(path); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
	}
}

// FuzzParse holds that Path is the inverse of Parse, and that errors are of the known kinds and bounded.
func FuzzParse(f *testing.F) {
	d := string(digest.FromString(""))
	for _, p := range []string{"/v2/", "/v2", "/v2/_catalog", "/v2/a/b/blobs/" + d, "/v2/a/manifests/1", "/v2/a/manifests/" + d, "/v2/a/blobs/uploads/",
		"/v2/a/blobs/uploads", "/v2/a/blobs/uploads/x", "/v2/a/tags/list", "/v2/a/referrers/" + d, "/v2/../x/tags/list", "/v2//\x00", "/v2/a/blobs/uploads//"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, err := Parse(path)
		if err != nil {
			known := errors.Is(err, ErrNoRoute) || errors.Is(err, oci.ErrName) || errors.Is(err, oci.ErrDigest) || errors.Is(err, oci.ErrTag)
			if !known || len(err.Error()) > 600 {
				t.Errorf("%q: %v", path, err)
			}
			return
		}
		if again, err := Parse(r.Path()); again != r || err != nil {
			t.Errorf("%q = %+v; its path %q = %+v, %v", path, r, r.Path(), again, err)
		}
	})
}
