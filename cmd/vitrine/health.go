package main

import (
	"context"
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

	mu     sync.Mutex
	looked time.Time
	err    error
}

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
	c, ok := s.store.(checker)
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

func (s *server) checkStore(ctx context.Context, c checker) error {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.looked) < readyFor {
		return h.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWait) // who asks may go, the result serves others
	defer cancel()
	h.err = c.Check(ctx)
	h.looked = time.Now()
	if h.err != nil {
		s.log.Error("not ready", "error", h.err)
	}
	return h.err
}
