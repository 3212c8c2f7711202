package auth

import (
	"container/list"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"vitrine/storage"
)

const (
	freeFailures = 5                // wrong passwords before an address has to wait
	freeOfSite   = 50               // before all addresses of a site have to
	forgiveAfter = time.Minute      // without a wrong password
	maxWait      = 30 * time.Second // between two guesses
	maxAddresses = 10_000           // and sites that are remembered; the one that failed longest ago goes first
	maxNames     = 16               // of users, remembered for an address or a site
)

// slowdown makes an address that gives wrong passwords wait: after the fifth of them, each less than a minute after the one
// before, for a second, and twice as long after each further one, up to 30 seconds. Its nil does nothing.
//
// A site, which is a customer's share of IPv6, is treated as an address is, after the fiftieth: who has one has addresses enough to
// guess from another each time.
//
// Many may sit behind one address. So who is remembered as having given the right password goes on even while the address
// waits, unless that very user's password was given wrongly from there: that leaves a guess a minute for each user.
type slowdown struct {
	mu    sync.Mutex
	at    map[string]*list.Element // of *failures, by address
	order list.List                // the latest to fail in front
}

type failures struct {
	from  string
	n     int
	last  time.Time
	until time.Time
	users []string
}

func newSlowdown() *slowdown {
	return &slowdown{at: make(map[string]*list.Element)}
}

// waitError is ErrTooMany with the time that is left.
type waitError struct{ wait time.Duration }

func (e waitError) Error() string {
	return fmt.Sprintf("%v: too many wrong passwords, wait %d seconds", storage.ErrTooMany, e.seconds())
}

func (e waitError) Unwrap() error { return storage.ErrTooMany }

func (e waitError) seconds() int { return int((e.wait + time.Second - 1) / time.Second) }

// admit returns a waitError where l has to wait. known says that l is remembered as right.
func (s *slowdown) admit(l login, known bool) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admitFrom(l.from, l.user, known); err != nil || l.site == "" {
		return err
	}
	return s.admitFrom(l.site, l.user, known)
}

func (s *slowdown) admitFrom(from, user string, known bool) error {
	el := s.at[from]
	if el == nil {
		return nil
	}
	f := el.Value.(*failures)
	now := time.Now()
	if !now.Before(f.until) {
		return nil
	}
	failedBefore := len(f.users) == maxNames || slices.Contains(f.users, user)
	if known && !failedBefore {
		return nil
	}
	f.note(user)
	return waitError{f.until.Sub(now)}
}

// note remembers the user. Its name is a part of all that the client sent.
func (f *failures) note(user string) {
	if len(f.users) < maxNames && !slices.Contains(f.users, user) {
		f.users = append(f.users, strings.Clone(user))
	}
}

// failed counts a wrong password.
func (s *slowdown) failed(l login) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touch(l.from).count(l.user, freeFailures)
	if l.site != "" {
		s.touch(l.site).count(l.user, freeOfSite)
	}
}

func (f *failures) count(user string, free int) {
	now := time.Now()
	if now.Sub(f.last) > forgiveAfter {
		*f = failures{from: f.from}
	}
	f.n++
	f.last = now
	f.note(user)
	if over := f.n - free; over >= 0 {
		f.until = now.Add(min(time.Second<<min(over, 10), maxWait))
	}
}

// touch returns the failures of an address, moved to the front.
func (s *slowdown) touch(from string) *failures {
	if el := s.at[from]; el != nil {
		s.order.MoveToFront(el)
		return el.Value.(*failures)
	}
	if s.order.Len() >= maxAddresses {
		oldest := s.order.Back()
		delete(s.at, oldest.Value.(*failures).from)
		s.order.Remove(oldest)
	}
	f := &failures{from: from}
	s.at[from] = s.order.PushFront(f)
	return f
}
