package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Looking whether the store can be written writes something, so one look serves for readyFor, whoever asks.
const (
	readyFor  = 5 * time.Second
	readyWait = 5 * time.Second
)

// checker is what a store may be: able to tell whether it can be written.
type checker interface{ Check(context.Context) error }

type health struct {
	draining atomic.Bool

	mu   sync.Mutex
	last *look
}

// look is one look at the store. err and at are there when done is closed.
type look struct {
	done   chan struct{}
	err    error
	at     time.Time
	silent sync.Once // told the log that it takes too long
}

// stale reports whether the look has ended too long ago. One that never ends is never followed by another.
func (l *look) stale() bool {
	select {
	case <-l.done:
		return time.Since(l.at) >= readyFor
	default:
		return false
	}
}

// errSilent says that a look has not ended.
var errSilent = errors.New("the store does not answer")

// withHealth answers /livez, /readyz and /healthz to everybody; the rest is next's.
func (s *server) withHealth(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/livez":
			s.report(w, r, "")
		case "/readyz", "/healthz":
			s.report(w, r, s.unready(r.Context()))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// report answers 200 "ok", or 503 with what is wrong.
func (s *server) report(w http.ResponseWriter, r *http.Request, wrong string) {
	if !onlyReads(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if wrong != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Write([]byte(wrong + "\n"))
		return
	}
	w.Write([]byte("ok\n"))
}

// unready says why the server can't do its work, "" if it can. The cause is for the log: it may name paths.
func (s *server) unready(ctx context.Context) string {
	c, ok := s.kept.(checker)
	switch {
	case s.health.draining.Load():
		return "stopping"
	case !ok || s.live.Load().readOnly:
		return ""
	}
	if err := s.checkStore(ctx, c); err != nil {
		return "the store can not be written"
	}
	return ""
}

// checkStore waits for a look at the store no longer than readyWait: a disk that hangs does not end when a context does.
func (s *server) checkStore(ctx context.Context, c checker) error {
	look := s.startLook(ctx, c)
	timer := time.NewTimer(readyWait)
	defer timer.Stop()
	select {
	case <-look.done:
		return look.err
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		look.silent.Do(func() { s.log.Error("not ready", "error", errSilent) })
		return errSilent
	}
}

// startLook returns the look that is under way, or that is fresh enough, or begins one.
func (s *server) startLook(ctx context.Context, c checker) *look {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last != nil && !h.last.stale() {
		return h.last
	}
	l := &look{done: make(chan struct{})}
	h.last = l
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWait) // who asks may go, the result serves others
		defer cancel()
		if l.err = c.Check(ctx); l.err != nil {
			s.log.Error("not ready", "error", l.err)
		}
		l.at = time.Now()
		close(l.done)
	}()
	return l
}

// onlyReads answers 405 to anything but GET and HEAD.
func onlyReads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	return false
}
