package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

type answerFunc func(w http.ResponseWriter, r *http.Request) bool

// says answers with a status, maybe headers "Key: value", and a body.
func says(status int, body string, headers ...string) answerFunc {
	return func(w http.ResponseWriter, r *http.Request) bool {
		for _, h := range headers {
			k, v, _ := strings.Cut(h, ": ")
			w.Header().Set(k, v)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		io.WriteString(w, body)
		return true
	}
}

// endless sends until nobody listens.
func endless(w http.ResponseWriter, r *http.Request) bool {
	chunk := bytes.Repeat([]byte(`"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",`), 1000)
	io.WriteString(w, `{"tags":[`)
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			break
		}
	}
	return true
}

// hijack sends raw bytes and closes the connection.
func hijack(raw string) answerFunc {
	return func(w http.ResponseWriter, r *http.Request) bool {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			io.WriteString(conn, raw)
			conn.Close()
		}
		return true
	}
}

// silent says nothing until whoever asked has gone.
func silent(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

// slow sends the headers of a large body and then nothing.
func slow(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Content-Length", "100000")
	w.WriteHeader(200)
	http.NewResponseController(w).Flush()
	return silent(w, r)
}

func loop(w http.ResponseWriter, r *http.Request) bool {
	http.Redirect(w, r, r.URL.Path+"?"+r.URL.RawQuery+"x", 302)
	return true
}

// TestBadAnswers: each is a clear error, and soon.
func TestBadAnswers(t *testing.T) {
	f := start(t)
	m := f.image(app, "m", "1")
	d := f.blob("b", noise(200_000))
	const manifest, tag, blob, tags, catalog, referrers = "manifest", "tag", "blob", "tags", "catalog", "referrers"
	for _, tt := range []struct {
		name   string
		answer answerFunc
		what   string
		want   error
		text   string
		most   int // requests
	}{
		{"wrong digest", says(200, string(m.Raw)+" "), manifest, storage.ErrDamaged, "is sha256:", 1},
		{"wrong digest", says(200, strings.Repeat("x", 200_000)), blob, storage.ErrDamaged, "is sha256:", 1},
		{"wrong digest", says(200, "other"), blob, storage.ErrUpstream, "is sha256:", 1},
		{"HTML", says(200, "<html>", "Content-Type: text/html"), manifest, storage.ErrDamaged, "", 1},
		{"HTML", says(200, "<html>", "Content-Type: text/html"), tag, storage.ErrUpstream, `got "text/html"`, 2},
		{"HTML", says(200, "<html>", "Content-Type: text/html"), tags, storage.ErrUpstream, `got "text/html"`, 1},
		{"HTML", says(200, "<html>", "Content-Type: text/html"), catalog, storage.ErrUpstream, `got "text/html"`, 1},
		{"no index", says(200, `{"manifests":{}}`, "Content-Type: application/json"), referrers, storage.ErrUpstream, "want an index", 1},
		{"truncated", hijack("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), manifest, storage.ErrUpstream, "unexpected EOF", 4},
		{"truncated", hijack("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\nabc"), blob, storage.ErrUpstream, "unexpected EOF", 6},
		{"truncated, chunked", hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"), tags, storage.ErrUpstream, "", 4},
		{"endless", endless, manifest, storage.ErrUpstream, "at most 4194304 bytes", 1},
		{"endless", endless, tags, storage.ErrUpstream, "at most 4194304 bytes", 1},
		{"endless", endless, referrers, storage.ErrUpstream, "at most 4194304 bytes", 1},
		{"endless error", func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(404); return endless(w, r) }, manifest, storage.ErrManifestUnknown, "", 1},
		{"slow", slow, manifest, storage.ErrUpstreamTimeout, "took too long", 1},
		{"slow", slow, tags, storage.ErrUpstreamTimeout, "took too long", 1},
		{"silent", silent, manifest, storage.ErrUpstreamTimeout, "", 1},
		{"silent", silent, blob, storage.ErrUpstreamTimeout, "", 1},
		{"redirect loop", loop, manifest, storage.ErrUpstream, "more than 5 redirects", 6},
		{"redirect loop", loop, blob, storage.ErrUpstream, "more than 5 redirects", 6},
		{"redirect to nowhere", says(302, ""), blob, storage.ErrUpstream, "nowhere", 1},
		{"redirect to a file", says(302, "", "Location: file:///etc/passwd"), blob, storage.ErrUpstream, "no URL of https", 1},
		{"redirect with a password", says(302, "", "Location: http://user:secret@127.0.0.1/"), blob, storage.ErrUpstream, "no URL of https", 1},
		{"too many", says(429, ""), manifest, storage.ErrTooMany, "answered 429", 4},
		{"too many, for long", says(429, "", "Retry-After: 3600"), manifest, storage.ErrTooMany, "answered 429", 1},
		{"in trouble", says(503, `{"errors":[{"code":"UNKNOWN","message":"we are sorry"}]}`), manifest, storage.ErrUpstream, `it says "we are sorry"`, 4},
		{"in trouble, for long", says(503, "", "Retry-After: 3600"), manifest, storage.ErrUpstream, "503", 1},
		{"a gateway's", says(504, "<html>"), blob, storage.ErrUpstreamTimeout, "504", 4},
		{"teapot", says(418, ""), blob, storage.ErrUpstream, "418", 1},
		{"challenge without a realm", says(401, "", `WWW-Authenticate: Bearer service="x"`), manifest, storage.ErrUpstream, "names no realm", 1},
		{"challenge without sense", says(401, "", `WWW-Authenticate: "",=`), manifest, storage.ErrNoIdentity, "401", 1},
		{"challenge that we do not know", says(401, "", `WWW-Authenticate: Negotiate abc==`), manifest, storage.ErrNoIdentity, "401", 1},
		{"realm that is no URL", says(401, "", `WWW-Authenticate: Bearer realm="::"`), manifest, storage.ErrUpstream, "no URL", 1},
		{"realm that is a file", says(401, "", `WWW-Authenticate: Bearer realm="file:///etc/passwd"`), manifest, storage.ErrUpstream, "no URL", 1},
		{"refused", says(403, `{"errors":[{"code":"DENIED","message":"no"}]}`), blob, storage.ErrDenied, `it says "no"`, 1},
		{"gigantic headers", says(200, "", "X: "+strings.Repeat("x", 1<<20)), manifest, storage.ErrUpstream, "exceeded 65536 bytes", 4},
		{"no HTTP", hijack("SSH-2.0-OpenSSH_9.2\r\n"), manifest, storage.ErrUpstream, "", 4},
		{"reset", hijack(""), manifest, storage.ErrUpstream, "", 8}, // net/http tries again by itself on a connection that was used
		{"gzip", says(200, "abc", "Content-Encoding: gzip"), blob, storage.ErrUpstream, "encoded", 1},
		{"no range that was asked for", says(206, "abc", "Content-Range: bytes 0-2/100"), blob, storage.ErrUpstream, "206", 1},
		{"no catalog", says(401, ""), catalog, storage.ErrUnsupported, "401", 1},
		{"no catalog", says(404, "404 page not found"), catalog, storage.ErrUnsupported, "404", 1},
		{"no such repository", says(404, `{"errors":[{"code":"NAME_UNKNOWN"}]}`), tags, storage.ErrRepoUnknown, "404", 1},
		{"link elsewhere", says(200, `{"tags":["a"]}`, `Link: <https://example.com/else?last=a>; rel="next"`), tags, storage.ErrUpstream, "link to the next page", 1},
		{"link to itself", says(200, `{"tags":["a"]}`, `Link: </v2/library/app/tags/list?n=1000>; rel="next"`), tags, storage.ErrUpstream, "same page", 1},
		{"links without end", func(w http.ResponseWriter, r *http.Request) bool {
			n, _ := strconv.Atoi(r.URL.Query().Get("last"))
			w.Header().Set("Link", fmt.Sprintf(`</v2/library/app/tags/list?last=%d>; rel="next"`, n+1))
			return says(200, fmt.Sprintf(`{"tags":["t%05d"]}`, n))(w, r)
		}, tags, storage.ErrUpstream, "more than 1000 pages", 1000},
	} {
		t.Run(tt.name+" "+tt.what, func(t *testing.T) {
			f.fail(tt.answer)
			f.times0()
			o := Options{}
			if tt.text == "took too long" {
				o.SmallTimeout = 50 * time.Millisecond
			} else if tt.name == "silent" {
				o.HeaderTimeout = 50 * time.Millisecond
			}
			r := f.client(o)
			err := map[string]func() error{
				manifest: func() error { _, err := r.GetManifest(t.Context(), app, m.Digest); return err },
				tag:      func() error { _, err := r.ResolveTag(t.Context(), app, "1"); return err },
				blob:     func() error { _, err := readAll(t, r, d); return err },
				tags: func() error {
					for _, err := range r.Tags(t.Context(), app, "") {
						if err != nil {
							return err
						}
					}
					return nil
				},
				catalog: func() error {
					for _, err := range r.Repositories(t.Context(), "") {
						if err != nil {
							return err
						}
					}
					return nil
				},
				referrers: func() error {
					for _, err := range r.Referrers(t.Context(), app, m.Digest) {
						if err != nil {
							return err
						}
					}
					return nil
				},
			}[tt.what]()
			u, is := errors.AsType[*storage.UpstreamError](err)
			if !errors.Is(err, tt.want) || !is || u.Host != f.host || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v, want %v with %q", err, tt.want, tt.text)
			}
			if err != nil && (len(err.Error()) > 700 || strings.Contains(err.Error(), "secret")) {
				t.Errorf("an error of %d bytes: %.1000v", len(err.Error()), err)
			}
			if n := f.times(); n > tt.most {
				t.Errorf("%d requests, want at most %d", n, tt.most)
			}
		})
	}
}

// times0 forgets what was asked.
func (f *far) times0() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = nil
}

// TestTrouble: what fails only once or twice is not noticed.
func TestTrouble(t *testing.T) {
	f := start(t)
	m := f.image(app, "m", "1")
	for _, answer := range []answerFunc{says(500, ""), says(502, "x"), says(503, "", "Retry-After: 0"), says(504, ""), says(429, ""),
		hijack(""), hijack("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")} {
		var n atomic.Int32
		f.fail(func(w http.ResponseWriter, r *http.Request) bool { return n.Add(1) <= 2 && answer(w, r) })
		got, err := f.client(Options{}).GetManifest(t.Context(), app, m.Digest)
		if err != nil || !bytes.Equal(got.Raw, m.Raw) {
			t.Errorf("after two failures: %v", err)
		}
	}
}

// broken sends at most n bytes of a body and closes the connection, so many times.
type broken struct {
	http.ResponseWriter
	left int
}

func (b *broken) Write(p []byte) (int, error) {
	n, _ := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	if b.left -= n; b.left == 0 {
		http.NewResponseController(b.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

// breaks makes f send n bytes of each blob, times times.
func (f *far) breaks(n, times int) {
	var done atomic.Int32
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/blobs/") && int(done.Add(1)) <= times {
			f.handler.ServeHTTP(&broken{w, n}, r)
			return true
		}
		return false
	})
}

// TestResume: a blob whose connection breaks goes on from where it stood.
func TestResume(t *testing.T) {
	content := noise(3<<20 + 17)
	for _, tt := range []struct {
		name    string
		retries int
		bytes   int
		times   int
		ok      bool
		want    []string
	}{
		{"once", 3, 1_500_000, 1, true, []string{"GET /v2/library/app/blobs/$b 200", "GET /v2/library/app/blobs/$b bytes=1500000- 206"}},
		{"three times without much between", 3, 100_000, 3, true, []string{"GET /v2/library/app/blobs/$b 200", "GET /v2/library/app/blobs/$b bytes=100000- 206",
			"GET /v2/library/app/blobs/$b bytes=200000- 206", "GET /v2/library/app/blobs/$b bytes=300000- 206"}},
		{"for ever without much between", 3, 1000, 1 << 30, false, []string{"GET /v2/library/app/blobs/$b 200", "GET /v2/library/app/blobs/$b bytes=1000- 206",
			"GET /v2/library/app/blobs/$b bytes=2000- 206", "GET /v2/library/app/blobs/$b bytes=3000- 206"}},
		{"often with much between", 1, 1<<20 + 1, 1 << 30, true, []string{"GET /v2/library/app/blobs/$b 200", "GET /v2/library/app/blobs/$b bytes=1048577- 206",
			"GET /v2/library/app/blobs/$b bytes=2097154- 206",
			"GET /v2/library/app/blobs/$b bytes=3145731- 206"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t)
			d := f.blob("b", content)
			f.breaks(tt.bytes, tt.times)
			got, err := readAll(t, f.client(Options{Retries: tt.retries}), d)
			if tt.ok && (err != nil || !bytes.Equal(got, content)) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if !tt.ok && (!errors.Is(err, storage.ErrUpstream) || !bytes.HasPrefix(content, got)) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			f.asked(tt.name, tt.want...)
		})
	}
}

