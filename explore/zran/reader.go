package zran

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// DefaultCacheBytes is the bound of a Reader's cache when [ReaderOptions] says nothing.
const DefaultCacheBytes = 8 << 20

// ReaderOptions are the choices of a [Reader]. The zero value and nil mean the defaults.
type ReaderOptions struct {
	CacheBytes int64 // memory for decoded spans; 0: DefaultCacheBytes. Spans that are being read count but are never dropped
}

// A Reader is the decoded form of a gzip stream, with random access. Its methods may be called at the same time; a span that
// several callers want is decoded once. It needs no closing.
type Reader struct {
	*shared
	ctx context.Context
}

// shared is what all views of a Reader have in common.
type shared struct {
	src   io.ReaderAt
	size  int64 // of src
	x     *Index
	cache cache
}

// NewReader returns a Reader of the gzip stream that is the size bytes of src, whose index x is.
func NewReader(src io.ReaderAt, size int64, x *Index, o *ReaderOptions) *Reader {
	limit := int64(DefaultCacheBytes)
	if o != nil && o.CacheBytes > 0 {
		limit = o.CacheBytes
	}
	r := &Reader{shared: &shared{src: src, size: size, x: x}, ctx: context.Background()}
	r.cache.init(limit)
	return r
}

// WithContext returns a view of r, sharing all that it has, whose methods stop with ctx's error when ctx is done.
func (r *Reader) WithContext(ctx context.Context) *Reader { return &Reader{r.shared, ctx} }

// Size returns how many bytes there are.
func (r *Reader) Size() int64 { return r.x.Size() }

// CachedBytes returns how much memory the decoded spans take at the moment.
func (r *Reader) CachedBytes() int64 { return r.cache.bytes() }

// ReadAt implements [io.ReaderAt]. Errors are a [CorruptError], one that wraps [ErrIndex], or one of the source.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("zran: negative offset")
	}
	if err := r.fits(); err != nil {
		return 0, err
	}
	for n < len(p) {
		if off >= r.Size() {
			return n, io.EOF
		}
		m, err := r.readSpan(p[n:], off)
		n, off = n+m, off+int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// fits returns an error if the index is that of another stream.
func (r *Reader) fits() error {
	if r.size != r.x.CompressedSize() {
		return fmt.Errorf("%w: it is of a stream of %d bytes, not %d", ErrIndex, r.x.CompressedSize(), r.size)
	}
	return r.ctx.Err()
}

// readSpan reads from the span that has offset off.
func (r *Reader) readSpan(p []byte, off int64) (int, error) {
	d := r.cache.holding(off)
	if d == nil {
		s, err := r.x.find(off)
		if err != nil {
			return 0, err
		}
		d = r.cache.get(s)
	}
	defer r.cache.release(d)
	from := int(off - d.out)
	to := min(from+len(p), d.length())
	if err := r.decode(d, to); err != nil {
		return 0, err
	}
	return copy(p, d.buf[windowSize+from:windowSize+to]), nil
}

// decode sees to it that the first n bytes of d are there and right.
func (r *Reader) decode(d *decoded, n int) error {
	if d.done.Load() >= int64(n) {
		return nil
	}
	if err := d.lock(r.ctx); err != nil {
		return err
	}
	defer d.unlock()
	for d.done.Load() < int64(n) {
		if d.err != nil {
			return d.err
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if d.err = r.nextPage(d); d.err != nil {
			r.cache.forget(d) // who comes later tries again
		}
	}
	return nil
}

// nextPage decodes a page of d, which is the caller's turn.
func (r *Reader) nextPage(d *decoded) error {
	if d.d == nil {
		if err := r.open(d); err != nil {
			return err
		}
	}
	done := int(d.done.Load())
	next := min(done+pageSize, d.length())
	if err := d.d.page(windowSize+done, windowSize+next, le.Uint32(d.extra[done/pageSize*4:])); err != nil {
		return err
	}
	d.done.Store(int64(next))
	return nil
}

// open makes d ready to decode its first byte.
func (r *Reader) open(d *decoded) (err error) {
	d.extra, err = r.x.extra(d.span, d.extra)
	if err != nil || r.goOn(d) {
		return err
	}
	if d.idle == nil {
		d.idle = &decoder{stream: io.NewSectionReader(r.src, 0, r.size)}
	}
	d.d, d.idle = d.idle, nil
	return d.d.resume(d.point, d.extra[4*d.span.pages():], d.buf)
}

// goOn takes the decoder that stands at the end of the span before d, if there is one: it has the window, and has read the codes.
func (r *Reader) goOn(d *decoded) bool {
	before := r.cache.held(d.number - 1)
	if before == nil {
		return false
	}
	defer r.cache.release(before)
	select {
	case <-before.turn:
		defer before.unlock()
	default:
		return false
	}
	z, end := before.d, before.length() // windowSize behind where the window of d starts
	if z == nil || before.done.Load() < int64(end) || end < windowSize {
		return false
	}
	copy(d.buf, before.buf[end:z.w])
	z.out, z.w, z.origin, z.floor = d.buf, z.w-end, z.origin+int64(end), max(z.floor-end, 0)
	d.d, before.d, before.idle, d.idle = z, nil, d.idle, nil
	d.follows = true
	return true
}
