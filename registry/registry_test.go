package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry"
	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// client speaks to a registry under test. Its calls are lines such as "GET /v2/app/blobs/$d -H Range: bytes=0-1".
type client struct {
	t     *testing.T
	url   string
	store storage.Store
	log   *logBuffer
	vars  []string // "$name", value, ...
}

// logBuffer is what the server logged.
type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func start(t *testing.T, o *registry.Options) *client {
	t.Helper()
	return startOn(t, memory.New(), o)
}

func startOn(t *testing.T, store storage.Store, o *registry.Options) *client {
	t.Helper()
	c := &client{t: t, store: store, log: &logBuffer{}}
	var with registry.Options
	if o != nil {
		with = *o
	}
	with.Log = slog.New(slog.NewTextHandler(c.log, nil))
	srv := httptest.NewServer(registry.New(store, &with))
	t.Cleanup(srv.Close)
	c.url = srv.URL
	return c
}

// set gives calls a variable. No name may begin with another one.
func (c *client) set(name, value string) { c.vars = append([]string{"$" + name, value}, c.vars...) }

func (c *client) expand(s string) string { return strings.NewReplacer(c.vars...).Replace(s) }

// answer is what came back: "200", or "404 BLOB_UNKNOWN" with the codes of all its errors.
type answer struct {
	call   string
	status string
	header http.Header
	body   string
}

