package remote

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/storage"
)

// TestBreaker: a registry that is down is asked a few times, then an error comes at once, and later it is looked for again.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(t)
		f.image(app, "m", "1")
		var down atomic.Bool
		var dials atomic.Int32
		r := f.pipe(Options{PlainHTTP: []string{"far.test"}, Retries: -1}, nil)
		up := r.wire.base.DialContext
		r.wire.base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials.Add(1)
			if down.Load() {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
			}
			return up(ctx, network, addr)
		}
		ask := func(what string, want error, dialled int32) {
			t.Helper()
			dials.Store(0)
			began := time.Now()
			_, err := r.ResolveTag(t.Context(), app, "1")
			if !errors.Is(err, want) || dials.Load() != dialled || time.Since(began) != 0 {
				t.Errorf("%s: %v after %v and %d dials, want %v and %d", what, err, time.Since(began), dials.Load(), want, dialled)
			}
		}
		down.Store(true)
		for range maxFailures {
			ask("down", storage.ErrUpstream, 1)
		}
		for range 3 {
			ask("open", storage.ErrUpstream, 0)
		}
		time.Sleep(firstBreak)
		ask("half open, still down", storage.ErrUpstream, 1)
		ask("open again", storage.ErrUpstream, 0)
		time.Sleep(firstBreak + time.Millisecond)
		ask("open for longer", storage.ErrUpstream, 0)
		time.Sleep(firstBreak)
		down.Store(false)
		ask("half open, up", nil, 1)
		r.Close()
		synctest.Wait()
		down.Store(true)
		ask("down once more", storage.ErrUpstream, 1)
		down.Store(false)
		ask("which is nothing yet", nil, 1)
	})
}

// TestBreakerLetsOneThrough: of many who come when the time is over one is let through.
func TestBreakerLetsOneThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breakers{log: withDefaults(nil).Log}
		down := &net.OpError{Op: "dial", Err: errors.New("refused")}
		for range maxFailures {
			if err := b.ask("h"); err != nil {
				t.Fatal(err)
			}
			b.tell("h", t.Context(), down)
		}
		err := b.ask("h")
		u, _ := errors.AsType[*storage.UpstreamError](err)
		if u == nil || u.RetryAfter != firstBreak || b.ask("other") != nil {
			t.Errorf("open: %v", err)
		}
		time.Sleep(firstBreak)
		if b.ask("h") != nil || b.ask("h") == nil {
			t.Error("not one was let through")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b.tell("h", ctx, ctx.Err()) // the one has left
		if b.ask("h") != nil {
			t.Error("no other took the place of one who left")
		}
	})
}

// TestBreakersAreBounded: redirects can name any number of hosts.
func TestBreakersAreBounded(t *testing.T) {
	b := breakers{log: withDefaults(nil).Log}
	for i := range 3 * maxBreakers {
		b.tell(strings.Repeat("x", i), t.Context(), &net.OpError{Op: "dial", Err: errors.New("refused")})
	}
	if len(b.m) > maxBreakers {
		t.Errorf("%d hosts", len(b.m))
	}
}

