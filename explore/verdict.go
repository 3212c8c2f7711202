package explore

import (
	"errors"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/explore/tarfs"
	"vitrine/explore/zran"
)

const (
	// maxVerdicts bounds the digests that are remembered, each some 500 bytes.
	maxVerdicts = 1024
	// damageLife is how long damage is remembered: the blob may be pushed again, which mends it.
	damageLife = 5 * time.Minute
)

// verdicts remember what was found out about blobs, so that one that cannot be opened is not read again each time somebody asks.
type verdicts struct {
	now func() time.Time

	mu       sync.Mutex
	failures *lru[digest.Digest, failure]
	stale    *lru[digest.Digest, struct{}] // whose index in the cache is damaged
}

type failure struct {
	err   error
	until time.Time // zero: for good, as the same bytes fail in the same way
}

func newVerdicts() *verdicts {
	return &verdicts{
		now:      time.Now,
		failures: newLRU[digest.Digest, failure](maxVerdicts),
		stale:    newLRU[digest.Digest, struct{}](maxVerdicts),
	}
}

// failed returns the error that d is remembered with, or nil.
func (v *verdicts) failed(d digest.Digest) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	f, ok := v.failures.get(d)
	if ok && !f.until.IsZero() && !v.now().Before(f.until) {
		v.failures.drop(d)
		return nil
	}
	return f.err
}

// fail remembers an error that is about the bytes of d, and not about how they were come by.
func (v *verdicts) fail(d digest.Digest, err error) {
	if d == "" {
		return
	}
	f := failure{err: err}
	if !lasts(err) {
		f.until = v.now().Add(damageLife)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failures.put(d, f, 1)
}

func (v *verdicts) forget(d digest.Digest) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failures.drop(d)
}

// lasts reports whether err holds for as long as this program runs: the format is not known, a bound is exceeded.
func lasts(err error) bool {
	var u *archive.UnsupportedError
	return errors.As(err, &u) || errors.Is(err, tarfs.ErrLimit) || errors.Is(err, zran.ErrTooLarge)
}

func (v *verdicts) isStale(d digest.Digest) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.stale.get(d)
	return ok
}

// setStale notes whether what the cache has of d is damaged.
func (v *verdicts) setStale(d digest.Digest, stale bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if stale {
		v.stale.put(d, struct{}{}, 1)
	} else {
		v.stale.drop(d)
	}
}
