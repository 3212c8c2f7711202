package zran

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
)

func TestReader(t *testing.T) {
	text := words(150_000)
	data := compress(t, text, 6)
	r := newReader(data, index(t, data, text, MinSpan), 0)
	if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), text); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		off, n, want int64
		err          error
	}{
		{0, 0, 0, nil},
		{150_000, 0, 0, nil},
		{149_990, 11, 10, io.EOF},
		{150_001, 1, 0, io.EOF},
		{0, 1 << 62, 150_000, io.EOF},
		{1 << 62, 1 << 62, 0, io.EOF},
	} {
		if n, err := r.WriteRangeTo(io.Discard, c.off, c.n); n != c.want || err != c.err {
			t.Errorf("WriteRangeTo(%d, %d) = %d, %v, want %d, %v", c.off, c.n, n, err, c.want, c.err)
		}
	}
	if _, err := r.ReadAt(nil, -1); err == nil {
		t.Error("a negative offset is no error")
	}
	if _, err := r.WriteRangeTo(io.Discard, -1, 1); err == nil {
		t.Error("a negative offset is no error")
	}
}

// gate is a source that counts the readers inside it and holds them up.
type gate struct {
	io.ReaderAt
	mu   sync.Mutex
	n    int64
	open chan struct{}
}

func (g *gate) ReadAt(p []byte, off int64) (int, error) {
	if g.open != nil {
		<-g.open
	}
	n, err := g.ReaderAt.ReadAt(p, off)
	g.mu.Lock()
	g.n += int64(n)
	g.mu.Unlock()
	return n, err
}

// TestSingleFlight has many want the same span: the source is read once.
func TestSingleFlight(t *testing.T) {
	text := words(150_000)
	data := compress(t, text, 6)
	g := &gate{ReaderAt: bytes.NewReader(data), open: make(chan struct{})}
	r := NewReader(g, int64(len(data)), index(t, data, text, MinSpan), nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			p := make([]byte, 1000)
			if _, err := r.ReadAt(p, 100_000); err != nil || !bytes.Equal(p, text[100_000:101_000]) {
				t.Errorf("other bytes, or %v", err)
			}
		})
	}
	close(g.open)
	all.Wait()
	if most := int64(2 * inSize); g.n > most {
		t.Errorf("%d bytes read of the source, want at most %d", g.n, most)
	}
}

// TestConcurrent reads everywhere at once, with a cache that is too small.
func TestConcurrent(t *testing.T) {
	text := words(500_000)
	data := compress(t, text, 6)
	r := newReader(data, index(t, data, text, MinSpan), 400<<10)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			for range 20 {
				p := make([]byte, 1+rnd.IntN(50_000))
				off := rnd.IntN(len(text) - len(p))
				if _, err := r.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, text[off:off+len(p)]) {
					t.Errorf("ReadAt(%d, %d): other bytes, or %v", len(p), off, err)
				}
			}
		})
	}
	all.Wait()
	if r.cache.size > r.cache.limit {
		t.Errorf("%d bytes in the cache, want at most %d", r.cache.size, r.cache.limit)
	}
	size := int64(0)
	for _, d := range r.cache.spans {
		size += d.size()
		if d.users != 0 {
			t.Errorf("span %d has %d users", d.number, d.users)
		}
	}
	if size != r.cache.size || len(r.cache.spans) != len(r.cache.order) {
		t.Errorf("%d bytes in %d spans, but %d counted and %d listed", size, len(r.cache.spans), r.cache.size, len(r.cache.order))
	}
}

// TestSequential reads from the start to the end: nothing of the source twice.
func TestSequential(t *testing.T) {
	text := words(500_000)
	data := compress(t, text, 6)
	g := &gate{ReaderAt: bytes.NewReader(data)}
	r := NewReader(g, int64(len(data)), index(t, data, text, MinSpan), nil)
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if g.n > int64(len(data)) {
		t.Errorf("%d bytes read of the source, which has %d", g.n, len(data))
	}
}

