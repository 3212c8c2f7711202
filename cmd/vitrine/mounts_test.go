package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// upstream is another registry, with the image app:1 in it.
type upstream struct {
	*httptest.Server
	layer digest.Digest
	big   digest.Digest // a blob that no buffer holds

	mu    sync.Mutex
	asked []string
	hold  chan struct{} // blobs end when it is closed; nil: at once
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := new(upstream)
	h := openServer(t, "--ephemeral").handler()
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { u.serve(h, w, r) }))
	t.Cleanup(u.Close)
	u.layer = pushImage(t, u.URL)
	big := make([]byte, 2<<20)
	rand.NewChaCha8([32]byte{}).Read(big)
	u.big = digest.FromBytes(big)
	if got := status(t, client(t), "POST", u.URL+"/v2/app/blobs/uploads/?digest="+u.big.String(), bytes.NewReader(big)); got != 201 {
		t.Fatalf("POST blob = %d", got)
	}
	u.calls()
	return u
}

func (u *upstream) serve(h http.Handler, w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	u.asked = append(u.asked, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v2/"))
	hold := u.hold
	u.mu.Unlock()
	if hold != nil && strings.Contains(r.URL.Path, "/blobs/") {
		w = &holding{w, hold}
	}
	h.ServeHTTP(w, r)
}

// holding sends a beginning, and the rest when it may.
type holding struct {
	http.ResponseWriter
	until <-chan struct{}
}

func (h *holding) Write(p []byte) (int, error) {
	n, err := h.ResponseWriter.Write(p)
	h.ResponseWriter.(http.Flusher).Flush()
	<-h.until
	return n, err
}

// calls returns what was asked since the last time, without the question whether this is a registry.
func (u *upstream) calls() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := slices.DeleteFunc(u.asked, func(call string) bool { return call == "GET " })
	u.asked = nil
	return all
}

// holds makes blobs wait until the function is called.
func (u *upstream) holds(t *testing.T) (release func()) {
	hold := make(chan struct{})
	u.mu.Lock()
	u.hold = hold
	u.mu.Unlock()
	release = sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release)
	return release
}

// remote is the configuration of the repository name in front of u.
func (u *upstream) remote(name string, more ...string) string {
	return fmt.Sprintf(`%q: {"type": "remote", "package": "docker", "base_url": %q %s}`, name, u.URL, strings.Join(append([]string{""}, more...), ", "))
}

const team = `"team": {"type": "local", "package": "docker"}`

// startWith runs a registry with the given repositories.
func startWith(t *testing.T, repositories ...string) *running {
	t.Helper()
	return start(t, nil, "--ephemeral", "--config", configOf(t, repositories...))
}

// configOf writes a configuration file.
func configOf(t *testing.T, repositories ...string) string {
	t.Helper()
	name := t.TempDir() + "/c.json"
	writeConfig(t, name, repositories...)
	return name
}

func writeConfig(t *testing.T, name string, repositories ...string) {
	t.Helper()
	write(t, name, `{"ephemeral": true, "repositories": {`+strings.Join(repositories, ",\n")+`}}`)
}

// fetch returns status and body.
func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := client(t).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return resp.StatusCode, string(body)
}

// expect asks one request after the other: "METHOD PATH STATUS".
func (r *running) expect(t *testing.T, requests ...string) {
	t.Helper()
	c := client(t)
	for _, request := range requests {
		var method, path string
		var want int
		fmt.Sscan(request, &method, &path, &want)
		if got := status(t, c, method, r.url+path, nil); got != want {
			t.Errorf("%s %s = %d, want %d\n%s", method, path, got, want, r.log.String())
		}
	}
}

// asks fails unless u was asked just that.
func (u *upstream) asks(t *testing.T, want ...string) {
	t.Helper()
	if got := u.calls(); !slices.Equal(got, want) {
		t.Errorf("upstream was asked %q, want %q", got, want)
	}
}

// TestRemote pulls by name, and again when the other registry is gone.
func TestRemote(t *testing.T) {
	u := newUpstream(t)
	r := startWith(t, u.remote("hub", `"include_patterns": ["^app$"]`, `"index_ttl": "0"`), team)
	blob := "/v2/hub/app/blobs/" + u.layer.String()
	r.expect(t, "GET /v2/hub/app/manifests/1 200", "GET "+blob+" 200", "GET "+blob+" 200", "GET /v2/hub/app/tags/list 200")
	if got := u.calls(); len(got) != 4 { // HEAD and GET of the manifest, the blob, the list
		t.Errorf("upstream was asked %q", got)
	}
	r.expect(t, "GET /v2/hub/other/manifests/1 403", "GET /v2/hub/manifests/1 404", "GET /v2/hop/app/manifests/1 404", "GET /v2/team/app/manifests/1 404",
		"POST /v2/hub/app/blobs/uploads/ 405", "DELETE /v2/hub/app/manifests/1 405", "POST /v2/team/app/blobs/uploads/ 202")
	u.asks(t)
	u.Close()
	r.expect(t, "GET /v2/hub/app/manifests/1 200", "GET "+blob+" 200", "GET /v2/hub/app/manifests/2 502")
}

