package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"net/http/httptest"
	"strings"
	"testing"
)

// archiveOf is a tar.gz with one file.
func archiveOf(t *testing.T, name, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	for _, c := range []interface{ Close() error }{w, z} {
		if err == nil {
			err = c.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestOpenFiles looks into what repositories of files have: those who may read them do, and no client takes it for an image's.
func TestOpenFiles(t *testing.T) {
	up := httptest.NewServer(openServerWith(t, generic("apps", "local", "")).handler())
	defer up.Close()
	ours, theirs := archiveOf(t, "etc/ours", "one"), archiveOf(t, "etc/theirs", "two")
	if status, body := line(t, up.URL, "PUT /files/apps/theirs.tar.gz "+theirs); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	s := openServerWith(t, generic("apps", "local", ""), generic("hub", "remote", `, "base_url": "`+up.URL+`/files/apps"`),
		generic("all", "virtual", `, "members": ["apps", "hub"]`))
	hs := httptest.NewServer(s.handler())
	defer hs.Close()
	for _, tt := range []struct {
		call   string
		status int
		body   string
	}{
		{"PUT /files/apps/a/ours.tar.gz " + ours, 201, ""},
		{"GET /files/apps/a/", 200, `href="/open/apps/a/ours.tar.gz"`},
		{"GET /open/apps/a/ours.tar.gz", 200, "etc/"},
		{"GET /open/all/a/ours.tar.gz", 200, "etc/"},
		{"GET /open/hub/theirs.tar.gz", 200, "etc/"},
		{"GET /open/all/theirs.tar.gz", 200, "etc/"},
		{"GET /open/hub/none.tar.gz", 404, ""},
		{"GET /open/none/theirs.tar.gz", 404, "no such repository"},
		{"GET /fs/apps@sha256:" + strings.Repeat("0", 64) + "/", 404, ""},
	} {
		status, body := line(t, hs.URL, tt.call)
		if status != tt.status || !strings.Contains(body, tt.body) {
			t.Errorf("%.60s = %d %.300s, want %d %s", tt.call, status, body, tt.status, tt.body)
		}
	}
}