var errStart = errors.New("a part that was not asked for")

// TestResumeElsewhere: the server that goes on has another name for the content, none for ranges, or something else to send.
func TestResumeElsewhere(t *testing.T) {
	content := noise(300_000)
	const full, rest = "GET /v2/library/app/blobs/$b 200", "GET /v2/library/app/blobs/$b bytes=100000-"
	for _, tt := range []struct {
		name string
		then func(f *far) answerFunc
		want error
		log  []string
	}{
		{"another entity tag", func(f *far) answerFunc {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("If-Range") != "" {
					r.Header.Set("If-Range", `"another"`)
				}
				return false
			}
		}, nil, []string{full, rest + " 200", rest + " 206"}},
		{"no ranges", func(f *far) answerFunc {
			return func(w http.ResponseWriter, r *http.Request) bool {
				r.Header.Del("Range")
				return false
			}
		}, nil, []string{full, rest + " 200", rest + " 200"}},
		{"something else", func(f *far) answerFunc {
			return says(206, string(noise(200_000)), "Content-Range: bytes 100000-299999/300000")
		}, storage.ErrDamaged, []string{full, rest + " 206"}},
		{"another size", func(f *far) answerFunc {
			return says(206, "x", "Content-Range: bytes 100000-100000/100001")
		}, storage.ErrDamaged, []string{full, rest + " 206"}},
		{"another part", func(f *far) answerFunc {
			return says(206, string(noise(150_000)), "Content-Range: bytes 150000-299999/300000")
		}, errStart, []string{full, rest + " 206"}},
		{"gone", func(f *far) answerFunc { return says(404, "") }, storage.ErrBlobUnknown, []string{full, rest + " 404"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t)
			d := f.blob("b", content)
			first, then := true, tt.then(f)
			f.fail(func(w http.ResponseWriter, r *http.Request) bool {
				if first {
					first = false
					f.handler.ServeHTTP(&broken{w, 100_000}, r)
				}
				return then(w, r)
			})
			got, err := readAll(t, f.client(Options{}), d)
			if tt.want == errStart && err != nil && strings.Contains(err.Error(), "it starts at 150000") {
				err = errStart
			}
			if !errors.Is(err, tt.want) || tt.want == nil && !bytes.Equal(got, content) || !bytes.HasPrefix(content, got) && tt.want != storage.ErrDamaged {
				t.Errorf("%d bytes, %v, want %v", len(got), err, tt.want)
			}
			if tt.want != nil && len(got) >= len(content) {
				t.Errorf("all of %d bytes, though they are wrong", len(got))
			}
			f.asked(tt.name, tt.log...)
		})
	}
}

