package pullthrough

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/storage"
)

// Times of asking upstream.
const (
	callTime = 2 * time.Minute // the longest question, which nobody may be waiting for
	coolTime = 5 * time.Second // after trouble, those who can have something old are not kept waiting for so long
	maxCool  = time.Minute     // or for as long as upstream wants, up to this
)

// maxCalls bounds the questions that are under way at a time: they go on when whoever asked has left.
const maxCalls = 512

// asker asks one upstream, for whoever embeds it.
type asker struct {
	self        string // what it is called in messages
	log         *slog.Logger
	negativeTTL time.Duration
	patience    time.Duration

	offline atomic.Bool
	stale   atomic.Int64 // answers that were older than they should be
	absent  *lru[string, absence]

	ctx   context.Context // of everything that goes on without its first caller
	close context.CancelFunc
	wg    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	calls  map[string]*call
	cool   map[string]trouble // by kind of question
	live   int                // downloads that run or are read
	idle   chan struct{}      // closed when there are none; nil while nobody waits for that
}

func (s *asker) init(self string, log *slog.Logger) {
	s.self, s.log = self, log
	if log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.absent = newLRU[string, absence](maxAbsent)
	s.calls, s.cool = map[string]*call{}, map[string]trouble{}
	s.ctx, s.close = context.WithCancel(context.Background())
}

// end breaks off what goes on and waits for its end.
func (s *asker) end() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.close()
	s.wg.Wait()
}

// spawn runs f, which Close waits for, and reports whether it does: not after Close.
func (s *asker) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spawnLocked(f)
}

// spawnLocked is spawn with mu held.
func (s *asker) spawnLocked(f func()) bool {
	if s.closed {
		return false
	}
	s.wg.Go(f)
	return true
}

// question is something to ask upstream.
type question[T any] struct {
	kind string // of question: trouble with one says nothing of others
	key  string // what is asked for. Those who ask for the same at once get one answer
	ask  func(context.Context) (T, error)

	old T // what is served if there is no better answer,
	has bool
}

// kept is the answer to who wants upstream left alone.
func (q *question[T]) kept() (T, error) {
	if !q.has {
		return q.old, fmt.Errorf("%w: the %s %s", storage.ErrNotKept, q.kind, q.key)
	}
	return q.old, nil
}

// answer asks upstream, and gives the old answer, with a note, where upstream is in trouble or takes its time: it goes on being asked then.
func answer[T any](ctx context.Context, s *asker, q question[T]) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if a, ok := s.absent.get(q.kind + " " + q.key); ok && time.Now().Before(a.until) {
		return none, a.err
	}
	if storage.IsKeptOnly(ctx) {
		return q.kept()
	}
	if err := s.unasked(q.kind, q.has); err != nil {
		return serve(ctx, s, q, err)
	}
	why := storage.AskedNew
	if q.has {
		why = storage.AskedOld
	}
	storage.NoteAsked(ctx, why)
	c := join(s, q)
	var late <-chan time.Time
	if q.has {
		timer := time.NewTimer(s.patience)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-c.done:
	case <-late:
		s.noteTrouble(q.kind, errSlow)
		return serve(ctx, s, q, errSlow)
	case <-ctx.Done():
		return none, ctx.Err()
	}
	if isTrouble(c.err) {
		return serve(ctx, s, q, c.err)
	}
	if c.err != nil {
		return none, c.err
	}
	return c.value.(T), nil
}

// Reasons not to ask, or not to wait. They are upstream's troubles to whoever asks.
var (
	errSlow    = because(storage.ErrUpstreamTimeout, "the registry behind it has not answered so far")
	errOffline = because(storage.ErrUpstream, "the registry behind it is switched off here")
	errClosed  = because(storage.ErrUpstream, "the server is stopping")
	errBusy    = fmt.Errorf("%w: %d questions to another registry are under way", storage.ErrTooMany, maxCalls)
)

// ours is trouble in words of our own.
type ours struct {
	error
	says string
}

func because(is error, says string) error { return &ours{fmt.Errorf("%w: %s", is, says), says} }

// Brief is what anybody may be told.
func (o *ours) Brief() string { return o.says }

// Unwrap returns the whole error.
func (o *ours) Unwrap() error { return o.error }