func (c *client) request(call string, body io.Reader) *http.Request {
	c.t.Helper()
	parts := strings.Split(c.expand(call), " -H ")
	method, path, _ := strings.Cut(parts[0], " ")
	r, err := http.NewRequest(method, c.url+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range parts[1:] {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Add(k, v)
	}
	return r
}

func (c *client) send(call string, body io.Reader) answer {
	c.t.Helper()
	res, err := http.DefaultTransport.RoundTrip(c.request(call, body))
	if err != nil {
		c.t.Fatalf("%s: %v", call, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("%s: %v", call, err)
	}
	a := answer{call, fmt.Sprint(res.StatusCode), res.Header, string(b)}
	var e api.ErrorBody
	if res.StatusCode >= 400 && len(b) > 0 {
		if err := json.Unmarshal(b, &e); err != nil || len(e.Errors) == 0 {
			c.t.Fatalf("%s: %s %q is not the JSON of an error: %v", call, a.status, b, err)
		}
	}
	for _, one := range e.Errors {
		a.status += " " + one.Code
	}
	return a
}

// do sends the call and fails unless the answer has the wanted status and codes.
func (c *client) do(call, body, want string) answer {
	c.t.Helper()
	a := c.send(call, strings.NewReader(body))
	if a.status != want {
		c.t.Errorf("%s = %s, want %s\n%s", a.call, a.status, want, a.body)
	}
	return a
}

// has fails unless each line "Key: value" is a header of the answer; an empty value stands for no such header.
func (c *client) has(a answer, lines ...string) {
	c.t.Helper()
	for _, line := range lines {
		k, want, _ := strings.Cut(c.expand(line), ":")
		if got := strings.Join(a.header[http.CanonicalHeaderKey(k)], ", "); got != strings.TrimSpace(want) {
			c.t.Errorf("%s: %s is %q, want %q", a.call, k, got, strings.TrimSpace(want))
		}
	}
}

// blob pushes content and makes its digest the variable name.
func (c *client) blob(repo, name, content string) {
	c.t.Helper()
	c.set(name, digest.FromString(content).String())
	c.do("POST /v2/"+repo+"/blobs/uploads/?digest=$"+name, content, "201")
}

// manifest pushes content under tag and makes its digest the variable name.
func (c *client) manifest(repo, tag, name, mediaType, content string) answer {
	c.t.Helper()
	content = c.expand(content)
	c.set(name, digest.FromString(content).String())
	return c.do("PUT /v2/"+repo+"/manifests/"+tag+" -H Content-Type: "+mediaType, content, "201")
}

// image pushes an image of one small layer.
func (c *client) image(repo, tag, name string) {
	c.t.Helper()
	c.blob(repo, "config", `{}`)
	c.blob(repo, "layer", "layer of "+name)
	c.manifest(repo, tag, name, oci.MediaTypeImageManifest, imageJSON)
}

const (
	imageJSON = `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"$config","size":2},` +
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"$layer","size":1}]}`
	emptyIndex = `{"schemaVersion":2,"mediaType":"` + oci.MediaTypeImageIndex + `","manifests":[]}`
)

func TestPing(t *testing.T) {
	c := start(t, nil)
	for _, call := range []string{"GET /v2/", "GET /v2"} {
		a := c.do(call, "", "200")
		c.has(a, "Docker-Distribution-Api-Version: registry/2.0", "Content-Type: application/json", "Content-Length: 2")
		if a.body != "{}" {
			t.Errorf("%s = %q", call, a.body)
		}
	}
	c.has(c.do("HEAD /v2/", "", "200"), "Content-Length: 2")
}

func TestPaths(t *testing.T) {
	c := start(t, nil)
	c.set("d", digest.FromString("").String())
	c.set("long", strings.Repeat("a", 5000))
	c.set("256", strings.Repeat("a", 256))
	c.set("255", strings.Repeat("a", 255))
	c.set("129", strings.Repeat("t", 129))
	c.set("128", strings.Repeat("t", 128))
	c.set("parts", strings.Repeat("a/", 200)+"a")
	for _, tt := range []struct{ call, want string }{
		{"GET /v2/app", "404 UNSUPPORTED"},
		{"GET /v2/app/nothing/else", "404 UNSUPPORTED"},
		{"GET /v2/app/manifests/", "404 UNSUPPORTED"},
		{"GET /v2/%00", "404 UNSUPPORTED"},
		{"GET /v2/%00/tags/list", "400 NAME_INVALID"},
		{"GET /v2/App/tags/list", "400 NAME_INVALID"},
		{"GET /v2/a/../b/tags/list", "400 NAME_INVALID"},
		{"GET /v2/a/%2e%2e/b/tags/list", "400 NAME_INVALID"},
		{"GET /v2//tags/list", "400 NAME_INVALID"},
		{"GET /v2/a//b/tags/list", "400 NAME_INVALID"},
		{"GET /v2/$256/tags/list", "400 NAME_INVALID"},
		{"GET /v2/$255/tags/list", "404 NAME_UNKNOWN"},
		{"GET /v2/$long/manifests/1", "400 NAME_INVALID"},
		{"GET /v2/$parts/manifests/1", "400 NAME_INVALID"},
		{"GET /v2/app/manifests/$129", "404 MANIFEST_UNKNOWN"},
		{"PUT /v2/app/manifests/$129", "400 MANIFEST_INVALID"},
		{"DELETE /v2/app/manifests/$129", "404 MANIFEST_UNKNOWN"},
		{"GET /v2/app/manifests/$128", "404 NAME_UNKNOWN"},
		{"GET /v2/app/manifests/.INVALID", "404 MANIFEST_UNKNOWN"},
		{"PUT /v2/app/manifests/-1", "400 MANIFEST_INVALID"},
		{"GET /v2/app/manifests/sha256:short", "400 DIGEST_INVALID"},
		{"GET /v2/app/blobs/sha256:ABC", "400 DIGEST_INVALID"},
		{"GET /v2/app/blobs/md5:d41d8cd98f00b204e9800998ecf8427e", "400 DIGEST_INVALID"},
		{"GET /v2/app/blobs/$d", "404 BLOB_UNKNOWN"},
		{"GET /v2/app/blobs/$d?ns=docker.io", "404 BLOB_UNKNOWN"},
		{"GET /v2/app/manifests/$d", "404 NAME_UNKNOWN"},
		{"GET /v2/app/referrers/sha256:bad", "400 DIGEST_INVALID"},
		{"GET /v2/app/tags/list?%zz", "400 UNSUPPORTED"},
	} {
		a := c.do(tt.call, "", tt.want)
		c.has(a, "Content-Type: application/json", "Docker-Distribution-Api-Version: registry/2.0")
		if len(a.body) > 1000 {
			t.Errorf("%.100s: %d bytes of error", tt.call, len(a.body))
		}
	}
}

func TestMethods(t *testing.T) {
	const all, none = "405 UNSUPPORTED", ""
	for _, tt := range []struct {
		name  string
		opts  registry.Options
		calls string // call = Allow
	}{
		{"default", registry.Options{}, `
			PUT /v2/ = GET, HEAD
			POST /v2/_catalog = GET, HEAD
			PATCH /v2/app/blobs/$d = DELETE, GET, HEAD
			POST /v2/app/manifests/1 = DELETE, GET, HEAD, PUT
			GET /v2/app/blobs/uploads/ = POST
			POST /v2/app/blobs/uploads/x = DELETE, GET, HEAD, PATCH, PUT
			DELETE /v2/app/tags/list = GET, HEAD
			PUT /v2/app/referrers/$d = GET, HEAD
			OPTIONS /v2/app/tags/list = GET, HEAD
			BREW /v2/ = GET, HEAD`},
		{"no delete", registry.Options{NoDelete: true}, `
			DELETE /v2/app/blobs/$d = GET, HEAD
			DELETE /v2/app/manifests/1 = GET, HEAD, PUT
			DELETE /v2/app/manifests/$d = GET, HEAD, PUT`},
		{"read only", registry.Options{ReadOnly: true}, `
			DELETE /v2/app/blobs/$d = GET, HEAD
			PUT /v2/app/manifests/1 = GET, HEAD
			POST /v2/app/blobs/uploads/ =
			PATCH /v2/app/blobs/uploads/x = GET, HEAD`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := start(t, &tt.opts)
			c.set("d", digest.FromString("").String())
			for line := range strings.SplitSeq(strings.TrimSpace(tt.calls), "\n") {
				call, allow, _ := strings.Cut(strings.TrimSpace(line), " =")
				a := c.do(call, none, all)
				c.has(a, "Allow:"+allow)
				if _, ok := a.header["Allow"]; !ok {
					t.Errorf("%s: no Allow", call)
				}
			}
		})
	}
}

func TestNoDeleteStillCancelsUploads(t *testing.T) {
	c := start(t, &registry.Options{NoDelete: true})
	c.set("u", c.do("POST /v2/app/blobs/uploads/", "", "202").header.Get("Location"))
	c.do("DELETE $u", "", "204")
}

// failing is a store that fails each read with err.
type failing struct {
	storage.Store
	err error
}

func (f failing) StatBlob(context.Context, oci.Name, digest.Digest) (int64, error) { return 0, f.err }
func (f failing) OpenBlob(context.Context, oci.Name, digest.Digest) (storage.Blob, error) {
	return nil, f.err
}

func TestErrorsKeepSecrets(t *testing.T) {
	for _, tt := range []struct {
		err       error
		want, log string
	}{
		{errors.New("open /secret: input/output error"), "500 UNKNOWN", "level=ERROR"},
		{fmt.Errorf("%w: %w: /secret has 3 bytes", storage.ErrBlobUnknown, storage.ErrDamaged), "404 BLOB_UNKNOWN", "level=ERROR"},
		{fmt.Errorf("%w: write /secret", storage.ErrNoSpace), "507 UNKNOWN", "level=ERROR"},
		{errors.Join(storage.ErrBlobUnknown, &fs.PathError{Op: "remove", Path: "/secret", Err: io.ErrUnexpectedEOF}), "404 BLOB_UNKNOWN", "level=ERROR"},
		{storage.ErrBlobUnknown, "404 BLOB_UNKNOWN", ""},
		{storage.ErrNoIdentity, "401 UNAUTHORIZED", ""},
		{storage.ErrDenied, "403 DENIED", ""},
		{storage.ErrTooMany, "429 TOOMANYREQUESTS", ""},
		{storage.ErrUnsupported, "405 UNSUPPORTED", ""},
		{fmt.Errorf("%w: %q is a repository of packages, not of images", oci.ErrName, "rpms"), "400 NAME_INVALID", ""},
	} {
		c := startOn(t, failing{memory.New(), tt.err}, nil)
		c.set("d", digest.FromString("").String())
		a := c.do("GET /v2/app/blobs/$d", "", tt.want)
		if strings.Contains(a.body, "secret") {
			t.Errorf("%v: the client is told %s", tt.err, a.body)
		}
		if got := c.log.String(); strings.Contains(got, "secret") != (tt.log != "") || !strings.Contains(got, tt.log) {
			t.Errorf("%v: the log has %q, want %q", tt.err, got, tt.log)
		}
		c.has(a, "Etag:", "Cache-Control:")
	}
}

func TestGoneClientIsNo5xx(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := registry.New(failing{memory.New(), fmt.Errorf("waiting for the disk: %w", context.Canceled)}, nil)
	w := httptest.NewRecorder()
	path := "/v2/app/blobs/" + digest.FromString("").String()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", path, nil))
	if w.Code != 400 {
		t.Errorf("%d, want 400", w.Code)
	}
}

// eventually waits for ok, which other goroutines make true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
