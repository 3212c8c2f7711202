package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// provider is where people sign in.
type provider struct {
	*httptest.Server
	t      *testing.T
	answer func(w http.ResponseWriter) // nil: a token
	code   string
	hash   string // of the verifier, as Begin has sent it
	asked  int
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{t: t, code: "the code"}
	p.Server = httptest.NewServer(http.HandlerFunc(p.token))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.asked++
	if p.answer != nil {
		p.answer(w)
		return
	}
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	for k, want := range map[string]string{"grant_type": "authorization_code", "code": p.code, "client_id": "client", "client_secret": "hunter2", "redirect_uri": "https://here.example/oauth"} {
		if got := r.PostFormValue(k); got != want {
			p.t.Errorf("%s = %q, want %q", k, got, want)
		}
	}
	if got := base64.RawURLEncoding.EncodeToString(sum[:]); r.Method != "POST" || r.URL.RawQuery != "" || got != p.hash {
		p.t.Errorf("%s %s, verifier of %s, want %s", r.Method, r.URL, got, p.hash)
	}
	fmt.Fprint(w, `{"access_token": "ya29.token", "token_type": "Bearer", "expires_in": 3599, "refresh_token": "not wanted"}`)
}

// flow returns a client of p. now is its clock.
func (p *provider) flow(now *time.Time) *Flow {
	p.t.Helper()
	f, err := New(Options{ClientID: "client", ClientSecret: "hunter2", RedirectURL: "https://here.example/oauth", AuthURL: "https://accounts.example/auth?hd=x", TokenURL: p.URL + "/token",
		Scopes: []string{"a", "b"}, Now: func() time.Time { return *now }})
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

// begin returns the cookies and the state of a sign-in.
func (p *provider) begin(f *Flow, back string) (cookies []*http.Cookie, state string) {
	p.t.Helper()
	w := httptest.NewRecorder()
	if err := f.Begin(w, httptest.NewRequest("GET", "/oauth", nil), back); err != nil {
		p.t.Fatal(err)
	}
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != 303 || u.Host != "accounts.example" || u.Scheme != "https" {
		p.t.Fatalf("%d to %s", w.Code, u)
	}
	q := u.Query()
	for k, want := range map[string]string{"hd": "x", "response_type": "code", "client_id": "client", "redirect_uri": "https://here.example/oauth", "scope": "a b", "code_challenge_method": "S256"} {
		if q.Get(k) != want {
			p.t.Errorf("%s = %q, want %q", k, q.Get(k), want)
		}
	}
	p.hash = q.Get("code_challenge")
	if strings.Contains(u.String(), "hunter2") || len(q.Get("state")) < 20 {
		p.t.Errorf("to %s", u)
	}
	return w.Result().Cookies(), q.Get("state")
}

// finish comes back from the provider.
func finish(f *Flow, cookies []*http.Cookie, query string) (*httptest.ResponseRecorder, error) {
	r := httptest.NewRequest("GET", "/oauth?"+query, nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	err := f.Finish(w, r)
	return w, err
}

// session reads the session of a browser with these cookies.
func session(f *Flow, cookies []*http.Cookie) (Session, bool) {
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return f.Session(r)
}

// TestFlow signs somebody in, until his token ends.
func TestFlow(t *testing.T) {
	p, now := newProvider(t), time.Now()
	f := p.flow(&now)
	cookies, state := p.begin(f, "/r/gcr.io/team/app:1?jq=.config")
	w, err := finish(f, cookies, url.Values{"code": {p.code}, "state": {state}}.Encode())
	if err != nil || w.Code != 303 || w.Header().Get("Location") != "/r/gcr.io/team/app:1?jq=.config" {
		t.Fatalf("%d to %s, %v", w.Code, w.Header().Get("Location"), err)
	}
	got := w.Result().Cookies()
	if len(got) != 2 {
		t.Fatalf("%q", w.Header())
	}
	for _, c := range append(slices.Clone(cookies), got...) {
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") || strings.Contains(c.Value, "ya29") {
			t.Errorf("%s", c.Raw)
		}
	}
	s, ok := session(f, got)
	if !ok || s.Token != "ya29.token" || len(s.ID) != 32 {
		t.Fatalf("%v, %v", s, ok)
	}
	now = s.Expires.Add(-time.Second)
	if _, ok := session(f, got); !ok {
		t.Error("before the end of the token nobody is signed in")
	}
	now = s.Expires.Add(time.Second)
	if _, ok := session(f, got); ok {
		t.Error("after the end of the token somebody is signed in")
	}
	now = now.Add(-time.Hour)
	if _, ok := session(p.flow(&now), got); ok {
		t.Error("another server's cookie signs in")
	}
	again, state2 := p.begin(f, "/")
	if state2 == state || again[0].Value == cookies[0].Value {
		t.Error("two sign-ins have the same state")
	}
	left := httptest.NewRecorder()
	f.Leave(left, httptest.NewRequest("POST", "/oauth/leave", nil))
	if c := left.Result().Cookies(); len(c) != 1 || c[0].Name != sessionCookie || c[0].MaxAge >= 0 || c[0].Value != "" {
		t.Errorf("%q", left.Header())
	}
}

// TestFlowState: what was not begun by the same browser, here and a while ago, ends nowhere, and the provider is not asked.
func TestFlowState(t *testing.T) {
	p, now := newProvider(t), time.Now()
	f := p.flow(&now)
	mine, state := p.begin(f, "/")
	others, _ := p.begin(f, "/")
	changed := *mine[0]
	changed.Value = "A" + changed.Value[1:]
	renamed := *mine[0]
	renamed.Name = sessionCookie
	good := "code=x&state=" + state
	for _, c := range []struct {
		what    string
		cookies []*http.Cookie
		query   string
		late    time.Duration
		want    error
	}{
		{"no cookie", nil, good, 0, ErrState},
		{"another browser's cookie", others, good, 0, ErrState},
		{"a cookie that was changed", []*http.Cookie{&changed}, good, 0, ErrState},
		{"a cookie of another name", []*http.Cookie{&renamed}, good, 0, ErrState},
		{"two cookies", append(mine, others...), good, 0, ErrState},
		{"no state", mine, "code=x", 0, ErrState},
		{"an empty state", mine, "code=x&state=", 0, ErrState},
		{"another state", mine, "code=x&state=" + state + "x", 0, ErrState},
		{"no code", mine, "state=" + state, 0, ErrState},
		{"a long code", mine, "state=" + state + "&code=" + strings.Repeat("x", maxCode+1), 0, ErrState},
		{"late", mine, good, beginTime + time.Second, ErrState},
		{"refused", mine, "error=access_denied&state=" + state, 0, ErrRefused},
		{"refused by somebody else", mine, "error=access_denied", 0, ErrState},
	} {
		now = now.Add(c.late)
		w, err := finish(f, c.cookies, c.query)
		if !errors.Is(err, c.want) || w.Header().Get("Location") != "" || strings.Contains(strings.Join(w.Header().Values("Set-Cookie"), " "), sessionCookie) {
			t.Errorf("%s: %v, %q, want %v", c.what, err, w.Header(), c.want)
		}
		now = now.Add(-c.late)
	}
	if p.asked != 0 {
		t.Errorf("the provider was asked %d times", p.asked)
	}
	if _, ok := session(f, []*http.Cookie{{Name: sessionCookie, Value: mine[0].Value}}); ok {
		t.Error("a state's cookie signs in")
	}
}

// TestFlowProvider: bad answers of the provider are errors, in which no secret is.
func TestFlowProvider(t *testing.T) {
	p, now := newProvider(t), time.Now()
	f := p.flow(&now)
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{400, `{"error": "invalid_grant", "error_description": "the code"}`, `answered 400: "invalid_grant"`},
		{200, `<html>`, "answered 200"},
		{200, `{"token_type": "Bearer"}`, "answered 200"},
		{200, `{"access_token": "x\r\ny", "token_type": "Bearer"}`, "answered 200"},
		{200, `{"access_token": "` + strings.Repeat("x", maxToken+1) + `", "token_type": "Bearer"}`, "answered 200"},
		{200, `{"access_token": "x", "token_type": "mac"}`, "answered 200"},
		{200, strings.Repeat(" ", maxAnswer) + `{"access_token": "x", "token_type": "Bearer"}`, "answered 200"},
		{307, ``, "answered 307"},
		{500, ``, "answered 500"},
	} {
		p.answer = func(w http.ResponseWriter) {
			if c.status == 307 {
				w.Header().Set("Location", "https://evil.example/token")
			}
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}
		cookies, state := p.begin(f, "/")
		w, err := finish(f, cookies, "code=secretcode&state="+state)
		pe, ok := errors.AsType[*ProviderError](err)
		if !ok || pe.Status != c.status || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secretcode") || strings.Contains(err.Error(), "hunter2") || w.Header().Get("Location") != "" {
			t.Errorf("%d %.80s: %v, want %s", c.status, c.body, err, c.want)
		}
	}
	p.Close()
	cookies, state := p.begin(f, "/")
	if _, err := finish(f, cookies, "code=secretcode&state="+state); err == nil || !strings.Contains(err.Error(), "did not answer") || strings.Contains(err.Error(), "secret") {
		t.Errorf("without a provider: %v", err)
	}
}

// TestLocal: nobody is led away from here.
func TestLocal(t *testing.T) {
	for back, want := range map[string]string{"/": "/", "/r/a:1?x=y#z": "/r/a:1?x=y#z", "": "/", "r/a": "/", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example/": "/", "/a\r\nb": "/", "\t//evil.example": "/",
		"javascript:alert(1)": "/", "/" + strings.Repeat("x", maxBack): "/", "/%2f%2fevil.example": "/%2f%2fevil.example"} {
		if got := local(back); got != want {
			t.Errorf("local(%q) = %q, want %q", back, got, want)
		}
	}
}

// TestNew: what cannot work is said at once.
func TestNew(t *testing.T) {
	good := Options{ClientID: "x", ClientSecret: "hunter2", RedirectURL: "https://a/oauth", AuthURL: "https://b", TokenURL: "https://c"}
	for what, change := range map[string]func(*Options){"no client": func(o *Options) { o.ClientID = "" }, "no secret": func(o *Options) { o.ClientSecret = "" },
		"no URL": func(o *Options) { o.RedirectURL = "" }, "another scheme": func(o *Options) { o.TokenURL = "ftp://c" }, "a path": func(o *Options) { o.AuthURL = "/auth" }} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}
