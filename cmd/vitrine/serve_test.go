package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestServe(t *testing.T) {
	root := filepath.Join(t.TempDir(), "new", "root")
	r := start(t, []string{"REGISTRY_HTTP_ADDR=:1"}, "--root", root)
	_, port, _ := strings.Cut(strings.TrimPrefix(r.url, "http://"), ":")
	for _, line := range []string{"docker tag IMAGE localhost:" + port + "/app:1\n", "docker push localhost:" + port + "/app:1\n", root} {
		if !strings.Contains(r.out.String(), line) {
			t.Errorf("%q is not in %q", line, r.out.String())
		}
	}
	c := client(t)
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/", 200}, {"HEAD", "/", 200}, {"POST", "/", 405},
		{"GET", "/livez", 200}, {"GET", "/readyz", 200}, {"HEAD", "/healthz", 200}, {"PUT", "/readyz", 405},
		{"GET", "/v2", 200}, {"GET", "/v2/", 200}, {"GET", "/v2/a//b/tags/list", 400}, {"GET", "/v2/a/../b/tags/list", 400},
		{"GET", "/v2/a/tags/list", 404}, {"GET", "/v2x", 404}, {"GET", "/favicon.ico", 200}, {"GET", "/nothing", 404},
		{"POST", "/v2/a/blobs/uploads/?secret=hunter2", 202},
	} {
		if got := status(t, c, tt.method, r.url+tt.path, nil); got != tt.want {
			t.Errorf("%s %s = %d, want %d", tt.method, tt.path, got, tt.want)
		}
	}
	r.end(t)
	log := r.log.String()
	for _, line := range []string{"REGISTRY_HTTP_ADDR understood as VITRINE_ADDR", "method=HEAD path=/healthz status=200 bytes=0 ", "method=POST path=/v2/a/blobs/uploads/ status=202", "msg=stopped"} {
		if !strings.Contains(log, line) {
			t.Errorf("%q is not in the log\n%s", line, log)
		}
	}
	if strings.Contains(log, "hunter2") {
		t.Errorf("the log has a query\n%s", log)
	}
}