// TestCountedBytes: whoever copies as many bytes as the blob has does not get the last one of wrong content.
func TestCountedBytes(t *testing.T) {
	for _, size := range []int{1, 1000, 500_000} {
		f := start(t)
		content := noise(size)
		d := f.blob("b", content)
		content[size/2] ^= 1
		f.fail(says(200, string(content)))
		b, err := f.client(Options{}).OpenBlob(t.Context(), app, d)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.CopyN(io.Discard, b, b.Size())
		if n >= b.Size() || !errors.Is(err, storage.ErrDamaged) {
			t.Errorf("%d of %d bytes, %v", n, b.Size(), err)
		}
		b.Close()
	}
}

// TestWrongBytesAreForgotten: the next one who asks gets the right ones, if they are there by then.
func TestWrongBytesAreForgotten(t *testing.T) {
	f := start(t)
	for _, size := range []int{100, 300_000} {
		content := noise(size)
		d := f.blob("b", content)
		r := f.client(Options{})
		f.fail(says(200, strings.Repeat("x", size)))
		if _, err := readAll(t, r, d); !errors.Is(err, storage.ErrDamaged) {
			t.Errorf("%d wrong bytes: %v", size, err)
		}
		f.fail(nil)
		if got, err := readAll(t, r, d); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d right bytes: %v", size, err)
		}
	}
}

