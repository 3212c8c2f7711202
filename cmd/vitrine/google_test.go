package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vitrine/registry/oauth"
	"vitrine/registry/remote"
)

// TestIsGoogle: nobody else gets a token.
func TestIsGoogle(t *testing.T) {
	for host, want := range map[string]bool{"gcr.io": true, "eu.gcr.io": true, "mirror.gcr.io": true, "us-docker.pkg.dev": true, "europe-west1-docker.pkg.dev": true,
		"gcr.io:443": false, "gcr.io:5000": false, "evilgcr.io": false, "gcr.io.evil.example": false, "a.b.gcr.io": false, ".gcr.io": false, "docker.pkg.dev": false, "-docker.pkg.dev": false,
		"x.us-docker.pkg.dev": false, "us-docker.pkg.dev.evil.example": false, "us-docker.pkg.dev:80": false, "us-python.pkg.dev": false, "ghcr.io": false, "k8s.gcr.io.": false, "": false, "GCR.IO": false} {
		if got := isGoogle(host); got != want {
			t.Errorf("isGoogle(%q) = %v", host, got)
		}
	}
}

// TestLogins: a token goes to Google's registries, not in the clear; without one they are asked as by anybody.
func TestLogins(t *testing.T) {
	g := &google{allow: []allowed{{"plain.gcr.io", true}}}
	nobody, keychain := t.Context(), remote.Static("me", "hunter2")
	somebody := context.WithValue(nobody, sessionKey{}, oauth.Session{ID: "me", Token: "t"})
	for _, c := range []struct {
		what, host string
		ctx        context.Context
		g          *google
		keychain   remote.Credentials
		want       string // whose, where to sign in
	}{
		{"signed in", "gcr.io", somebody, g, nil, "me /oauth"},
		{"not", "gcr.io", nobody, g, nil, " /oauth"},
		{"somewhere else", "ghcr.io", somebody, g, nil, " "},
		{"in the clear", "plain.gcr.io", somebody, g, nil, " "},
		{"with a keychain", "ghcr.io", somebody, g, keychain, "keychain "},
		{"his own before that", "gcr.io", somebody, g, keychain, "me /oauth"},
		{"without his own", "gcr.io", nobody, g, keychain, "keychain "},
		{"without Google", "gcr.io", somebody, nil, keychain, "keychain "},
	} {
		l := logins(c.keychain, c.g)(c.ctx, c.host)
		if got := l.whose + " " + l.signIn; got != c.want || (l.whose == "") != (l.credentials == nil) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	if logins(nil, nil) != nil {
		t.Error("without either somebody has a login")
	}
}

// googleSite is an explorer that people sign in to look at images of Google's, with a provider and two registries that are not where their names say.
type googleSite struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	tokens []string // that each registry got: "HOST AUTHORIZATION"
}

