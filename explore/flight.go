package explore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/storage"
)

// flight is a pass over a blob that makes its index, for all who wait for it or follow it.
type flight struct {
	users  int // guarded by Indexer.mu; whoever is the last to leave ends it
	cancel context.CancelFunc
	urgent atomic.Bool // somebody looks at an empty page meanwhile
	tape   tape

	done  chan struct{} // closed when the rest is there
	index *archive.Index
	err   error
	final bool // err is about the bytes: another try ends in the same way
}

// build returns the index of a blob, making it or waiting for who does already. Where another's pass fails for a reason of its own, such as that its
// repository has lost the blob meanwhile, it is tried again.
func (x *Indexer) build(ctx context.Context, s source, urgent bool) (*archive.Index, error) {
	for {
		f, mine := x.join(ctx, s, urgent)
		err := f.wait(ctx)
		x.leave(f, s, mine)
		if err != nil {
			return nil, err
		}
		if f.err == nil || f.final || mine {
			return f.index, f.err
		}
	}
}

func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns the flight for a blob, starting it if there is none: then it is the caller's, who lends it s and the values of ctx. It ends when all
// have left. urgent says that somebody waits for it; it then counts among the passes that are bounded by slots, as those of Run are by its workers.
func (x *Indexer) join(ctx context.Context, s source, urgent bool) (f *flight, mine bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f = x.flights[s.d]; f == nil {
		mine = true
		f = &flight{done: make(chan struct{}), tape: tape{max: x.tapes}}
		x.start(ctx, f, s, urgent)
	}
	f.users++
	if urgent {
		f.urgent.Store(true)
	}
	return f, mine
}

var errClosed = errors.New("the indexer is closed")

// start is called with mu held.
func (x *Indexer) start(ctx context.Context, f *flight, s source, inSlot bool) {
	ctx, f.cancel = x.passContext(ctx)
	if x.closed {
		f.cancel()
		f.err = errClosed
		close(f.done)
		return
	}
	x.flights[s.d] = f
	x.flying.Go(func() { x.fly(ctx, f, s, inSlot) })
}

// passContext is that of a pass for all who wait: it has the values of the first one's.
func (x *Indexer) passContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	if x.o.PassTime > 0 {
		return context.WithTimeoutCause(ctx, x.o.PassTime, errPassTime)
	}
	return context.WithCancel(ctx)
}

// errPassTime says that a pass was not done in time.
var errPassTime = statusError{http.StatusServiceUnavailable, "Reading this layer for the first time took longer than is allowed.", "It can be pulled; a smaller layer may do."}

// leave is called by everybody who has joined, when he waits no longer. What was borrowed goes with its owner: others try again, with their own.
func (x *Indexer) leave(f *flight, s source, mine bool) {
	x.mu.Lock()
	f.users--
	ends := f.users == 0 || mine && s.borrowed
	if ends {
		f.cancel()
		x.land(f, s.d) // nobody joins what is being broken off
	}
	x.mu.Unlock()
	if mine && s.borrowed {
		<-f.done
	}
}

// land takes f out of the flights that can be joined. Called with mu held.
func (x *Indexer) land(f *flight, d digest.Digest) {
	if x.flights[d] == f {
		delete(x.flights, d)
	}
}

// fly makes the index and puts it into the cache, before others are told: who asks from then on finds it there.
func (x *Indexer) fly(ctx context.Context, f *flight, s source, inSlot bool) {
	defer f.cancel()
	slots := x.slots
	if !inSlot {
		slots = make(chan struct{}, 1)
	}
	leave, err := enter(ctx, slots)
	if f.err = err; err == nil {
		f.index, f.err = x.pass(ctx, f, s)
		leave()
	}
	x.mu.Lock()
	x.land(f, s.d)
	x.mu.Unlock()
	close(f.done)
}

