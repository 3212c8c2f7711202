package auth

import (
	"context"
	"errors"
	"sync"
)

// flights run a function once for all who ask for the same at the same time.
type flights struct {
	mu sync.Mutex
	m  map[string]*flight
}

type flight struct {
	done chan struct{}
	err  error
}

// do calls f, or waits for the call of another and returns its error. If that other gave up because its own context ended,
// one of those who wait takes its place.
func (g *flights) do(ctx context.Context, key string, f func() error) error {
	for {
		g.mu.Lock()
		other := g.m[key]
		if other == nil {
			return g.lead(key, f) // unlocks
		}
		g.mu.Unlock()
		select {
		case <-other.done:
			if !abandoned(other.err) {
				return other.err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *flights) lead(key string, f func() error) error {
	own := &flight{done: make(chan struct{}), err: context.Canceled}
	if g.m == nil {
		g.m = make(map[string]*flight)
	}
	g.m[key] = own
	g.mu.Unlock()
	defer func() { // also where f panics
		g.mu.Lock()
		delete(g.m, key)
		g.mu.Unlock()
		close(own.done)
	}()
	own.err = f()
	return own.err
}

func abandoned(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
