package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestReloadWhilePulling takes a remote out, puts it in again and changes it, while a client reads a blob through it: that goes on, and is closed behind it.
func TestReloadWhilePulling(t *testing.T) {
	u := newUpstream(t)
	name := configOf(t, u.remote("hub"), u.remote("same"))
	r := start(t, nil, "--config", name)
	release := u.holds(t)
	blob := "/v2/hub/app/blobs/" + u.big.String()
	pull := openBody(t, r.url+blob)
	for _, repositories := range [][]string{
		{u.remote("same")},
		{u.remote("hub"), u.remote("same")},
		{u.remote("hub", `"index_ttl": "0"`), u.remote("same", `"mirror": true`)},
	} {
		writeConfig(t, name, repositories...)
		r.reload(t, "configuration read again")
		want := "GET /v2/hub/app/manifests/1 200"
		if len(repositories) == 1 {
			want = "GET /v2/hub/app/manifests/2 404"
		}
		r.expect(t, want, "GET /v2/same/app/manifests/1 200")
	}
	release()
	if got := rest(t, pull); got != u.big {
		t.Errorf("got %s, want %s", got, u.big)
	}
	gets := 0
	for _, call := range u.calls() {
		if call == "GET app/blobs/"+u.big.String() {
			gets++
		}
		if strings.HasPrefix(call, "HEAD app/manifests") {
			gets += 10
		}
	}
	if gets != 31 { // the tag: by same once, as that has not changed; by hub once for each of the two that were new
		t.Errorf("upstream was asked for the blob %d times, and for tags %d times; want 1 and 3", gets%10, gets/10)
	}
}

// openBody begins to read, and returns when the first byte is here.
func openBody(t *testing.T, url string) io.Reader {
	t.Helper()
	resp, err := client(t).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	first := make([]byte, 1)
	if _, err := io.ReadFull(resp.Body, first); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s = %s, %v", url, resp.Status, err)
	}
	return io.MultiReader(strings.NewReader(string(first)), resp.Body)
}

// rest reads to the end and returns the digest of all.
func rest(t *testing.T, r io.Reader) digest.Digest {
	t.Helper()
	d, err := digest.FromReader(r)
	if err != nil {
		t.Error(err)
	}
	return d
}

// TestReplacedIsClosed: what a reload has replaced is closed when the last who reads through it has left, and not before.
func TestReplacedIsClosed(t *testing.T) {
	u := newUpstream(t)
	s := openServerWith(t, u.remote("hub"))
	release := u.holds(t)
	old := s.mounts.through["hub"]
	blob, err := s.store.OpenBlob(t.Context(), "hub/app", u.big)
	if err != nil {
		t.Fatal(err)
	}
	read := make([]byte, 1)
	if _, err := io.ReadFull(blob, read); err != nil {
		t.Fatal(err)
	}
	request := s.mounts.uses.enter()
	s.apply(configWith(t))
	if _, err := s.store.ResolveTag(t.Context(), "hub/app", "1"); err == nil {
		t.Error("it is still there")
	}
	if _, err := old.ResolveTag(t.Context(), "hub/app", "1"); err != nil {
		t.Errorf("whoever came before is cut off: %v", err)
	}
	s.mounts.uses.leave(request)
	release()
	if got := rest(t, io.MultiReader(strings.NewReader(string(read)), blob)); got != u.big {
		t.Errorf("got %s, want %s", got, u.big)
	}
	blob.Close()
	eventually(t, "it is closed", func() bool {
		_, err := old.ResolveTag(t.Context(), "hub/app", "9")
		return err != nil && strings.Contains(err.Error(), "the server is stopping")
	})
}

// TestReloadRefused: what is wrong with the repositories leaves all as it was.
func TestReloadRefused(t *testing.T) {
	u := newUpstream(t)
	name := configOf(t, u.remote("hub"))
	r := start(t, nil, "--config", name)
	r.expect(t, "GET /v2/hub/app/manifests/1 200")
	for _, tt := range []struct{ repository, want string }{
		{`"hub": {"type": "remote"}`, `repositories.hub: has no \"package\"`},
		{u.remote("new", `"username": "u", "password_file": "/none"`), `repositories.new.password_file`},
	} {
		writeConfig(t, name, tt.repository)
		r.reload(t, tt.want)
		r.expect(t, "GET /v2/hub/app/manifests/1 200", "GET /v2/new/app/manifests/1 404")
	}
	if !strings.Contains(r.log.String(), "configuration not taken, everything stays as it was") {
		t.Error(r.log.String())
	}
}

// TestStopWhilePulling: a stop does not wait for an upstream that does not answer.
func TestStopWhilePulling(t *testing.T) {
	u := newUpstream(t)
	r := start(t, nil, "--config", configOf(t, u.remote("hub")), "--drain-timeout", "1ms")
	u.holds(t)
	openBody(t, r.url+"/v2/hub/app/blobs/"+u.big.String())
	r.end(t)
}

// TestGenerations tells when all have left who came before.
func TestGenerations(t *testing.T) {
	g := newGenerations()
	isClosed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	<-g.next() // nobody was there
	first := g.enter()
	left1 := g.next()
	second := g.enter()
	left2 := g.next()
	third := g.enter()
	g.leave(second)
	if isClosed(left1) || isClosed(left2) {
		t.Error("somebody is still there who came before")
	}
	g.leave(first)
	<-left1
	<-left2
	left3 := g.next()
	if isClosed(left3) {
		t.Error("the third is still there")
	}
	g.leave(third)
	<-left3
}

// TestReloadStorm replaces a remote again and again while clients pull through it, none of whom may notice.
func TestReloadStorm(t *testing.T) {
	u := newUpstream(t)
	s := openServerWith(t, u.remote("hub"))
	hs := httptest.NewServer(s.handler())
	t.Cleanup(hs.Close)
	var clients sync.WaitGroup
	pulls := make(chan struct{}, 1)
	ctx, stop := context.WithCancel(t.Context())
	for i := range 4 {
		clients.Go(func() {
			c := client(t)
			for ctx.Err() == nil {
				path := []string{"/v2/hub/app/manifests/1", "/v2/hub/app/blobs/" + u.big.String(), "/r/hub/app:1"}[i%3]
				if got := status(t, c, "GET", hs.URL+path, nil); got != 200 {
					t.Errorf("GET %s = %d", path, got)
				}
				select {
				case pulls <- struct{}{}:
				case <-ctx.Done():
				}
			}
		})
	}
	for i := range 30 {
		if err := s.apply(configWith(t, u.remote("hub", fmt.Sprintf(`"index_ttl": "%dns"`, i)))); err != nil {
			t.Error(err)
		}
		<-pulls
	}
	stop()
	clients.Wait()
}
