package pullthrough

import "context"

// Drain closes s when no download is under way and nobody reads a blob that arrived through it, or when ctx ends. Nobody may call s for something new by then:
// it is for a Store that another one has taken the place of, and that nobody should notice the end of.
func (s *Store) Drain(ctx context.Context) error {
	s.waitIdle(ctx)
	return s.Close()
}

// Drain closes s as Store.Drain does.
func (s *Files) Drain(ctx context.Context) error {
	s.waitIdle(ctx)
	return s.Close()
}

// waitIdle returns when no download runs or is read, or ctx ends.
func (s *asker) waitIdle(ctx context.Context) {
	s.mu.Lock()
	idle := s.idle
	if s.live > 0 && idle == nil {
		idle = make(chan struct{})
		s.idle = idle
	}
	s.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// released notes that a download has come to its end and nobody reads it.
func (s *asker) released() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live--; s.live == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}