// TestMirror pulls without a prefix, as Docker's registry-mirrors does.
func TestMirror(t *testing.T) {
	u := newUpstream(t)
	r := startWith(t, u.remote("hub", `"mirror": true`), team)
	r.expect(t, "GET /v2/app/manifests/1 200", "GET /v2/app/blobs/"+u.layer.String()+" 200", "GET /v2/hub/app/manifests/1 200", "GET /v2/none/manifests/1 404")
	if calls := u.calls(); len(calls) != 5 { // two for what is not there
		t.Errorf("upstream was asked %q", calls)
	}
	r.expect(t, "GET /v2/team/app/manifests/1 404", "HEAD /v2/team/app/blobs/"+u.layer.String()+" 404")
	u.asks(t)
	pushImage(t, r.url) // from now on app is ours
	u.calls()
	r.expect(t, "GET /v2/app/manifests/1 200", "GET /v2/app/manifests/2 404", "GET /v2/hub/app/manifests/1 200")
	u.asks(t)
}

// TestVirtual has the images of both, and takes pushes.
func TestVirtual(t *testing.T) {
	u := newUpstream(t)
	r := startWith(t, u.remote("hub"), team, `"all": {"type": "virtual", "package": "docker", "members": ["team", "hub"]}`)
	r.expect(t, "GET /v2/all/app/manifests/1 200", "GET /v2/all/app/blobs/"+u.layer.String()+" 200", "GET /v2/all/none/manifests/1 404",
		"POST /v2/all/mine/blobs/uploads/?digest="+digest.FromString("").String()+" 201", "GET /v2/team/mine/blobs/"+digest.FromString("").String()+" 200")
	u.calls()
	r.expect(t, "GET /v2/hub/app/manifests/1 200", "GET /v2/hub/app/blobs/"+u.layer.String()+" 200")
	u.asks(t)
}

// TestOffline asks nobody, by a flag, by a key and again after a reload.
func TestOffline(t *testing.T) {
	u := newUpstream(t)
	name := configOf(t, u.remote("hub"), u.remote("other", `"offline": true`))
	r := start(t, nil, "--config", name)
	r.expect(t, "GET /v2/other/app/manifests/1 502", "GET /v2/hub/app/manifests/1 200")
	u.calls()
	write(t, name, `{"ephemeral": true, "offline": true, "repositories": {`+u.remote("hub")+`}}`)
	r.reload(t, "configuration read again")
	r.expect(t, "GET /v2/hub/app/manifests/1 200", "GET /v2/hub/app/blobs/"+u.layer.String()+" 502")
	u.asks(t)
	writeConfig(t, name, u.remote("hub"))
	r.reload(t, "configuration read again")
	r.expect(t, "GET /v2/hub/app/blobs/"+u.layer.String()+" 200")
	u.asks(t, "GET app/blobs/"+u.layer.String())

	r = start(t, nil, "--offline", "--config", name)
	r.expect(t, "GET /v2/hub/app/manifests/1 502")
	u.asks(t)
}

// TestFrontPage shows what is set up to those who may pull there.
func TestFrontPage(t *testing.T) {
	u := newUpstream(t)
	name := t.TempDir() + "/c.json"
	users := t.TempDir() + "/users"
	write(t, users, "alice:{SHA}"+"W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")
	write(t, name, `{"ephemeral": true, "auth": {"htpasswd": "`+users+`", "rules": [{"repositories": "team/**", "pull": ["anonymous"]}, {"repositories": "**", "pull": ["*"]}]},
		"repositories": {`+u.remote("hub")+", "+team+"}}")
	r := start(t, nil, "--config", name)
	for login, wants := range map[string]bool{"": false, "alice:password@": true} {
		_, body := fetch(t, strings.Replace(r.url, "://", "://"+login, 1)+"/?format=json")
		if got := strings.Contains(body, strings.TrimPrefix(u.URL, "http://")); got != wants || !strings.Contains(body, `"name": "team"`) && !strings.Contains(body, `"name":"team"`) {
			t.Errorf("as %q the front page names the other registry: %t, want %t\n%s", login, got, wants, body)
		}
	}
}

// openServerWith is a server whose store is open, with the given repositories.
func openServerWith(t *testing.T, repositories ...string) *server {
	t.Helper()
	return openServer(t, "--config", configOf(t, repositories...))
}

// configWith is a configuration with the given repositories.
func configWith(t *testing.T, repositories ...string) *config {
	t.Helper()
	c, _, _, err := load([]string{"--config", configOf(t, repositories...)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNamespaceOfRemote: containerd says whose image it wants. Where nothing here is of another registry, that does not matter.
func TestNamespaceOfRemote(t *testing.T) {
	u := newUpstream(t)
	r := startWith(t, u.remote("hub", `"namespaces": ["docker.io"]`), team)
	r.expect(t, "GET /v2/app/manifests/1?ns=docker.io 200", "GET /v2/app/manifests/1?ns=ghcr.io 404", "GET /v2/app/manifests/1?ns="+strings.TrimPrefix(u.URL, "http://")+" 200",
		"GET /v2/app/manifests/1 404")
	r = start(t, nil, "--ephemeral")
	pushImage(t, r.url)
	r.expect(t, "GET /v2/app/manifests/1?ns=ghcr.io 200")
}

// TestMaxSize: what is pulled through goes when there is too much of it. What a local repository has stays, and so the mounts have to know which are.
func TestMaxSize(t *testing.T) {
	u := newUpstream(t)
	s := openServerWith(t, u.remote("hub", `"max_size": "1MiB"`), team)
	if _, err := storage.ReadBlob(t.Context(), s.store, "hub/app", u.big, 1<<22); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is evicted", func() bool { _, err := s.kept.StatBlob(t.Context(), "hub/app", u.big); return err != nil })
	for name, want := range map[oci.Name]bool{"hub/app": true, "team/app": false, "hubs/app": false, "any": false, "any/hub": false} {
		if got := s.mounts.isRemote(name); got != want {
			t.Errorf("isRemote(%s) = %t", name, got)
		}
	}
}
