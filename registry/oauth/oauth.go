// Package oauth signs people in somewhere else: an OAuth 2.0 client (RFC 6749, 4.1) with PKCE (RFC 7636), that keeps what it gets in a cookie of whom it is
// for, encrypted, and nowhere else.
//
//	browser                 here                              provider
//	GET Begin   ----------> state and verifier in a cookie
//	            <---------- 303 to AuthURL ------------------> "may they read your images?"
//	GET Finish  <--------------------------------------------- 303 with code and state
//	            ----------> state is that of the cookie?
//	                        code and verifier ---------------> TokenURL
//	            <---------- token in a cookie, 303 back        access token
package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds, of what a browser sends and of how long it takes.
const (
	beginTime = 10 * time.Minute // from Begin to Finish: a person reads a page
	longest   = 12 * time.Hour   // that somebody is signed in, whatever the provider says
	margin    = time.Minute      // before the token ends, for requests under way
	maxCode   = 2 << 10          // bytes of a code
	maxBack   = 1 << 10          // bytes of where to go afterwards
)

// What can be wrong.
var (
	ErrState   = errors.New("this sign-in was not begun here, or too long ago")
	ErrRefused = errors.New("the sign-in was refused")
)

// Options say where people sign in, and as which client.
type Options struct {
	ClientID, ClientSecret string
	RedirectURL            string // of Finish, as the provider knows it
	AuthURL, TokenURL      string
	Scopes                 []string
	Client                 *http.Client // talks to TokenURL; nil: one with bounds
	Now                    func() time.Time
}

// Flow signs people in.
type Flow struct {
	o   Options
	box *box
}

// Session is somebody who is signed in.
type Session struct {
	ID      string    // random, so that one can be told from another; lower-case hex digits
	Token   string    // for the provider's services
	Expires time.Time // of both
}

// New returns a Flow with a key of its own: sign-ins end with the process.
func New(o Options) (*Flow, error) {
	for _, s := range []string{o.RedirectURL, o.AuthURL, o.TokenURL} {
		if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("%.128q is no URL", s)
		}
	}
	if o.ClientID == "" || o.ClientSecret == "" {
		return nil, errors.New("want the ID of the client and its secret")
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	b, err := newBox()
	return &Flow{o, b}, err
}

// Names of cookies. The prefix has browsers take them over https only, for this host only, from this host only (RFC 6265bis, 4.1.3.2).
const (
	stateCookie   = "__Host-vitrine-oauth"
	sessionCookie = "__Host-vitrine-session"
)

// begun is what the cookie of a sign-in that is under way holds.
type begun struct {
	State, Verifier, Back string
	Expires               time.Time
}

// Begin sends a browser to the provider, from where it comes back to Finish, which leads it to the path back of this host.
func (f *Flow) Begin(w http.ResponseWriter, r *http.Request, back string) error {
	b := begun{State: rand.Text(), Verifier: rand.Text() + rand.Text(), Back: local(back), Expires: f.o.Now().Add(beginTime)}
	if err := f.set(w, stateCookie, b, beginTime); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(b.Verifier))
	u, err := url.Parse(f.o.AuthURL)
	if err != nil {
		return err
	}
	q := u.Query()
	for k, v := range map[string]string{"response_type": "code", "client_id": f.o.ClientID, "redirect_uri": f.o.RedirectURL, "scope": strings.Join(f.o.Scopes, " "),
		"state": b.State, "code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256"} {
		q.Set(k, v)
	}
	u.RawQuery = q.Encode()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
	return nil
}

// Finish takes in what the provider answered, and leads to where Begin was told. The errors are ErrState, ErrRefused and those of the provider, which
// wrap a *ProviderError.
func (f *Flow) Finish(w http.ResponseWriter, r *http.Request) error {
	var b begun
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	ok := f.read(r, stateCookie, &b)
	clearCookie(w, stateCookie) // it is good once
	q := r.URL.Query()
	switch {
	case !ok || f.o.Now().After(b.Expires) || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(b.State)) != 1:
		return ErrState
	case q.Get("error") != "":
		return fmt.Errorf("%w: %.64q", ErrRefused, q.Get("error"))
	case q.Get("code") == "" || len(q.Get("code")) > maxCode:
		return ErrState
	}
	token, lasts, err := f.exchange(r.Context(), q.Get("code"), b.Verifier)
	if err != nil {
		return err
	}
	lasts = min(lasts, longest)
	s := Session{ID: fmt.Sprintf("%x", sha256.Sum256([]byte(rand.Text())))[:32], Token: token, Expires: f.o.Now().Add(lasts - margin)}
	if err := f.set(w, sessionCookie, s, lasts); err != nil {
		return err
	}
	http.Redirect(w, r, b.Back, http.StatusSeeOther)
	return nil
}

// Leave signs whoever asks out, and leads to the front page. It is for POST requests of this host.
func (f *Flow) Leave(w http.ResponseWriter, r *http.Request) {
	clearCookie(w, sessionCookie)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// Session returns who asks, if he is signed in.
func (f *Flow) Session(r *http.Request) (s Session, ok bool) {
	ok = f.read(r, sessionCookie, &s) && f.o.Now().Before(s.Expires) && s.Token != ""
	if !ok {
		return Session{}, false
	}
	return s, true
}

// local is back if that is a path of this host, and the front page otherwise: what begins with two slashes, or with one and a backslash, is another host's.
func local(back string) string {
	u, err := url.Parse(back)
	if err != nil || len(back) > maxBack || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(back, "//") ||
		strings.ContainsFunc(back, func(r rune) bool { return r == '\\' || r <= ' ' || r == 0x7f }) {
		return "/"
	}
	return back
}
