package main

import (
	"context"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
	"unicode/utf8"

	"vitrine/registry/auth"
)

// A client that takes nothing for writePatience is gone. Downloads are written in pieces of writePiece bytes, each of which has
// that time, so one of 14 KB/s ends well however long it takes. Deadlines are set anew at most once per writeRenew.
const (
	writePatience = 5 * time.Minute
	writePiece    = 4 << 20
	writeRenew    = time.Second
)

// answer is the ResponseWriter of a request: it counts for the log and keeps the connection's write deadline ahead.
// It keeps what it wraps: Unwrap is for http.ResponseController, ReadFrom for sendfile.
type answer struct {
	http.ResponseWriter
	deadline *deadline
	h2       deadline // deadline points here where the connection is shared by many requests
	status   int
	bytes    int64
	user     string
	cut      bool // the handler gave up in the middle
}

var answers = sync.Pool{New: func() any { return new(answer) }}

// deadline is the write deadline of a connection (HTTP/1), which stays between requests, or of a stream (HTTP/2).
type deadline struct {
	set  func(time.Time) error
	last time.Time // when it was set
}

// renew gives the client writePatience from now.
func (d *deadline) renew() {
	now := time.Now()
	if now.Sub(d.last) < writeRenew {
		return
	}
	d.last = now
	d.set(now.Add(writePatience)) // fails where there is no such thing as a deadline, which is no reason to stop
}

// clear leaves the client all the time. A deadline that passes ends an HTTP/2 stream even if nobody is writing.
func (d *deadline) clear() {
	if !d.last.IsZero() {
		d.last = time.Time{}
		d.set(time.Time{})
	}
}

type deadlineKey struct{}

// withDeadline is a http.Server's ConnContext.
func withDeadline(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, deadlineKey{}, &deadline{set: c.SetWriteDeadline})
}

func newAnswer(w http.ResponseWriter, r *http.Request) *answer {
	a := answers.Get().(*answer)
	*a = answer{ResponseWriter: w}
	if d, ok := r.Context().Value(deadlineKey{}).(*deadline); ok && r.ProtoMajor == 1 {
		a.deadline = d
	} else {
		a.h2.set = http.NewResponseController(w).SetWriteDeadline
		a.deadline = &a.h2
	}
	if r.ContentLength == 0 {
		a.deadline.renew()
	} else { // an upload may take hours until it is answered
		a.deadline.clear()
	}
	return a
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader notes the status; those of 1xx come before it.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
	a.deadline.renew()
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.begin()
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

func (a *answer) begin() {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	a.deadline.renew()
}

// ReadFrom hands src on in pieces. For net to use sendfile a piece has to be an *io.LimitedReader straight over the file,
// so one that src is already is taken apart.
func (a *answer) ReadFrom(src io.Reader) (total int64, err error) {
	to, ok := a.ResponseWriter.(io.ReaderFrom)
	if !ok {
		return io.Copy(writeOnly{a}, src)
	}
	left := int64(math.MaxInt64)
	limited, isLimited := src.(*io.LimitedReader)
	if isLimited {
		src, left = limited.R, limited.N
	}
	for left > 0 {
		a.begin()
		size := min(left, writePiece)
		n, err := to.ReadFrom(&io.LimitedReader{R: src, N: size})
		total += n
		left -= n
		a.bytes += n
		if isLimited {
			limited.N = left
		}
		if err != nil || n < size {
			return total, err
		}
	}
	return total, nil
}

// writeOnly hides ReadFrom.
type writeOnly struct{ io.Writer }

// watched serves a request with h, its ResponseWriter wrapped, and writes a line to the log if lines are wanted.
func (s *server) watched(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		a := newAnswer(w, r)
		if r.ContentLength != 0 { // net/http waits for what a handler leaves unread; the registry moves this on while bytes come
			http.NewResponseController(w).SetReadDeadline(start.Add(s.live.Load().stall))
		}
		defer func() {
			if p := recover(); p != nil {
				a.cut = true
				s.panicked(a, r, p)
				defer panic(http.ErrAbortHandler) // cuts the connection: the client must not take what it has for the whole
			}
			a.deadline.renew() // net/http writes what it holds back after this
			if s.live.Load().logAccess {
				s.logRequest(a, r, time.Since(start))
			}
			*a = answer{}
			answers.Put(a)
		}()
		h.ServeHTTP(a, r)
	})
}

// panicked logs a panic that is a bug; http.ErrAbortHandler is a handler's way to cut an answer short.
func (s *server) panicked(a *answer, r *http.Request, p any) {
	if p == http.ErrAbortHandler {
		return
	}
	s.log.Error("panic", "method", r.Method, "path", bounded(r.URL.Path), "panic", p, "stack", string(debug.Stack()))
}

// logRequest leaves out the query, which may hold a token, and every header but one.
func (s *server) logRequest(a *answer, r *http.Request, took time.Duration) {
	ctx := r.Context()
	if !s.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	if r.Method == http.MethodHead { // net/http takes a body and drops it
		a.bytes = 0
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs,
		slog.String("method", bounded(r.Method)),
		slog.String("path", bounded(r.URL.Path)),
		slog.Int("status", status),
		slog.Int64("bytes", a.bytes),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("remote", r.RemoteAddr),
	)
	if r.ContentLength > 0 {
		attrs = append(attrs, slog.Int64("in", r.ContentLength))
	}
	if a.user != "" {
		attrs = append(attrs, slog.String("user", bounded(a.user)))
	}
	if a.cut {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	attrs = append(attrs, slog.String("agent", bounded(r.UserAgent())))
	s.log.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
}

// maxLogged bounds each value of a stranger in the log, in bytes. The longest legal path is shorter.
const maxLogged = 512

func bounded(s string) string {
	if len(s) <= maxLogged {
		return s
	}
	cut := maxLogged
	for cut > maxLogged-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}

// noteUser stands behind auth.Identify and tells the log who asked.
func noteUser(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := auth.UserFrom(r.Context()); ok {
			if a, ok := w.(*answer); ok {
				a.user = name
			}
		}
		h.ServeHTTP(w, r)
	})
}