func TestContext(t *testing.T) {
	text := words(200_000)
	data := compress(t, text, 6)
	g := &gate{ReaderAt: bytes.NewReader(data), open: make(chan struct{})}
	r := NewReader(g, int64(len(data)), index(t, data, text, MinSpan), nil)
	first := make(chan error)
	go func() {
		_, err := r.ReadAt(make([]byte, 10), 0)
		first <- err
	}()
	for waiting := false; !waiting; { // until the first has its turn
		if d := r.cache.held(0); d != nil {
			waiting = len(d.turn) == 0
			r.cache.release(d)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	second := make(chan error)
	go func() {
		_, err := r.WithContext(ctx).ReadAt(make([]byte, 10), 0)
		second <- err
	}()
	cancel()
	if err := <-second; err != context.Canceled {
		t.Errorf("who waits: %v, want %v", err, context.Canceled)
	}
	close(g.open)
	if err := <-first; err != nil {
		t.Errorf("who decodes: %v", err)
	}
	if _, err := r.WithContext(ctx).WriteTo(io.Discard); err != context.Canceled {
		t.Errorf("WriteTo: %v, want %v", err, context.Canceled)
	}
}

// TestTransient has the source fail once: the next read succeeds.
func TestTransient(t *testing.T) {
	text := words(200_000)
	data := compress(t, text, 6)
	f := &flaky{r: bytes.NewReader(data), err: errors.New("once")}
	r := NewReader(f, int64(len(data)), index(t, data, text, MinSpan), nil)
	p := make([]byte, 1000)
	if _, err := r.ReadAt(p, 70_000); err == nil || err.Error() != "once" {
		t.Errorf("%v, want the source's error", err)
	}
	if _, err := r.ReadAt(p, 70_000); err != nil || !bytes.Equal(p, text[70_000:71_000]) {
		t.Errorf("the second time: %v, or other bytes", err)
	}
}

type flaky struct {
	r   io.ReaderAt
	err error
}

func (f *flaky) ReadAt(p []byte, off int64) (int, error) {
	if err := f.err; err != nil {
		f.err = nil
		return 0, err
	}
	return f.r.ReadAt(p, off)
}

// TestReaderMemory reads at random places: all that is ever allocated is the cache and less than 1 MiB.
func TestReaderMemory(t *testing.T) {
	text := words(1 << 20)
	data := compress(t, text, 1)
	x := index(t, data, text, MinSpan)
	const limit = 1 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := newReader(data, x, limit)
	rnd := rand.New(rand.NewPCG(5, 6))
	p := make([]byte, 4<<10)
	for range 150 {
		off := rnd.IntN(len(text) - len(p))
		if _, err := r.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, text[off:off+len(p)]) {
			t.Fatal(off, err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > limit+1<<20 {
		t.Errorf("%d bytes for a cache of %d", n, limit)
	}
	if n := r.CachedBytes(); n > limit || n < limit/2 {
		t.Errorf("the cache has %d bytes of %d", n, limit)
	}
}

// TestLargeSpans reads where spans are larger than every buffer, and across their ends.
func TestLargeSpans(t *testing.T) {
	text := bytes.Repeat(words(100_000), 45)
	data := compress(t, text, 1)
	x := index(t, data, text, 4<<20)
	r := newReader(data, x, 0)
	if x.Len() != 2 || x.LongestSpan() < 4<<20 {
		t.Errorf("%d spans of up to %d bytes, want 2", x.Len(), x.LongestSpan())
	}
	for _, c := range []struct{ off, n int }{{4<<20 - 1000, 5000}, {4<<20 - 1<<19, 1 << 19}, {4<<20 + 100_000, 10}, {0, 1}, {100, 2 << 20}} {
		p := make([]byte, c.n)
		if _, err := r.ReadAt(p, int64(c.off)); err != nil || !bytes.Equal(p, text[c.off:c.off+c.n]) {
			t.Errorf("ReadAt(%d, %d): %v, or other bytes", c.n, c.off, err)
		}
	}
}
