package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

func TestParseChallenges(t *testing.T) {
	type params = map[string]string
	for _, tt := range []struct {
		values string // separated by newlines
		want   []challenge
	}{
		{``, nil},
		{`Bearer realm="https://a/token",service="a",scope="repository:x:pull,push"`,
			[]challenge{{"bearer", params{"realm": "https://a/token", "service": "a", "scope": "repository:x:pull,push"}}}},
		{`BEARER scope=x , SERVICE = "a" ,realm=https://a/token?b=c`, []challenge{{"bearer", params{"realm": "https://a/token?b=c", "service": "a", "scope": "x"}}}},
		{`Basic realm="a \"b\\ c", charset="UTF-8"`, []challenge{{"basic", params{"realm": `a "b\ c`, "charset": "UTF-8"}}}},
		{`Negotiate`, []challenge{{"negotiate", params{}}}},
		{`Negotiate oWEwX6ADCgEA==, Basic realm="a"`, []challenge{{"negotiate", params{}}, {"basic", params{"realm": "a"}}}},
		{`Basic realm="a", Bearer realm="b",service="c"`, []challenge{{"basic", params{"realm": "a"}}, {"bearer", params{"realm": "b", "service": "c"}}}},
		{"Basic realm=\"a\"\nBearer realm=\"b\"", []challenge{{"basic", params{"realm": "a"}}, {"bearer", params{"realm": "b"}}}},
		{`Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple"`,
			[]challenge{{"newauth", params{"realm": "apps", "type": "1", "title": `Login to "apps"`}}, {"basic", params{"realm": "simple"}}}}, // RFC 9110, 11.6.1
		{`Bearer realm="a",realm="b"`, []challenge{{"bearer", params{"realm": "a"}}}},
		{`Bearer realm="a",,, ,service="b",`, []challenge{{"bearer", params{"realm": "a", "service": "b"}}}},
		{`Bearer realm="a`, []challenge{{"bearer", params{"realm": ""}}}},
		{`realm="a", Basic`, []challenge{{"basic", params{}}}},
		{"Basic\nrealm=\"a\"", []challenge{{"basic", params{}}}},
		{`Bearer realm="a, Basic realm=b"`, []challenge{{"bearer", params{"realm": "a, Basic realm=b"}}}},
		{`"",=;/ Basic`, []challenge{{"basic", params{}}}},
		{`Bearer realm=""`, []challenge{{"bearer", params{"realm": ""}}}},
		{`Bearer realm=`, []challenge{{"bearer", params{}}}},
	} {
		if got := parseChallenges(strings.Split(tt.values, "\n")); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s\n= %v, want %v", tt.values, got, tt.want)
		}
	}
	if got := parseChallenges([]string{strings.Repeat("Basic,", 10_000)}); len(got) != maxChallenges {
		t.Errorf("%d challenges", len(got))
	}
}

func FuzzParseChallenges(f *testing.F) {
	for _, s := range []string{`Bearer realm="https://a/token",service="a"`, `Negotiate ab==, Basic realm="\"`, `a=b,=,"`, `x y=z;`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range parseChallenges([]string{s}) {
			if c.scheme == "" || c.scheme != strings.ToLower(c.scheme) || c.params == nil {
				t.Errorf("%q: %+v", s, c)
			}
		}
	})
}

func TestRegistrable(t *testing.T) {
	for host, want := range map[string]string{
		"registry-1.docker.io": "docker.io", "auth.docker.io": "docker.io", "Quay.IO.": "quay.io", "a.b.example.com": "example.com",
		"registry.example.co.uk": "example.co.uk", "co.uk": "", "example.co.uk": "example.co.uk", "example.com.au": "example.com.au",
		"localhost": "", "": "", "127.0.0.1": "", "::1": "", "0x7f.1": "", "me.azurecr.io": "", "azurecr.io": "", "x.eu-west-1.amazonaws.com": "",
		"someone.github.io": "", "notgithub.io": "notgithub.io",
	} {
		if got := registrable(host); got != want {
			t.Errorf("registrable(%q) = %q, want %q", host, got, want)
		}
	}
}

