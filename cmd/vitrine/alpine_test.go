package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"vitrine/explore/apk/apktest"
)

func init() { keyBits = 1024 }

func alpine(name, kind, more string) string {
	return fmt.Sprintf(`%q: {"type": %q, "package": "alpine"%s}`, name, kind, more)
}

func apkOf(t *testing.T, name, content string) string {
	t.Helper()
	return string(apktest.Build(t, apktest.Package{Name: name, Version: "1-r0", Arch: "x86_64", Files: map[string]string{"usr/bin/" + name: content}}))
}

// TestAlpineRepositories: what is put is in an index with the repository's key, elsewhere too, and has pages, for those who may.
func TestAlpineRepositories(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/users", "alice:"+hash("a")+"\n")
	write(t, dir+"/c.json", `{"ephemeral": true, "auth": {"htpasswd": "`+dir+`/users", "rules": [
		{"repositories": "ours/**", "pull": ["alice"], "push": ["alice"], "delete": ["alice"]}, {"repositories": "**", "pull": ["anonymous"]}]},
		"repositories": {`+alpine("ours", "local", `, "key_name": "acme"`)+`}}`)
	r := start(t, nil, "--config", dir+"/c.json")
	alice := strings.Replace(r.url, "://", "://alice:a@", 1)
	for _, tt := range []struct {
		base, call string
		status     int
		body       string
	}{
		{r.url, "PUT /files/ours/x86_64/hello-1-r0.apk x", 401, ""},
		{alice, "PUT /files/ours/x86_64/hello-1-r0.apk x", 400, "no package"},
		{alice, "PUT /files/ours/x86_64/hello-1-r0.apk " + apkOf(t, "hello", "content"), 201, ""},
		{alice, "GET /keys/acme.rsa.pub", 200, "-----BEGIN PUBLIC KEY-----"},
		{r.url, "GET /keys/acme.rsa.pub", 401, ""},
		{alice, "GET /keys/ours.rsa.pub", 404, ""},
		{alice, "GET /files/ours/x86_64/APKINDEX.tar.gz", 200, ".SIGN.RSA256.acme.rsa.pub"},
		{alice, "GET /?format=html", 200, `<a href="/files/ours/">`},
		{alice, "GET /files/ours/", 200, `<a href="./x86_64/">`},
		{alice, "GET /files/ours/x86_64/?format=html", 200, `<a href="/apk/ours/x86_64/hello-1-r0.apk">`},
		{alice, "GET /files/ours/x86_64/?format=json", 200, `"look":"/apk/ours/x86_64/APKINDEX.tar.gz"`},
		{alice, "GET /apk/ours/x86_64/APKINDEX.tar.gz", 200, "hello"},
		{alice, "GET /apk/ours/x86_64/hello-1-r0.apk", 200, "pkgname"},
		{r.url, "GET /apk/ours/x86_64/APKINDEX.tar.gz", 401, ""},
		{r.url, "GET /apk/ours/x86_64/hello-1-r0.apk", 401, ""},
		{alice, "DELETE /files/ours/x86_64/hello-1-r0.apk", 204, ""},
	} {
		status, body := line(t, tt.base, tt.call)
		if strings.HasSuffix(tt.call, ".tar.gz") && strings.HasPrefix(tt.call, "GET /files") {
			body = gunzip(t, body)
		}
		if status != tt.status || !strings.Contains(body, tt.body) {
			t.Errorf("%.80s = %d %.300s, want %d %s", tt.call, status, body, tt.status, tt.body)
		}
	}
}

func gunzip(t *testing.T, content string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(content))
	if err != nil {
		return content
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// TestAlpineVirtualReload: a virtual repository of local and remote ones, whose key changes while it is served.
func TestAlpineVirtualReload(t *testing.T) {
	up := openServerWith(t, alpine("ours", "local", ""))
	upstream := httptest.NewServer(up.handler())
	defer upstream.Close()
	hub := alpine("hub", "remote", fmt.Sprintf(`, "base_url": %q, "index_ttl": "0", "negative_ttl": "0"`, upstream.URL+"/files/ours"))
	s := openServerWith(t, hub, alpine("mine", "local", ""), alpine("all", "virtual", `, "members": ["hub", "mine"]`))
	hs := httptest.NewServer(s.handler())
	defer hs.Close()
	want := func(base, call string, status int, body string) {
		t.Helper()
		got, b := line(t, base, call)
		if strings.HasSuffix(call, ".tar.gz") {
			b = gunzip(t, b)
		}
		if got != status || !strings.Contains(b, body) {
			t.Errorf("%.80s = %d %.300s, want %d %s", call, got, b, status, body)
		}
	}
	const index = "GET /files/all/x86_64/APKINDEX.tar.gz"
	want(hs.URL, index, 404, "")
	want(upstream.URL, "PUT /files/ours/x86_64/far-1-r0.apk "+apkOf(t, "far", "x"), 201, "")
	want(hs.URL, index, 200, "P:far\n")
	want(hs.URL, "PUT /files/mine/x86_64/near-1-r0.apk "+apkOf(t, "near", "x"), 201, "")
	want(hs.URL, index, 200, "P:near\n")
	want(hs.URL, index, 200, ".SIGN.RSA256.all.rsa.pub")
	want(hs.URL, "GET /files/all/x86_64/far-1-r0.apk", 200, "")
	want(hs.URL, "GET /apk/all/x86_64/APKINDEX.tar.gz", 200, "near")
	if err := s.apply(configWith(t, hub, alpine("mine", "local", ""), alpine("all", "virtual", `, "members": ["hub", "mine"], "key_name": "acme"`))); err != nil {
		t.Fatal(err)
	}
	want(hs.URL, index, 200, ".SIGN.RSA256.acme.rsa.pub")
	want(hs.URL, "GET /keys/all.rsa.pub", 404, "")
	want(hs.URL, "GET /keys/acme.rsa.pub", 200, "PUBLIC KEY")
	upstream.Close()
	want(hs.URL, index, 200, "P:far\n")
	want(hs.URL, "GET /files/all/x86_64/far-1-r0.apk", 200, "")
	if err := s.apply(configWith(t, alpine("mine", "local", ""))); err != nil {
		t.Fatal(err)
	}
	want(hs.URL, index, 404, "")
	want(hs.URL, "GET /apk/all/x86_64/APKINDEX.tar.gz", 400, "")
	want(hs.URL, "GET /files/mine/x86_64/APKINDEX.tar.gz", 200, "P:near\n")
}