// unasked returns why upstream is not to be asked; hasOld that there is an answer without it.
func (s *asker) unasked(kind string, hasOld bool) error {
	if s.offline.Load() {
		return errOffline
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.cool[kind]; ok && hasOld && time.Now().Before(t.until) {
		return t.err
	}
	return nil
}

// serve gives the old answer where there is one, or why there is no other.
func serve[T any](ctx context.Context, s *asker, q question[T], why error) (T, error) {
	if !q.has {
		var none T
		return none, why
	}
	s.stale.Add(1)
	storage.AddNote(ctx, storage.Note{Kind: storage.Stale, Text: s.self + ": " + reason(why) + ": this is what was kept"})
	s.log.InfoContext(ctx, "serving what was kept", "of", s.self, q.kind, q.key, "because", why)
	return q.old, nil
}

// reason is what anybody may be told of why.
func reason(why error) string {
	if b, ok := errors.AsType[storage.Briefer](why); ok {
		return b.Brief()
	}
	if errors.Is(why, storage.ErrTooMany) {
		return "the registry behind it wants to be asked less often"
	}
	return "the registry behind it did not answer"
}

// call is a question under way.
type call struct {
	done  chan struct{}
	value any
	err   error
}

// join asks q, or joins those who do.
func join[T any](s *asker, q question[T]) *call {
	key := q.kind + " " + q.key
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.calls[key]; c != nil {
		return c
	}
	c := &call{done: make(chan struct{})}
	if len(s.calls) >= maxCalls {
		c.err = errBusy
		close(c.done)
		return c
	}
	s.calls[key] = c
	run := func() {
		ctx, cancel := context.WithTimeout(s.ctx, callTime)
		defer cancel()
		c.value, c.err = q.ask(ctx)
		s.learn(q.kind, key, c)
		s.mu.Lock()
		delete(s.calls, key)
		s.mu.Unlock()
		close(c.done)
	}
	if !s.spawnLocked(run) {
		delete(s.calls, key)
		c.err = errClosed
		close(c.done)
	}
	return c
}

// learn draws the conclusions of an answer.
func (s *asker) learn(kind, key string, c *call) {
	if isTrouble(c.err) {
		c.err = upstreams(c.err)
		s.noteTrouble(kind, c.err)
		return
	}
	s.mu.Lock()
	delete(s.cool, kind)
	s.mu.Unlock()
	if c.err != nil {
		c.err = s.told(kind, c.err)
		s.noteAbsent(key, c.err)
	}
}

// absence is that upstream does not have something, or does not give it to us.
type absence struct {
	err   error
	until time.Time
}

func (s *asker) noteAbsent(key string, err error) {
	if s.negativeTTL > 0 {
		s.absent.put(key, absence{err, time.Now().Add(s.negativeTTL)}, 1+int64(len(key))/256)
	}
}

// trouble is why a kind of question is not asked at the moment.
type trouble struct {
	err   error
	until time.Time
}

func (s *asker) noteTrouble(kind string, err error) {
	if s.ctx.Err() != nil {
		return
	}
	wait := coolTime
	if u, ok := errors.AsType[*storage.UpstreamError](err); ok {
		wait = min(max(wait, u.RetryAfter), maxCool)
	}
	now := time.Now()
	s.mu.Lock()
	known := now.Before(s.cool[kind].until)
	s.cool[kind] = trouble{err, now.Add(wait)}
	s.mu.Unlock()
	level := slog.LevelWarn
	if known {
		level = slog.LevelDebug
	}
	s.log.Log(s.ctx, level, "trouble with the registry behind a repository", "repository", s.self, "asking for", kind, "again in", wait, "error", err)
}

// isAbsent reports whether upstream has answered that there is no such thing.
func isAbsent(err error) bool {
	if errors.Is(err, storage.ErrDamaged) {
		return false
	}
	return errors.Is(err, storage.ErrBlobUnknown) || errors.Is(err, storage.ErrManifestUnknown) || errors.Is(err, storage.ErrRepoUnknown) ||
		errors.Is(err, storage.ErrFileUnknown)
}

// isTrouble reports whether err says nothing of what upstream has.
func isTrouble(err error) bool {
	return err != nil && !isAbsent(err) && !errors.Is(err, storage.ErrDenied) && !errors.Is(err, storage.ErrNoIdentity)
}

// upstreams makes sure that trouble is known as upstream's: a bare error would be taken for ours.
func upstreams(err error) error {
	for _, known := range []error{storage.ErrUpstream, storage.ErrUpstreamTimeout, storage.ErrTooMany, storage.ErrUnsupported} {
		if errors.Is(err, known) {
			return err
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", storage.ErrUpstreamTimeout, err)
	}
	return fmt.Errorf("%w: %w", storage.ErrUpstream, err)
}

// unseen says that upstream shows something to those only whom it knows, and not to us.
type unseen struct{ is []error }

func (u *unseen) Error() string { return u.is[0].Error() + ": it is not there, or not shown to us" }

// Unwrap returns what that is to whoever asked.
func (u *unseen) Unwrap() []error { return u.is }

// unseens are what an unseen is, by kind of question. A list of referrers must not seem to be empty: that would say of signatures that there are none.
var unseens = map[string][]error{
	"blob":      {storage.ErrBlobUnknown, storage.ErrRepoUnknown},
	"manifest":  {storage.ErrManifestUnknown, storage.ErrRepoUnknown},
	"head":      {storage.ErrManifestUnknown, storage.ErrRepoUnknown},
	"tag":       {storage.ErrManifestUnknown, storage.ErrRepoUnknown},
	"tags":      {storage.ErrRepoUnknown},
	"referrers": {storage.ErrDenied},
	"file":      {storage.ErrDenied},
	"stat":      {storage.ErrDenied},
}

// told is what whoever asked is told of upstream's refusal. That it wants to know who we are must not make him show us who he is: that would not help. And it is
// all that Docker Hub says of a repository that does not exist.
func (s *asker) told(kind string, err error) error {
	if !errors.Is(err, storage.ErrNoIdentity) {
		return err
	}
	s.log.Info("the registry behind a repository wants to know who we are", "repository", s.self, "asking for", kind, "error", err)
	gone := &unseen{unseens[kind]}
	if u, ok := errors.AsType[*storage.UpstreamError](err); ok {
		return &storage.UpstreamError{Host: u.Host, Status: u.Status, Err: gone}
	}
	return gone
}