// enter waits for one of slots.
func enter(ctx context.Context, slots chan struct{}) (leave func(), err error) {
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// errPanic says that the reading of a blob has met a bug.
var errPanic = errors.New("internal error")

// pass reads the blob, once, and keeps the index. Between the look into the cache and the start of the flight the one before may have landed: then
// there is nothing to do. A stranger's bytes that meet a bug cost an error, not the process.
func (x *Indexer) pass(ctx context.Context, f *flight, s source) (index *archive.Index, err error) {
	defer func() {
		if p := recover(); p != nil {
			x.o.Log.Error("panic while a blob was indexed", "digest", s.d, "panic", p, "stack", string(debug.Stack()))
			index, err, f.final = nil, fmt.Errorf("%w: %s cannot be indexed", errPanic, s.d), true
		}
		if f.final {
			x.verdicts.fail(s.d, err)
		}
	}()
	blob, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	if x.o.MaxBlob > 0 && blob.Size() > x.o.MaxBlob {
		return nil, unprocessable(fmt.Sprintf("It has %s; layers of up to %s are read from other registries.", iec(blob.Size()), iec(x.o.MaxBlob)), "It can be pulled.")
	}
	if index := x.inMemory(ctx, s.d, blob.Size()); index != nil {
		return index, nil
	}
	in := &patient{r: blob, f: f, since: time.Now()}
	o := x.o.Archive
	o.Hint, o.Index, o.Tar.Visit = s.hint, nil, f.tape.add
	index, err = archive.BuildIndex(ctx, in, &o)
	if err == nil {
		err = checkDigest(index, s.d)
	}
	if err != nil {
		if context.Cause(ctx) == errPassTime {
			return nil, errPassTime
		}
		if f.final = in.err == nil && ctx.Err() == nil && storage.IsVerified(blob); f.final {
			err = aboutBytes(err)
		}
		return nil, err
	}
	x.keep(context.WithoutCancel(ctx), index, s.d)
	return index, nil
}

// aboutBytes makes an error that comes of the bytes of a blob one that says so: it is one of those that package archive names, or wraps
// archive.ErrFormat.
func aboutBytes(err error) error {
	if lasts(err) || errors.Is(err, archive.ErrFormat) || errors.Is(err, storage.ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w: %w", archive.ErrFormat, err)
}

// inMemory reads the index of the blob from the cache, whole: nobody has to close it. It returns nil where there is none.
func (x *Indexer) inMemory(ctx context.Context, d digest.Digest, size int64) *archive.Index {
	_, stored := x.cached(ctx, d, size)
	if stored == nil {
		return nil
	}
	defer stored.Close()
	raw, err := io.ReadAll(stored)
	if err != nil {
		return nil
	}
	index, err := archive.OpenIndex(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil
	}
	return index
}

func (x *Indexer) keep(ctx context.Context, index *archive.Index, d digest.Digest) {
	if x.o.Cache == nil {
		return
	}
	write := func(w io.Writer) error { _, err := index.WriteTo(w); return err }
	if err := x.o.Cache.Put(ctx, indexKey(d), write); err != nil {
		x.o.Log.Warn("an index can't be kept and has to be made again", "digest", d, "error", err)
		return
	}
	x.verdicts.setStale(d, false)
}

// Bounds of patience: how much is read between two rests, and how long one is.
const (
	patientBytes = 1 << 20
	maxRest      = 50 * time.Millisecond
)

// patient reads for a flight. As long as nobody waits for it, it rests after each piece for as long as that took: the work in the background takes
// half of a processor and of the disk.
type patient struct {
	r     storage.Blob
	f     *flight
	since time.Time
	n     int
	err   error // why there is no more, unless that is the end
}

func (p *patient) Read(b []byte) (int, error) {
	if p.n >= patientBytes && !p.f.urgent.Load() {
		time.Sleep(min(time.Since(p.since), maxRest))
		p.n, p.since = 0, time.Now()
	}
	n, err := p.r.Read(b)
	p.n += n
	if err != nil && err != io.EOF {
		p.err = err
	}
	return n, err
}
