package disk

import "sync"

// cache is a bounded map in front of the disk. When it is full it is emptied: what it holds is quick to read again.
// It knows nothing of truth: whoever changes the disk changes the cache under the lock of the repository.
type cache[K comparable, V any] struct {
	max int // of the sum of costs

	mu   sync.RWMutex
	m    map[K]V
	cost int
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.m[k]
	return v, ok
}

// put keeps v, unless it alone would fill a quarter of the cache.
func (c *cache[K, V]) put(k K, v V, cost int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cost > c.max/4 {
		delete(c.m, k)
		return
	}
	if c.m == nil || c.cost+cost > c.max {
		c.m, c.cost = map[K]V{}, 0
	}
	c.m[k] = v
	c.cost += cost
}

func (c *cache[K, V]) drop(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, k)
}
