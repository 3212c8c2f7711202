package conformance

import (
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
)

func TestBlob(t *testing.T) { // end-2, end-10
	runScripts(t, []scriptCase{
		{"get and head", "", `
			BLOB $r 0123456789
			LET b = /v2/$r/blobs/$sha256(0123456789)
			GET $b  => 200 | Body: 0123456789 | Content-Length: 10 | Docker-Content-Digest: $sha256(0123456789)
			GET $b  => 200 | Accept-Ranges: bytes | Cache-Control: ~immutable | ETag: *
			HEAD $b => 200 | Content-Length: 10 | Docker-Content-Digest: $sha256(0123456789) | ETag: *`},
		{"empty", "", `
			BLOB $r
			GET /v2/$r/blobs/$sha256()  => 200 | Content-Length: 0 | Body: !
			HEAD /v2/$r/blobs/$sha256() => 200 | Content-Length: 0`},
		{"unknown", "", `
			GET /v2/$r/blobs/$absent        => 404 BLOB_UNKNOWN|NAME_UNKNOWN
			HEAD /v2/$r/blobs/$absent       => 404
			BLOB $r x
			GET /v2/$r/blobs/$absent        => 404 BLOB_UNKNOWN
			HEAD /v2/$r/blobs/$absent       => 404
			GET /v2/$r/blobs/$sha512(x)     => 404 BLOB_UNKNOWN
			# what one repository has is none of the other's
			GET /v2/$r2/blobs/$sha256(x)    => 404 BLOB_UNKNOWN|NAME_UNKNOWN`},
		{"bad digest", "", `
			BLOB $r x
			GET /v2/$r/blobs/sha256:abc                                    => 400 DIGEST_INVALID
			GET /v2/$r/blobs/sha256:$rep(a,63)                             => 400 DIGEST_INVALID
			GET /v2/$r/blobs/sha256:$rep(a,65)                             => 400 DIGEST_INVALID
			GET /v2/$r/blobs/sha256:$rep(A,64)                             => 400 DIGEST_INVALID
			GET /v2/$r/blobs/SHA256:$rep(a,64)                             => 400 DIGEST_INVALID
			GET /v2/$r/blobs/sha256:$rep(g,64)                             => 400 DIGEST_INVALID
			GET /v2/$r/blobs/sha512:$rep(a,64)                             => 400 DIGEST_INVALID
			GET /v2/$r/blobs/md5:d41d8cd98f00b204e9800998ecf8427e          => 400 DIGEST_INVALID
			GET /v2/$r/blobs/sha256                                        => 400 DIGEST_INVALID
			GET /v2/$r/blobs/sha256:                                       => 400 DIGEST_INVALID
			HEAD /v2/$r/blobs/sha256:abc                                   => 400
			DELETE /v2/$r/blobs/sha256:abc                                 => 400|405`},
		{"ranges", "", `
			BLOB $r 0123456789
			LET b = /v2/$r/blobs/$sha256(0123456789)
			GET $b | Range: bytes=2-5   => 206 | Body: 2345 | Content-Range: bytes 2-5/10 | Content-Length: 4
			GET $b | Range: bytes=8-    => 206 | Body: 89 | Content-Range: bytes 8-9/10
			GET $b | Range: bytes=8-100 => 206 | Body: 89 | Content-Range: bytes 8-9/10
			GET $b | Range: bytes=-3    => 206 | Body: 789 | Content-Range: bytes 7-9/10
			GET $b | Range: bytes=-30   => 206 | Body: 0123456789 | Content-Range: bytes 0-9/10
			GET $b | Range: bytes=0-0   => 206 | Body: 0 | Docker-Content-Digest: $sha256(0123456789)
			GET $b | Range: bytes=10-   => 416 | Content-Range: bytes */10
			GET $b | Range: bytes=50-99 => 416 | Content-Range: bytes */10
			GET $b | Range: bytes=5-2   => 416 | Content-Range: bytes */10`},
		{"ranges that are to be ignored", "", `
			# RFC 9110, 14.2: an unknown unit is ignored, and so is Range on anything but a GET
			BLOB $r 0123456789
			LET b = /v2/$r/blobs/$sha256(0123456789)
			GET $b | Range: lines=2-5   => 200 | Body: 0123456789 | Content-Length: 10
			GET $b | Range: 2-5         => 200 | Body: 0123456789
			HEAD $b | Range: bytes=2-5  => 200 | Content-Length: 10 | Content-Range: !
			HEAD $b | Range: bytes=50-  => 200 | Content-Length: 10`},
		{"conditions", "", `
			BLOB $r 0123456789
			LET b = /v2/$r/blobs/$sha256(0123456789)
			HEAD $b => 200 | ETag: >etag
			GET $b | If-None-Match: $etag                       => 304 | Body: !
			GET $b | If-None-Match: "other", $etag              => 304 | Body: !
			HEAD $b | If-None-Match: $etag                      => 304
			GET $b | If-None-Match: "other"                     => 200 | Body: 0123456789
			GET $b | If-Range: $etag | Range: bytes=2-5         => 206 | Body: 2345
			GET $b | If-Range: "other" | Range: bytes=2-5       => 200 | Body: 0123456789`},
		{"namespace of a proxy", "", `
			BLOB $r x
			GET /v2/$r/blobs/$sha256(x)?ns=example.org => 200 | Body: x`},
		{"delete", "delete", `
			BLOB $r x
			BLOB $r2 x
			DELETE /v2/$r/blobs/$sha256(x) => 202
			GET /v2/$r/blobs/$sha256(x)    => 404
			HEAD /v2/$r/blobs/$sha256(x)   => 404
			DELETE /v2/$r/blobs/$sha256(x) => 404 BLOB_UNKNOWN|NAME_UNKNOWN
			GET /v2/$r2/blobs/$sha256(x)   => 200 | Body: x
			BLOB $r x
			GET /v2/$r/blobs/$sha256(x)    => 200 | Body: x`},
		{"delete what is not there", "delete", `
			DELETE /v2/$r/blobs/$absent    => 404 BLOB_UNKNOWN|NAME_UNKNOWN
			BLOB $r x
			DELETE /v2/$r/blobs/$absent    => 404 BLOB_UNKNOWN`},
		{"delete one that a manifest names", "delete", `
			BLOBS $r
			PUT /v2/$r/manifests/t | Body: $img() => 201
			DELETE /v2/$r/blobs/$sha256(layer)    => 202
			GET /v2/$r/blobs/$sha256(layer)       => 404
			GET /v2/$r/manifests/t                => 200 | Body: $img()`},
	})
}

