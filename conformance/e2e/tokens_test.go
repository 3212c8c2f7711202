//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the registry and those that it trusts call each other.
const (
	tokenService = "e2e-registry"
	tokenIssuer  = "e2e-issuer"
)

// tokenLife is how long a token is good for.
const tokenLife = 5 * time.Minute

// tokenServer gives tokens to users of a registry, as in distribution's "Token Authentication Specification". Everybody may
// pull what is below open/.
type tokenServer struct {
	*httptest.Server
	bundle string // file: the certificate that the registry has to know
	key    *ecdsa.PrivateKey
	chain  string // x5c: the certificate in base64
	users  map[string]struct{ password, may string }

	mu    sync.Mutex
	calls []string
}

// The users of a token server. One may write, the other may not.
const (
	writer, writerPassword = "writer", "w secret"
	reader, readerPassword = "reader", "r: secret"
)

func newTokenServer(t *testing.T) *tokenServer {
	t.Helper()
	s := &tokenServer{bundle: filepath.Join(tempDir(t), "issuer.crt"), key: newKey(t), users: map[string]struct{ password, may string }{
		writer: {writerPassword, "pull,push,delete"}, reader: {readerPassword, "pull"},
	}}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: tokenIssuer}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	signed := sign(t, cert, cert, s.key, s.key)
	block, _ := pem.Decode(signed)
	s.chain = base64.StdEncoding.EncodeToString(block.Bytes)
	write(t, s.bundle, signed)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP answers GET ?service=...&scope=repository:NAME:ACTIONS.
func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, ok := r.BasicAuth()
	u, known := s.users[user]
	scopes := r.URL.Query()["scope"]
	s.mu.Lock()
	s.calls = append(s.calls, strings.Join(append([]string{user}, scopes...), " "))
	s.mu.Unlock()
	if ok && (!known || u.password != password) {
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"wrong user or password"}]}`, http.StatusUnauthorized)
		return
	}
	token, err := s.token(user, strings.Fields(strings.Join(scopes, " ")))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": int(tokenLife.Seconds())})
}

// access is a scope in a token.
type access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// grant returns what a user may do of what he asks for.
func (s *tokenServer) grant(user, scope string) (a access) {
	parts := strings.Split(scope, ":")
	if len(parts) != 3 || parts[0] != "repository" {
		return a
	}
	may := s.users[user].may
	if may == "" && strings.HasPrefix(parts[1], "open/") {
		may = "pull"
	}
	a = access{Type: parts[0], Name: parts[1], Actions: []string{}}
	for _, action := range strings.Split(parts[2], ",") {
		if slices.Contains(strings.Split(may, ","), action) {
			a.Actions = append(a.Actions, action)
		}
	}
	return a
}

// token is a JSON Web Token (RFC 7519), signed with ES256 (RFC 7518, 3.4).
func (s *tokenServer) token(user string, scopes []string) (string, error) {
	now := time.Now()
	granted := []access{}
	for _, scope := range scopes {
		if a := s.grant(user, scope); a.Type != "" {
			granted = append(granted, a)
		}
	}
	head, err := part(map[string]any{"typ": "JWT", "alg": "ES256", "x5c": []string{s.chain}})
	if err != nil {
		return "", err
	}
	claims, err := part(map[string]any{
		"iss": tokenIssuer, "sub": user, "aud": tokenService, "jti": rand.Text(), "access": granted,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(head + "." + claims))
	a, b, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", err
	}
	signature := append(a.FillBytes(make([]byte, 32)), b.FillBytes(make([]byte, 32))...)
	return head + "." + claims + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func part(v map[string]any) (string, error) {
	b, err := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// asked returns who asked for what since the last time: "USER SCOPE".
func (s *tokenServer) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.calls
	s.calls = nil
	return all
}
