package remote

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

const (
	app   = oci.Name("library/app")
	other = oci.Name("library/other")
)

// far is another registry: ours over memory, which notes what it is asked, fails as it is told, and wants a token if it is told.
type far struct {
	t     *testing.T
	url   string
	host  string
	store storage.Store
	names []string // "sha256:...", "$name", ... for the log

	mu      sync.Mutex
	busy    int        // requests under way
	idle    *sync.Cond // of busy
	log     []string
	fault   func(w http.ResponseWriter, r *http.Request) bool // has answered
	realm   *realm                                            // nil: it lets everybody in
	basic   string                                            // "user:password"
	handler http.Handler
}

func newFar(t *testing.T) *far {
	store := memory.New()
	f := &far{t: t, store: store, handler: registry.New(store, nil)}
	f.idle = sync.NewCond(&f.mu)
	return f
}

// start begins to listen, after the test noted how many goroutines there are: at its end there must be no more.
func start(t *testing.T) *far {
	t.Helper()
	noneLeft(t)
	f := newFar(t)
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	f.url, f.host = srv.URL, strings.TrimPrefix(srv.URL, "http://")
	return f
}

// noneLeft fails at the end of the test, after what is closed later, if there are more goroutines than now.
func noneLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				buf := make([]byte, 1<<20)
				t.Fatalf("%d goroutines, there were %d\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
			}
		}
	})
}

func (f *far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &noting{ResponseWriter: w, status: 200}
	line := r.Method + " " + r.URL.Path
	if v := r.Header.Get("Range"); v != "" {
		line += " " + v
	}
	f.mu.Lock()
	at := len(f.log)
	f.log = append(f.log, line)
	f.busy++
	fault := f.fault
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if at < len(f.log) && f.log[at] == line {
			f.log[at] += fmt.Sprintf(" %d", rec.status)
		}
		if f.busy--; f.busy == 0 {
			f.idle.Broadcast()
		}
	}()
	if fault != nil && fault(rec, r) || !f.lets(rec, r) {
		return
	}
	f.handler.ServeHTTP(rec, r)
}

// noting is a ResponseWriter that knows its status.
type noting struct {
	http.ResponseWriter
	status int
}

func (n *noting) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// lets reports whether r brings what it has to, and challenges it otherwise.
func (f *far) lets(w http.ResponseWriter, r *http.Request) bool {
	got := r.Header.Get("Authorization")
	switch {
	case f.realm != nil:
		repo, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/")
		repo, _, _ = strings.Cut(repo, "/blobs/")
		repo, _, _ = strings.Cut(repo, "/tags/")
		scope := "repository:" + repo + ":pull"
		if r.URL.Path == "/v2/_catalog" {
			scope = "registry:catalog:*"
		}
		if f.realm.good(strings.TrimPrefix(got, "Bearer "), scope) {
			return true
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="far",scope="%s"`, f.realm.url, scope))
	case f.basic != "":
		user, password, _ := r.BasicAuth()
		if user+":"+password == f.basic {
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="far"`)
	default:
		if got != "" {
			f.t.Errorf("%s brings %q", r.URL, got)
		}
		return true
	}
	w.WriteHeader(401)
	io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`)
	return false
}

// asked fails unless the registry was asked exactly that since the last time, lines such as "GET /v2/library/app/blobs/$b 200".
func (f *far) asked(what string, want ...string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.busy > 0 {
		f.idle.Wait()
	}
	got := slices.Clone(f.log)
	for i := range got {
		got[i] = strings.NewReplacer(f.names...).Replace(got[i])
	}
	if !slices.Equal(got, want) {
		f.t.Errorf("%s asked\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	f.log = nil
}

// times returns how often the registry was asked since asked was called.
func (f *far) times() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.log)
}

func (f *far) fail(fault func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// client is a Registry that asks f, in no time where it fails.
func (f *far) client(o Options) *Registry {
	f.t.Helper()
	o.PlainHTTP = []string{"127.0.0.1"}
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Microsecond
	}
	r, err := New(f.url, &o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { r.Close() })
	return r
}

// blob puts content into app, named $name in the log.
func (f *far) blob(name string, content []byte) digest.Digest {
	f.t.Helper()
	d := digest.FromBytes(content)
	if err := storage.PutBlob(context.Background(), f.store, app, d, strings.NewReader(string(content))); err != nil {
		f.t.Fatal(err)
	}
	f.names = append(f.names, string(d), "$"+name)
	return d
}

// image puts an image into repo, named $name in the log.
func (f *far) image(repo oci.Name, name string, tags ...oci.Tag) storage.Manifest {
	f.t.Helper()
	raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"a/b","digest":%q,"size":2},"layers":[],"annotations":{"name":%q}}`,
		oci.MediaTypeImageManifest, digest.FromString("{}"), name)
	m, _, err := storage.ParseManifest("", []byte(raw), "")
	if err == nil {
		err = f.store.PutManifest(context.Background(), repo, m)
	}
	for _, tag := range tags {
		if err == nil {
			err = f.store.SetTag(context.Background(), repo, tag, m.Digest, storage.Match{})
		}
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.names = append(f.names, string(m.Digest), "$"+name)
	return m
}

// noise is content that does not repeat.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b)
	return b
}

// realm is a token service.
type realm struct {
	url, user, password string // "": for everybody
	lasts               int    // seconds; 0: it does not say
	body                string // in place of a token

	mu     sync.Mutex
	n      int
	tokens map[string]string // token to scope
	log    []string          // queries and who asked
}

func startRealm(t *testing.T) *realm {
	p := &realm{tokens: map[string]string{}}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

func (p *realm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.ParseForm()
	user, password, _ := r.BasicAuth()
	p.log = append(p.log, fmt.Sprintf("%s %s %s %s", r.Method, r.URL.Path, user, r.Form.Encode()))
	if p.user != "" && (user != p.user || password != p.password) && r.Form.Get("refresh_token") != p.password {
		w.WriteHeader(401)
		return
	}
	if p.body != "" {
		io.WriteString(w, p.body)
		return
	}
	p.n++
	token := fmt.Sprintf("token-%d", p.n)
	p.tokens[token] = r.Form.Get("scope")
	if p.lasts == 0 {
		fmt.Fprintf(w, `{"access_token":%q}`, token)
		return
	}
	fmt.Fprintf(w, `{"token":%q,"expires_in":%d}`, token, p.lasts)
}

func (p *realm) good(token, scope string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokens[token] == scope
}

// revoke makes all tokens bad.
func (p *realm) revoke() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.tokens)
}

// asked fails unless there were that many requests since the last time.
func (p *realm) asked(t *testing.T, what string, n int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.log) != n {
		t.Errorf("%s asked the realm %d times, want %d: %q", what, len(p.log), n, p.log)
	}
	p.log = nil
}

// readAll reads the whole of a blob.
func readAll(t *testing.T, r *Registry, d digest.Digest) ([]byte, error) {
	t.Helper()
	b, err := r.OpenBlob(t.Context(), app, d)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return io.ReadAll(b)
}
