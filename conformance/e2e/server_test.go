//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is one running vitrine.
type server struct {
	root string
	host string // 127.0.0.1:PORT
	base string // http://HOST or https://HOST
	ca   *authority

	cmd    *exec.Cmd
	out    *output
	client *http.Client
	exited chan struct{}
	took   time.Duration // from the start of the process to its first answer
}

// start runs `vitrine serve` on root until t ends. Options are those of serve; a non-nil ca makes it speak TLS.
func start(t *testing.T, root string, ca *authority, options ...string) *server {
	t.Helper()
	s, err := launch(vitrine(t), root, ca, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the server on %s printed:\n%s", s.host, s.out)
		}
	})
	return s
}

func launch(program, root string, ca *authority, options ...string) (*server, error) {
	args := append([]string{"serve", "--addr", "127.0.0.1:0", "--root", root}, options...)
	s := &server{root: root, ca: ca, out: newOutput(), exited: make(chan struct{})}
	scheme, transport := "http", &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	if ca != nil {
		args = append(args, "--tls-cert", ca.certFile, "--tls-key", ca.keyFile)
		scheme, transport.TLSClientConfig = "https", ca.config()
	}
	s.client = &http.Client{Transport: transport, Timeout: time.Minute}
	s.cmd = exec.Command(program, args...)
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.SysProcAttr = s.out, s.out, owned()
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.cmd.Wait(); close(s.exited) }()
	if err := s.waitReady(scheme); err != nil {
		s.kill()
		return nil, fmt.Errorf("%q: %w; it printed:\n%s", args, err, s.out)
	}
	s.took = time.Since(begin)
	return s, nil
}

// waitReady learns the address from what the server prints and asks until it answers.
func (s *server) waitReady(scheme string) error {
	select {
	case s.host = <-s.out.address:
	case <-s.exited:
		return errors.New("ended before it printed an address")
	case <-time.After(30 * time.Second):
		return errors.New("printed no address in 30 s")
	}
	s.base = scheme + "://" + s.host
	for range 3000 {
		if a, err := s.send("GET", "/v2/", nil); err == nil && (a.status == 200 || a.status == 401) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("does not answer")
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// kill ends the server by SIGKILL and waits for its end. A second call does nothing.
func (s *server) kill() {
	s.cmd.Process.Kill()
	<-s.exited
	s.client.CloseIdleConnections()
}

// stop ends the server by SIGTERM and returns its exit code.
func (s *server) stop(t *testing.T) int {
	t.Helper()
	s.client.CloseIdleConnections()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(time.Minute):
		t.Errorf("the server goes on a minute after SIGTERM")
		s.kill()
	}
	return s.cmd.ProcessState.ExitCode()
}

// alive reports whether the process runs.
func (s *server) alive() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes one request. The path may be a whole URL, as Location headers are; header holds names and values in turn.
func (s *server) send(method, path string, body []byte, header ...string) (answer, error) {
	if rest, ok := strings.CutPrefix(path, s.base); ok {
		path = rest
	}
	req, err := http.NewRequest(method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, b}, err
}

// expect makes one request and fails t when the status is another than want.
func (s *server) expect(t *testing.T, want int, method, path string, body []byte, header ...string) answer {
	t.Helper()
	a, err := s.send(method, path, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != want {
		t.Fatalf("%s %s: status %d, want %d: %.300s", method, path, a.status, want, a.body)
	}
	return a
}

// output keeps the beginning and the end of what a process prints, and sends the address in it.
type output struct {
	mu      sync.Mutex
	head    []byte
	tail    []byte
	address chan string
	found   bool
}

const keepOutput = 16 << 10 // bytes of head and of tail: an access log may be long

var printedAddress = regexp.MustCompile(`(127\.0\.0\.1:[1-9][0-9]*)[^0-9]`)

func newOutput() *output { return &output{address: make(chan string, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(p), keepOutput-len(o.head))
	o.head = append(o.head, p[:n]...)
	o.tail = append(o.tail, p[n:]...)
	if cut := len(o.tail) - keepOutput; cut > keepOutput {
		o.tail = append(o.tail[:0], o.tail[cut:]...)
	}
	if a := printedAddress.FindSubmatch(o.head); a != nil && !o.found {
		o.found = true
		o.address <- string(a[1])
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.head) + string(o.tail)
}
