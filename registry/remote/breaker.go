package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"vitrine/storage"
)

// Bounds of a breaker.
const (
	maxFailures = 3               // in a row: then it opens
	firstBreak  = 5 * time.Second // and stays so, doubled each time that the host fails again
	longBreak   = time.Minute     //
	maxBreakers = 1024            // hosts that fail at once: redirects may name any number
)

// breakers answer for hosts that cannot be reached, so that whoever asks has an error at once and not after a timeout. There is one for each host that
// has failed; the first answer of any kind ends it. When its time is over one request is let through to see.
type breakers struct {
	log *slog.Logger
	mu  sync.Mutex
	m   map[string]*breaker
}

type breaker struct {
	failures int
	last     error // why it could not be reached
	until    time.Time
	probing  bool // the one request is under way
}

// ask returns an error where the host is not to be asked now.
func (b *breakers) ask(host string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.m[host]
	if s == nil || s.failures < maxFailures {
		return nil
	}
	wait := time.Until(s.until)
	if wait <= 0 && !s.probing {
		s.probing = true
		return nil
	}
	err := fmt.Errorf("%w: it was not reached lately, and is not asked at the moment: %s", storage.ErrUpstream, brief(s.last))
	return &storage.UpstreamError{Host: host, RetryAfter: max(wait, 0), Err: final{err}}
}

// tell notes how a request ended. A ctx that ended says nothing of the host, and neither does what was not let out.
func (b *breakers) tell(host string, ctx context.Context, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.m[host]
	switch {
	case err != nil && (ctx.Err() != nil || errors.Is(err, errRefused)):
		if s != nil {
			s.probing = false
		}
	case err == nil || !unreachable(err):
		delete(b.m, host)
	case s == nil:
		b.add(host, &breaker{failures: 1, last: err})
	default:
		s.failures++
		s.last, s.probing = err, false
		if more := s.failures - maxFailures; more >= 0 {
			pause := min(firstBreak<<min(more, 10), longBreak)
			s.until = time.Now().Add(pause)
			b.log.Warn("a registry cannot be reached", "host", host, "pause", pause, "error", err)
		}
	}
}

func (b *breakers) add(host string, s *breaker) {
	if b.m == nil {
		b.m = map[string]*breaker{}
	}
	for other := range b.m {
		if len(b.m) < maxBreakers {
			break
		}
		delete(b.m, other)
	}
	b.m[host] = s
}

// unreachable reports whether err says that there is nobody who answers.
func unreachable(err error) bool {
	op, isOp := errors.AsType[*net.OpError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	return isOp && op.Op == "dial" || isNet && timeout.Timeout()
}
