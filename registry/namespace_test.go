package registry_test

import (
	"strings"
	"testing"

	"vitrine/registry"
)

// TestNamespace has clients call images of other registries by their own names.
func TestNamespace(t *testing.T) {
	places := map[string]string{"docker.io": "hub", "ghcr.io:443": "far/away", "root.example": ""}
	c := start(t, &registry.Options{Namespace: func(ns string) (string, bool) {
		prefix, ok := places[ns]
		return prefix, ok
	}})
	c.image("hub/library/app", "1", "m")
	c.image("hub/library/app", "2", "m")
	c.image("far/away/app", "3", "m")
	c.set("249", strings.Repeat("a", 249))
	for _, tt := range []struct{ call, want, ns string }{
		{"GET /v2/library/app/manifests/1?ns=docker.io", "200", "docker.io"},
		{"HEAD /v2/library/app/manifests/$m?ns=docker.io", "200", "docker.io"},
		{"GET /v2/library/app/blobs/$layer?ns=docker.io", "200", "docker.io"},
		{"GET /v2/library/app/blobs/$layer?ns=docker%2eio", "200", "docker.io"},
		{"GET /v2/library/app/tags/list?ns=docker.io", "200", "docker.io"},
		{"GET /v2/library/app/referrers/$m?ns=docker.io", "200", "docker.io"},
		{"GET /v2/app/manifests/3?ns=ghcr.io:443", "200", "ghcr.io:443"},
		{"GET /v2/far/away/app/manifests/3?ns=root.example", "200", "root.example"},
		{"GET /v2/library/app/manifests/3?ns=docker.io", "404 MANIFEST_UNKNOWN", "docker.io"},
		{"GET /v2/library/app/manifests/1", "404 NAME_UNKNOWN", ""},
		{"GET /v2/hub/library/app/manifests/1", "200", ""},
		{"GET /v2/hub/library/app/manifests/1?ns=", "200", ""},
		{"GET /v2/hub/library/app/manifests/1?sns=docker.io", "200", ""},
		{"GET /v2/hub/library/app/manifests/1?ns=quay.io", "404 NAME_UNKNOWN", ""},
		{"GET /v2/library/app/blobs/$layer?ns=169.254.169.254", "404 NAME_UNKNOWN", ""},
		{"GET /v2/library/app/manifests/1?ns=docker.io&%zz", "400 UNSUPPORTED", ""},
		{"GET /v2/$249/aa/manifests/1?ns=docker.io", "404 NAME_UNKNOWN", "docker.io"},
		{"GET /v2/?ns=quay.io", "200", ""},
		{"GET /v2/_catalog?ns=quay.io", "200", ""},
		{"POST /v2/library/other/blobs/uploads/?ns=quay.io", "202", ""},
	} {
		c.has(c.do(tt.call, "", tt.want), "Oci-Namespace: "+tt.ns)
	}
	if a := c.do("GET /v2/library/app/tags/list?ns=docker.io", "", "200"); !strings.HasPrefix(a.body, `{"name":"library/app",`) {
		t.Errorf("the client is told of another name than it knows: %s", a.body)
	}
	a := c.do("GET /v2/library/app/tags/list?n=1&ns=docker.io", "", "200")
	c.has(a, `Link: </v2/library/app/tags/list?n=1&last=1&ns=docker.io>; rel="next"`)
	if a := c.do("GET /v2/library/app/tags/list?n=1&last=1&ns=docker.io", "", "200"); a.body != `{"name":"library/app","tags":["2"]}` {
		t.Errorf("the next page is %s", a.body)
	}
	c.do("DELETE /v2/library/app/manifests/1?ns=docker.io", "", "202")
	c.do("GET /v2/hub/library/app/manifests/1", "", "404 MANIFEST_UNKNOWN")
}
