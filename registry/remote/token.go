package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"vitrine/storage"
)

// Bounds of tokens.
const (
	tokenMargin  = 30 * time.Second // a token is dropped so long before it ends, for requests under way and clocks that differ
	tokenDefault = 60 * time.Second // how long one lasts that does not say (token specification of Docker's registry, "expires_in")
	tokenLongest = time.Hour
	maxTokens    = 1024
	maxToken     = 64 << 10  // bytes of one
	maxTokenJSON = 256 << 10 // bytes of the answer that brings it
)

// tokens authorizes requests to the registry's own origin, and no others. It implements http.RoundTripper.
type tokens struct {
	base        *url.URL
	wire        http.RoundTripper
	credentials Credentials
	trusted     []string
	agent       string
	limit       time.Duration
	kept        *lru[tokenKey, string]
	flights     flights[string]

	mu     sync.Mutex
	known  challenge         // the one that the registry was last seen to make; none at first
	scopes map[string]string // what it calls a scope, where that is not what we do
}

// tokenKey is what a token is good for. The login is part of it with its secret: another password is another token.
type tokenKey struct {
	realm, service, scope string
	login                 Login
}

func newTokens(o *Options, base *url.URL, w http.RoundTripper) *tokens {
	return &tokens{base: base, wire: w, credentials: o.Credentials, trusted: o.TrustedRealms, agent: o.UserAgent, limit: o.SmallTimeout,
		kept: newLRU[tokenKey, string](maxTokens), scopes: map[string]string{}}
}

type scopeKey struct{}

// withScope says what a request under ctx wants to be allowed to do.
func withScope(ctx context.Context, scope string) context.Context {
	return context.WithValue(ctx, scopeKey{}, scope)
}

// RoundTrip sends req with what is known of the registry's challenge. At a 401 it looks at the challenge and tries once more.
func (t *tokens) RoundTrip(req *http.Request) (*http.Response, error) {
	if origin(req.URL) != origin(t.base) {
		return t.wire.RoundTrip(req)
	}
	wanted, _ := req.Context().Value(scopeKey{}).(string)
	first, err := t.authorization(req.Context(), wanted)
	if err != nil {
		return nil, err
	}
	res, err := t.wire.RoundTrip(authorized(req, first.header))
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		return res, err
	}
	t.kept.dropIf(first.key, func(token string) bool { return first.header == "Bearer "+token })
	if !t.learn(wanted, parseChallenges(res.Header.Values("WWW-Authenticate"))) {
		return res, nil
	}
	second, err := t.authorization(req.Context(), wanted)
	if err == nil && (second.header == "" || second.header == first.header) {
		return res, nil
	}
	discard(res)
	if err != nil {
		return nil, err
	}
	return t.wire.RoundTrip(authorized(req, second.header))
}

// grant is an Authorization header, "" for none, and which token is in it.
type grant struct {
	header string
	key    tokenKey
}

