package conformance

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawTimeout ends what a registry never answers; no test waits for it to pass.
const rawTimeout = 20 * time.Second

// sendRaw writes text to a connection of its own, says that no more comes, and reads one answer. nil where the connection
// ends without one.
func sendRaw(t *testing.T, tg *target, text string) *answer {
	t.Helper()
	conn, err := dial(tg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A server that answers before it has read everything may end the connection under the write: only the answer counts.
	go func() {
		fmt.Fprint(conn, text)
		conn.CloseWrite()
	}()
	method, _, _ := strings.Cut(text, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Errorf("%q: no answer in %v", clip(text), rawTimeout)
		}
		return nil
	}
	a, _ := readAnswer(method, res)
	return a
}

// abandon writes text and drops the connection at once.
func abandon(t *testing.T, tg *target, text string) {
	t.Helper()
	conn, err := dial(tg)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, text)
	conn.SetLinger(0)
	conn.Close()
}

func dial(tg *target) (*net.TCPConn, error) {
	conn, err := net.DialTimeout("tcp", tg.base.Host, rawTimeout)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(rawTimeout))
	return conn.(*net.TCPConn), nil
}

// TestCutShort sends bodies that end too soon: nothing of them is stored, and the session is as it was.
func TestCutShort(t *testing.T) {
	requests := []string{
		"PATCH $u HTTP/1.1\nHost: x\nContent-Length: 100\nContent-Range: 4-103\n\n4567",
		"PATCH $u HTTP/1.1\nHost: x\nContent-Length: 100\n\n4567",
		"PATCH $u HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n4\n4567\n",
		"PATCH $u HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n4\n4567\nzz\n89\n",
		"PUT $u?digest=$sha256(01234567) HTTP/1.1\nHost: x\nContent-Length: 100\n\n4567",
		"PUT $u?digest=$sha256(01234567) HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n4\n4567\n",
		"POST /v2/$r/blobs/uploads/?digest=$sha256(4567) HTTP/1.1\nHost: x\nContent-Length: 100\n\n4567",
		"POST /v2/$r/blobs/uploads/?digest=$sha256(4567) HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n4\n4567\n",
		"PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Type: $index\nContent-Length: 1000\n\n$idx()",
		"PUT /v2/$r/manifests/t HTTP/1.1\nHost: x\nContent-Type: $index\nTransfer-Encoding: chunked\n\n48\n$idx()\n",
	}
	onEach(t, func(t *testing.T, tg *target) {
		for _, request := range requests {
			s := newScript(t, tg)
			s.run(`
				POST /v2/$r/blobs/uploads/                 => 202 | Location: >u
				PATCH $u | Content-Range: 0-3 | Body: 0123 => 202 | Location: >u`)
			text := s.expand(strings.ReplaceAll(request, "\n", "\r\n"))
			a := sendRaw(t, tg, text)
			if a != nil && (a.status < 400 || a.status > 499) {
				t.Errorf("%q: got %s, want 4xx", text, a)
			}
			abandon(t, tg, text)
			s.run(`
				GET $u                               => 204 | Range: 0-3
				GET /v2/$r/blobs/$sha256(4567)       => 404
				GET /v2/$r/blobs/$sha256(01234567)   => 404
				GET /v2/$r/manifests/t               => 404
				GET /v2/$r/manifests/$sha256($idx()) => 404
				PATCH $u | Body: 89                  => 202 | Location: >u | Range: 0-5
				PUT $u?digest=$sha256(012389)        => 201
				GET /v2/$r/blobs/$sha256(012389)     => 200 | Body: 012389`)
		}
	})
}
