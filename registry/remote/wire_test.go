package remote

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"vitrine/storage"
)

// startTLS begins to listen by https, with HTTP/2. roots are who vouch for the server, by the name example.com too.
func startTLS(t *testing.T, h http.Handler) (srv *httptest.Server, roots *x509.CertPool) {
	t.Helper()
	srv = httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = quiet
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots = x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return srv, roots
}

// TestTLS: by HTTP/2, with the authorities that are named, and not without.
func TestTLS(t *testing.T) {
	noneLeft(t)
	f := newFar(t)
	m := f.image(app, "m")
	content := noise(1 << 20)
	d := f.blob("b", content)
	var proto string
	f.fail(func(_ http.ResponseWriter, r *http.Request) bool { proto = r.Proto; return false })
	srv, roots := startTLS(t, f)
	r, err := New(srv.URL, &Options{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.GetManifest(t.Context(), app, m.Digest); err != nil || proto != "HTTP/2.0" {
		t.Errorf("by %s: %v", proto, err)
	}
	if got, err := readAll(t, r, d); err != nil || !bytes.Equal(got, content) {
		t.Errorf("a blob: %v", err)
	}
	f.times0()
	strict, err := New(srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer strict.Close()
	_, err = strict.GetManifest(t.Context(), app, m.Digest)
	if u, ok := errors.AsType[*storage.UpstreamError](err); !errors.Is(err, storage.ErrUpstream) || !ok || u.Status != 0 || !strings.Contains(err.Error(), "certificate") || f.times() != 0 {
		t.Errorf("without the authority: %v", err)
	}
}

// TestProxy: it is used where there is no guard.
func TestProxy(t *testing.T) {
	f := start(t)
	m := f.image(app, "m")
	to, _ := url.Parse(f.url)
	r, err := New("http://registry.test", &Options{PlainHTTP: []string{"registry.test"}, Proxy: http.ProxyURL(to)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.GetManifest(t.Context(), app, m.Digest); err != nil || f.times() != 1 {
		t.Errorf("%v, %d requests by the proxy", err, f.times())
	}
}

// TestRedirectsKeepSecrets: an Authorization goes to the registry's own origin, and https does not lead to http.
func TestRedirectsKeepSecrets(t *testing.T) {
	noneLeft(t)
	f := newFar(t)
	f.basic = "me:secret"
	content := noise(1000)
	d := f.blob("b", content)
	var elsewhere []string
	serve := func(w http.ResponseWriter, r *http.Request) {
		elsewhere = append(elsewhere, r.Header.Get("Authorization")+r.Header.Get("Cookie")+r.Header.Get("Referer"))
		if r.URL.Path == "/back" {
			http.Redirect(w, r, r.URL.Query().Get("to"), 302)
			return
		}
		w.Write(content)
	}
	other, roots := startTLS(t, http.HandlerFunc(serve))
	plain := httptest.NewServer(http.HandlerFunc(serve))
	t.Cleanup(plain.Close)
	own, _ := startTLS(t, f)
	roots.AddCert(own.Certificate())
	blob := own.URL + "/v2/library/app/blobs/" + d.String()
	for _, tt := range []struct {
		name, to string
		ok       bool
		text     string
	}{
		{"another port", other.URL + "/x", true, ""},
		{"another name", strings.Replace(other.URL, "127.0.0.1", "example.com", 1) + "/x", true, ""},
		{"back and forth", other.URL + "/back?to=" + url.QueryEscape(blob+"?again"), true, ""},
		{"the same place by another path", "/v2/library/app/blobs/" + d.String() + "?again", true, ""},
		{"plain http", plain.URL + "/x", false, "from https to plain http"},
		{"plain http by a detour", other.URL + "/back?to=" + url.QueryEscape(plain.URL), false, "from https to plain http"},
	} {
		elsewhere = nil
		var first string
		f.fail(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.RawQuery == "again" || r.Header.Get("Authorization") == "" {
				first = r.Header.Get("Authorization")
				return false
			}
			http.Redirect(w, r, tt.to, 307)
			return true
		})
		r, err := New(own.URL, &Options{RootCAs: roots, Credentials: Static("me", "secret"), Retries: -1, DialTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		r.wire.base.DialContext = onlyLoopback
		got, err := readAll(t, r, d)
		if (err == nil && bytes.Equal(got, content)) != tt.ok || err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %d bytes, %v", tt.name, len(got), err)
		}
		if strings.Join(elsewhere, "") != "" {
			t.Errorf("%s: somebody else has got %q", tt.name, elsewhere)
		}
		if strings.HasSuffix(tt.to, "again") && first == "" {
			t.Errorf("%s: the registry itself has got none", tt.name)
		}
		r.Close()
	}
}

// TestRememberedURL: where a blob is kept is asked directly, until that fails or it is too long ago.
func TestRememberedURL(t *testing.T) {
	f := start(t)
	content := noise(100_000)
	d := f.blob("b", content)
	status := 200
	cdn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status != 200 {
			w.WriteHeader(status)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(cdn.Close)
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.RawQuery == "" {
			http.Redirect(w, r, cdn.URL+"/x?signature=secret", 307)
		}
		return true
	})
	const asked = "GET /v2/library/app/blobs/$b 307"
	r := f.client(Options{Remember: time.Hour})
	read := func(what string, want ...string) {
		t.Helper()
		if got, err := readAll(t, r, d); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %v", what, err)
		}
		f.asked(what, want...)
	}
	read("first", asked)
	until := func() time.Time { return r.facts.m[blobKey{app, d}].Value.(*entry[blobKey, fact]).until }
	first := until()
	read("again")
	if !until().Equal(first) {
		t.Error("what is remembered gets younger by being used")
	}
	for _, status = range []int{401, 403, 404, 410, 500} {
		b, err := r.OpenBlob(t.Context(), app, d)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(b)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d from there: %v", status, err)
		}
		b.Close()
		f.times0()
		status = 200
		read("once it is well", asked)
		read("and again")
	}
	old := r.facts.m[blobKey{app, d}].Value.(*entry[blobKey, fact])
	old.until = time.Now()
	read("after its time", asked)
	f.fail(says(404, "")) // the registry has forgotten it, and whoever has it knows nothing of that
	read("while it is remembered")
	status = 403
	if _, err := readAll(t, r, d); !errors.Is(err, storage.ErrBlobUnknown) {
		t.Errorf("gone: %v", err)
	}
	if _, err := r.StatBlob(t.Context(), app, d); !errors.Is(err, storage.ErrBlobUnknown) {
		t.Errorf("gone, and still known: %v", err)
	}
}

// TestURLOfHead: a URL that is signed for HEAD is asked for nothing else.
func TestURLOfHead(t *testing.T) {
	f := start(t)
	d := f.blob("b", noise(1000))
	cdn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "HEAD" {
			t.Errorf("%s", r.Method)
		}
		w.Header().Set("Content-Length", "1000")
	}))
	t.Cleanup(cdn.Close)
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "HEAD" {
			http.Redirect(w, r, cdn.URL, 307)
		}
		return r.Method == "HEAD"
	})
	r := f.client(Options{})
	if n, err := r.StatBlob(t.Context(), app, d); n != 1000 || err != nil {
		t.Errorf("StatBlob = %d, %v", n, err)
	}
	if _, err := readAll(t, r, d); err != nil {
		t.Error(err)
	}
}

