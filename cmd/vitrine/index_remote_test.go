package main

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
)

// exploring is a server in front of u whose indexer runs.
func exploring(t *testing.T, u *upstream) (s *server, url string) {
	t.Helper()
	s = openServerWith(t, u.remote("hub"))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.indexer.Run(ctx, s.kept) }()
	hs := httptest.NewServer(s.handler())
	t.Cleanup(func() {
		hs.Close()
		stop()
		<-ended
	})
	return s, hs.URL
}

// TestManifestAlone: who pulls a manifest alone makes nobody download its layers. The indexer has one worker, which takes things in order.
func TestManifestAlone(t *testing.T) {
	u := newUpstream(t)
	s, url := exploring(t, u)
	if got := status(t, client(t), "GET", url+"/v2/hub/app/manifests/1", nil); got != 200 {
		t.Fatalf("GET manifest = %d", got)
	}
	layer := pushImage(t, url)
	eventually(t, "what came later has an index", func() bool { return s.indexer.Indexed(t.Context(), s.kept, "app", layer) })
	if got := strings.Join(u.calls(), "\n"); strings.Contains(got, "/blobs/") {
		t.Errorf("upstream was asked for a blob:\n%s", got)
	}
}

// TestIndexAsPulled: a layer of another registry is indexed when it has been pulled, with or without its manifest.
func TestIndexAsPulled(t *testing.T) {
	u := newUpstream(t)
	s, url := exploring(t, u)
	if got := status(t, client(t), "GET", url+"/v2/hub/app/blobs/"+u.layer.String(), nil); got != 200 {
		t.Fatalf("GET layer = %d", got)
	}
	eventually(t, "the layer has an index", func() bool { return s.indexer.Indexed(t.Context(), s.kept, "hub/app", u.layer) })
	u.asks(t, "GET app/blobs/"+u.layer.String())
}

// TestLookKeeps: whoever looks into a layer that nobody has pulled makes it one that is kept, by one request.
func TestLookKeeps(t *testing.T) {
	u := newUpstream(t)
	s, url := exploring(t, u)
	if code, body := fetch(t, url+"/fs/hub/app@"+u.layer.String()+"/etc/motd?raw"); code != 200 || body != "hello" {
		t.Errorf("%d %s", code, body)
	}
	u.asks(t, "HEAD app/blobs/"+u.layer.String(), "GET app/blobs/"+u.layer.String())
	if _, err := s.kept.StatBlob(t.Context(), "hub/app", u.layer); err != nil {
		t.Error(err)
	}
	for range 2 {
		if code, _ := fetch(t, url+"/fs/hub/app@"+u.layer.String()+"/"); code != 200 {
			t.Error(code)
		}
	}
	u.asks(t)
}
