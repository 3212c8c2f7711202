package remote

import (
	"container/list"
	"sync"
	"time"
)

// lru keeps values for a while, within a bound of the sum of their costs. The least recently used go first.
type lru[K comparable, V any] struct {
	mu     sync.Mutex
	max    int64
	cost   int64
	m      map[K]*list.Element
	recent list.List // of *entry, the last used in front
}

type entry[K comparable, V any] struct {
	key   K
	value V
	cost  int64
	until time.Time
}

func newLRU[K comparable, V any](most int64) *lru[K, V] {
	return &lru[K, V]{max: most, m: map[K]*list.Element{}}
}

// get returns the value of k, unless its time is over.
func (m *lru[K, V]) get(k K) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.m[k]
	if e == nil {
		return v, false
	}
	found := e.Value.(*entry[K, V])
	if !time.Now().Before(found.until) {
		m.remove(e)
		return v, false
	}
	m.recent.MoveToFront(e)
	return found.value, true
}

// put keeps v until then, if there is room for it at all.
func (m *lru[K, V]) put(k K, v V, cost int64, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.m[k]; e != nil {
		m.remove(e)
	}
	if cost > m.max || !time.Now().Before(until) {
		return
	}
	m.m[k] = m.recent.PushFront(&entry[K, V]{k, v, cost, until})
	m.cost += cost
	for m.cost > m.max {
		m.remove(m.recent.Back())
	}
}

// dropIf forgets k if what is kept of it is what is says.
func (m *lru[K, V]) dropIf(k K, is func(V) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.m[k]; e != nil && is(e.Value.(*entry[K, V]).value) {
		m.remove(e)
	}
}

func (m *lru[K, V]) remove(e *list.Element) {
	gone := m.recent.Remove(e).(*entry[K, V])
	m.cost -= gone.cost
	delete(m.m, gone.key)
}