func newGoogleSite(t *testing.T) *googleSite {
	t.Helper()
	s := &googleSite{t: t}
	image := newUpstream(t)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"access_token": "token-of-%s", "token_type": "Bearer", "expires_in": 3599}`, r.PostFormValue("code"))
	}))
	t.Cleanup(provider.Close)
	at := map[string]string{}
	for _, host := range []string{"gcr.io", "evil.example"} {
		registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, token, _ := r.BasicAuth()
			s.mu.Lock()
			s.tokens = append(s.tokens, host+" "+r.Header.Get("Authorization")+r.Header.Get("Cookie"))
			s.mu.Unlock()
			if user != "oauth2accesstoken" || token != "token-of-ann" {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(401)
				return
			}
			image.Config.Handler.ServeHTTP(w, r)
		}))
		t.Cleanup(registry.Close)
		at[host] = registry.URL
	}
	c, _, _, err := load([]string{"--ephemeral", "--explore-remote", "any", "--explore-google-client", "client", "--explore-google-redirect", "https://here.example/auth/callback"}, []string{"CLIENT_SECRET=hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := newServer(c, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	server.abroad.base.at = at
	if server.abroad.google, err = newGoogle(c, oauth.Options{AuthURL: "https://accounts.example/auth", TokenURL: provider.URL}); err != nil {
		t.Fatal(err)
	}
	if err := server.openStore(); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(server.handler())
	t.Cleanup(func() {
		s.Close()
		if err := server.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask sends a request as a browser that has these cookies and follows nothing.
func (s *googleSite) ask(method, path string, cookies []*http.Cookie, headers ...string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range cookies {
		req.AddCookie(c)
	}
	req.Header.Set("Accept", "text/html")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

// signIn is how somebody signs in, whose code the provider knows.
func (s *googleSite) signIn(code, from string) []*http.Cookie {
	s.t.Helper()
	begun, _ := s.ask("GET", from, nil)
	to, err := url.Parse(begun.Header.Get("Location"))
	if err != nil || begun.StatusCode != 303 || to.Host != "accounts.example" {
		s.t.Fatalf("GET %s: %s to %s", from, begun.Status, to)
	}
	done, body := s.ask("GET", "/auth/callback?code="+code+"&state="+to.Query().Get("state"), begun.Cookies())
	if done.StatusCode != 303 || done.Header.Get("Location") != "/r/gcr.io/app:1" {
		s.t.Fatalf("%s to %s\n%s", done.Status, done.Header.Get("Location"), body)
	}
	return done.Cookies()
}

// TestGoogle: a private image is seen by who has signed in as somebody who may see it, by nobody else, and no other registry gets the token.
func TestGoogle(t *testing.T) {
	s := newGoogleSite(t)
	const page, link = "/r/gcr.io/app:1", `<a href="/oauth?to=%2Fr%2Fgcr.io%2Fapp%3A1">Sign in with Google</a>`
	if resp, body := s.ask("GET", page, nil); resp.StatusCode != 403 || !strings.Contains(body, link) {
		t.Fatalf("%s\n%s", resp.Status, body)
	}
	ann, bob := s.signIn("ann", "/oauth?to=%2Fr%2Fgcr.io%2Fapp%3A1"), s.signIn("bob", "/oauth?to=/r/gcr.io/app:1")
	resp, body := s.ask("GET", page, ann)
	if resp.StatusCode != 200 || !strings.Contains(body, "docker pull gcr.io/app:1") || !strings.Contains(body, "sign out of Google") || strings.Contains(body, "token-of") {
		t.Errorf("%s\n%s", resp.Status, body)
	}
	if got := resp.Header.Get("Cache-Control") + ", " + strings.Join(resp.Header.Values("Vary"), ", "); !strings.HasPrefix(got, "private, no-cache, ") || !strings.Contains(got, "Cookie") {
		t.Errorf("it is kept by %q", got)
	}
	for who, cookies := range map[string][]*http.Cookie{"nobody": nil, "bob": bob} {
		if resp, body := s.ask("GET", page, cookies); resp.StatusCode != 403 || strings.Contains(body, "amd64") {
			t.Errorf("%s sees it: %s", who, resp.Status)
		}
	}
	s.ask("GET", "/r/evil.example/app:1", ann)
	s.ask("GET", "/r/gcr.io_5000/app:1", ann)
	s.mu.Lock()
	for _, got := range s.tokens {
		if got != "evil.example " && strings.HasPrefix(got, "evil.example") || strings.Contains(got, "vitrine") {
			t.Errorf("a registry got %s", got)
		}
	}
	s.mu.Unlock()
	if resp, _ := s.ask("POST", "/oauth/leave", ann, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); resp.StatusCode != 403 {
		t.Errorf("another site signs out: %s", resp.Status)
	}
	if resp, _ := s.ask("POST", "/oauth/leave", ann, "Sec-Fetch-Site", "same-origin"); resp.StatusCode != 303 || len(resp.Cookies()) != 1 || resp.Cookies()[0].MaxAge >= 0 {
		t.Errorf("signing out: %s %q", resp.Status, resp.Header)
	}
	for _, c := range []struct {
		path string
		code int
		want string
	}{
		{"/auth/callback?code=x&state=y", 400, "was not begun by this browser"}, {"/oauth?code=x&state=y", 400, "was not begun by this browser"}, {"/oauth?error=x", 400, ""}, {"/auth/callback", 400, ""},
		{"/auth/x", 404, ""}, {"/oauth/x", 404, ""}, {"/oauth?to=//evil.example", 303, ""},
	} {
		if resp, body := s.ask("GET", c.path, nil); resp.StatusCode != c.code || !strings.Contains(body, c.want) {
			t.Errorf("GET %s: %s %s", c.path, resp.Status, body)
		}
	}
}

// TestGoogleConfig: what is wrong with a client is said at the start, its secret nowhere; the variables of other explorers do when all are there.
func TestGoogleConfig(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "hunter2\n")
	base := []string{"--explore-remote", "any"}
	google := append(base[:2:2], "--explore-google-client", "c", "--explore-google-redirect", "https://h/oauth")
	for _, c := range []struct {
		args, env []string
		want      string // of the error, "" for none
		on        bool
	}{
		{base, nil, "", false},
		{google, nil, "CLIENT_SECRET", false},
		{google, []string{"CLIENT_SECRET=hunter2"}, "", true},
		{append(google[:6:6], "--explore-google-secret-file", secret), nil, "", true},
		{append(google[:6:6], "--explore-google-secret-file", secret+"x"), nil, "no such file", false},
		{append(google[:6:6], "--explore-google-redirect", "https://h/other"), []string{"CLIENT_SECRET=hunter2"}, "want https://HOST/oauth", false},
		{append(google[:6:6], "--explore-google-redirect", "http://h/oauth"), []string{"CLIENT_SECRET=hunter2"}, "want https://HOST/oauth", false},
		{append(google[:6:6], "--explore-google-redirect", "http://localhost:5000/oauth"), []string{"CLIENT_SECRET=hunter2"}, "", true},
		{base, []string{"CLIENT_ID=c", "CLIENT_SECRET=hunter2", "REDIRECT_URL=https://h/auth/callback", "CACHE_DIR=/x", "AUTH=keychain", "HOME=/x"}, "", true},
		{base, []string{"CLIENT_ID=c", "REDIRECT_URL=nonsense", "AUTH=something"}, "", false},
		{nil, []string{"CLIENT_ID=c", "CLIENT_SECRET=hunter2", "REDIRECT_URL=https://h/oauth", "AUTH=keychain"}, "", false},
	} {
		conf, notes, _, err := load(c.args, c.env)
		var s *server
		if err == nil {
			s, err = newServer(conf, io.Discard)
		}
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q %q: %v, want %s", c.args, c.env, err, c.want)
			}
			continue
		}
		if err != nil || (s.abroad.google != nil) != c.on {
			t.Errorf("%q %q: %v", c.args, c.env, err)
			continue
		}
		if text := conf.String() + fmt.Sprint(notes); strings.Contains(text, "hunter2") {
			t.Errorf("%q %q: the secret is in\n%s", c.args, c.env, text)
		}
	}
}

// TestKeychainWarns: logins that everybody looks with are spoken of.
func TestKeychainWarns(t *testing.T) {
	for addr, want := range map[string]bool{":5000": true, "0.0.0.0:5000": true, "10.0.0.1:5000": true, "127.0.0.1:5000": false, "localhost:5000": false, "[::1]:5000": false} {
		_, notes, _, err := load([]string{"--addr", addr, "--explore-remote", "any", "--explore-remote-login", "keychain"}, nil)
		if got := strings.Contains(fmt.Sprint(notes), "everybody who reaches"); err != nil || got != want {
			t.Errorf("%s: %v, %v", addr, notes, err)
		}
	}
}

// TestKeychain: with it, other registries are asked with the logins of Docker.
func TestKeychain(t *testing.T) {
	u := newUpstream(t)
	h := u.Config.Handler
	u.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "hunter2" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
			return
		}
		h.ServeHTTP(w, r)
	})
	host, dir := strings.TrimPrefix(u.URL, "http://"), t.TempDir()
	write(t, filepath.Join(dir, "config.json"), `{"auths": {"`+host+`": {"auth": "bWU6aHVudGVyMg=="}}}`)
	for login, want := range map[string]string{"keychain": "200", "none": "403"} {
		r := start(t, []string{"DOCKER_CONFIG=" + dir}, "--ephemeral", "--explore-remote", "any", "--explore-remote-allow", "http://"+host, "--explore-remote-login", login)
		r.expect(t, "GET /r/"+strings.Replace(host, ":", "_", 1)+"/app:1 "+want)
	}
}
