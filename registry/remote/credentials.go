package remote

import (
	"context"
	"encoding/base64"
)

// Login is what a registry is told of who asks. The zero Login is anonymous.
type Login struct {
	User, Password string
	IdentityToken  string // for the realm, in place of a password (OAuth 2.0 refresh token); not for Basic
}

// basic is an Authorization header (RFC 7617), "" for who has no name.
func (l Login) basic() string {
	if l.User == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.User+":"+l.Password))
}

// Credentials returns the login for a registry, host or host:port. It is called with each request that needs one and must be quick when it knows
// the answer already. An error ends the request.
type Credentials func(ctx context.Context, host string) (Login, error)

// Static is the same login always.
func Static(user, password string) Credentials {
	return func(context.Context, string) (Login, error) { return Login{User: user, Password: password}, nil }
}
