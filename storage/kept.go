package storage

import "context"

type keptKey struct{}

// KeptOnly returns a ctx whose calls to a Store ask no other registry: what is kept here is the answer, however old, and what is not is ErrNotKept. It is for
// whoever looks at many things at once, none of which is worth a request.
func KeptOnly(ctx context.Context) context.Context { return context.WithValue(ctx, keptKey{}, true) }

// IsKeptOnly reports whether ctx comes from KeptOnly.
func IsKeptOnly(ctx context.Context) bool { return ctx.Value(keptKey{}) != nil }
