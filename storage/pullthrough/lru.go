package pullthrough

import (
	"container/list"
	"sync"
)

// lru keeps values within a bound of the sum of their costs. The least recently used go first.
type lru[K comparable, V any] struct {
	max int64

	mu     sync.Mutex
	cost   int64
	m      map[K]*list.Element
	recent list.List // of *kept, the last used in front
}

// kept is an entry of an lru.
type kept[K comparable, V any] struct {
	key   K
	value V
	cost  int64
}

func newLRU[K comparable, V any](most int64) *lru[K, V] {
	return &lru[K, V]{max: most, m: map[K]*list.Element{}}
}

func (l *lru[K, V]) get(k K) (v V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.m[k]
	if e == nil {
		return v, false
	}
	l.recent.MoveToFront(e)
	return e.Value.(*kept[K, V]).value, true
}

// put keeps v, unless it alone would take more than a quarter of all.
func (l *lru[K, V]) put(k K, v V, cost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(k)
	if cost > l.max/4 {
		return
	}
	l.m[k] = l.recent.PushFront(&kept[K, V]{k, v, cost})
	l.cost += cost
	for l.cost > l.max {
		l.remove(l.recent.Back().Value.(*kept[K, V]).key)
	}
}

// update replaces what is kept of k by what change makes of it, the zero V where that is nothing.
func (l *lru[K, V]) update(k K, cost int64, change func(V) V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.m[k]; e != nil {
		entry := e.Value.(*kept[K, V])
		entry.value = change(entry.value)
		return
	}
	var none V
	l.m[k] = l.recent.PushFront(&kept[K, V]{k, change(none), cost})
	l.cost += cost
	for l.cost > l.max {
		l.remove(l.recent.Back().Value.(*kept[K, V]).key)
	}
}

// take removes k and returns what was kept of it.
func (l *lru[K, V]) take(k K) (v V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.m[k]; e != nil {
		v = e.Value.(*kept[K, V]).value
	}
	l.remove(k)
	return v
}

// remove is called with mu held.
func (l *lru[K, V]) remove(k K) {
	if e := l.m[k]; e != nil {
		l.cost -= l.recent.Remove(e).(*kept[K, V]).cost
		delete(l.m, k)
	}
}
