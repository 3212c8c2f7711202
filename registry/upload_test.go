package registry_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry"
	"vitrine/storage"
)

func itoa(n int) string { return strconv.Itoa(n) }

// session opens an upload session and makes its location the variable u.
func (c *client) session(repo string) answer {
	c.t.Helper()
	a := c.do("POST /v2/"+repo+"/blobs/uploads/", "", "202")
	c.set("u", a.header.Get("Location"))
	return a
}

// stream is a body of unknown length: it goes out in chunked transfer.
func stream(s string) io.Reader { return io.MultiReader(strings.NewReader(s)) }

func TestSession(t *testing.T) {
	c := start(t, nil)
	a := c.session("app/x")
	id := a.header.Get("Docker-Upload-Uuid")
	if !storage.ValidUploadID(id) {
		t.Errorf("Docker-Upload-UUID %q", id)
	}
	c.set("id", id)
	c.has(a, "Location: /v2/app/x/blobs/uploads/$id", "Range: 0-0", "Content-Length: 0")
	c.has(c.do("GET $u", "", "204"), "Location: $u", "Range: 0-0", "Docker-Upload-Uuid: $id", "Cache-Control: no-store")
	c.has(c.do("PATCH $u -H Content-Range: 0-3", "0123", "202"), "Location: $u", "Range: 0-3", "Docker-Upload-Uuid: $id")
	c.has(c.do("HEAD $u", "", "204"), "Range: 0-3")
	c.do("GET /v2/app/blobs/uploads/$id", "", "404 BLOB_UPLOAD_UNKNOWN") // another repository's
	c.do("PATCH /v2/app/blobs/uploads/$id", "4", "404 BLOB_UPLOAD_UNKNOWN")
	c.do("DELETE /v2/app/blobs/uploads/$id", "", "404 BLOB_UPLOAD_UNKNOWN")
	c.has(c.do("PATCH $u", "4567", "202"), "Range: 0-7")
	c.has(c.do("PATCH $u", "", "202"), "Range: 0-7")
	c.set("d", digest.FromString("0123456789").String())
	a = c.do("PUT $u?digest=$d -H Content-Range: 8-9", "89", "201")
	c.has(a, "Location: /v2/app/x/blobs/$d", "Docker-Content-Digest: $d", "Content-Length: 0")
	if got := c.do("GET /v2/app/x/blobs/$d", "", "200").body; got != "0123456789" {
		t.Errorf("the blob is %q", got)
	}
	for _, call := range []string{"GET $u", "PATCH $u", "PUT $u?digest=$d", "DELETE $u"} {
		c.do(call, "", "404 BLOB_UPLOAD_UNKNOWN")
	}
}

func TestUnknownSessions(t *testing.T) {
	c := start(t, nil)
	for _, id := range []string{"x", "%2e%2e", "..%2f..", "00000000-0000-4000-8000-000000000000", strings.Repeat("a", 3000)} {
		c.do("GET /v2/app/blobs/uploads/"+id, "", map[bool]string{true: "404 UNSUPPORTED", false: "404 BLOB_UPLOAD_UNKNOWN"}[id == "..%2f.."])
	}
}