// TestTrust: where a password may go.
func TestTrust(t *testing.T) {
	for _, tt := range []struct {
		base, realm string
		named       []string
		parses      bool
		trusted     bool
	}{
		{"https://registry-1.docker.io", "https://auth.docker.io/token", nil, true, true},
		{"https://ghcr.io", "https://ghcr.io/token", nil, true, true},
		{"https://ghcr.io", "https://ghcr.io:8443/token", nil, true, true},
		{"https://ghcr.io", "http://ghcr.io/token", nil, false, false},
		{"https://ghcr.io", "https://ghcr.io.evil.com/token", nil, true, false},
		{"https://ghcr.io", "https://evilghcr.io/token", nil, true, false},
		{"https://registry.gitlab.com", "https://gitlab.com/jwt/auth", nil, true, true},
		{"https://a.co.uk", "https://b.co.uk/token", nil, true, false},
		{"https://one.azurecr.io", "https://two.azurecr.io/token", nil, true, false},
		{"https://r.example.com", "https://sso.example.net/token", nil, true, false},
		{"https://r.example.com", "https://sso.example.net/token", []string{"sso.example.net"}, true, true},
		{"https://r.example.com", "https://sso.example.net/token", []string{"SSO.example.net:443"}, true, true},
		{"https://r.example.com", "https://sso.example.net:444/token", []string{"sso.example.net:443"}, true, false},
		{"https://r.example.com", "https://user:x@r.example.com/token", nil, false, false},
		{"https://10.0.0.1", "https://10.0.0.2/token", nil, true, false},
		{"https://registry", "https://auth/token", nil, true, false},
		{"http://localhost:5000", "http://localhost:5001/token", nil, true, true},
		{"http://localhost:5000", "http://other/token", nil, true, false},
	} {
		r, err := New(tt.base, &Options{PlainHTTP: []string{"localhost"}, TrustedRealms: tt.named})
		if err != nil {
			t.Fatal(err)
		}
		u, err := r.tokens.parseRealm(tt.realm)
		if (err == nil) != tt.parses {
			t.Errorf("%s: the realm %s: %v", tt.base, tt.realm, err)
		}
		if err == nil && r.tokens.trusts(u) != tt.trusted {
			t.Errorf("%s trusts %s: %v, want %v", tt.base, tt.realm, !tt.trusted, tt.trusted)
		}
	}
}

// TestUntrustedRealm: it is asked for an anonymous token, and never told who we are.
func TestUntrustedRealm(t *testing.T) {
	f := start(t)
	f.realm = startRealm(t)
	f.realm.url = strings.Replace(f.realm.url, "127.0.0.1", "localhost", 1)
	m := f.image(app, "m", "1")
	for _, trusted := range []bool{false, true} {
		o := Options{Credentials: Static("me", "secret")}
		if trusted {
			o.TrustedRealms = []string{"localhost"}
		}
		if _, err := f.client(o).GetManifest(t.Context(), app, m.Digest); err != nil {
			t.Error(err)
		}
		if got := f.realm.log[0]; strings.Contains(got, " me ") != trusted || strings.Contains(got, "account=me") != trusted {
			t.Errorf("trusted %v: %s", trusted, got)
		}
		f.realm.asked(t, "a manifest", 1)
	}
	f.realm.user, f.realm.password = "me", "secret"
	_, err := f.client(Options{Credentials: Static("me", "secret")}).GetManifest(t.Context(), app, m.Digest)
	if !errors.Is(err, storage.ErrNoIdentity) || !strings.Contains(err.Error(), "localhost") || !strings.Contains(err.Error(), "is not trusted") || strings.Contains(err.Error(), "secret") {
		t.Errorf("a realm that gives nothing to strangers: %v", err)
	}
}

// TestLogins: what is sent to a realm, and what to a registry that knows Basic.
func TestLogins(t *testing.T) {
	f := start(t)
	m := f.image(app, "m", "1")
	get := func(c Credentials) error {
		_, err := f.client(Options{Credentials: c, UserAgent: "ua"}).GetManifest(t.Context(), app, m.Digest)
		return err
	}
	f.realm = startRealm(t)
	f.realm.user, f.realm.password = "me", "secret"
	scope := url.Values{"service": {"far"}, "scope": {"repository:library/app:pull"}}.Encode()
	for _, tt := range []struct {
		login Credentials
		want  error
		log   string
	}{
		{nil, storage.ErrNoIdentity, "GET /token  " + scope},
		{Static("me", "wrong"), storage.ErrNoIdentity, "GET /token me account=me&" + strings.Replace(scope, "&", "&", 1)},
		{Static("me", "secret"), nil, "GET /token me account=me&" + scope},
		{func(context.Context, string) (Login, error) { return Login{IdentityToken: "secret"}, nil }, nil,
			"POST /token  client_id=ua&grant_type=refresh_token&refresh_token=secret&" + scope},
	} {
		if err := get(tt.login); !errors.Is(err, tt.want) {
			t.Errorf("%v, want %v", err, tt.want)
		}
		got := strings.Join(f.realm.log, "\n")
		if canonical(got) != canonical(tt.log) {
			t.Errorf("the realm was asked\n%s\nwant\n%s", got, tt.log)
		}
		f.realm.log = nil
	}
	errNone := errors.New("no key chain")
	if err := get(func(_ context.Context, host string) (Login, error) {
		return Login{}, fmt.Errorf("%w for %s", errNone, host)
	}); !errors.Is(err, errNone) {
		t.Errorf("credentials that fail: %v", err)
	}
	f.realm, f.basic = nil, "me:secret"
	for login, want := range map[*Credentials]error{ptr(Credentials(nil)): storage.ErrNoIdentity, ptr(Static("me", "wrong")): storage.ErrNoIdentity, ptr(Static("me", "secret")): nil} {
		if err := get(*login); !errors.Is(err, want) {
			t.Errorf("Basic: %v, want %v", err, want)
		}
	}
}

