package overlay

import "sync"

// maxScopes is how many directories are remembered. One is some 200 bytes and 50 for each layer that changed something above it.
const maxScopes = 1024

// scopes remembers directories: two generations, of which the older is forgotten when the younger is full.
type scopes struct {
	mu         sync.Mutex
	young, old map[string]*scope
}

// cached returns what is known of a directory, or what learn finds out. Two goroutines may learn the same at once.
func (c *core) cached(path string, learn func() (*scope, error)) (*scope, error) {
	if s := c.scopes.get(path); s != nil {
		return s, nil
	}
	s, err := learn()
	if err == nil && len(s.dirs) > 0 { // the names of others may be anybody's, of any length
		c.scopes.put(s)
	}
	return s, err
}

func (c *scopes) get(path string) *scope {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.young[path]
	if s == nil {
		if s = c.old[path]; s != nil {
			c.add(s)
		}
	}
	return s
}

func (c *scopes) put(s *scope) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(s)
}

func (c *scopes) add(s *scope) {
	if c.young == nil || len(c.young) >= maxScopes/2 {
		c.young, c.old = make(map[string]*scope), c.young
	}
	c.young[s.path] = s
}
