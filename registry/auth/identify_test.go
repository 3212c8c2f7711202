package auth

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/registry/api"
	"vitrine/storage"
)

const (
	publicRules = `[{"repositories":"**","pull":["anonymous"],"push":["*"]}]`
	basicHeader = `Basic realm="vitrine", charset="UTF-8"`
	bearer      = `Bearer realm="http://r.example:5000/v2/_token",service="vitrine"`
)

// whoami answers with the name of who asks; 401 to a POST of an anonymous caller.
func whoami(w http.ResponseWriter, r *http.Request) {
	name, known := UserFrom(r.Context())
	if !known && r.Method == http.MethodPost {
		api.WriteError(w, storage.ErrNoIdentity)
		return
	}
	fmt.Fprintf(w, "%s %v", name, known)
}

// serve has users alice (U*U) and bob (abc).
func serve(t *testing.T, rules string, o Options) (http.Handler, *Users) {
	t.Helper()
	u := load(t, "alice:BCRYPT\nbob:SHA\n")
	p := policy(t, rules)
	o.Users, o.Policy = func() *Users { return u }, func() *Policy { return p }
	return Identify(http.HandlerFunc(whoami), &o), u
}

// ask sends "METHOD PATH [CREDENTIALS]"; credentials with a colon are Basic, others stand in the header as they are.
func ask(h http.Handler, line string, header ...string) *httptest.ResponseRecorder {
	method, rest, _ := strings.Cut(line, " ")
	path, credentials, given := strings.Cut(rest, " ")
	r := httptest.NewRequest(method, path, nil)
	r.Host = "r.example:5000"
	if user, password, basic := strings.Cut(credentials, ":"); basic {
		r.SetBasicAuth(user, password)
	} else if given {
		r.Header.Set("Authorization", credentials)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestIdentify(t *testing.T) {
	private, _ := serve(t, `[]`, Options{})
	public, _ := serve(t, publicRules, Options{})
	scoped, _ := serve(t, publicRules, Options{}) // wrong passwords add up
	invalid := bearer + `,error="invalid_token"`
	for _, tt := range []struct {
		h         http.Handler
		line      string
		status    int
		challenge string
		body      string // a part of it
	}{
		{private, "GET /v2/", 401, basicHeader, `"code":"UNAUTHORIZED"`},
		{private, "GET /v2", 401, basicHeader, "UNAUTHORIZED"},
		{private, "GET /v2/ alice:U*U", 200, "", "alice true"},
		{private, "GET /v2/ alice:wrong", 401, basicHeader, "wrong user name or password"},
		{private, "GET /v2/ mallory:U*U", 401, basicHeader, "wrong user name or password"},
		{private, "GET /v2/ :", 401, basicHeader, "UNAUTHORIZED"},
		{private, "GET /v2/a/tags/list", 200, "", " false"},
		{private, "POST /v2/a/blobs/uploads/", 401, basicHeader, "UNAUTHORIZED"},
		{private, "GET /v2/_token alice:U*U", 200, "", "alice true"}, // not served: it goes to the registry, which knows no such path
		{private, "GET / Basic", 401, basicHeader, ""},
		{private, "GET / Digest x", 401, basicHeader, ""},
		{private, "GET /v2/ Bearer abc", 401, basicHeader, ""},

		{public, "GET /v2/", 401, bearer, "UNAUTHORIZED"},
		{public, "HEAD /v2", 401, bearer, ""},
		{public, "GET /v2/ bob:abc", 200, "", "bob true"},
		{public, "GET /v2/ bob:x", 401, bearer, "UNAUTHORIZED"},
		{public, "GET /v2/a/tags/list", 200, "", " false"},
		{public, "GET /", 200, "", " false"},
		{public, "POST /v2/a/blobs/uploads/", 401, bearer, "UNAUTHORIZED"},
		{public, "POST /page", 401, basicHeader, "UNAUTHORIZED"}, // browsers know no Bearer
		{public, "GET /v2/ Bearer", 401, invalid, "the token is not valid"},
		{public, "GET /v2/ Bearer !", 401, invalid, ""},
		{public, "GET /v2/a/tags/list Bearer " + strings.Repeat("A", 64), 401, invalid, ""},
		{public, "GET /v2/_token", 200, "", `"expires_in":300`},
		{public, "GET /v2/_token?service=vitrine&scope=repository:a:pull&account=bob bob:abc", 200, "", `"access_token":`},
		{public, "GET /v2/_token bob:x", 401, basicHeader, "UNAUTHORIZED"},
		{scoped, "GET /v2/_token?scope=repository:a:pull hub:x", 200, "", `"access_token":`}, // as anonymous: TestTokenForMirrors
		{scoped, "GET /v2/_token?scope=repository:a:pull,push bob:x", 401, basicHeader, "UNAUTHORIZED"},
		{scoped, "GET /v2/_token?scope=repository:a:pull&scope=repository:b:push bob:x", 401, basicHeader, "UNAUTHORIZED"},
		{scoped, "GET /v2/_token?scope=registry:catalog:* bob:x", 401, basicHeader, "UNAUTHORIZED"},
		{scoped, "GET /v2/_token?scope= bob:x", 401, basicHeader, "UNAUTHORIZED"},
		{public, "GET /v2/_token Bearer x", 401, basicHeader, ""},
		{public, "DELETE /v2/_token", 405, "", "UNSUPPORTED"},
		{public, "POST /v2/_token", 400, "", "grant_type"},
	} {
		w := ask(tt.h, tt.line)
		if w.Code != tt.status || w.Header().Get("WWW-Authenticate") != tt.challenge || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s = %d, %q, %q, want %d, %q, %q", tt.line, w.Code, w.Header().Get("WWW-Authenticate"), w.Body, tt.status, tt.challenge, tt.body)
		}
		if v := w.Header().Get("Docker-Distribution-Api-Version"); w.Code == 401 && strings.HasPrefix(tt.line, "GET /v2") && v != "registry/2.0" {
			t.Errorf("%s: Docker-Distribution-Api-Version %q", tt.line, v)
		}
	}
}

func TestIdentifyWithoutUsers(t *testing.T) {
	for _, o := range []*Options{nil, {}, {Users: func() *Users { return nil }}} {
		h := Identify(http.HandlerFunc(whoami), o)
		for _, line := range []string{"GET /v2/", "GET /v2/ alice:wrong", "GET /v2/_token"} {
			if w := ask(h, line); w.Code != 200 || w.Body.String() != " false" {
				t.Errorf("%+v: %s = %d, %q", o, line, w.Code, w.Body)
			}
		}
	}
}

func wantStatus(t *testing.T, h http.Handler, line string, status int, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := ask(h, line)
	if w.Code != status || !strings.Contains(w.Body.String(), body) {
		t.Errorf("%s = %d, %q, want %d, %q", line, w.Code, w.Body, status, body)
	}
	return w
}

func TestChallengeURL(t *testing.T) {
	for _, tt := range []struct {
		o         Options
		host      string
		forwarded string
		realm     string // "" for a Basic challenge
	}{
		{Options{}, "localhost:5000", "", "http://localhost:5000"},
		{Options{}, "registry.example.com", "", "http://registry.example.com"},
		{Options{}, "[::1]:5000", "", "http://[::1]:5000"},
		{Options{}, "192.0.2.1", "https", "http://192.0.2.1"}, // a stranger may have said so
		{Options{TrustProxy: true}, "r", "https", "https://r"},
		{Options{TrustProxy: true}, "r", "", "http://r"},
		{Options{ExternalURL: "https://reg.example/"}, `"evil`, "", "https://reg.example"},
		{Options{}, `a",error="x`, "", ""},
		{Options{}, "a/b", "", ""},
		{Options{}, "user@a", "", ""},
		{Options{}, "a:b", "", ""},
		{Options{}, "a:70000", "", ""},
		{Options{}, "[::1", "", ""},
		{Options{}, "[::1%25eth0]", "", ""},
		{Options{}, "::1", "", ""},
		{Options{}, "", "", ""},
		{Options{}, strings.Repeat("a", 254), "", ""},
	} {
		h, _ := serve(t, publicRules, tt.o)
		r := httptest.NewRequest("GET", "/v2/", nil)
		r.Host = tt.host
		r.Header.Set("X-Forwarded-Proto", tt.forwarded)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		want := basicHeader
		if tt.realm != "" {
			want = `Bearer realm="` + tt.realm + `/v2/_token",service="vitrine"`
		}
		if got := w.Header().Get("WWW-Authenticate"); got != want {
			t.Errorf("Host %q, %q, %+v: %q, want %q", tt.host, tt.forwarded, tt.o, got, want)
		}
	}
	h, _ := serve(t, publicRules, Options{})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "https://r.example/v2/", nil)) // which sets TLS
	if got := w.Header().Get("WWW-Authenticate"); !strings.Contains(got, `"https://r.example/v2/_token"`) {
		t.Errorf("over TLS: %q", got)
	}
}

