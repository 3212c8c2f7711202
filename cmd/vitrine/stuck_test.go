package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/storage"
)

// TestUnsentBodies: what answers without reading a body waits for it no longer than an upload may stall.
func TestUnsentBodies(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	write(t, users, "bob:{SHA}qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n")
	private := start(t, nil, "--ephemeral", "--stall-timeout", "100ms", "--htpasswd", users)
	public := start(t, nil, "--ephemeral", "--stall-timeout", "100ms", "--htpasswd", users, "--anonymous-pull")
	for _, tt := range []struct {
		r    *running
		call string
	}{
		{private, "GET /v2/"}, {private, "PUT /v2/a/manifests/1"}, {public, "POST /v2/_token"}, {public, "DELETE /v2/_token"},
		{private, "GET /livez"}, {private, "POST /readyz"}, {public, "GET /"}, {private, "PUT /nothing"},
	} {
		conn, br := dial(t, tt.r.url)
		conn.SetReadDeadline(time.Now().Add(20 * time.Second)) // for a server that never closes
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nx", tt.call)
		if _, err := io.Copy(io.Discard, br); err != nil {
			t.Errorf("%s: %v", tt.call, err)
		}
	}
}

// TestStuckHTTP2 has a client that asks by HTTP/2 and reads nothing.
func TestStuckHTTP2(t *testing.T) {
	s, err := newServer(defaults(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	hs := s.httpServer()
	if hs.HTTP2 == nil || hs.HTTP2.WriteByteTimeout != writePatience {
		t.Fatalf("HTTP/2: %+v", hs.HTTP2)
	}
	hs.HTTP2.WriteByteTimeout = 50 * time.Millisecond
	hs.Protocols = new(http.Protocols)
	hs.Protocols.SetUnencryptedHTTP2(true)
	ended := make(chan struct{})
	hs.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		for piece := make([]byte, 1<<20); r.Context().Err() == nil; {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go hs.Serve(l)
	defer hs.Close()
	conn, _ := dial(t, l.Addr().String())
	io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+ // RFC 9113, 3.4
		"\x00\x00\x06\x04\x00\x00\x00\x00\x00"+"\x00\x04\x7f\xff\xff\xff"+ // SETTINGS: a large window for streams
		"\x00\x00\x04\x08\x00\x00\x00\x00\x00"+"\x7f\xff\x00\x00"+ // WINDOW_UPDATE: and for the connection
		"\x00\x00\x06\x01\x05\x00\x00\x00\x01"+"\x82\x86\x84\x41\x01x") // HEADERS: GET http://x/
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the connection is held for ever")
	}
}

// hangingStore is a store on a disk that never answers, not even when a context ends.
type hangingStore struct {
	storage.Store
	asked   int
	answers chan struct{}
}

func (s *hangingStore) Check(context.Context) error {
	s.asked++
	<-s.answers
	return nil
}

func TestUnreadyWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log buffer
		s, err := newServer(defaults(), &log)
		if err != nil {
			t.Fatal(err)
		}
		store := hangingStore{answers: make(chan struct{})}
		s.kept = &store
		for range 3 {
			begin := time.Now()
			got := s.unready(t.Context())
			if took := time.Since(begin); got != "the store can not be written" || took != readyWait {
				t.Errorf("%q after %v", got, took)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := s.unready(ctx); got == "" {
			t.Error("ready, says a server whose store does not answer")
		}
		close(store.answers)
		synctest.Wait()
		if got := s.unready(t.Context()); got != "" || store.asked != 1 {
			t.Errorf("%q, asked %d times", got, store.asked)
		}
		if n := strings.Count(log.String(), "not ready"); n != 1 {
			t.Errorf("%d lines in the log, want one for a look\n%s", n, log.String())
		}
	})
}