// TestMultiRange asks for two ranges at once: multipart/byteranges with both (RFC 9110, 14.6), or the whole blob.
func TestMultiRange(t *testing.T) {
	onEach(t, func(t *testing.T, tg *target) {
		s := newScript(t, tg)
		s.push(s.vars["r"], "0123456789")
		a := s.request("GET /v2/$r/blobs/$sha256(0123456789) | Range: bytes=0-1,-2 => 206|200")
		if a.status == 200 {
			if a.body != "0123456789" {
				t.Errorf("got %s, want the whole blob", a)
			}
			return
		}
		mt, params, err := mime.ParseMediaType(a.header.Get("Content-Type"))
		if err != nil || mt != "multipart/byteranges" {
			t.Fatalf("got %s, want multipart/byteranges", a)
		}
		r := multipart.NewReader(strings.NewReader(a.body), params["boundary"])
		for _, want := range [][2]string{{"bytes 0-1/10", "01"}, {"bytes 8-9/10", "89"}} {
			p, err := r.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(p)
			if got := p.Header.Get("Content-Range"); err != nil || got != want[0] || string(text) != want[1] {
				t.Errorf("got part %q %q (%v), want %q", got, text, err, want)
			}
		}
		if _, err := r.NextPart(); err != io.EOF {
			t.Errorf("got a third part (%v)", err)
		}
	})
}
