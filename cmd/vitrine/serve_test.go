package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buffer is a bytes.Buffer for a writer and readers in several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// running is "vitrine serve" in this process.
type running struct {
	url      string // such as http://127.0.0.1:41233
	out, log buffer
	stop     context.CancelFunc // the first signal
	now      chan struct{}      // the second, when closed
	hup      chan os.Signal
	code     chan int
	stopped  sync.Once
}

// start runs serve on a free port and waits until it listens.
func start(t *testing.T, env []string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{stop: cancel, now: make(chan struct{}), hup: make(chan os.Signal), code: make(chan int, 1)}
	args = append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)
	go func() {
		r.code <- run(ctx, &process{args: args, env: env, stdout: &r.out, stderr: &r.log, reload: r.hup, now: r.now})
	}()
	eventually(t, "it listens", func() bool {
		if len(r.code) > 0 {
			t.Fatalf("ended\n%s", r.log.String())
		}
		_, after, ok := strings.Cut(r.out.String(), " listens on ")
		r.url, _, _ = strings.Cut(after, " ")
		return ok
	})
	t.Cleanup(func() { r.end(t) })
	return r
}

// end stops it, once.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stopped.Do(func() {
		r.stop()
		r.ended(t)
	})
}

func (r *running) ended(t *testing.T) {
	t.Helper()
	select {
	case code := <-r.code:
		if code != exitOK {
			t.Errorf("serve: exit code %d\n%s", code, r.log.String())
		}
	case <-time.After(time.Minute):
		t.Fatalf("serve does not end\n%s", r.log.String())
	}
}

// eventually waits for what happens in other goroutines. The bound is for what never does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// reload sends SIGHUP and waits for what the log says of it.
func (r *running) reload(t *testing.T, want string) {
	t.Helper()
	before := len(r.log.String())
	r.hup <- syscall.SIGHUP
	eventually(t, want, func() bool { return strings.Contains(r.log.String()[before:], want) })
}

// status asks and returns the status.
func status(t *testing.T, c *http.Client, method, url string, body io.Reader) int {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// client is a fresh one, so that no test waits for the idle connections of another.
func client(t *testing.T) *http.Client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

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
		{"GET", "/v2/a/tags/list", 404}, {"GET", "/v2x", 404}, {"GET", "/favicon.ico", 404},
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
	s.store = &broken
	for range 3 {
		if got := s.unready(t.Context()); got != "the store can not be written" {
			t.Errorf("unready with a broken store = %q", got)
		}
	}
	if broken.asked != 1 {
		t.Errorf("the store was asked %d times", broken.asked)
	}
	s.health.looked = time.Time{}
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

func TestReload(t *testing.T) {
	dir := t.TempDir()
	file, users := dir+"/c.json", dir+"/users"
	write(t, users, "bob:"+hash("one")+"\n")
	write(t, file, `{"auth": {"htpasswd": "`+users+`"}, "ephemeral": true}`)
	r := start(t, nil, "--config", file)
	as := func(password string) int {
		return status(t, client(t), "POST", strings.Replace(r.url, "://", "://bob:"+password+"@", 1)+"/v2/a/blobs/uploads/", nil)
	}
	anonymous := func() int { return status(t, client(t), "GET", r.url+"/v2/a/tags/list", nil) }
	if one, nobody := as("one"), anonymous(); one != 202 || nobody != 401 {
		t.Fatalf("bob %d, nobody %d", one, nobody)
	}

	write(t, file, `{"auth": {"htpasswd": "`+users+`", "anonymous_pull": true}, "ephemeral": true, "read_only": true, "root": "/else"}`)
	r.reload(t, "configuration read again")
	if one, nobody := as("one"), anonymous(); one != 405 || nobody != 404 {
		t.Errorf("read-only with anonymous pull: bob %d, nobody %d", one, nobody)
	}
	if !strings.Contains(r.log.String(), `msg="needs a restart to change" setting=root`) {
		t.Error(r.log.String())
	}

	write(t, file, `{"auth": {"htpasswd": "`+dir+`/none"}, "ephemeral": true}`)
	r.reload(t, "configuration not taken")
	write(t, file, `{"read_only": maybe}`)
	r.reload(t, "c.json:1:15: invalid character")
	if one, nobody := as("one"), anonymous(); one != 405 || nobody != 404 {
		t.Errorf("after two that were refused: bob %d, nobody %d", one, nobody)
	}

	write(t, users, "bob:"+hash("other")+"\n")
	write(t, file, `{"auth": {"htpasswd": "`+users+`"}, "ephemeral": true, "log": {"access": false}}`)
	r.reload(t, "configuration read again")
	before := strings.Count(r.log.String(), "msg=request")
	if one, other := as("one"), as("other"); one != 401 || other != 202 {
		t.Errorf("after the password changed: the old one %d, the new one %d", one, other)
	}
	if strings.Count(r.log.String(), "msg=request") != before || !strings.Contains(r.log.String(), "user=bob") {
		t.Error(r.log.String())
	}
}

// hash is a quick one.
func hash(password string) string {
	sum := sha1.Sum([]byte(password))
	return "{SHA}" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := dir+"/cert.pem", dir+"/key.pem"
	pair(t, cert, key, "first")
	r := start(t, nil, "--ephemeral", "--tls-cert", cert, "--tls-key", key)
	if got := serving(t, r); got != "first" {
		t.Errorf("the certificate is %q", got)
	}
	write(t, cert, "no certificate")
	r.reload(t, "configuration not taken")
	if got := serving(t, r); got != "first" {
		t.Errorf("after a bad one the certificate is %q", got)
	}
	pair(t, cert, key, "second")
	r.reload(t, "configuration read again")
	if got := serving(t, r); got != "second" {
		t.Errorf("after SIGHUP the certificate is %q", got)
	}
	resp, err := client(t).Get(r.url + "/v2/")
	if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	if got := status(t, client(t), "GET", strings.Replace(r.url, "https", "http", 1), nil); got != 400 {
		t.Errorf("plain HTTP gets %d", got)
	}
}

// TestCertificateWatched goes without a signal, and without waiting for the second that is between two looks.
func TestCertificateWatched(t *testing.T) {
	dir := t.TempDir()
	cert, key := dir+"/cert.pem", dir+"/key.pem"
	pair(t, cert, key, "first")
	c := defaults()
	c.tlsCert, c.tlsKey = cert, key
	var log buffer
	s, err := newServer(c, &log)
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		s.certs.looked = time.Time{}
		p, err := s.certs.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return p.Leaf.Subject.CommonName
	}
	os.Truncate(key, 5)
	for range 3 {
		if got := name(); got != "first" {
			t.Errorf("with a broken key: %q", got)
		}
	}
	if n := strings.Count(log.String(), "stays in force"); n != 1 {
		t.Errorf("told %d times\n%s", n, log.String())
	}
	pair(t, cert, key, "second")
	if got := name(); got != "second" {
		t.Errorf("after the change: %q", got)
	}
}

// serving is the name in the certificate that a fresh connection sees.
func serving(t *testing.T, r *running) string {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// pair writes a certificate for name and its key.
func pair(t *testing.T, cert, key, name string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
}
