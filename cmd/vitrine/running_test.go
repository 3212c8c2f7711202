package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"os"
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
