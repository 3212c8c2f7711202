package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"vitrine/registry/api"
	"vitrine/storage"
)

const (
	tokenFor = 300 * time.Second
	maxForm  = 16 << 10 // bytes of an OAuth 2 form
)

// errToken says that a token is not, or no more, one of ours.
var errToken = fmt.Errorf("%w: the token is not valid, or not any more", storage.ErrNoIdentity)

// tokens makes tokens and reads them. A token says who somebody is and not what they may do, which the policy says at each call:
//
//	base64url( 8 bytes: Unix time of its end | name, "" for anonymous | 32 bytes: HMAC-SHA256 )
//
// The HMAC is over the name's line in the users' file too: another password, or none, ends the tokens of a user. Its key lives as long as
// the process, so a restart ends all tokens, at which clients fetch another.
type tokens struct{ key [32]byte }

func newTokens() *tokens {
	t := new(tokens)
	rand.Read(t.key[:]) // never fails
	return t
}

func (t *tokens) issue(user string, users *Users, now time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(now.Add(tokenFor).Unix()))
	b = append(b, user...)
	return base64.RawURLEncoding.EncodeToString(append(b, t.mac(b, users.line(user))...))
}

func (t *tokens) mac(token []byte, line string) []byte {
	m := hmac.New(sha256.New, t.key[:])
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(token))))
	m.Write(token)
	m.Write([]byte(line))
	return m.Sum(nil)
}

// read returns whose token it is, or errToken.
func (t *tokens) read(text string, users *Users, now time.Time) (identity, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < 8+sha256.Size || len(b) > 8+maxUser+sha256.Size {
		return identity{}, errToken
	}
	b, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	user := string(b[8:])
	if user != "" && users.line(user) == "" { // the file lost it: a token that was made just then has the MAC of no line
		return identity{}, errToken
	}
	if !hmac.Equal(sum, t.mac(b, users.line(user))) || now.Unix() >= int64(binary.BigEndian.Uint64(b)) {
		return identity{}, errToken
	}
	return identity{user: user, known: user != "", token: true}, nil
}

// serveToken is the token service. It answers GET with or without Basic credentials, and POST with a form (OAuth 2.0,
// RFC 6749, 4.3), which is what containerd tries first when it has a password. What is asked for besides does not matter, see
// tokens, but for a scope that is to pull and nothing else: who gives a wrong password with it is served as anonymous.
func (i *identifier) serveToken(w http.ResponseWriter, r *http.Request, users *Users) {
	var id identity
	var err error
	switch r.Method {
	case http.MethodGet:
		id, err = i.passwordOf(r, users)
		if err != nil && !abandoned(err) && onlyPulls(r.URL.Query()["scope"]) {
			id, err = identity{}, nil
		}
	case http.MethodPost:
		id, err = i.formOf(w, r, users)
	default:
		err = api.ErrMethod
	}
	if err != nil {
		i.refuse(w, r, err)
		return
	}
	now := time.Now()
	token := i.tokens.issue(id.user, users, now)
	body, _ := json.Marshal(map[string]any{ // strings and a number always marshal
		"token": token, "access_token": token, "expires_in": int(tokenFor.Seconds()), "issued_at": now.UTC().Format(time.RFC3339),
	})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(body)
}

// onlyPulls reports whether all that is asked for is to pull from repositories. Docker shows its mirrors the password that it has for Docker Hub, and passes over
// those that refuse it; what anybody may pull, it may pull too. That is no way around slowdown: a guess counts as any other, and where one has to wait no password
// is looked at.
func onlyPulls(scopes []string) bool {
	all := strings.Fields(strings.Join(scopes, " "))
	for _, scope := range all {
		if !strings.HasPrefix(scope, "repository:") || !strings.HasSuffix(scope, ":pull") {
			return false
		}
	}
	return len(all) > 0
}

// passwordOf is identify for a request that has to bring a password, or nothing.
func (i *identifier) passwordOf(r *http.Request, users *Users) (identity, error) {
	if _, _, ok := r.BasicAuth(); !ok && r.Header.Get("Authorization") != "" {
		return identity{}, errWrong
	}
	return i.identify(r, users)
}

// formOf takes a password out of a form. There are no refresh tokens here: clients that have a password ask with that.
func (i *identifier) formOf(w http.ResponseWriter, r *http.Request, users *Users) (identity, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return identity{}, fmt.Errorf("%w: the form cannot be read", api.ErrQuery)
	}
	if grant := r.PostForm.Get("grant_type"); grant != "password" {
		return identity{}, fmt.Errorf("%w: grant_type %.64q is not supported, password is", api.ErrQuery, grant)
	}
	return i.login(r, users, r.PostForm.Get("username"), r.PostForm.Get("password"))
}
