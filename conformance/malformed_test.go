package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// malformed are requests that no client should send, \n standing for CRLF; what has no " HTTP/" gets a version, a Host and an end.
// Each has an answer below 500, or none. The one exception is the HTTP layer's own: 501 for a Transfer-Encoding and 505 for a
// version of HTTP that it does not have (RFC 9112, 6.1; RFC 9110, 15.6.6), marked "5".
var malformed = []struct{ may, request string }{
	// names and paths
	{"", "GET /v2/$rep(a,300)/tags/list"},
	{"", "GET /v2/$rep(a,5000)/tags/list"},
	{"", "GET /v2/$rep(a/,200)b/tags/list"},
	{"", "GET /v2/$rep(a/,20000)b/tags/list"},
	{"", "GET /v2/$rep(../,40)etc/passwd"},
	{"", "GET /v2/$rep(%2e%2e%2f,40)etc/passwd/manifests/t"},
	{"", "GET /v2/%00/manifests/t"},
	{"", "GET /v2/a%00b/manifests/t"},
	{"", "GET /v2/$r/manifests/%00"},
	{"", "GET /v2/$r/manifests/t%00"},
	{"", "GET /v2/$r/blobs/%00"},
	{"", "GET /v2/$r/blobs/sha256:%00$rep(a,63)"},
	{"", "GET /v2/$r/blobs/sha256:../../../../etc/passwd"},
	{"", "GET /v2/$r/blobs/sha256:..%2f..%2f..%2f..%2fetc%2fpasswd"},
	{"", "GET /v2/$r/blobs/sha256%3a$rep(a,64)"},
	{"", "GET /v2/$r/blobs/:"},
	{"", "GET /v2/$r/blobs/$rep(:,100)"},
	{"", "GET /v2/$r/blobs/sha256:$rep(a,100000)"},
	{"", "GET /v2/$r/blobs/sha512-256:$rep(a,64)"},
	{"", "GET /v2/$r/blobs/sha256+b64:$rep(a,64)"},
	{"", "GET /v2/$r/manifests/sha256:"},
	{"", "GET /v2/$r/manifests/$rep(t,129)"},
	{"", "GET /v2/$r/manifests/$rep(t,5000)"},
	{"", "GET /v2/$r/manifests/%2e%2e"},
	{"", "GET /v2/$r/manifests/..%2f..%2f..%2fvitrine.json"},
	{"", "PUT /v2/$r/manifests/..%2f..%2f..%2fevil"},
	{"", "GET /v2/$r/referrers/..%2f..%2f.."},
	{"", "GET /v2/$r/_tags/t"},
	{"", "GET /v2/$r/_manifests/tags/list"},
	{"", "GET /v2/_uploads/tags/list"},
	{"", "GET /v2/../v2/$r/tags/list"},
	{"", "GET /v2/./$r/tags/list"},
	{"", "GET //v2/$r/tags/list"},
	{"", "GET /v2//$r//tags//list"},
	{"", "GET /v2/$r/tags/list/"},
	{"", "GET /v2/%ff%fe/tags/list"},
	{"", "GET /v2/%zz/tags/list"},
	{"", "GET /v2/%/tags/list"},
	{"", "GET /v2/\xff\xfe/tags/list"},
	{"", "GET /v2/a b/tags/list"},
	{"", "GET /v2/CON/tags/list"},
	{"", "GET /v2/c:%5cwindows/tags/list"},
	{"", "GET \\v2\\$r\\tags\\list"},
	{"", "GET v2/$r/tags/list"},
	{"", "GET http://example.org/v2/$r/tags/list"},
	{"", "GET http://[::1/v2/"},
	{"", "GET *"},
	{"", "OPTIONS *"},
	{"", "CONNECT example.org:443"},
	{"", "GET /v2/_catalog/../../etc"},
	{"", "GET /v2/$r/blobs/uploads/$rep(a,3000)"},
	{"", "GET /v2/$r/blobs/uploads/..%2f..%2f..%2fvitrine.json"},
	{"", "DELETE /v2/$r/blobs/uploads/%2e"},
	{"", "DELETE /v2/$r/blobs/uploads/%2e%2e"},
	{"", "PATCH /v2/$r/blobs/uploads/%00"},
	// queries
	{"", "GET /v2/$r/tags/list?n=99999999999999999999999999"},
	{"", "GET /v2/$r/tags/list?n=-9223372036854775809"},
	{"", "GET /v2/$r/tags/list?n=%00"},
	{"", "GET /v2/$r/tags/list?n=1&n=2"},
	{"", "GET /v2/$r/tags/list?n=0x10"},
	{"", "GET /v2/$r/tags/list?last=%00"},
	{"", "GET /v2/$r/tags/list?last=..%2f..%2f"},
	{"", "GET /v2/$r/tags/list?last=$rep(z,5000)"},
	{"", "GET /v2/$r/tags/list?%zz=%zz;a=b"},
	{"", "GET /v2/_catalog?n=9223372036854775808"},
	{"", "GET /v2/_catalog?last=..%2f..%2f"},
	{"", "GET /v2/_catalog?last=%ff"},
	{"", "GET /v2/$r/referrers/$absent?artifactType=%00%0d%0aX: y"},
	{"", "GET /v2/$r/referrers/$absent?artifactType=$rep(a,5000)"},
	{"", "GET /v2/$r/referrers/$absent?last=%00&n=-1"},
	{"", "POST /v2/$r/blobs/uploads/?mount=..%2f..&from=..%2f.."},
	{"", "POST /v2/$r/blobs/uploads/?mount=$absent&from=%00"},
	{"", "POST /v2/$r/blobs/uploads/?digest=%00"},
	{"", "POST /v2/$r/blobs/uploads/?digest=$absent&mount=$absent&from=a&digest-algorithm=md5"},
	{"", "POST /v2/$r/blobs/uploads/?digest-algorithm=$rep(x,3000)"},
	{"", "POST /v2/$r/blobs/uploads/?digest-algorithm=..%2fx"},
	{"", "PUT /v2/$r/manifests/$absent?$rep(tag=a&,5000)tag=b"},
	{"", "GET /v2/?$rep(a,500000)"},
	{"", "GET /v2/?$rep(a,2000000)"},
	// headers
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nRange: bytes=9223372036854775807-9223372036854775808\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nRange: bytes=-9223372036854775808\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nRange: bytes=9223372036854775808-\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nRange: bytes=18446744073709551616-18446744073709551617\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nRange: bytes=--1\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nRange: bytes=\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nRange: bytes=a-b\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nRange: bytes=$rep(0-0,1000)\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nRange: bytes=0-$rep(,0-,5000)\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nRange: bytes=0-0\nRange: bytes=5-\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nIf-None-Match: \"\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nIf-Range: yesterday\nRange: bytes=0-0\n\n"},
	{"", "GET /v2/$r/blobs/$sha256(x) HTTP/1.1\nHost: x\nIf-Modified-Since: never\n\n"},
	{"", "GET /v2/$r/manifests/t HTTP/1.1\nHost: x\nAccept: $rep(a/b,5000)\n\n"},
	{"", "GET /v2/$r/manifests/t HTTP/1.1\nHost: x\nAccept: ;;;,,,q=\n\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: x\nAuthorization: Basic !!!!\n\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: x\nAuthorization: Basic $rep(QQ,5000)\n\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: x\nX: $rep(a,2000000)\n\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: x\n$rep(X: y\n,5000)\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: x\nHost: y\n\n"},
	{"", "GET /v2/ HTTP/1.1\n\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: a/b\\c\n\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: x\nBad Header: y\n\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: x\n: y\n\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: x\nA\x00B: y\n\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: x\nA: b\x00c\n\n"},
	{"", "GET /v2/ HTTP/1.1\nHost: x\n folded: y\n\n"},
	{"", "GET /v2/ HTTP/1.0\n\n"},
	{"5", "GET /v2/ HTTP/9.9\nHost: x\n\n"},
	{"5", "GET /v2/ HTTP/2.0\nHost: x\n\n"},
	{"", "GET /v2/ HTTP/x\nHost: x\n\n"},
	{"", "PRI * HTTP/2.0\n\nSM\n\n"},
	{"", "GET  /v2/  HTTP/1.1\nHost: x\n\n"},
	{"", " HTTP/1.1\nHost: x\n\n"},
	{"", "\n\n\n HTTP/1.1"},
	{"", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 HTTP/"},
	// bodies
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Length: 9223372036854775807\n\n{"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Length: 99999999999999999999\n\n{"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Length: -1\n\n{"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Length: 2\nContent-Length: 3\n\n{}"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Length: 2, 2\n\n{}"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Length: 2\nTransfer-Encoding: chunked\n\n2\n{}\n0\n\n"},
	{"5", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nTransfer-Encoding: gzip\n\n{}"},
	{"5", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nTransfer-Encoding: gzip, chunked\n\n2\n{}\n0\n\n"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nzz\n{}\n0\n\n"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n-2\n{}\n0\n\n"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nffffffffffffffff\n{}\n0\n\n"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nfffffffffffffffff\n{}\n0\n\n"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n2$rep(;x=y,5000)\n{}\n0\n\n"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n2\n{}\n0\n$rep(T: x\n,5000)\n"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Type: $index\nContent-Length: 4\n\nnull"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Type: $rep(a,5000)/b\nContent-Length: 2\n\n{}"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Type: a/b; =\nContent-Length: 2\n\n{}"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Type: \x7f\nContent-Length: 2\n\n{}"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Encoding: gzip\nContent-Type: $index\nContent-Length: 2\n\n{}"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Type: $index\nContent-Length: 21\n\n{\"\xff\":\"\xfe\",\"\\ud800\":0}"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Type: $index\nContent-Length: 31\n\n{\"manifests\":[{\"size\":1e400000}"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Type: $index\nContent-Length: 30\n\n{\"subject\":{\"digest\":\"a:..\"}}}"},
	{"", "PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nExpect: 200-maybe\nContent-Length: 2\n\n{}"},
	{"", "POST /v2/$r/blobs/uploads/?digest=$absent HTTP/1.1\nHost: x\nContent-Length: 9223372036854775807\n\nx"},
	{"", "PATCH $u HTTP/1.1\nHost: x\nContent-Range: 0-9223372036854775807\nContent-Length: 9223372036854775807\n\nx"},
	{"", "PATCH $u HTTP/1.1\nHost: x\nContent-Range: 9223372036854775807-9223372036854775807\nContent-Length: 1\n\nx"},
	{"", "PATCH $u HTTP/1.1\nHost: x\nContent-Range: $rep(9,5000)-1\nContent-Length: 1\n\nx"},
	{"", "PATCH $u HTTP/1.1\nHost: x\nContent-Range: 0-0\nContent-Range: 0-0\nContent-Length: 1\n\nx"},
	{"", "PATCH $u HTTP/1.1\nHost: x\nContent-Range: \nContent-Length: 1\n\nx"},
	{"", "PATCH $u HTTP/1.1\nHost: x\nContent-Range: 0--1\nContent-Length: 0\n\n"},
	{"", "PUT $u?digest=$absent&digest=$sha256() HTTP/1.1\nHost: x\nContent-Length: 0\n\n"},
	{"", "DELETE $u HTTP/1.1\nHost: x\nContent-Length: 9223372036854775807\n\nx"},
}

// TestMalformed sends each: no status of 500 and above, no crash, and (onEach looks) nothing outside the root.
func TestMalformed(t *testing.T) {
	distinct := map[string]bool{}
	for _, m := range malformed {
		distinct[m.request] = true
	}
	if len(distinct) < 100 {
		t.Errorf("%d distinct requests, want at least 100", len(distinct))
	}
	onEach(t, func(t *testing.T, tg *target) {
		s := newScript(t, tg)
		s.run(`
			BLOB $r x
			PUT /v2/$r/manifests/t | Content-Type: $index | Body: $idx() => 201`)
		for _, m := range malformed {
			s.malformed(m.request, m.may)
		}
		s.run(`
			GET /v2/$r/blobs/$sha256(x) => 200 | Body: x
			GET /v2/                    => 200`)
	})
}

// malformed sends one request in all three ways: whole, then ending, then dropped. A ping shows that the registry lives.
func (s *script) malformed(request, may string) {
	s.t.Helper()
	s.run("POST /v2/$r/blobs/uploads/ => 202 | Location: >u")
	if !strings.Contains(request, " HTTP/") {
		request += " HTTP/1.1\nHost: x\nConnection: close\n\n"
	}
	text := strings.ReplaceAll(s.expand(request), "\n", "\r\n")
	if a := sendRaw(s.t, s.tg, text); a != nil {
		errs := a.faults(s.tg)
		if may == "5" && (a.status == 501 || a.status == 505) {
			errs = nil
		}
		if len(errs) > 0 {
			s.t.Errorf("%q: %v\nthe answer was %s", clip(request), errs, a)
		}
	}
	abandon(s.t, s.tg, text[:len(text)/2])
	abandon(s.t, s.tg, text)
	if s.tg.root != "" {
		onlyEntry(s.t, fmt.Sprint(s.tg.root, "/.."), "root")
	}
	s.run("GET /v2/ => 200")
}
