package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"syscall"
)

// serve runs the registry until ctx ends.
func serve(ctx context.Context, p *process) (err error) {
	c, notes, rest, err := load(p.args, p.env)
	if err != nil {
		return err
	}
	if err := noArgs(rest); err != nil {
		return err
	}
	s, err := newServer(c, p.stderr)
	if err != nil {
		return err
	}
	s.tell(notes)
	defer runtime.KeepAlive(ballast)
	l, err := listen(ctx, c.addr)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := s.openStore(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.announce(p.stdout, l.Addr())
	return s.run(ctx, p, l)
}

// ballast is memory that nobody touches, so that it costs none: the collector lets the heap grow to twice what is alive,
// and counts it. Some 2 MiB are alive in a small registry, whose garbage would be collected many times a second.
var ballast = make([]byte, 12<<20)

func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: another program listens there; --addr chooses another port, such as --addr :5001", err)
	}
	return l, err
}

// announce says where the registry is and what to type to try it.
func (s *server) announce(w io.Writer, addr net.Addr) {
	scheme := "http"
	if s.certs != nil {
		scheme = "https"
	}
	keeps := "keeps everything in " + s.started.root
	if s.started.ephemeral {
		keeps = "keeps nothing after its end"
	}
	fmt.Fprintf(w, "Vitrine %s listens on %s://%s and %s\nTry it:\n\n%s\n",
		buildVersion(), scheme, addr, keeps, example(reachable(addr), s.live.Load()))
}

// reachable is what clients on this machine call addr. Docker takes plain HTTP from "localhost" without being told to.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() || ip.IsLoopback() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func (s *server) httpServer() *http.Server {
	hs := &http.Server{
		Handler:           s.handler(),
		ConnContext:       withDeadline,
		ReadHeaderTimeout: headTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headBytes,
		HTTP2:             &http.HTTP2Config{WriteByteTimeout: writePatience},  // a stream's deadline frees no connection that is stuck
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what strangers do wrong
	}
	if s.certs != nil {
		hs.TLSConfig = s.certs.config()
	}
	return hs
}

// run serves on l until ctx ends and what was running then has come to its end.
func (s *server) run(ctx context.Context, p *process, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { s.expire(ctx) })
	if s.indexer != nil {
		wg.Go(func() { s.indexer.Run(ctx, s.kept) }) // not through the mounts: what nobody has pulled stays where it is
	}

	hs := s.httpServer()
	failed := make(chan error, 1)
	wg.Go(func() { failed <- s.accept(hs, l) })
	for {
		select {
		case <-p.reload:
			s.reload(p.args, p.env)
		case err := <-failed:
			return err
		case <-ctx.Done():
			s.drain(hs, p.now)
			return nil
		}
	}
}

func (s *server) accept(hs *http.Server, l net.Listener) error {
	var err error
	if s.certs != nil {
		err = hs.ServeTLS(l, "", "")
	} else {
		err = hs.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// drain takes no more connections and lets running requests end, for as long as the configuration gives them or until now.
func (s *server) drain(hs *http.Server, now <-chan struct{}) {
	patience := s.live.Load().drain
	s.health.draining.Store(true)
	s.log.Info("stopping", "patience", patience.String())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		select {
		case <-now:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := hs.Shutdown(ctx); err != nil {
		s.log.Warn("what was still running is cut", "why", err)
		hs.Close() // its error is the listener's, which is closed already
	}
	s.log.Info("stopped")
}
