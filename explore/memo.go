package explore

import "sync"

// costly is what a memo keeps. cost is what it takes in memory, roughly, in bytes.
type costly interface{ cost() int64 }

// memo remembers what follows from content alone, by digest, up to a bound in bytes. Whoever asks has been let through to what key names.
type memo[V costly] struct {
	mu   sync.Mutex
	kept *lru[string, V]
}

func newMemo[V costly](limit int64) *memo[V] { return &memo[V]{kept: newLRU[string, V](limit)} }

// of returns what is remembered under key, or makes it. Errors are not remembered.
func (m *memo[V]) of(key string, make func() (V, error)) (V, error) {
	m.mu.Lock()
	v, ok := m.kept.get(key)
	m.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := make()
	if err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept.put(key, v, v.cost())
	return v, nil
}
