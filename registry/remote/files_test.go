package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/storage"
)

// fileServer is a server of one content for all paths, that may misbehave.
type fileServer struct {
	t       *testing.T
	url     string
	content []byte
	etag    string
	answer  answerFunc // nil: as it should

	mu  sync.Mutex
	log []string // what was asked, with the conditions
}

var modified = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

func startFiles(t *testing.T) *fileServer {
	t.Helper()
	noneLeft(t)
	f := &fileServer{t: t, content: noise(100_000), etag: `"v1"`}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	f.url = srv.URL
	return f
}

func (f *fileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	line := r.Method + " " + r.RequestURI
	for _, h := range []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since", "Authorization"} {
		if v := r.Header.Get(h); v != "" {
			line += " " + h + "=" + v
		}
	}
	f.mu.Lock()
	f.log = append(f.log, line)
	answer := f.answer
	f.mu.Unlock()
	if r.Header.Get("Accept-Encoding") != "identity" {
		f.t.Errorf("Accept-Encoding: %q", r.Header.Get("Accept-Encoding"))
	}
	if answer == nil || !answer(w, r) {
		w.Header().Set("Etag", f.etag)
		w.Header().Set("Content-Type", "application/x-thing")
		http.ServeContent(w, r, "", modified, bytes.NewReader(f.content))
	}
}

func (f *fileServer) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.log, "|")
	f.log = nil
	return s
}