// TestOtherSites: a page of another site does not push by way of a browser that has signed in here; what is no browser says nothing of sites.
func TestOtherSites(t *testing.T) {
	r := start(t, nil, "--ephemeral")
	c := client(t)
	for _, tt := range []struct {
		method, path, key, value string
		want                     int
	}{
		{"POST", "/v2/a/blobs/uploads/", "Sec-Fetch-Site", "cross-site", 403},
		{"POST", "/v2/a/blobs/uploads/", "Sec-Fetch-Site", "same-site", 403},
		{"POST", "/v2/a/blobs/uploads/", "Origin", "https://evil.example", 403},
		{"POST", "/v2/a/blobs/uploads/", "Sec-Fetch-Site", "same-origin", 202},
		{"POST", "/v2/a/blobs/uploads/", "User-Agent", "docker", 202},
		{"GET", "/", "Sec-Fetch-Site", "cross-site", 200},
		{"GET", "/v2/", "Sec-Fetch-Site", "cross-site", 200},
	} {
		req, err := http.NewRequest(tt.method, r.url+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(tt.key, tt.value)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != tt.want {
			t.Errorf("%s %s, %s: %s = %d, want %d", tt.method, tt.path, tt.key, tt.value, res.StatusCode, tt.want)
		}
	}
	r.end(t)
}

func TestStartErrors(t *testing.T) {
	root := t.TempDir()
	r := start(t, nil, "--root", root)
	write(t, root+"/file", "")
	strange := t.TempDir()
	write(t, strange+"/vitrine.json", `{"version": 99}`)
	for _, tt := range []struct{ args, says string }{
		{"--addr " + strings.TrimPrefix(r.url, "http://") + " --ephemeral", "another program listens there"},
		{"--addr 127.0.0.1:0 --root " + root, "another process is using this root"},
		{"--addr 127.0.0.1:0 --root " + root + "/file/x", "root " + root + "/file/x: "},
		{"--addr 127.0.0.1:0 --root " + strange, "this program knows"},
	} {
		_, errs := mustRun(t, &process{args: append([]string{"serve"}, strings.Fields(tt.args)...)}, exitFailure)
		if !strings.Contains(errs, tt.says) {
			t.Errorf("serve %s: %q is not in %s", tt.args, tt.says, errs)
		}
	}
}

// TestSettingsReachTheRegistry also looks at the log.
func TestSettingsReachTheRegistry(t *testing.T) {
	const manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},"layers":[]}`
	for _, tt := range []struct {
		args      string
		put, kill int
	}{
		{"--ephemeral", 400, 404},
		{"--ephemeral --allow-sparse", 201, 202},
		{"--ephemeral --allow-sparse --delete=false", 201, 405},
		{"--ephemeral --read-only", 405, 405},
	} {
		r := start(t, nil, append(strings.Fields(tt.args), "--log", "off", "--log-format", "json")...)
		put := status(t, client(t), "PUT", r.url+"/v2/a/manifests/1", strings.NewReader(manifest))
		kill := status(t, client(t), "DELETE", r.url+"/v2/a/manifests/1", nil)
		if put != tt.put || kill != tt.kill {
			t.Errorf("%s: PUT %d, DELETE %d, want %d and %d", tt.args, put, kill, tt.put, tt.kill)
		}
		r.end(t)
		if log := r.log.String(); !strings.HasPrefix(log, `{"time":`) || strings.Contains(log, "PUT") {
			t.Errorf("%s: log %s", tt.args, log)
		}
	}
}

func TestDrain(t *testing.T) {
	r := start(t, nil, "--ephemeral")
	c := client(t)
	body, w := io.Pipe()
	resp := make(chan int)
	go func() { // the digest is that of "hello"
		resp <- status(t, c, "POST", r.url+"/v2/a/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", body)
	}()
	io.WriteString(w, "hel")
	conn, br := dial(t, r.url)
	get(t, conn, br, "/readyz", "200 OK")
	r.stop()
	eventually(t, "stopping", func() bool { return strings.Contains(r.log.String(), "msg=stopping") })
	eventually(t, "no more connections", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	io.WriteString(w, "lo")
	w.Close()
	if got := <-resp; got != 201 {
		t.Errorf("the upload that was running got %d", got)
	}
	r.end(t)
}

// TestDrainEnds: neither a transfer without end nor the second signal leaves the process hanging.
func TestDrainEnds(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		second bool
	}{{[]string{"--drain-timeout", "50ms"}, false}, {nil, true}} {
		r := start(t, nil, append(tt.args, "--ephemeral")...)
		conn, _ := dial(t, r.url)
		io.WriteString(conn, "POST /v2/a/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Type: application/octet-stream\r\nExpect: 100-continue\r\n\r\n")
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
			t.Fatal(line, err)
		}
		r.stop()
		if tt.second {
			close(r.now)
		}
		r.end(t)
		if !strings.Contains(r.log.String(), "what was still running is cut") {
			t.Error(r.log.String())
		}
	}
}

func dial(t *testing.T, url string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, bufio.NewReader(conn)
}

// get asks on a connection that is open already.
func get(t *testing.T, conn net.Conn, br *bufio.Reader, path, want string) {
	t.Helper()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.Status != want {
		t.Errorf("GET %s = %s, want %s", path, resp.Status, want)
	}
}

func TestUnready(t *testing.T) {
	s, err := newServer(defaults(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	broken := brokenStore{err: io.ErrUnexpectedEOF}
	s.kept = &broken
	for range 3 {
		if got := s.unready(t.Context()); got != "the store can not be written" {
			t.Errorf("unready with a broken store = %q", got)
		}
	}
	if broken.asked != 1 {
		t.Errorf("the store was asked %d times", broken.asked)
	}
	s.health.last.at = time.Time{}
	broken.err = nil
	if got := s.unready(t.Context()); got != "" {
		t.Errorf("unready = %q", got)
	}
	s.health.draining.Store(true)
	if got := s.unready(t.Context()); got != "stopping" {
		t.Errorf("unready = %q", got)
	}
}

func TestSlowHeaders(t *testing.T) {
	s, err := newServer(defaults(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	hs := s.httpServer()
	if hs.ReadHeaderTimeout != headTime || hs.ReadTimeout != 0 || hs.WriteTimeout != 0 || hs.IdleTimeout == 0 {
		t.Errorf("timeouts: %+v", hs)
	}
	hs.ReadHeaderTimeout = 50 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go hs.Serve(l)
	defer hs.Close()
	conn, br := dial(t, l.Addr().String())
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow")
	io.Copy(io.Discard, br) // ends when the server closes, else with the test's own time
}

// TestLongTarget: 1,000 tags in a URL get an answer, whatever their length.
func TestLongTarget(t *testing.T) {
	r := start(t, nil, "--ephemeral")
	for _, tt := range []struct {
		tag  int
		want []int
	}{{8, []int{404, 400, 414}}, {40, []int{400, 414}}, {128, []int{414, 431}}} {
		var q strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&q, "&tag=%0*d", tt.tag, i)
		}
		got := status(t, client(t), "PUT", r.url+"/v2/a/manifests/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855?"+q.String(), strings.NewReader("{}"))
		ok := false
		for _, want := range tt.want {
			ok = ok || got == want
		}
		if !ok {
			t.Errorf("1000 tags of %d: %d, want one of %v", tt.tag, got, tt.want)
		}
	}
}