// TestEmptyBlob: its bytes are known to be right, or wrong, without any.
func TestEmptyBlob(t *testing.T) {
	f := start(t)
	r := f.client(Options{})
	if got, err := readAll(t, r, f.blob("empty", nil)); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
	f.fail(says(200, ""))
	if _, err := readAll(t, r, digest.FromString("x")); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("nothing in place of a byte: %v", err)
	}
}

// TestGone: a blob that was there and is not any more is not known any more either.
func TestGone(t *testing.T) {
	f := start(t)
	r := f.client(Options{})
	b := f.open(r, noise(100))
	d := b.(*blob).key.d
	f.fail(says(404, ""))
	if _, err := readAll(t, r, d); !errors.Is(err, storage.ErrBlobUnknown) {
		t.Errorf("a read: %v", err)
	}
	if _, err := r.StatBlob(t.Context(), app, d); !errors.Is(err, storage.ErrBlobUnknown) {
		t.Errorf("its size: %v", err)
	}
}

// TestUnknownSize: a blob that comes in chunks has a size all the same.
func TestUnknownSize(t *testing.T) {
	f := start(t)
	content := noise(100_000)
	d := f.blob("b", content)
	chunked := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "GET" || r.Header.Get("Range") != "" {
			return false
		}
		w.WriteHeader(200)
		http.NewResponseController(w).Flush()
		w.Write(content)
		return true
	}
	f.fail(chunked)
	got, err := readAll(t, f.client(Options{}), d)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	f.fail(func(w http.ResponseWriter, r *http.Request) bool { // not even HEAD
		return chunked(w, r) || r.Method == "HEAD" && says(405, "")(w, r)
	})
	if n, err := f.client(Options{}).StatBlob(t.Context(), app, d); n != int64(len(content)) || err != nil {
		t.Errorf("StatBlob = %d, %v", n, err)
	}
	f.fail(func(w http.ResponseWriter, r *http.Request) bool { // nor ranges
		r.Header.Del("Range")
		return chunked(w, r) || says(405, "")(w, r)
	})
	if _, err := f.client(Options{}).StatBlob(t.Context(), app, d); !errors.Is(err, storage.ErrUpstream) {
		t.Errorf("StatBlob of no size = %v", err)
	}
}

