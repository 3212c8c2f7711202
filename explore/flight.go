package explore

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
)

// flight is a pass over a blob that makes its index, for all who wait for it.
type flight struct {
	waiters int // guarded by Indexer.mu; whoever is the last to give up ends it
	cancel  context.CancelFunc
	urgent  atomic.Bool // somebody looks at an empty page meanwhile

	done  chan struct{} // closed when the rest is there
	index *archive.Index
	err   error
}

// build returns the index of a blob, making it or waiting for who does already.
func (x *Indexer) build(ctx context.Context, s source, urgent bool) (*archive.Index, error) {
	f := x.join(ctx, s, urgent)
	if urgent {
		f.urgent.Store(true)
	}
	select {
	case <-f.done:
		return f.index, f.err
	case <-ctx.Done():
		x.leave(f, s)
		return nil, ctx.Err()
	}
}

// join returns the flight for a blob, starting it if there is none. It has the values of the first one's ctx, and ends when all have left.
func (x *Indexer) join(ctx context.Context, s source, urgent bool) *flight {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := x.flights[s.d]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
		x.flights[s.d] = f
		go x.fly(ctx, f, s, urgent)
	}
	f.waiters++
	return f
}

func (x *Indexer) leave(f *flight, s source) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f.waiters--; f.waiters == 0 {
		f.cancel()
		x.land(f, s) // nobody joins what is being broken off
	}
}

// land takes f out of the flights that can be joined. Called with mu held.
func (x *Indexer) land(f *flight, s source) {
	if x.flights[s.d] == f {
		delete(x.flights, s.d)
	}
}

// fly makes the index and puts it into the cache, before others are told: who asks from then on finds it there. inSlot says that it counts among
// the passes that somebody waits for; those of Run are bounded already.
func (x *Indexer) fly(ctx context.Context, f *flight, s source, inSlot bool) {
	defer f.cancel()
	slots := x.slots
	if !inSlot {
		slots = make(chan struct{}, 1)
	}
	select {
	case slots <- struct{}{}:
		f.index, f.err = x.pass(ctx, f, s)
		<-slots
	case <-ctx.Done():
		f.err = ctx.Err()
	}
	x.mu.Lock()
	x.land(f, s)
	x.mu.Unlock()
	close(f.done)
}

// pass reads the blob, once, and keeps the index. Between the look into the cache and the start of the flight the one before may have landed: then
// there is nothing to do.
func (x *Indexer) pass(ctx context.Context, f *flight, s source) (*archive.Index, error) {
	blob, err := s.r.OpenBlob(ctx, s.repo, s.d)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	if index := x.inMemory(ctx, s.d, blob.Size()); index != nil {
		return index, nil
	}
	o := x.o.Archive
	o.Hint, o.Index = s.hint, nil
	index, err := archive.BuildIndex(ctx, &patient{r: blob, f: f, since: time.Now()}, &o)
	if err == nil {
		err = checkDigest(index, s.d)
	}
	if err != nil {
		return nil, err
	}
	x.keep(ctx, index, s)
	return index, nil
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

func (x *Indexer) keep(ctx context.Context, index *archive.Index, s source) {
	if x.o.Cache == nil {
		return
	}
	write := func(w io.Writer) error { _, err := index.WriteTo(w); return err }
	if err := x.o.Cache.Put(ctx, indexKey(s.d), write); err != nil {
		x.o.Log.Warn("an index can't be kept and has to be made again", "digest", s.d, "error", err)
	}
}

// Bounds of patience: how much is read between two rests, and how long one is.
const (
	patientBytes = 1 << 20
	maxRest      = 50 * time.Millisecond
)

// patient reads for a flight. As long as nobody waits for it, it rests after each piece for as long as that took: the work in the background takes
// half of a processor and of the disk.
type patient struct {
	r     io.Reader
	f     *flight
	since time.Time
	n     int
}

func (p *patient) Read(b []byte) (int, error) {
	if p.n >= patientBytes && !p.f.urgent.Load() {
		time.Sleep(min(time.Since(p.since), maxRest))
		p.n, p.since = 0, time.Now()
	}
	n, err := p.r.Read(b)
	p.n += n
	return n, err
}
