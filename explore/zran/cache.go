package zran

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
)

// A cache holds decoded spans, and those that are being decoded. The least recently used go first; those in use stay.
type cache struct {
	limit int64

	mu    sync.Mutex
	size  int64
	spans map[int64]*decoded // by number
	order list.List          // of *decoded, the last used in front
}

// recent is how many of the last used spans are asked before the index is.
const recent = 4

// decoded is a span in memory, as far as anybody wanted it.
//
//	buf  | window: 32 KiB | checked: pages | decoded ...      | room | outSlack |
//	                                       ^ done             ^ d.w
type decoded struct {
	span
	buf  []byte       // the window, then the output
	done atomic.Int64 // bytes of output that are checked and never change again

	turn  chan struct{} // holds one token: who takes it may decode
	d     *decoder      // stands behind what is decoded; nil before the first byte, or when the next span has taken it
	err   error         // why there is no more
	pages []byte        // a CRC-32 for each page

	users int // guarded by cache.mu, as is the place in the list
	place *list.Element
}

func (c *cache) init(limit int64) {
	c.limit, c.spans = limit, map[int64]*decoded{}
	c.order.Init()
}

func (c *cache) bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

// holding returns a recently used span that has offset off, or nil. The caller lets go of it.
func (c *cache) holding(off int64) *decoded {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for e := c.order.Front(); e != nil && n < recent; e, n = e.Next(), n+1 {
		if s := e.Value.(*decoded); s.out <= off && off < s.end.out {
			return c.use(s)
		}
	}
	return nil
}

// get returns span s, which may be new. The caller lets go of it.
func (c *cache) get(s span) *decoded {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.spans[s.number]; d != nil {
		return c.use(d)
	}
	size := windowSize + s.length() + outSlack
	c.makeRoom(int64(size) + decoderSize)
	d := &decoded{span: s, buf: getBuffer(size), turn: make(chan struct{}, 1)}
	d.turn <- struct{}{}
	d.place = c.order.PushFront(d)
	c.spans[s.number] = d
	c.size += d.size()
	return c.use(d)
}

func (c *cache) use(d *decoded) *decoded {
	d.users++
	c.order.MoveToFront(d.place)
	return d
}

// release lets go of a span.
func (c *cache) release(d *decoded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.users--
	c.makeRoom(0)
}

// makeRoom drops spans that nobody uses until there are n bytes.
func (c *cache) makeRoom(n int64) {
	for e := c.order.Back(); e != nil && c.size+n > c.limit; {
		d := e.Value.(*decoded)
		e = e.Prev()
		if d.users == 0 {
			c.drop(d)
		}
	}
}

// held returns span number if it is there, or nil. The caller lets go of it.
func (c *cache) held(number int64) *decoded {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.spans[number]; d != nil {
		d.users++
		return d
	}
	return nil
}

// forget drops a span that cannot be decoded; who uses it may do so to the end.
func (c *cache) forget(d *decoded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spans[d.number] == d {
		c.order.Remove(d.place)
		delete(c.spans, d.number)
		c.size -= d.size()
	}
}

func (c *cache) drop(d *decoded) {
	c.order.Remove(d.place)
	delete(c.spans, d.number)
	c.size -= d.size()
	putBuffer(d.buf)
	if d.d != nil {
		putDecoder(d.d)
	}
	d.buf, d.d = nil, nil
}

// buffers are those of spans that have gone. New ones cost the time of clearing them.
var buffers sync.Pool

func getBuffer(size int) []byte {
	if b, _ := buffers.Get().(*[]byte); b != nil && cap(*b) >= size {
		return (*b)[:size]
	}
	const step = 64 << 10 // so that buffers of spans of nearly the same length fit each other
	return make([]byte, size, (size+step-1)/step*step)
}

func putBuffer(b []byte) { buffers.Put(&b) }

// decoderSize is about what a decoder takes.
const decoderSize = 96 << 10

func (d *decoded) size() int64 { return int64(cap(d.buf)) + decoderSize }

// lock waits until it is the caller's turn to decode, or ctx is done.
func (d *decoded) lock(ctx context.Context) error {
	select {
	case <-d.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *decoded) unlock() { d.turn <- struct{}{} }

// decoders are those that nobody uses.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func getDecoder() *decoder { return decoders.Get().(*decoder) }

// putDecoder gives d back; it keeps nothing of its user.
func putDecoder(d *decoder) {
	d.in.reset(nil, 0)
	d.out, d.marks = nil, nil
	decoders.Put(d)
}