func (f *fileServer) client(o Options) *Files {
	f.t.Helper()
	o.PlainHTTP = []string{strings.TrimPrefix(f.url, "http://")}
	o.RetryDelay = time.Millisecond
	orElse(&o.StallTimeout, time.Minute) // more than any machine is slow
	orElse(&o.HeaderTimeout, time.Minute)
	c, err := NewFiles(f.url+"/pub", &o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

// fetchAll fetches and reads to the end.
func fetchAll(t *testing.T, f *Files, path string, q storage.Fetch) (storage.Fetched, []byte, error) {
	t.Helper()
	got, err := f.FetchFile(t.Context(), path, q)
	if err != nil || got.Body == nil {
		return got, nil, err
	}
	defer got.Body.Close()
	b, err := io.ReadAll(io.LimitReader(got.Body, 4<<20))
	return got, b, err
}

func TestFetchFile(t *testing.T) {
	f := startFiles(t)
	c := f.client(Options{})
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	have := func(etag string, m time.Time) storage.File {
		return storage.File{Digest: "sha256:x", ETag: etag, Modified: m}
	}
	for _, tt := range []struct {
		name string
		path string
		q    storage.Fetch
		asks string
		from int64 // where the body begins, -1 for none
		same bool  // NotModified
	}{
		{"cold", "a/b", storage.Fetch{}, "GET /pub/a/b", 0, false},
		{"canonical", "a/c++~1^2 é.rpm", storage.Fetch{}, "GET /pub/a/c%2B%2B~1%5E2%20%C3%A9.rpm", 0, false},
		{"what looks escaped", "a%2fb%", storage.Fetch{}, "GET /pub/a%252fb%25", 0, false},
		{"head", "a", storage.Fetch{Head: true}, "HEAD /pub/a", -1, false},
		{"the same", "a", storage.Fetch{Have: have(`"v1"`, old)}, `GET /pub/a If-None-Match="v1"`, -1, true},
		{"the same, weak", "a", storage.Fetch{Have: have(`W/"v1"`, old)}, `GET /pub/a If-None-Match=W/"v1"`, -1, true},
		{"the same, by date", "a", storage.Fetch{Have: have("", modified)}, "GET /pub/a If-Modified-Since=Mon, 06 May 2024 07:08:09 GMT", -1, true},
		{"another", "a", storage.Fetch{Have: have(`"v0"`, old)}, `GET /pub/a If-None-Match="v0"`, 0, false},
		{"another, by date", "a", storage.Fetch{Have: have("", old)}, "GET /pub/a If-Modified-Since=Wed, 01 Jan 2020 00:00:00 GMT", 0, false},
		{"without a digest", "a", storage.Fetch{Have: storage.File{ETag: `"v1"`}}, "GET /pub/a", 0, false},
		{"a part", "a", storage.Fetch{Offset: 1000, Have: have(`"v1"`, old)}, `GET /pub/a Range=bytes=1000- If-Range="v1"`, 1000, false},
		{"a part, by date", "a", storage.Fetch{Offset: 1000, Have: have(`W/"v1"`, modified)}, "GET /pub/a Range=bytes=1000- If-Range=Mon, 06 May 2024 07:08:09 GMT", 1000, false},
		{"a part of another", "a", storage.Fetch{Offset: 1000, Have: have(`"v0"`, old)}, `GET /pub/a Range=bytes=1000- If-Range="v0"`, 0, false},
		{"a part of nothing known", "a", storage.Fetch{Offset: 1000}, "GET /pub/a", 0, false},
		{"behind the end", "a", storage.Fetch{Offset: 200_000, Have: have(`"v1"`, old)}, `GET /pub/a Range=bytes=200000- If-Range="v1"|GET /pub/a If-None-Match="v1"`, -1, true},
		{"a part of what had another size", "a", storage.Fetch{Offset: 10, Have: storage.File{ETag: `"v1"`, Size: 5}}, `GET /pub/a Range=bytes=10- If-Range="v1"|GET /pub/a`, 0, false},
	} {
		got, b, err := fetchAll(t, c, tt.path, tt.q)
		if asks := f.requests(); err != nil || asks != tt.asks {
			t.Errorf("%s: %v, asked %s, want %s", tt.name, err, asks, tt.asks)
		}
		if tt.from >= 0 && (got.Offset != tt.from || !bytes.Equal(b, f.content[tt.from:])) || got.NotModified != tt.same || (got.Body == nil) != (tt.from < 0) {
			t.Errorf("%s: %+v with %d bytes, want those from %d on", tt.name, got, len(b), tt.from)
		}
		if !tt.same && (got.Size != 100_000 || got.ETag != `"v1"` || !got.Modified.Equal(modified) || got.MediaType != "application/x-thing") {
			t.Errorf("%s: %+v", tt.name, got.File)
		}
	}
	if _, err := c.FetchFile(storage.KeptOnly(t.Context()), "a", storage.Fetch{}); !errors.Is(err, storage.ErrNotKept) || f.requests() != "" {
		t.Errorf("of what is kept only = %v", err)
	}
	if _, err := c.FetchFile(t.Context(), "a/../b", storage.Fetch{}); !errors.Is(err, storage.ErrFilePath) || f.requests() != "" {
		t.Errorf("of a path that is none = %v", err)
	}
}

// TestFetchFileFaults: nothing wrong comes to an end as if it were the file.
func TestFetchFileFaults(t *testing.T) {
	const page = "<html>Please log in</html>"
	for _, tt := range []struct {
		name, path string
		answer     answerFunc
		want       error // nil: the answer comes whole
	}{
		{"not there", "a", says(404, page), storage.ErrFileUnknown},
		{"gone", "a", says(410, page), storage.ErrFileUnknown},
		{"login", "a", says(401, page), storage.ErrNoIdentity},
		{"forbidden", "a", says(403, page), storage.ErrDenied},
		{"too many", "a", says(429, "", "Retry-After: 3600"), storage.ErrTooMany},
		{"in trouble", "a", says(503, page, "Retry-After: 3600"), storage.ErrUpstream},
		{"teapot", "a", says(418, page), storage.ErrUpstream},
		{"method", "a", says(405, page), storage.ErrUpstream},
		{"not modified unasked", "a", says(304, ""), storage.ErrUpstream},
		{"a part unasked", "a", says(206, "part", "Content-Range: bytes 0-3/10"), storage.ErrUpstream},
		{"a page", "a.rpm", says(200, page, "Content-Type: text/html; charset=utf-8"), storage.ErrUpstream},
		{"a page that may be one", "a", says(200, page, "Content-Type: text/html"), nil},
		{"encoded", "a.txt", says(200, "x", "Content-Encoding: gzip"), storage.ErrUpstream},
		{"said to be encoded", "a.tar.gz", says(200, "x", "Content-Encoding: x-gzip"), nil},
		{"no length", "a", hijack("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"), storage.ErrUpstream},
		{"no length, HTTP/1.0", "a", hijack("HTTP/1.0 200 OK\r\n\r\nabc"), storage.ErrUpstream},
		{"cut chunks", "a", hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"), storage.ErrUpstream},
		{"cut before the last chunk", "a", hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), storage.ErrUpstream},
		{"whole chunks", "a", hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), nil},
		{"too large", "a", hijack("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\nabc"), storage.ErrUpstream},
		{"endless", "a", endless, storage.ErrUpstream},
		{"stalled", "a", slow, storage.ErrUpstreamTimeout},
		{"silent", "a", silent, storage.ErrUpstreamTimeout},
		{"nonsense", "a", hijack("HELLO\r\n\r\n"), storage.ErrUpstream},
		{"redirect loop", "a", loop, storage.ErrUpstream},
		{"redirect to a file", "a", says(302, "", "Location: file:///etc/passwd"), storage.ErrUpstream},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := startFiles(t)
			f.answer = tt.answer
			o := Options{MaxFile: 1 << 20, Retries: 1}
			if tt.want == storage.ErrUpstreamTimeout {
				o.StallTimeout, o.HeaderTimeout = 50*time.Millisecond, 50*time.Millisecond
			}
			_, b, err := fetchAll(t, f.client(o), tt.path, storage.Fetch{})
			if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("%d bytes, %v, want %v", len(b), err, tt.want)
			}
			if _, ok := errors.AsType[*storage.UpstreamError](err); err != nil && !ok {
				t.Errorf("%v is no UpstreamError", err)
			}
		})
	}
}

