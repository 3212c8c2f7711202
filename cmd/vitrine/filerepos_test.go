package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"vitrine/registry/files"
)

// fileServer is another server of files: everything below /pub/ is its path. It counts what it is asked.
func fileServer(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		path, ok := strings.CutPrefix(r.URL.Path, "/pub/")
		if !ok || strings.Contains(path, "none") {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, path)
	}))
	t.Cleanup(hs.Close)
	return hs.URL + "/pub", asked
}

// line sends "METHOD PATH" or "METHOD PATH body" and returns status and body.
func line(t *testing.T, base, call string) (int, string) {
	t.Helper()
	f := strings.SplitN(call, " ", 3)
	var body io.Reader
	if len(f) == 3 {
		body = strings.NewReader(f[2])
	}
	req, err := http.NewRequest(f[0], base+f[1], body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

func generic(name, kind, more string) string {
	return fmt.Sprintf(`%q: {"type": %q, "package": "generic"%s}`, name, kind, more)
}

// TestFileRepositories: local, remote and virtual ones, at both of their places, and none of them a place for images.
func TestFileRepositories(t *testing.T) {
	url, asked := fileServer(t)
	s := openServerWith(t, generic("apps", "local", ""), generic("hub", "remote", fmt.Sprintf(`, "base_url": %q, "include_patterns": ["^let/"]`, url)),
		generic("all", "virtual", `, "members": ["hub", "apps"]`))
	hs := httptest.NewServer(s.handler())
	defer hs.Close()
	for _, tt := range []struct {
		call   string
		status int
		body   string
	}{
		{"PUT /files/apps/let/a.zip ours", 201, ""},
		{"GET /files/apps/let/a.zip", 200, "ours"},
		{"GET /api/v1/local/apps/let/a.zip", 200, "ours"},
		{"GET /api/v1/remote/apps/let/a.zip", 404, ""},
		{"GET /files/hub/let/a.zip", 200, "let/a.zip"},
		{"GET /api/v1/remote/hub/let/a.zip", 200, "let/a.zip"},
		{"GET /files/hub/no/a.zip", 403, "none of the paths"},
		{"GET /files/hub/let/none.zip", 404, ""},
		{"PUT /files/hub/let/b.zip x", 405, "remote repository"},
		{"GET /files/all/let/a.zip", 200, "ours"},
		{"GET /files/all/let/b.zip", 200, "let/b.zip"},
		{"GET /api/v1/virtual/all/let/b.zip", 200, "let/b.zip"},
		{"PUT /files/all/let/b.zip x", 405, "virtual repository"},
		{"GET /files/", 200, `<a href="./hub/">`},
		{"DELETE /files/apps/let/a.zip", 204, ""},
		{"GET /files/all/let/a.zip", 200, "let/a.zip"},
		{"GET /v2/apps/x/manifests/1", 400, "holds generic packages, not images"},
		{"GET /v2/hub/x/manifests/1", 400, "holds generic packages, not images"},
	} {
		if status, body := line(t, hs.URL, tt.call); status != tt.status || !strings.Contains(body, tt.body) {
			t.Errorf("%s = %d %.200s, want %d %s", tt.call, status, body, tt.status, tt.body)
		}
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("the other server was asked %d times, want once for each file", n)
	}
}

// TestFileRepositoriesReload: what stays as it is keeps what it knows, what is new is there, and what is gone is not.
func TestFileRepositoriesReload(t *testing.T) {
	url, asked := fileServer(t)
	hub := func(more string) string {
		return generic("hub", "remote", fmt.Sprintf(`, "base_url": %q%s`, url, more))
	}
	s := openServerWith(t, hub(""))
	hs := httptest.NewServer(s.handler())
	defer hs.Close()
	apply := func(repositories ...string) {
		t.Helper()
		if err := s.apply(configWith(t, repositories...)); err != nil {
			t.Fatal(err)
		}
	}
	want := func(call string, status int, requests int64) {
		t.Helper()
		before := asked.Load()
		if got, body := line(t, hs.URL, call); got != status || asked.Load()-before != requests {
			t.Errorf("%s = %d %.100s after %d requests, want %d after %d", call, got, body, asked.Load()-before, status, requests)
		}
	}
	want("GET /files/hub/x.json", 200, 1)
	through := s.mounts.files.remote["hub"]
	apply(hub(""), generic("apps", "local", ""))
	if s.mounts.files.remote["hub"] != through {
		t.Error("a repository that stays as it is has been replaced")
	}
	want("GET /files/hub/x.json", 200, 0)
	want("PUT /files/apps/a x", 201, 0)
	apply(hub(`, "include_patterns": ["^z"]`), generic("apps", "local", ""))
	want("GET /files/hub/x.zip", 403, 0)
	want("GET /files/hub/x.json", 200, 0) // kept
	apply(hub(`, "offline": true`))
	want("GET /files/hub/y.zip", 502, 0)
	want("GET /files/hub/x.json", 200, 0)
	want("GET /files/apps/a", 404, 0)
	apply(generic("apps", "local", ""))
	want("GET /files/hub/x.json", 404, 0)
	want("GET /files/apps/a", 200, 0)
}

// TestFileRepositoriesRules: rules hold for files as for images, by the name of the repository.
func TestFileRepositoriesRules(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/users", "alice:"+hash("a")+"\nbob:"+hash("b")+"\n")
	write(t, dir+"/c.json", `{"ephemeral": true, "auth": {"htpasswd": "`+dir+`/users", "rules": [
		{"repositories": "secret", "pull": ["alice"]},
		{"repositories": "rpms", "pull": ["alice"]},
		{"repositories": "all/**", "pull": ["bob"]},
		{"repositories": "apps/**", "pull": ["anonymous"], "push": ["alice"], "delete": ["bob"]},
	]}, "repositories": {`+generic("apps", "local", "")+","+generic("secret", "local", "")+`, "rpms": {"type": "local", "package": "rpm"}, `+generic("all", "virtual", `, "members": ["secret", "apps"]`)+`}}`)
	r := start(t, nil, "--config", dir+"/c.json")
	for _, tt := range []struct {
		user, call string
		want       int
	}{
		{"", "PUT /files/apps/a x", 401}, {"bob:b", "PUT /files/apps/a x", 403}, {"alice:a", "PUT /files/apps/a x", 201},
		{"alice:a", "PUT /files/secret/a x", 403},
		{"", "GET /files/apps/a", 200}, {"", "GET /files/apps/", 200}, {"", "GET /files/all/a", 401}, {"alice:a", "GET /files/all/a", 403}, {"bob:b", "GET /files/all/a", 200},
		{"", "GET /files/secret/", 401}, {"bob:b", "GET /files/secret/x", 403}, {"alice:a", "GET /files/secret/x", 404},
		{"", "GET /open/secret/x", 401}, {"bob:b", "GET /open/secret/x", 403}, {"bob:b", "GET /fs/secret@sha256:" + strings.Repeat("0", 64) + "/", 403},
		{"alice:a", "DELETE /files/apps/a", 403}, {"bob:b", "DELETE /files/apps/a", 204},
		{"bob:wrong", "GET /files/apps/a", 401},
		{"", "GET /files/rpms/mirrorlist", 401}, {"bob:b", "GET /files/rpms/el9/mirrorlist?arch=x", 403}, {"alice:a", "GET /files/rpms/mirrorlist", 200},
		{"", "GET /rpm/rpms/", 401}, {"bob:b", "GET /rpm/rpms/el9", 403}, {"alice:a", "GET /rpm/rpms/", 200},
	} {
		base := r.url
		if tt.user != "" {
			base = strings.Replace(r.url, "://", "://"+tt.user+"@", 1)
		}
		if got, body := line(t, base, tt.call); got != tt.want {
			t.Errorf("%s: %s = %d %.100s, want %d", tt.user, tt.call, got, body, tt.want)
		}
	}
	for user, want := range map[string]string{"": "apps", "alice:a": "apps secret", "bob:b": "all apps"} {
		_, page := line(t, strings.Replace(r.url, "://", "://"+strings.TrimPrefix(user+"@", "@"), 1), "GET /files/")
		var got []string
		for _, name := range []string{"all", "apps", "secret"} {
			if strings.Contains(page, `<a href="./`+name+`/">`) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q sees %v, want %s", user, got, want)
		}
	}
	if _, body := line(t, strings.Replace(r.url, "://", "://alice:a@", 1), "GET /files/rpms/?format=html"); !strings.Contains(body, `<a href="/rpm/rpms/repodata/">look inside</a>`) {
		t.Errorf("the listing does not lead to the packages: %s", body)
	}
}

// TestLookInside: a row is a repository's package, a path in it, and the page that a listing leads to.
func TestLookInside(t *testing.T) {
	for _, row := range []string{
		"alpine x86_64/APKINDEX.tar.gz /apk/r/x86_64/APKINDEX.tar.gz", "alpine a+b-1.apk /apk/r/a+b-1.apk", "alpine x86_64/ ", "alpine repodata/ ", "alpine a.apk/ ", "generic a.zip /open/r/a.zip", "generic a.zip/ ", "rpm x.tar.gz /open/r/x.tar.gz",
		"rpm repodata/ /rpm/r/repodata/", "rpm el9/repodata/ /rpm/r/el9/repodata/", "rpm xrepodata/ ", "rpm el9/<b>/repodata/repomd.xml /rpm/r/el9/%3Cb%3E/repodata/repomd.xml", "rpm a.rpm /open/r/a.rpm", "generic repodata/ ",
	} {
		w := strings.Split(row, " ")
		if got := lookInside(&files.Repository{Name: "r", Package: files.Package(w[0])}, w[1]); got != w[2] {
			t.Errorf("%s: %q", row, got)
		}
	}
}