func authorized(req *http.Request, header string) *http.Request {
	if header == "" {
		return req
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", header)
	return req
}

// learn remembers which of the registry's challenges is answered from now on, and how it calls what was wanted. It reports false where there is
// none that we can answer.
func (t *tokens) learn(wanted string, all []challenge) bool {
	best := -1
	for i, c := range all { // Bearer, if there is one: it also lets in who has no credentials
		if c.scheme == "bearer" || c.scheme == "basic" && best < 0 {
			if best = i; c.scheme == "bearer" {
				break
			}
		}
	}
	if best < 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = all[best]
	scope := t.known.params["scope"]
	if len(t.scopes) >= maxTokens {
		clear(t.scopes)
	}
	if delete(t.scopes, wanted); scope != "" && scope != wanted {
		t.scopes[wanted] = scope
	}
	return true
}

// authorization returns what to send with a request that wants that scope.
func (t *tokens) authorization(ctx context.Context, wanted string) (grant, error) {
	t.mu.Lock()
	known, scope := t.known, t.scopes[wanted]
	t.mu.Unlock()
	if known.scheme == "" {
		return grant{}, nil
	}
	var login Login
	if t.credentials != nil {
		var err error
		if login, err = t.credentials(ctx, t.base.Host); err != nil {
			return grant{}, fmt.Errorf("credentials for %s: %w", t.base.Host, err)
		}
	}
	if known.scheme == "basic" {
		return grant{header: login.basic()}, nil
	}
	if scope == "" {
		scope = wanted
	}
	key := tokenKey{known.params["realm"], known.params["service"], scope, login}
	token, err := t.token(ctx, key)
	return grant{"Bearer " + token, key}, err
}

// token returns the token for key: kept, or fetched once for all who want it.
func (t *tokens) token(ctx context.Context, key tokenKey) (string, error) {
	if token, ok := t.kept.get(key); ok {
		return token, nil
	}
	return t.flights.do(ctx, key, func() (string, error) {
		if token, ok := t.kept.get(key); ok { // the flight before has landed meanwhile
			return token, nil
		}
		token, lasts, err := t.fetch(ctx, key)
		if err == nil {
			t.kept.put(key, token, 1, time.Now().Add(lasts-tokenMargin))
		}
		return token, err
	})
}

// fetch asks the realm for a token.
func (t *tokens) fetch(ctx context.Context, key tokenKey) (token string, lasts time.Duration, err error) {
	realm, err := t.parseRealm(key.realm)
	if err != nil {
		return "", 0, err
	}
	withheld := key.login != (Login{}) && !t.trusts(realm)
	if withheld {
		key.login = Login{}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, t.limit, errSlow)
	defer cancel()
	res, err := follow(t.wire, t.request(ctx, realm, key), t.base.Scheme == "http")
	if err != nil {
		return "", 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		err := answered(res, 0)
		if withheld {
			err = fmt.Errorf("%w (an anonymous token: %s is not trusted with credentials of %s)", err, realm.Host, t.base.Host)
		}
		return "", 0, err
	}
	return readToken(res)
}

// request asks for a token: GET (token specification of Docker's registry), or POST where there is an identity token (its OAuth 2 form).
func (t *tokens) request(ctx context.Context, realm *url.URL, key tokenKey) *http.Request {
	u := *realm
	q := u.Query()
	q.Set("service", key.service)
	if key.service == "" {
		q.Del("service")
	}
	for scope := range strings.FieldsSeq(key.scope) {
		q.Add("scope", scope)
	}
	req := (&http.Request{Method: http.MethodGet, URL: &u, Header: http.Header{"User-Agent": {t.agent}}}).WithContext(ctx)
	if key.login.IdentityToken != "" {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {key.login.IdentityToken}, "client_id": {t.agent},
			"service": {key.service}, "scope": {key.scope}}.Encode()
		req.Method, req.ContentLength = http.MethodPost, int64(len(form))
		req.Body = io.NopCloser(strings.NewReader(form))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return req
	}
	if key.login.User != "" {
		q.Set("account", key.login.User)
		req.Header.Set("Authorization", key.login.basic())
	}
	u.RawQuery = q.Encode()
	return req
}

// readToken reads the answer of a realm. lasts is how long the token does.
func readToken(res *http.Response) (token string, lasts time.Duration, err error) {
	raw, err := readBody(res, maxTokenJSON)
	if err != nil {
		return "", 0, err
	}
	var body struct {
		Token       string  `json:"token"`
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return "", 0, nonsense(res, "a token", err)
	}
	if body.Token == "" {
		body.Token = body.AccessToken
	}
	if !isToken(body.Token) {
		return "", 0, nonsense(res, "a token", errNoToken)
	}
	lasts = tokenDefault
	if body.ExpiresIn > 0 {
		lasts = time.Duration(min(body.ExpiresIn, tokenLongest.Seconds()) * float64(time.Second))
	}
	return body.Token, lasts, nil
}

var errNoToken = fmt.Errorf("%w: nothing in it that can be sent as a token", storage.ErrUpstream)

// isToken reports whether s can stand in a header.
func isToken(s string) bool {
	return s != "" && len(s) <= maxToken && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
