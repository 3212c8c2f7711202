package auth

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"vitrine/registry/api"
	"vitrine/storage"
)

// Options are the settings of Identify. Users and Policy are called for each request, so that they may change.
type Options struct {
	Users       func() *Users  // nil, or one that returns nil: nobody is known, and what credentials say does not matter
	Policy      func() *Policy // the one that Guard asks; whether it lets anonymous callers in says which challenge is sent
	ExternalURL string         // such as "https://registry.example.com", where clients see another address than the request's Host
	TrustProxy  bool           // believe X-Forwarded-Proto and the last address of X-Forwarded-For; behind a proxy all clients are one address without it
	Log         *slog.Logger   // nil: silent. What is wrong with a users' file that changed
}

// Identify puts the name of whoever asks into the context of the request, see UserFrom, and serves the token service at
// /v2/_token where the policy lets anonymous callers in. A request without credentials goes on as anonymous, but for the
// ping (end-1): that gets a 401 with the challenge, which is how clients learn what to send. Wrong credentials get 401,
// and 429 with Retry-After from an address that gave too many. A 401 that next answers to an anonymous caller gets the
// challenge added.
func Identify(next http.Handler, o *Options) http.Handler {
	if o == nil {
		o = &Options{}
	}
	return &identifier{next: next, o: *o, slow: newSlowdown(), tokens: newTokens()}
}

type identifier struct {
	next   http.Handler
	o      Options
	slow   *slowdown
	tokens *tokens
}

// identity is who a request is from. The zero identity came without credentials.
type identity struct {
	user  string
	known bool
	token bool // it came with a token, maybe an anonymous one
}

func (i *identifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	users := i.users()
	if users == nil {
		i.next.ServeHTTP(w, r)
		return
	}
	if err := users.refresh(time.Now()); err != nil && i.o.Log != nil {
		i.o.Log.Error("the users' file changed and cannot be used: the users stay as they were", "error", err)
	}
	if r.URL.Path == tokenPath && i.anonymousMay() {
		i.serveToken(w, r, users)
		return
	}
	id, err := i.identify(r, users)
	switch {
	case err != nil:
		i.refuse(w, r, err)
	case id.known:
		i.next.ServeHTTP(w, r.WithContext(WithUser(r.Context(), id.user)))
	case isPing(r) && !id.token:
		i.refuse(w, r, storage.ErrNoIdentity)
	default:
		i.next.ServeHTTP(&challenger{w, func() string { return i.challenge(r, id.lack()) }}, r)
	}
}

func (i *identifier) users() *Users {
	if i.o.Users == nil {
		return nil
	}
	return i.o.Users()
}

func (i *identifier) anonymousMay() bool {
	return i.o.Policy != nil && i.o.Policy().AllowsAnonymous()
}

// identify reads the credentials. The error is storage.ErrNoIdentity, storage.ErrTooMany or the context's.
func (i *identifier) identify(r *http.Request, users *Users) (identity, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return identity{}, nil
	}
	if scheme, token, _ := strings.Cut(header, " "); strings.EqualFold(scheme, "Bearer") {
		return i.tokens.read(strings.TrimSpace(token), users, time.Now())
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		return identity{}, errWrong
	}
	return i.login(r, users, user, password)
}

func (i *identifier) login(r *http.Request, users *Users, user, password string) (identity, error) {
	user = user[:min(len(user), maxUser+1)] // a longer name is no user's
	l := login{user: user, password: password}
	l.from, l.site = i.address(r)
	err := users.verify(r.Context(), l, i.slow)
	if err != nil {
		return identity{}, err
	}
	return identity{user: user, known: true}, nil
}

// lack is the "error" of a challenge to one who may not (RFC 6750, 3.1). The clients of registries show it.
func (id identity) lack() string {
	if id.token {
		return "insufficient_scope"
	}
	return ""
}

// refuse answers a request that does not get through.
func (i *identifier) refuse(w http.ResponseWriter, r *http.Request, err error) {
	header := map[string]string{"Cache-Control": "no-store"}
	if strings.HasPrefix(r.URL.Path, "/v2/") || r.URL.Path == "/v2" {
		header["Docker-Distribution-Api-Version"] = "registry/2.0"
	}
	var wait waitError
	switch {
	case errors.As(err, &wait):
		header["Retry-After"] = strconv.Itoa(wait.seconds())
	case abandoned(err): // nobody waits for the answer any more
		err = storage.ErrTooMany
	case errors.Is(err, errToken):
		header["Www-Authenticate"] = i.challenge(r, "invalid_token")
	case errors.Is(err, storage.ErrNoIdentity):
		header["Www-Authenticate"] = i.challenge(r, "")
	case errors.Is(err, api.ErrMethod):
		header["Allow"] = "GET, POST"
	}
	api.WriteError(w, &api.Refusal{Err: err, Header: header})
}

func isPing(r *http.Request) bool { return r.URL.Path == "/v2/" || r.URL.Path == "/v2" }

// address is what slowdown counts by: an IPv4 address, or the half of an IPv6 address that says which network it is. site is the
// 48 bits that such networks are given out under, 65,536 to one customer (RFC 6177, 2); "" for IPv4.
func (i *identifier) address(r *http.Request) (from, site string) {
	text := r.RemoteAddr
	if via := r.Header.Values("X-Forwarded-For"); i.o.TrustProxy && len(via) > 0 {
		last := via[len(via)-1]
		text = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	}
	addr, err := parseAddress(text)
	if err != nil {
		return "?", ""
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String(), ""
	}
	network, _ := addr.Prefix(64) // legal lengths
	wide, _ := addr.Prefix(48)
	return network.String(), wide.String()
}

// parseAddress reads an address, maybe in brackets, maybe with a port: proxies write all of these.
func parseAddress(s string) (netip.Addr, error) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr(), nil
	}
	if v6, ok := strings.CutPrefix(s, "["); ok {
		s = strings.TrimSuffix(v6, "]")
	}
	return netip.ParseAddr(s)
}

// challenger adds the challenge to a 401 that a handler answers. It is for anonymous requests only.
type challenger struct {
	http.ResponseWriter
	challenge func() string
}

// WriteHeader adds the challenge.
func (c *challenger) WriteHeader(status int) {
	if h := c.Header(); status == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", c.challenge())
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (c *challenger) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// ReadFrom lets the kernel copy a file, as it does without a challenger between.
func (c *challenger) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.ResponseWriter, r) }