func TestChunksOutOfPlace(t *testing.T) {
	c := start(t, nil)
	c.session("app")
	c.do("PATCH $u -H Content-Range: 0-3", "0123", "202")
	c.set("d", digest.FromString("0123456789").String())
	for _, tt := range []struct{ contentRange, body, want string }{
		{"0-3", "0123", "416 BLOB_UPLOAD_INVALID"}, // replayed
		{"5-9", "56789", "416 BLOB_UPLOAD_INVALID"},
		{"3-9", "3456789", "416 BLOB_UPLOAD_INVALID"},
		{"9-4", "456789", "416 BLOB_UPLOAD_INVALID"},
		{"4", "456789", "416 BLOB_UPLOAD_INVALID"},
		{"bytes=4-9", "456789", "416 BLOB_UPLOAD_INVALID"},
		{"bytes 4-9", "456789", "416 BLOB_UPLOAD_INVALID"},
		{"bytes 4-9/x", "456789", "416 BLOB_UPLOAD_INVALID"},
		{"-4-9", "456789", "416 BLOB_UPLOAD_INVALID"},
		{"4-9223372036854775807", "456789", "416 BLOB_UPLOAD_INVALID"},
		{"4-99", "456789", "416 SIZE_INVALID"},
		{"4-7", "456789", "416 SIZE_INVALID"},
		{"4-9", "", "416 SIZE_INVALID"},
	} {
		for _, call := range []string{"PATCH $u", "PUT $u?digest=$d"} {
			a := c.do(call+" -H Content-Range: "+tt.contentRange, tt.body, tt.want)
			if strings.HasPrefix(tt.want, "416") {
				c.has(a, "Location: $u", "Range: 0-3")
			}
		}
		c.has(c.do("GET $u", "", "204"), "Range: 0-3")
	}
	for _, contentRange := range []string{"4-99", "4-7"} { // the same where the length is not announced
		if a := c.send("PATCH $u -H Content-Range: "+contentRange, stream("456789")); a.status != "416 SIZE_INVALID" {
			t.Errorf("%s, streamed: %s", contentRange, a.status)
		}
	}
	c.do("PATCH $u -H Content-Range: bytes 4-5/*", "45", "202")
	if a := c.send("PATCH $u -H Content-Range: 6-6", stream("6")); a.status != "202" {
		t.Errorf("streamed: %s", a.status)
	}
	c.do("PUT $u?digest=$d -H Content-Range: bytes 7-9/10", "789", "201")
}

func TestStreamedUpload(t *testing.T) {
	c := start(t, nil)
	c.session("app")
	content := strings.Repeat("x", 100_000)
	a := c.send("PATCH $u", stream(content))
	c.has(a, "Range: 0-99999")
	c.set("d", digest.SHA512.FromString(content).String())
	c.do("PUT $u?digest=$d", "", "201")
	c.has(c.do("GET /v2/app/blobs/$d", "", "200"), "Docker-Content-Digest: $d", "Content-Length: 100000")
}

func TestDigestsOfUploads(t *testing.T) {
	c := start(t, nil)
	c.set("other", digest.FromString("other").String())
	c.set("d", digest.FromString("content").String())
	c.set("512", digest.SHA512.FromString("content").String())
	c.session("app")
	c.do("PATCH $u", "content", "202")
	for _, q := range []string{"", "?digest=", "?digest=md5:9a0364b9e99bb480dd25e1f0284c8555", "?digest=sha256:abc", "?digest=$other", "?digest=SHA256:$d"} {
		c.do("PUT $u"+q, "", "400 DIGEST_INVALID")
		c.has(c.do("GET $u", "", "204"), "Range: 0-6")
	}
	for _, q := range []string{"digest=sha256:abc", "digest=", "digest=$other", "mount=x", "digest-algorithm=md5"} {
		c.do("POST /v2/app/blobs/uploads/?"+q, "content", "400 DIGEST_INVALID")
	}
	c.do("POST /v2/app/blobs/uploads/?mount=$d&from=NO", "", "400 NAME_INVALID")
	c.do("GET /v2/app/blobs/$other", "", "404 BLOB_UNKNOWN")
	c.do("GET /v2/app/blobs/$d", "", "404 BLOB_UNKNOWN")
	c.do("PUT $u?digest=$d", "", "201")
	for _, q := range []string{"?digest-algorithm=sha512", "?digest-algorithm=sha256", ""} {
		c.set("u", c.do("POST /v2/app/blobs/uploads/"+q, "", "202").header.Get("Location"))
		c.do("PUT $u?digest=$512", "content", "201")
	}
	c.has(c.do("POST /v2/one/blobs/uploads/?digest=$512&digest-algorithm=sha512", "content", "201"),
		"Location: /v2/one/blobs/$512", "Docker-Content-Digest: $512")
}

