package explore

import "container/list"

// lru keeps what was used last, up to a bound on the sum of what each costs. Whoever has one has a lock for it.
type lru[K comparable, V any] struct {
	max, cost int64
	places    map[K]*list.Element
	order     list.List // of *lruItem[K, V], the last used in front
}

type lruItem[K comparable, V any] struct {
	key   K
	value V
	cost  int64
}

func newLRU[K comparable, V any](limit int64) *lru[K, V] {
	return &lru[K, V]{max: limit, places: map[K]*list.Element{}}
}

func (l *lru[K, V]) get(k K) (v V, ok bool) {
	e := l.places[k]
	if e == nil {
		return v, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruItem[K, V]).value, true
}

// put keeps v in the place of what is there under k, and drops what there is no room for.
func (l *lru[K, V]) put(k K, v V, cost int64) {
	l.drop(k)
	l.places[k] = l.order.PushFront(&lruItem[K, V]{k, v, cost})
	for l.cost += cost; l.cost > l.max; {
		l.drop(l.order.Back().Value.(*lruItem[K, V]).key)
	}
}

func (l *lru[K, V]) drop(k K) {
	if e := l.places[k]; e != nil {
		l.cost -= l.order.Remove(e).(*lruItem[K, V]).cost
		delete(l.places, k)
	}
}