func ptr[T any](v T) *T { return &v }

// canonical makes queries comparable.
func canonical(line string) string {
	head, query, _ := strings.Cut(line, "  ")
	if !strings.Contains(line, "  ") {
		i := strings.LastIndexByte(line, ' ')
		head, query = line[:i], line[i+1:]
	}
	v, _ := url.ParseQuery(query)
	return head + " " + v.Encode()
}

// TestBasicIsWarm: once a registry is known to want Basic, each request brings it.
func TestBasicIsWarm(t *testing.T) {
	f := start(t)
	f.basic = "me:secret"
	a, b := f.image(app, "a"), f.image(app, "b")
	r := f.client(Options{Credentials: Static("me", "secret")})
	r.GetManifest(t.Context(), app, a.Digest)
	f.asked("cold", "GET /v2/library/app/manifests/$a 401", "GET /v2/library/app/manifests/$a 200")
	r.GetManifest(t.Context(), app, b.Digest)
	f.asked("warm", "GET /v2/library/app/manifests/$b 200")
	r = f.client(Options{Credentials: Static("me", "wrong")})
	for _, want := range [][]string{{"GET /v2/library/app/manifests/$a 401", "GET /v2/library/app/manifests/$a 401"}, {"GET /v2/library/app/manifests/$a 401"}} {
		if _, err := r.GetManifest(t.Context(), app, a.Digest); !errors.Is(err, storage.ErrNoIdentity) {
			t.Error(err)
		}
		f.asked("a wrong password", want...)
	}
}