func TestNew(t *testing.T) {
	for _, tt := range []struct{ base, want string }{
		{"ghcr.io", "https://ghcr.io"},
		{"https://GHCR.io/", "https://ghcr.io"},
		{"https://ghcr.io:8443", "https://ghcr.io:8443"},
		{"docker.io", "https://registry-1.docker.io"},
		{"https://index.docker.io", "https://registry-1.docker.io"},
		{"https://nexus.example/repository/docker/", "https://nexus.example/repository/docker"},
		{"http://localhost:5000", "http://localhost:5000"},
		{"http://plain.example", "http://plain.example"},
		{"http://plain.example:80", "http://plain.example:80"},
		{"http://plain.example:81", ""},
		{"http://ghcr.io", ""},
		{"ftp://ghcr.io", ""}, {"https://", ""}, {"", ""}, {"https://user:secret@ghcr.io", ""}, {"https://ghcr.io?x=y", ""}, {"https://ghcr.io#x", ""},
		{"https://user:secret@gh cr.io", ""}, {"https://user:secret@ghcr.io:x", ""},
	} {
		r, err := New(tt.base, &Options{PlainHTTP: []string{"localhost", "plain.example:80"}})
		if (err == nil) != (tt.want != "") || err == nil && r.base.String() != tt.want {
			t.Errorf("New(%q) = %v, %v, want %q", tt.base, r, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%q) = %v", tt.base, err)
		}
	}
}

// TestPathPrefix: a registry that is one of several on its host.
func TestPathPrefix(t *testing.T) {
	f := start(t)
	m := f.image(app, "m", "1", "2")
	f.handler = http.StripPrefix("/repository/docker", f.handler)
	r, err := New(f.url+"/repository/docker", &Options{PlainHTTP: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.GetManifest(t.Context(), app, m.Digest); err != nil {
		t.Error(err)
	}
	if got, err := collect(t, r.Tags(t.Context(), app, "")); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}