func TestMount(t *testing.T) {
	c := start(t, nil)
	c.blob("app", "d", "content")
	c.set("none", digest.FromString("none").String())
	for _, tt := range []struct{ query, want string }{
		{"mount=$none", "202"},
		{"mount=$d&from=app", "201"},
		{"mount=$d", "201"},
		{"mount=$d&from=", "201"},
		{"mount=$d&from=nowhere", "202"},
		{"mount=$none&from=app", "202"},
	} {
		repo := "to/" + digest.FromString(tt.query).Encoded()
		a := c.do("POST /v2/"+repo+"/blobs/uploads/?"+tt.query, "", tt.want)
		c.set("at", a.header.Get("Location"))
		if tt.want == "201" {
			c.has(a, "Location: /v2/"+repo+"/blobs/$d", "Docker-Content-Digest: $d")
			c.do("GET $at", "", "200")
		} else {
			c.do("PUT $at?digest=$none", "none", "201")
		}
	}
}

func TestCancel(t *testing.T) {
	c := start(t, nil)
	c.session("app")
	c.do("PATCH $u", "content", "202")
	c.do("DELETE $u", "", "204")
	for _, call := range []string{"GET $u", "DELETE $u", "PATCH $u"} {
		c.do(call, "", "404 BLOB_UPLOAD_UNKNOWN")
	}
}

func TestParallelChunks(t *testing.T) {
	c := start(t, nil)
	c.session("app")
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := map[string]int{}
	for range 4 {
		wg.Go(func() {
			a := c.send("PATCH $u -H Content-Range: 0-9999", strings.NewReader(strings.Repeat("x", 10_000)))
			mu.Lock()
			count[a.status]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if count["202"] != 1 || count["416 BLOB_UPLOAD_INVALID"] != 3 {
		t.Errorf("4 times one chunk: %v", count)
	}
	c.has(c.do("GET $u", "", "204"), "Range: 0-9999")
}

// raw sends bytes as they are, and returns the connection.
func (c *client) raw(format string, a ...any) net.Conn {
	c.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, c.expand(format), a...); err != nil {
		c.t.Fatal(err)
	}
	return conn
}

func TestCutBodyStoresNothing(t *testing.T) {
	c := start(t, nil)
	c.session("app")
	c.do("PATCH $u", "0123", "202")
	c.set("d", digest.FromString("half").String())
	for _, call := range []string{"PATCH $u", "PUT $u?digest=$d", "POST /v2/app/blobs/uploads/?digest=$d", "PUT /v2/app/manifests/1"} {
		conn := c.raw(call + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
		conn.(*net.TCPConn).CloseWrite()
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), "BLOB_UPLOAD_INVALID") {
			t.Errorf("%s cut short: %q, %v", call, answer, err)
		}
	}
	c.has(c.do("GET $u", "", "204"), "Range: 0-3")
	c.do("GET /v2/app/blobs/$d", "", "404 BLOB_UNKNOWN")
	if c.log.String() != "" {
		t.Errorf("logged: %s", c.log)
	}
}

func TestBadChunking(t *testing.T) {
	c := start(t, nil)
	c.session("app")
	conn := c.raw("PATCH $u HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 400 ") {
		t.Errorf("%q, %v", line, err)
	}
	c.has(c.do("GET $u", "", "204"), "Range: 0-0")
}

func TestStalledBody(t *testing.T) {
	c := start(t, &registry.Options{StallTimeout: 300 * time.Millisecond})
	c.session("app")
	conn := c.raw("PATCH $u HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
	answer, err := io.ReadAll(conn) // the server ends it, nobody else does
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("%q, %v", answer, err)
	}
	conn = c.raw("PATCH /v2/app/blobs/uploads/gone HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
	if answer, err = io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 404 ") {
		t.Errorf("unread: %q, %v", answer, err)
	}
	c.has(c.do("GET $u", "", "204"), "Range: 0-0")
}
