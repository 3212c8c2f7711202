package zran

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// A cache holds decoded spans, and those that are being decoded. The least recently used go first; those in use stay. Spans that go leave their
// memory to those that come: reading at random places makes no garbage.
type cache struct {
	limit int64

	mu    sync.Mutex
	size  int64
	spans map[int64]*decoded // by number
	order []*decoded         // the last used at the end
	spare *decoded           // memory of a span that has gone, beyond the limit
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

	turn    chan struct{} // holds one token: who takes it may decode
	d       *decoder      // stands behind what is decoded; nil before the first byte, or when the next span has taken it
	idle    *decoder      // one that stands nowhere; there is none where d is
	err     error         // why there is no more
	extra   []byte        // what the index has of the span: a CRC-32 for each page, the window
	follows bool          // the decoder came from the span before: somebody reads one after the other

	users int // guarded by cache.mu
}

func (c *cache) init(limit int64) { c.limit, c.spans = limit, map[int64]*decoded{} }

// holding returns a recently used span that has offset off, or nil. The caller lets go of it.
func (c *cache) holding(off int64) *decoded {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.order) - 1; i >= max(0, len(c.order)-recent); i-- {
		if s := c.order[i]; s.out <= off && off < s.end.out {
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
	c.leave(s.number)
	const step = 64 << 10 // so that buffers of spans of nearly the same length fit each other
	need := (windowSize + max(s.length(), maxPacked) + outSlack + step - 1) / step * step
	c.makeRoom(int64(need) + decoderSize)
	d := c.spare
	c.spare = nil
	if d == nil || cap(d.buf) < need {
		d = &decoded{buf: make([]byte, need), turn: make(chan struct{}, 1)}
		d.turn <- struct{}{}
	}
	d.span = s
	c.spans[s.number], c.order = d, append(c.order, d)
	c.size += d.size()
	d.users++
	return d
}

// leave drops what who reads span after span has behind him, so that a large file does not take the place of all else: the last span but one.
func (c *cache) leave(number int64) {
	last, before := c.spans[number-1], c.spans[number-2]
	if last != nil && before != nil && last.follows && before.follows && before.users == 0 {
		c.drop(before)
	}
}

func (c *cache) use(d *decoded) *decoded {
	d.users++
	i := slices.Index(c.order, d)
	c.order = append(append(c.order[:i], c.order[i+1:]...), d)
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
	for i := 0; i < len(c.order) && c.size+n > c.limit; {
		if d := c.order[i]; d.users == 0 {
			c.drop(d)
		} else {
			i++
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
		c.remove(d)
	}
}

func (c *cache) remove(d *decoded) {
	i := slices.Index(c.order, d)
	c.order = slices.Delete(c.order, i, i+1)
	delete(c.spans, d.number)
	c.size -= d.size()
}

// drop removes a span that nobody uses.
func (c *cache) drop(d *decoded) {
	c.remove(d)
	if d.d != nil {
		d.idle, d.d = d.d, nil
	}
	d.done.Store(0)
	d.err, d.follows = nil, false
	c.spare = d
}

func (c *cache) bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

// decoderSize is about what a decoder takes, and the rest of a decoded.
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
