package conformance

import (
	"net/http"
	"strings"
	"testing"

	"vitrine/registry"
)

func TestPing(t *testing.T) { // end-1
	runScripts(t, []scriptCase{
		{"ping", "", `
			GET /v2/  => 200 | Docker-Distribution-Api-Version: registry/2.0
			GET /v2   => 200
			HEAD /v2/ => 200`},
		{"no endpoint", "", `
			GET /v2/nothing           => 404
			GET /v2/$r/tags           => 404
			GET /v2/$r/tags/other     => 404
			GET /v2/$r/manifests/     => 404
			GET /v2/$r/blobs/         => 404
			GET /v2/$r/referrers/     => 404
			GET /v2/tags/list         => 400|404
			GET /v2//tags/list        => 400|404
			GET /v2/$r/manifests/a/b  => 404
			GET /v1/                  => 404
			GET /v22/                 => 404`},
	})
}

// endpoints names, for each path, the methods that it must have.
var endpoints = []struct{ path, methods string }{
	{"/v2/", "GET HEAD"},
	{"/v2/_catalog", "GET"},
	{"/v2/$r/blobs/$sha256({})", "GET HEAD DELETE"},
	{"/v2/$r/manifests/t", "GET HEAD PUT DELETE"},
	{"/v2/$r/manifests/$sha256($img())", "GET HEAD PUT DELETE"},
	{"/v2/$r/blobs/uploads/", "POST"},
	{"/v2/$r/blobs/uploads/$uuid", "GET PATCH PUT DELETE"},
	{"/v2/$r/tags/list", "GET"},
	{"/v2/$r/referrers/$absent", "GET"},
}

// TestMethods asks every endpoint for every method: what it does not have is 405 with an Allow of what it has.
func TestMethods(t *testing.T) {
	onEach(t, func(t *testing.T, tg *target) {
		s := newScript(t, tg)
		for _, e := range endpoints {
			for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X"} {
				a := do(t, s.parseRequest(m+" "+e.path))
				allow := strings.FieldsFunc(a.header.Get("Allow"), func(r rune) bool { return r == ',' || r == ' ' })
				has := oneOf(strings.Join(strings.Fields(e.methods), "|"), m)
				switch {
				case a.status == http.StatusMethodNotAllowed && has && tg.can(strings.ToLower(m)):
					t.Errorf("%s %s: got 405, but the spec has it", m, e.path)
				case a.status != http.StatusMethodNotAllowed && !has && m != "OPTIONS":
					t.Errorf("%s %s: got %d, want 405", m, e.path, a.status)
				}
				for _, want := range strings.Fields(e.methods) {
					if a.status == http.StatusMethodNotAllowed && tg.can(strings.ToLower(want)) && !oneOf(strings.Join(allow, "|"), want) {
						t.Errorf("%s %s: got Allow %q, want %s in it (RFC 9110, 15.5.6)", m, e.path, allow, want)
					}
				}
			}
		}
	})
}

// TestDeleteOff wants deleting refused, by 405 and UNSUPPORTED, and nothing gone ("Content Management").
func TestDeleteOff(t *testing.T) {
	onEachWith(t, &registry.Options{NoDelete: true}, func(t *testing.T, tg *target) {
		if tg.deletes {
			t.Skip("this registry deletes")
		}
		newScript(t, tg).run(`
			BLOBS $r
			PUT /v2/$r/manifests/t | Body: $img()    => 201
			DELETE /v2/$r/manifests/t                => 405 UNSUPPORTED | Allow: *
			DELETE /v2/$r/manifests/$sha256($img())  => 405 UNSUPPORTED | Allow: *
			DELETE /v2/$r/blobs/$sha256(layer)       => 405 UNSUPPORTED | Allow: *
			GET /v2/$r/manifests/t                   => 200 | Body: $img()
			GET /v2/$r/blobs/$sha256(layer)          => 200 | Body: layer
			POST /v2/$r/blobs/uploads/               => 202 | Location: >u
			DELETE $u                                => 204`)
	})
}

// TestReadOnly wants every write refused, by 405 and an Allow of what is left.
func TestReadOnly(t *testing.T) {
	if *registryURL != "" {
		t.Skip("only in process")
	}
	onEachWith(t, &registry.Options{ReadOnly: true}, func(t *testing.T, tg *target) {
		newScript(t, tg).run(`
			POST /v2/$r/blobs/uploads/                           => 405 UNSUPPORTED
			POST /v2/$r/blobs/uploads/?mount=$absent&from=$r2    => 405 UNSUPPORTED
			PATCH /v2/$r/blobs/uploads/$uuid | Body: x           => 405 UNSUPPORTED
			PUT /v2/$r/blobs/uploads/$uuid?digest=$sha256(x) | Body: x => 405 UNSUPPORTED
			DELETE /v2/$r/blobs/uploads/$uuid                    => 405 UNSUPPORTED
			PUT /v2/$r/manifests/t | Body: $idx()                => 405 UNSUPPORTED | Allow: ~GET, ?HEAD
			DELETE /v2/$r/manifests/t                            => 405 UNSUPPORTED | Allow: ~GET, ?HEAD
			DELETE /v2/$r/blobs/$absent                          => 405 UNSUPPORTED | Allow: ~GET, ?HEAD
			GET /v2/$r/manifests/t                               => 404
			GET /v2/$r/referrers/$absent                         => 200
			GET /v2/                                             => 200`)
	})
}
