package main

import "sync"

// generations tells when all requests have ended that began before something changed.
type generations struct {
	mu  sync.Mutex
	now *generation
}

// generation is the requests that began between two changes.
type generation struct {
	inside int
	over   bool          // no more come
	empty  chan struct{} // closed when the last has left
	before <-chan struct{}
}

func newGenerations() generations {
	began := make(chan struct{})
	close(began)
	return generations{now: &generation{empty: make(chan struct{}), before: began}}
}

// enter counts a request in. It leaves what is returned.
func (g *generations) enter() *generation {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now.inside++
	return g.now
}

func (g *generations) leave(from *generation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if from.inside--; from.inside == 0 && from.over {
		close(from.empty)
	}
}

// next begins a generation, and returns what is closed when all that came before have left.
func (g *generations) next() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := g.now
	last.over = true
	if last.inside == 0 {
		close(last.empty)
	}
	left := make(chan struct{})
	go func() {
		<-last.before
		<-last.empty
		close(left)
	}()
	g.now = &generation{empty: make(chan struct{}), before: left}
	return left
}
