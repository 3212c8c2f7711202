package zran

import (
	"errors"
	"io"
	"sync"
)

// WriteTo writes everything to w, faster than ReadAt could return it and without filling the cache.
func (r *Reader) WriteTo(w io.Writer) (int64, error) { return r.WriteRangeTo(w, 0, r.Size()) }

// WriteRangeTo writes the n bytes from off on to w, as WriteTo does; fewer only with an error, which is io.EOF where there are fewer.
func (r *Reader) WriteRangeTo(w io.Writer, off, n int64) (int64, error) {
	if off < 0 || n < 0 {
		return 0, errors.New("zran: negative offset or length")
	}
	if err := r.fits(); err != nil {
		return 0, err
	}
	there := min(n, max(r.Size()-off, 0))
	t := stream{r: r, w: w, off: off, end: off + there}
	err := t.run()
	if err == nil && there < n {
		err = io.EOF
	}
	return t.off - off, err
}

// A stream writes a part of the output from its start to its end. It is decoded in out, and written up to ready.
type stream struct {
	r        *Reader
	w        io.Writer
	off, end int64 // what is still to be written
	z        *decoder
	ready    int // checked up to here
}

func (t *stream) run() error {
	if t.off >= t.end {
		return nil
	}
	s, err := t.r.x.find(t.off)
	if err != nil {
		return err
	}
	extra, err := t.r.x.extra(s, nil)
	if err != nil {
		return err
	}
	b := streamPool.Get().(*streamBuffers)
	defer b.put()
	t.z = &b.d
	t.z.stream = io.NewSectionReader(t.r.src, 0, t.r.size)
	if err := t.z.resume(s.point, extra[4*s.pages():], b.out[:]); err != nil {
		return err
	}
	for {
		if err := t.span(s, extra); err != nil || s.end.out >= t.end {
			return errors.Join(err, t.flush())
		}
		if s, err = t.r.x.span(s.number + 1); err != nil {
			return err
		}
		if extra, err = t.r.x.extra(s, extra); err != nil {
			return err
		}
	}
}

// streamBuffers is the memory of a stream.
type streamBuffers struct {
	d   decoder
	out [windowSize + pieceSize + outSlack]byte
}

var streamPool = sync.Pool{New: func() any { return new(streamBuffers) }}

// put gives b back; it keeps nothing of its user.
func (b *streamBuffers) put() {
	b.d.in.reset(nil, 0)
	b.d.stream, b.d.out, b.d.marks = nil, nil, nil
	b.d.packed.Reset(nil)
	streamPool.Put(b)
}

// span decodes span s, where the decoder stands.
func (t *stream) span(s span, pages []byte) error {
	for at := s.out; at < min(s.end.out, t.end); at += pageSize {
		if err := t.r.ctx.Err(); err != nil {
			return err
		}
		n := int(min(pageSize, s.end.out-at))
		if int(at-t.z.origin)+n > len(t.z.out)-outSlack {
			if err := t.flush(); err != nil {
				return err
			}
			t.z.slide(t.z.out)
		}
		from := int(at - t.z.origin)
		if err := t.z.page(from, from+n, le.Uint32(pages[(at-s.out)/pageSize*4:])); err != nil {
			return err
		}
		t.ready = from + n
	}
	return nil
}

// flush writes what is ready.
func (t *stream) flush() error {
	from, to := t.off-t.z.origin, min(int64(t.ready), t.end-t.z.origin)
	if from >= to {
		return nil
	}
	n, err := t.w.Write(t.z.out[from:to])
	t.off += int64(n)
	return err
}