// TestRetryAfter: it is waited for if it is short, and returned if it is long; and the registry is not asked before it is over.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(t)
		m := f.image(app, "m", "1")
		r := f.pipe(Options{PlainHTTP: []string{"far.test"}}, nil)
		var wait string
		var left atomic.Int32
		f.fail(func(w http.ResponseWriter, req *http.Request) bool {
			return left.Add(-1) >= 0 && says(429, "", "Retry-After: "+wait)(w, req)
		})
		ask := func(what string, want error, took, after time.Duration, requests int) {
			t.Helper()
			f.times0()
			began := time.Now()
			_, err := r.ResolveTag(t.Context(), app, "1")
			u, _ := errors.AsType[*storage.UpstreamError](err)
			if !errors.Is(err, want) || time.Since(began) != took || f.times() != requests || u != nil && u.RetryAfter != after {
				t.Errorf("%s: %v after %v and %d requests, want %v, %v, %d; %+v", what, err, time.Since(began), f.times(), want, took, requests, u)
			}
		}
		wait = "7"
		left.Store(1)
		ask("short", nil, 7*time.Second, 0, 2)
		wait = "60"
		left.Store(1)
		ask("long", storage.ErrTooMany, 0, time.Minute, 1)
		time.Sleep(20 * time.Second)
		ask("in between", storage.ErrTooMany, 0, 40*time.Second, 0)
		if _, err := r.GetManifest(t.Context(), app, m.Digest); err != nil {
			t.Errorf("what is not limited: %v", err)
		}
		time.Sleep(35 * time.Second)
		ask("soon over", nil, 5*time.Second, 0, 1)
		wait = time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat)
		left.Store(1)
		ask("a date", storage.ErrTooMany, 0, 30*time.Second, 1)
		time.Sleep(30 * time.Second)
		ask("a date that is over", nil, 0, 0, 1)
		wait = "7"
		left.Store(1)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := r.ResolveTag(ctx, app, "1"); !errors.Is(err, storage.ErrTooMany) || time.Since(began) != 0 {
			t.Errorf("longer than the caller has: %v after %v", err, time.Since(began))
		}
	})
}

// TestBackoff: the pauses grow, and there is an end of them.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(t)
		r := f.pipe(Options{PlainHTTP: []string{"far.test"}}, nil)
		var at []time.Time
		f.fail(func(w http.ResponseWriter, req *http.Request) bool {
			at = append(at, time.Now())
			return says(500, "")(w, req)
		})
		if _, err := r.ResolveTag(t.Context(), app, "1"); !errors.Is(err, storage.ErrUpstream) || len(at) != 4 {
			t.Fatalf("%v after %d requests", err, len(at))
		}
		for i, most := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second} {
			if got := at[i+1].Sub(at[i]); got > most || got < most/2 {
				t.Errorf("pause %d is %v, want %v to %v", i, got, most/2, most)
			}
		}
	})
}

// TestTimes: each limit by itself, and none for the whole of a blob.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(t)
		f.image(app, "m", "1")
		content := noise(100_000)
		d := f.blob("b", content)
		r := f.pipe(Options{PlainHTTP: []string{"far.test"}, Retries: -1, SmallTimeout: time.Hour}, nil)
		measure := func(what string, answer answerFunc, do func() error, want error, took time.Duration) {
			t.Helper()
			f.fail(answer)
			began := time.Now()
			if err := do(); !errors.Is(err, want) || time.Since(began) != took {
				t.Errorf("%s: %v after %v, want %v after %v", what, err, time.Since(began), want, took)
			}
		}
		tag := func() error { _, err := r.ResolveTag(t.Context(), app, "1"); return err }
		blob := func() error { _, err := readAll(t, r, d); return err }
		measure("no headers", silent, tag, storage.ErrUpstreamTimeout, 30*time.Second)
		measure("no body", slow, blob, storage.ErrUpstreamTimeout, 30*time.Second)
		r.forget(blobKey{app, d}, nil)
		trickle := func(w http.ResponseWriter, req *http.Request) bool {
			w.Header().Set("Content-Length", "100000")
			for i := 0; i < len(content); i += 1000 {
				select {
				case <-time.After(20 * time.Second):
				case <-req.Context().Done():
					return true
				}
				w.Write(content[i : i+1000])
				http.NewResponseController(w).Flush()
			}
			return true
		}
		measure("a body that takes half an hour", trickle, blob, nil, 100*20*time.Second)
		r.o.SmallTimeout = time.Minute
		measure("a list that takes half an hour", trickle, func() error {
			for _, err := range r.Tags(t.Context(), app, "") {
				if err != nil {
					return err
				}
			}
			return nil
		}, storage.ErrUpstreamTimeout, time.Minute)
	})
}

// TestReadersMayRest: a blob that nobody reads for a while is not one that stalls.
func TestReadersMayRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFar(t)
		d := f.blob("b", noise(1<<20))
		r := f.pipe(Options{PlainHTTP: []string{"far.test"}, Retries: -1}, nil)
		b, err := r.OpenBlob(t.Context(), app, d)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		buf := make([]byte, 1000)
		for range 3 {
			if _, err := b.Read(buf); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
	})
}
