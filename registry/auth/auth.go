// Package auth says who asks and what they may do.
//
// [Identify] is middleware: it reads a request's credentials, checks them against the [Users] of an htpasswd file and puts
// the name into the context. [Guard] is a storage.Store: it asks a [Policy] about the name in the context before each call.
// Between the two lies nothing but the context, so a handler never thinks of permissions.
//
// Clients see HTTP Basic (RFC 7617). Where the policy lets anonymous callers do something they see Bearer (RFC 6750) with a
// token service at /v2/_token instead: docker asks the ping alone how to authenticate, so a ping that answers 200 would
// keep it from ever sending a password, and a Basic challenge from ever pulling without one. Basic is accepted always.
package auth

import "context"

type userKey struct{}

// WithUser returns a context in which whoever asks is the user name.
func WithUser(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, userKey{}, name)
}

// UserFrom returns who asks; known is false for an anonymous caller.
func UserFrom(ctx context.Context) (name string, known bool) {
	name, known = ctx.Value(userKey{}).(string)
	return name, known
}