func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := serve(t, publicRules, Options{})
		alice := "Bearer " + token(t, h, "alice:U*U")
		for i := range freeFailures {
			wantStatus(t, h, fmt.Sprintf("GET /v2/ bob:%d", i), 401, "UNAUTHORIZED")
		}
		w := wantStatus(t, h, "GET /v2/_token bob:abc", 429, `"code":"TOOMANYREQUESTS"`)
		if got := w.Header().Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After %q, want 1", got)
		}
		if got := w.Header().Get("WWW-Authenticate"); got != "" {
			t.Errorf("a 429 with the challenge %q", got)
		}
		wantStatus(t, h, "GET /v2/a/tags/list", 200, " false")
		wantStatus(t, h, "GET /v2/ "+alice, 200, "alice true")
		wantStatus(t, h, "GET /v2/ alice:U*U", 200, "alice true") // remembered
		time.Sleep(time.Second)
		wantStatus(t, h, "GET /v2/ bob:abc", 200, "bob true")
	})
}

// TestGaveUp has a client go away while its password waits to be hashed: that is no wrong password.
func TestGaveUp(t *testing.T) {
	h, u := serve(t, publicRules, Options{})
	for range cap(u.work) {
		u.work <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range freeFailures + 1 {
		r := httptest.NewRequestWithContext(ctx, "GET", "/v2/", nil)
		r.SetBasicAuth("bob", "abc")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == 200 || w.Code == 401 {
			t.Errorf("GET /v2/ of a client that went away = %d", w.Code)
		}
	}
	<-u.work
	wantStatus(t, h, "GET /v2/ bob:abc", 200, "bob true")
}

func TestAddress(t *testing.T) {
	for _, tt := range []struct {
		trust             bool
		remote, via, want string // of IPv6 the network and the site
	}{
		{false, "192.0.2.1:1234", "", "192.0.2.1"},
		{false, "192.0.2.1:1234", "198.51.100.7", "192.0.2.1"},
		{false, "[2001:db8:1:2:3:4:5:6]:80", "", "2001:db8:1:2::/64 2001:db8:1::/48"},
		{false, "[::ffff:192.0.2.1]:80", "", "192.0.2.1"},
		{false, "[fe80::1%eth0]:80", "", "fe80::/64 fe80::/48"},
		{false, "@", "", "?"},
		{true, "192.0.2.1:1234", "10.0.0.1, 198.51.100.7", "198.51.100.7"},
		{true, "192.0.2.1:1234", "2001:db8::1", "2001:db8::/64 2001:db8::/48"},
		{true, "192.0.2.1:1234", "10.0.0.1, 198.51.100.7:4321", "198.51.100.7"},
		{true, "192.0.2.1:1234", "[2001:db8::1]:4321", "2001:db8::/64 2001:db8::/48"},
		{true, "192.0.2.1:1234", "[2001:db8::1]", "2001:db8::/64 2001:db8::/48"},
		{true, "192.0.2.1:1234", "unknown", "?"},
		{true, "192.0.2.1:1234", "", "192.0.2.1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.remote
		if tt.via != "" {
			r.Header.Set("X-Forwarded-For", tt.via)
		}
		i := &identifier{o: Options{TrustProxy: tt.trust}}
		from, site := i.address(r)
		if got := strings.TrimSpace(from + " " + site); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

func TestLogsBadFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h, u := serve(t, `[]`, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		write(t, u.path, "bob:SHA\nalice:plain\n")
		for range 3 {
			time.Sleep(lookEvery)
			wantStatus(t, h, "GET /v2/ alice:U*U", 200, "alice")
		}
		if got := log.String(); strings.Count(got, "level=ERROR") != 1 || !strings.Contains(got, "line 2") {
			t.Errorf("log %q, want line 2 once", got)
		}
	})
}

// TestKeepsReadFrom sees to it that an anonymous pull is copied by the kernel: the connection's ReadFrom gets the file itself.
func TestKeepsReadFrom(t *testing.T) {
	h, _ := serve(t, publicRules, Options{})
	path := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	h.(*identifier).next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetWriteDeadline = %v", err)
		}
		http.ServeFile(w, r, path)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	spy := &spyListener{Listener: l, files: make(chan bool, 10)}
	srv := &httptest.Server{Listener: spy, Config: &http.Server{Handler: h}}
	srv.Start()
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/v2/a/blobs/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != 1<<20 || err != nil {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	select {
	case <-spy.files:
	default:
		t.Error("the file did not reach the connection's ReadFrom")
	}
}

type spyListener struct {
	net.Listener
	files chan bool
}

func (l *spyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return spyConn{c.(*net.TCPConn), l.files}, nil
}

type spyConn struct {
	*net.TCPConn
	files chan bool
}

func (c spyConn) ReadFrom(r io.Reader) (int64, error) {
	if lim, ok := r.(*io.LimitedReader); ok {
		if _, ok := lim.R.(*os.File); ok {
			c.files <- true
		}
	}
	return c.TCPConn.ReadFrom(r)
}

func BenchmarkIdentify(b *testing.B) {
	path := filepath.Join(b.TempDir(), "htpasswd")
	if err := os.WriteFile(path, []byte("alice:"+bcryptUU+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	u, err := Load(path)
	if err != nil {
		b.Fatal(err)
	}
	h := Identify(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), &Options{Users: func() *Users { return u }})
	for _, name := range []string{"anonymous", "remembered"} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/v2/a/tags/list", nil)
			if name == "remembered" {
				r.SetBasicAuth("alice", "U*U")
			}
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
