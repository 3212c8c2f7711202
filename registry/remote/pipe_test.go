package remote

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// pipe returns a Registry at http://far.test that is f, over connections in memory: in a bubble of testing/synctest time passes when all wait.
// others are the handlers of other hosts and ports.
func (f *far) pipe(o Options, others map[string]http.Handler) *Registry {
	f.t.Helper()
	r, err := New("http://far.test", &o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.url, f.host = "http://far.test", "far.test"
	servers := map[string]*pipeListener{"far.test:80": listen(f.t.Cleanup, f)}
	for addr, h := range others {
		servers[addr] = listen(f.t.Cleanup, h)
	}
	r.wire.base.DialContext = func(ctx context.Context, _, addr string) (net.Conn, error) {
		if l := servers[addr]; l != nil {
			return l.dial(ctx)
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	f.t.Cleanup(func() { r.Close() })
	return r
}

// pipeListener is a net.Listener of net.Pipes.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func listen(cleanup func(func()), h http.Handler) *pipeListener {
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h}
	go srv.Serve(l)
	cleanup(func() { srv.Close() })
	return l
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// quiet is for servers of which it is known that handshakes fail.
var quiet = log.New(io.Discard, "", 0)

// onlyLoopback dials servers of the tests, which example.com means too.
func onlyLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, _ := net.SplitHostPort(addr)
	if host != "127.0.0.1" && host != "example.com" {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("no such host")}
	}
	var d net.Dialer
	return d.DialContext(ctx, network, "127.0.0.1:"+port)
}
