package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

const gzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip"

// pushImage pushes an image with one layer, which has a file etc/motd, and returns the layer's digest.
func pushImage(t *testing.T, url string) digest.Digest {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: "etc/motd", Mode: 0o644, Size: 5})
	_, err2 := io.WriteString(w, "hello")
	if err := errors.Join(err, err2, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	layer := digest.FromBytes(buf.Bytes())
	c := client(t)
	for _, blob := range []string{buf.String(), "{}"} {
		if got := status(t, c, "POST", url+"/v2/app/blobs/uploads/?digest="+digest.FromString(blob).String(), strings.NewReader(blob)); got != 201 {
			t.Fatalf("POST blob = %d", got)
		}
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":2},"layers":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		oci.MediaTypeImageManifest, digest.FromString("{}"), gzipLayer, layer, buf.Len())
	req, err := http.NewRequest("PUT", url+"/v2/app/manifests/1", strings.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", oci.MediaTypeImageManifest)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 201 {
		t.Fatalf("PUT manifest = %s", resp.Status)
	}
	return layer
}

// openServer makes a server of args with its store open.
func openServer(t *testing.T, args ...string) *server {
	t.Helper()
	c, _, _, err := load(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(c, io.Discard)
	if err == nil {
		err = s.openStore()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func readMotd(t *testing.T, s *server, layer digest.Digest) {
	t.Helper()
	l, err := s.indexer.Open(t.Context(), s.store, "app", layer, gzipLayer)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got, err := fs.ReadFile(l.FS(), "etc/motd"); string(got) != "hello" || err != nil {
		t.Errorf("etc/motd: %q, %v", got, err)
	}
}

// TestIndexAtPush: what is pushed is indexed without anybody looking, and the next process finds the index.
func TestIndexAtPush(t *testing.T) {
	root := t.TempDir()
	r := start(t, nil, "--root", root)
	layer := pushImage(t, r.url)
	eventually(t, "an index in cache/", func() bool {
		names, _ := filepath.Glob(filepath.Join(root, "cache", "sha256-"+layer.Encoded()+".*"))
		return len(names) == 1
	})
	r.end(t)
	s := openServer(t, "--root", root)
	if !s.indexer.Indexed(t.Context(), s.store, "app", layer) {
		t.Error("after a restart the layer has no index")
	}
	readMotd(t, s, layer)
}

// TestIndexInMemory: --ephemeral has no disk for indexes.
func TestIndexInMemory(t *testing.T) {
	s := openServer(t, "--ephemeral")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.indexer.Run(ctx, s.store) }()
	hs := httptest.NewServer(s.handler())
	defer hs.Close()
	layer := pushImage(t, hs.URL)
	eventually(t, "an index in memory", func() bool { return s.indexer.Indexed(t.Context(), s.store, "app", layer) })
	readMotd(t, s, layer)
	stop()
	<-ended
}

// TestWithoutExplorer: nothing reads what is pushed, and the front page still tells what this is.
func TestWithoutExplorer(t *testing.T) {
	root := t.TempDir()
	r := start(t, nil, "--root", root, "--explore=off")
	pushImage(t, r.url)
	c := client(t)
	for _, tt := range []struct {
		method, path string
		want         int
	}{{"GET", "/", 200}, {"POST", "/", 405}, {"GET", "/r/app", 404}, {"GET", "/v2/app/manifests/1", 200}} {
		if got := status(t, c, tt.method, r.url+tt.path, nil); got != tt.want {
			t.Errorf("%s %s = %d, want %d", tt.method, tt.path, got, tt.want)
		}
	}
	r.end(t)
	if names, err := os.ReadDir(filepath.Join(root, "cache")); err == nil {
		t.Errorf("cache/ has %d files", len(names))
	}
}

// TestStoreAbilities: telling the indexer what is new takes nothing from the store.
func TestStoreAbilities(t *testing.T) {
	s := openServer(t, "--root", t.TempDir())
	_, expires := s.store.(storage.UploadExpirer)
	_, finds := s.store.(storage.BlobFinder)
	_, checks := s.kept.(checker)
	_, closes := s.kept.(io.Closer)
	if !expires || !finds || !checks || !closes {
		t.Errorf("expires uploads %t, finds blobs %t, is checked %t, is closed %t; want all", expires, finds, checks, closes)
	}
}
