//go:build linux

package e2e

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// line is the way to a registry: a proxy that counts what goes by, and can be slow, stand still, break and be down.
type line struct {
	host  string // 127.0.0.1:PORT, the same as long as the line is
	proxy *httputil.ReverseProxy

	mu     sync.Mutex
	server *http.Server // nil while the line is down
	calls  []string
	rate   int       // bytes a second of all bodies together; 0: as fast as it goes
	free   time.Time // when the bytes that were let through so far will have gone by
	stops  []*stop
}

// newLine makes a line to what is served on a Unix socket, which need not be there yet.
func newLine(t *testing.T, socket string) *line {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	transport := &http.Transport{DialContext: dial, DisableCompression: true, MaxIdleConnsPerHost: 64}
	l := &line{host: "127.0.0.1:0"}
	l.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "registry"})
			r.Out.Host = r.In.Host // so that the registry's Locations lead here
		},
		Transport: transport, FlushInterval: -1, ModifyResponse: l.answered, ErrorHandler: l.failed,
		ErrorLog: log.New(io.Discard, "", 0), // it has a word for each broken connection
	}
	l.up(t)
	t.Cleanup(func() { l.down(); transport.CloseIdleConnections() })
	return l
}

// up makes the line work, at the address that it had before.
func (l *line) up(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", l.host)
	for range 100 { // another program may have got the port for a moment
		if err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
		listener, err = net.Listen("tcp", l.host)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.host, l.server = listener.Addr().String(), &http.Server{Handler: l.proxy}
	go l.server.Serve(listener)
}

// down breaks all connections and refuses new ones.
func (l *line) down() {
	l.mu.Lock()
	server := l.server
	l.server, l.stops = nil, nil
	l.mu.Unlock()
	if server != nil {
		server.Close() // which ends the contexts of requests, and with them what stands still
	}
}

func (l *line) note(r *http.Request, status int) {
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v2/") + " " + strconv.Itoa(status)
	if rng := r.Header.Get("Range"); rng != "" {
		call += " " + rng
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
}

func (l *line) answered(res *http.Response) error {
	l.note(res.Request, res.StatusCode)
	res.Body = &carried{ReadCloser: res.Body, line: l, path: res.Request.URL.Path, gone: res.Request.Context().Done()}
	return nil
}

func (l *line) failed(w http.ResponseWriter, r *http.Request, err error) {
	l.note(r, http.StatusBadGateway)
	w.WriteHeader(http.StatusBadGateway)
}

// asked returns what went by since the last time, in order: method, path below /v2/, status, and the range if there was one.
func (l *line) asked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.calls
	l.calls = nil
	return all
}

// throttle sets how many bytes of bodies go by in a second; 0 is as many as can.
func (l *line) throttle(rate int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate = rate
}

// stop is a point in the bodies of some answers at which they stand still.
type stop struct {
	path    string
	after   int
	reached chan struct{}
	opened  chan struct{}
	once    sync.Once
	first   sync.Once
}

// stopAt lets bodies of what path is part of stand still after so many bytes, until the stop is opened or the line is down.
func (l *line) stopAt(path string, after int) *stop {
	s := &stop{path: path, after: after, reached: make(chan struct{}), opened: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stops = append(l.stops, s)
	return s
}

func (s *stop) open() { s.once.Do(func() { close(s.opened) }) }

// wait returns when a body stands still.
func (s *stop) wait(t *testing.T) {
	t.Helper()
	select {
	case <-s.reached:
	case <-time.After(time.Minute):
		t.Fatalf("nobody reads %d bytes of %s", s.after, s.path)
	}
}

// carried is a body on its way.
type carried struct {
	io.ReadCloser
	line *line
	path string
	gone <-chan struct{}
	n    int
}

func (c *carried) Read(p []byte) (int, error) {
	room, err := c.line.pass(c, len(p))
	if err != nil {
		return 0, err
	}
	n, err := c.ReadCloser.Read(p[:room])
	c.n += n
	return n, err
}

var errGone = errors.New("the client has gone")

// pass returns how many of n bytes may be read, when it is their turn.
func (l *line) pass(c *carried, n int) (int, error) {
	l.mu.Lock()
	at := slices.IndexFunc(l.stops, func(s *stop) bool { return strings.Contains(c.path, s.path) && c.n <= s.after && !s.isOpen() })
	var s *stop
	if at >= 0 {
		s = l.stops[at]
		n = min(n, s.after-c.n)
	}
	turn := l.reserve(n)
	l.mu.Unlock()
	if s != nil && n == 0 {
		s.first.Do(func() { close(s.reached) })
		select {
		case <-s.opened:
			return 1, nil
		case <-c.gone:
			return 0, errGone
		}
	}
	time.Sleep(time.Until(turn))
	return n, nil
}

// reserve returns when n bytes may go by. Who slept too long catches up.
func (l *line) reserve(n int) time.Time {
	if l.rate == 0 {
		return time.Time{}
	}
	if late := time.Now().Add(-100 * time.Millisecond); l.free.Before(late) {
		l.free = late
	}
	turn := l.free
	l.free = turn.Add(time.Duration(n) * time.Second / time.Duration(l.rate))
	return turn
}

func (s *stop) isOpen() bool {
	select {
	case <-s.opened:
		return true
	default:
		return false
	}
}

// TestLine holds the line to what the other tests need of it.
func TestLine(t *testing.T) {
	socket := tempDir(t) + "/s"
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("x", 100_000)
	far := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) }))
	far.Listener.Close()
	far.Listener = listener
	far.Start()
	defer far.Close()
	l := newLine(t, socket)
	get := func(path string) (int, error) {
		res, err := http.Get("http://" + l.host + path)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return len(b), err
	}
	s := l.stopAt("slow", 5000)
	read := make(chan int)
	go func() { n, _ := get("/v2/slow"); read <- n }()
	s.wait(t)
	if n, err := get("/v2/other"); n != len(body) || err != nil {
		t.Errorf("beside one that stands still: %d bytes, %v", n, err)
	}
	s.open()
	if n := <-read; n != len(body) {
		t.Errorf("after the stop: %d bytes", n)
	}
	s = l.stopAt("slow", 5000)
	go func() { n, _ := get("/v2/slow"); read <- n }()
	s.wait(t)
	l.down()
	if n := <-read; n >= len(body) {
		t.Errorf("over a line that broke: all %d bytes", n)
	}
	if _, err := get("/v2/other"); err == nil {
		t.Error("over a line that is down: no error")
	}
	l.up(t)
	l.throttle(200_000)
	begin := time.Now()
	if n, err := get("/v2/other"); n != len(body) || err != nil || time.Since(begin) < 200*time.Millisecond {
		t.Errorf("100 kB at 0.2 MB/s: %d bytes, %v, in %v", n, err, time.Since(begin))
	}
	if got, want := strings.Join(l.asked(), ", "), "GET slow 200, GET other 200, GET slow 200, GET other 200"; got != want {
		t.Errorf("counted %s, want %s", got, want)
	}
}