// TestRefresh: a token that has ended without notice is fetched once more, and one that does not help is not fetched for ever.
func TestRefresh(t *testing.T) {
	f := start(t)
	f.realm = startRealm(t)
	a, b := f.image(app, "a", "1"), f.image(app, "b")
	r := f.client(Options{})
	if _, err := r.GetManifest(t.Context(), app, a.Digest); err != nil {
		t.Fatal(err)
	}
	f.realm.asked(t, "cold", 1)
	f.realm.revoke()
	f.times0()
	if _, err := r.GetManifest(t.Context(), app, b.Digest); err != nil {
		t.Error(err)
	}
	f.asked("with a token that was revoked", "GET /v2/library/app/manifests/$b 401", "GET /v2/library/app/manifests/$b 200")
	f.realm.asked(t, "with a token that was revoked", 1)
	f.fail(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="far",scope="x"`, f.realm.url))
		return says(401, "")(w, nil)
	})
	if _, err := r.ResolveTag(t.Context(), app, "1"); !errors.Is(err, storage.ErrNoIdentity) {
		t.Errorf("never let in: %v", err)
	}
	f.asked("never let in", "HEAD /v2/library/app/manifests/1 401", "HEAD /v2/library/app/manifests/1 401")
	f.realm.asked(t, "never let in", 1)
}

// TestOneTokenForAll: many who want the same token at once make one request for it.
func TestOneTokenForAll(t *testing.T) {
	f := start(t)
	f.realm = startRealm(t)
	r := f.client(Options{})
	f.image(other, "m", "1")
	if _, err := r.ResolveTag(t.Context(), other, "1"); err != nil { // the challenge is known
		t.Fatal(err)
	}
	f.realm.asked(t, "one", 1)
	f.image(app, "m", "1")
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if _, err := r.ResolveTag(t.Context(), app, "1"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	f.realm.asked(t, "32 at once", 1)
}

// TestBadRealms: tokens that are none.
func TestBadRealms(t *testing.T) {
	f := start(t)
	f.realm = startRealm(t)
	m := f.image(app, "m")
	for _, body := range []string{`<html>`, `{}`, `{"token":""}`, `{"token":"a b"}`, `{"token":"a\nb"}`, `{"token":"` + strings.Repeat("x", maxToken+1) + `"}`, `[]`, `{"token":1}`} {
		f.realm.body = body
		_, err := f.client(Options{}).GetManifest(t.Context(), app, m.Digest)
		if !errors.Is(err, storage.ErrUpstream) || !strings.Contains(err.Error(), "want a token") {
			t.Errorf("%.40q: %v", body, err)
		}
	}
	for name, answer := range map[string]answerFunc{"endless": endless, "loop": loop, "trouble": says(503, ""), "not there": says(404, "")} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
		f.realm.url = srv.URL
		_, err := f.client(Options{}).GetManifest(t.Context(), app, m.Digest)
		if u, ok := errors.AsType[*storage.UpstreamError](err); !errors.Is(err, storage.ErrUpstream) || !ok || u.Host != strings.TrimPrefix(srv.URL, "http://") {
			t.Errorf("%s: %v", name, err)
		}
		srv.Close()
	}
}

// TestRealmRedirects: a realm may send on, and the password stays behind.
func TestRealmRedirects(t *testing.T) {
	f := start(t)
	f.realm = startRealm(t)
	m := f.image(app, "m")
	target := f.realm.url
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, _ := r.BasicAuth(); user != "me" {
			t.Errorf("the realm is told %q", user)
		}
		http.Redirect(w, r, target+r.URL.RequestURI(), 302)
	}))
	t.Cleanup(srv.Close)
	f.realm.url = srv.URL
	if _, err := f.client(Options{Credentials: Static("me", "secret")}).GetManifest(t.Context(), app, m.Digest); err != nil {
		t.Error(err)
	}
	if got := f.realm.log[0]; strings.HasPrefix(got, "GET /token me") {
		t.Errorf("behind a redirect: %s", got)
	}
}

// TestExpiry: a token is used until 30 s before its end, which is after 60 s if it does not say.
func TestExpiry(t *testing.T) {
	for _, tt := range []struct {
		lasts int
		good  time.Duration
	}{{0, 30 * time.Second}, {300, 270 * time.Second}, {31, time.Second}, {1 << 40, time.Hour - 30*time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFar(t)
			f.realm = &realm{tokens: map[string]string{}, lasts: tt.lasts, url: "http://realm.test"}
			m := [3]storage.Manifest{f.image(app, "a"), f.image(app, "b"), f.image(app, "c")}
			r := f.pipe(Options{PlainHTTP: []string{"far.test"}}, map[string]http.Handler{"realm.test:80": f.realm})
			get := func(what string, i, tokens int) {
				if _, err := r.GetManifest(t.Context(), app, m[i].Digest); err != nil {
					t.Errorf("%s: %v", what, err)
				}
				f.realm.asked(t, fmt.Sprintf("%d s: %s", tt.lasts, what), tokens)
			}
			get("cold", 0, 1)
			time.Sleep(tt.good - time.Millisecond)
			get("still good", 1, 0)
			time.Sleep(2 * time.Millisecond)
			get("about to end", 2, 1)
		})
	}
}

// TestNoTokenIsLent: what one repository's token is good for, another's is not asked with.
func TestNoTokenIsLent(t *testing.T) {
	f := start(t)
	f.realm = startRealm(t)
	f.image(app, "m", "1")
	r := f.client(Options{})
	var seen []string
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		seen = append(seen, r.Header.Get("Authorization"))
		return false
	})
	for _, repo := range []oci.Name{app, app, other} {
		r.ResolveTag(t.Context(), repo, "1")
	}
	want := []string{"", "Bearer token-1", "Bearer token-1", "Bearer token-2"}
	if !reflect.DeepEqual(seen[:4], want) {
		t.Errorf("%q, want %q", seen, want)
	}
}

// TestBodiesOfChallenges: a 401 that never ends costs a moment.
func TestBodiesOfChallenges(t *testing.T) {
	f := start(t)
	f.realm = startRealm(t)
	m := f.image(app, "m")
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="far",scope="repository:library/app:pull"`, f.realm.url))
		w.WriteHeader(401)
		w.Write(bytes.Repeat([]byte("x"), 100_000))
		io.WriteString(w, "more")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	})
	if _, err := f.client(Options{}).GetManifest(t.Context(), app, m.Digest); err != nil {
		t.Error(err)
	}
}