// TestHeadLies: a proxy that answers HEAD for what it has already only.
func TestHeadLies(t *testing.T) {
	f := start(t)
	m := f.image(app, "m", "1")
	d := f.blob("b", noise(1000))
	f.fail(func(w http.ResponseWriter, r *http.Request) bool { return r.Method == "HEAD" && says(404, "")(w, r) })
	r := f.client(Options{})
	if n, err := r.StatBlob(t.Context(), app, d); n != 1000 || err != nil {
		t.Errorf("StatBlob = %d, %v", n, err)
	}
	if desc, err := r.ResolveTag(t.Context(), app, "1"); desc.Digest != m.Digest || err != nil {
		t.Errorf("ResolveTag = %v, %v", desc, err)
	}
	f.times0()
	if _, err := r.GetManifest(t.Context(), app, m.Digest); err != nil {
		t.Error(err)
	}
	f.asked("the manifest that came with the tag")
}

// TestContextEnds: whoever leaves is told so, and nobody is blamed.
func TestContextEnds(t *testing.T) {
	f := start(t)
	m := f.image(app, "m", "1")
	f.fail(silent)
	r := f.client(Options{})
	for range 2 * maxFailures { // which would open a breaker
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err := r.GetManifest(ctx, app, m.Digest)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, storage.ErrUpstreamTimeout) {
			t.Errorf("late: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := r.GetManifest(ctx, app, m.Digest); !errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrUpstream) {
		t.Errorf("cancelled: %v", err)
	}
	f.fail(nil)
	if _, err := r.GetManifest(t.Context(), app, m.Digest); err != nil {
		t.Error(err)
	}
}

// TestOddManifests: media types come from the content where the server does not know.
func TestOddManifests(t *testing.T) {
	f := start(t)
	m := f.image(app, "m", "1")
	for _, tt := range []struct{ contentType, want string }{
		{"application/json", oci.MediaTypeImageManifest},
		{"text/plain; charset=utf-8", oci.MediaTypeImageManifest},
		{oci.MediaTypeImageManifest + "; charset=utf-8", oci.MediaTypeImageManifest},
		{oci.MediaTypeImageIndex, oci.MediaTypeImageManifest}, // the content has the last word
		{"", oci.MediaTypeImageManifest},
	} {
		f.fail(says(200, string(m.Raw), "Content-Type: "+tt.contentType))
		got, err := f.client(Options{}).GetManifest(t.Context(), app, m.Digest)
		if err != nil || got.MediaType != tt.want {
			t.Errorf("%q: %q, %v", tt.contentType, got.MediaType, err)
		}
	}
	const v1 = `{"schemaVersion":1,"name":"x"}`
	f.fail(says(200, v1, "Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws"))
	if _, err := f.client(Options{}).GetManifest(t.Context(), app, digest.FromString(v1)); !errors.Is(err, storage.ErrUpstream) {
		t.Errorf("Docker's schema 1: %v", err)
	}
}
