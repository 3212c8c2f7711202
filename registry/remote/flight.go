package remote

import (
	"context"
	"errors"
	"sync"
)

// flights run a function once for all who want the same at the same time.
type flights[V any] struct {
	mu sync.Mutex
	m  map[any]*flight[V]
}

type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// do calls f, or waits for the call of another and returns what that did. If that other gave up because its own context ended, one of those who
// wait takes its place.
func (g *flights[V]) do(ctx context.Context, key any, f func() (V, error)) (V, error) {
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
				return other.value, other.err
			}
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
	}
}

func (g *flights[V]) lead(key any, f func() (V, error)) (V, error) {
	own := &flight[V]{done: make(chan struct{}), err: context.Canceled}
	if g.m == nil {
		g.m = map[any]*flight[V]{}
	}
	g.m[key] = own
	g.mu.Unlock()
	defer func() { // also where f panics
		g.mu.Lock()
		delete(g.m, key)
		g.mu.Unlock()
		close(own.done)
	}()
	own.value, own.err = f()
	return own.value, own.err
}

// abandoned reports whether err says that whoever worked has left.
func abandoned(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
