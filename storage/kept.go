package storage

import "context"

type keptKey struct{}

// KeptOnly returns a ctx whose calls to a Store ask no other registry: what is kept here is the answer, however old, and what is not is ErrNotKept. It is for
// whoever looks at many things at once, none of which is worth a request.
func KeptOnly(ctx context.Context) context.Context { return context.WithValue(ctx, keptKey{}, true) }

type recheckKey struct{}

// Recheck returns a ctx whose calls to a FileReader ask the other registry for what may have changed, even if what is kept is not old yet: whoever asks has said
// that he wants it so. How often that happens is the reader's to bound.
func Recheck(ctx context.Context) context.Context {
	return context.WithValue(ctx, recheckKey{}, true)
}

// IsRecheck reports whether ctx comes from Recheck.
func IsRecheck(ctx context.Context) bool { return ctx.Value(recheckKey{}) != nil }

// IsKeptOnly reports whether ctx comes from KeptOnly.
func IsKeptOnly(ctx context.Context) bool { return ctx.Value(keptKey{}) != nil }