// TestFetchFileCut: a body that is cut anywhere ends by an error, and what is left can be had.
func TestFetchFileCut(t *testing.T) {
	f := startFiles(t)
	c := f.client(Options{})
	for tenth := range 10 {
		at := len(f.content) * tenth / 10
		var once sync.Once
		f.mu.Lock()
		f.answer = func(w http.ResponseWriter, r *http.Request) (answered bool) {
			once.Do(func() { answered = true })
			return answered && hijack(fmt.Sprintf("HTTP/1.1 200 OK\r\nEtag: \"v1\"\r\nContent-Length: %d\r\n\r\n%s", len(f.content), f.content[:at]))(w, r)
		}
		f.mu.Unlock()
		got, b, err := fetchAll(t, c, "a", storage.Fetch{})
		if !errors.Is(err, storage.ErrUpstream) || len(b) > at || !bytes.Equal(b, f.content[:len(b)]) {
			t.Fatalf("cut at %d: %d bytes, %v", at, len(b), err)
		}
		rest, more, err := fetchAll(t, c, "a", storage.Fetch{Have: got.File, Offset: int64(len(b))})
		if err != nil || rest.Offset != int64(len(b)) || !bytes.Equal(append(b, more...), f.content) {
			t.Errorf("cut at %d: the rest is %d bytes from %d, %v", at, len(more), rest.Offset, err)
		}
	}
}

// TestFetchFileElsewhere: a redirect to another host is followed without the credentials, and its address is not kept.
func TestFetchFileElsewhere(t *testing.T) {
	f, other := startFiles(t), startFiles(t)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
			w.Header().Set("Www-Authenticate", "Basic realm=x")
			w.WriteHeader(401)
			return true
		}
		http.Redirect(w, r, other.url+"/signed"+r.URL.Path+"?signature=1", 302)
		return true
	}
	c := f.client(Options{Credentials: Static("me", "secret")})
	for range 2 {
		if _, b, err := fetchAll(t, c, "a", storage.Fetch{}); err != nil || !bytes.Equal(b, f.content) {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	}
	basic := "GET /pub/a Authorization=" + Login{User: "me", Password: "secret"}.basic()
	if got, want := f.requests(), "GET /pub/a|"+basic+"|"+basic; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	if got, want := other.requests(), "GET /signed/pub/a?signature=1|GET /signed/pub/a?signature=1"; got != want {
		t.Errorf("the other host was asked %s, want %s", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.FetchFile(ctx, "a", storage.Fetch{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context = %v", err)
	}
}

// TestFetchFileHead: where HEAD is refused, a GET tells as much.
func TestFetchFileHead(t *testing.T) {
	for _, status := range []int{400, 403, 405, 501} {
		f := startFiles(t)
		f.answer = func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == "HEAD" && says(status, "")(w, r)
		}
		got, _, err := fetchAll(t, f.client(Options{}), "a", storage.Fetch{Head: true})
		if err != nil || got.Size != 100_000 || got.Body != nil {
			t.Errorf("%d: %+v, %v", status, got, err)
		}
		if asked := f.requests(); asked != "HEAD /pub/a|GET /pub/a" {
			t.Errorf("%d: asked %s", status, asked)
		}
	}
}
