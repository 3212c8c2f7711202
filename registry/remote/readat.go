package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"vitrine/storage"
)

// ReadAt implements io.ReaderAt.
func (b *blob) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read at a negative offset")
	}
	if err := b.alive(); err != nil {
		return 0, err
	}
	if off >= b.size {
		return 0, io.EOF
	}
	want := min(int64(len(p)), b.size-off)
	n, err := b.readPages(p[:want], off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// readPages reads all of p, which is within the blob, out of pages.
func (b *blob) readPages(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		last := (off + int64(len(p)) - 1) / pageSize
		some, err := b.somePages(at/pageSize, last-at/pageSize+1)
		for _, pg := range some {
			if err == nil && n < len(p) {
				if err = b.wait(pg); err == nil {
					n += copy(p[n:], pg.data[(off+int64(n))%pageSize:])
				}
			}
		}
		if err != nil && !(abandoned(err) && b.ctx.Err() == nil) { // whose fetch it was may have left
			return n, err
		}
	}
	return n, nil
}

// somePages returns the page at index, and the next ones if they have to be fetched with it, of which count are wanted. They may be on their way.
func (b *blob) somePages(index, count int64) ([]*page, error) {
	pg, run := b.r.pages.claim(pageKey{b.key, index}, count, (b.size+pageSize-1)/pageSize)
	if run == nil {
		return []*page{pg}, nil
	}
	return run, b.start(run)
}

// wait returns when the page is there, or why it does not come.
func (b *blob) wait(pg *page) error {
	select {
	case <-pg.done:
		if abandoned(pg.err) && b.ctx.Err() != nil {
			return b.ended()
		}
		return pg.err
	case <-b.ctx.Done():
		return b.ended()
	}
}

// ended is why a read ends whose ctx did.
func (b *blob) ended() error {
	if err := b.alive(); err != nil {
		return err
	}
	return trouble(b.ctx, b.r.base.Host, b.ctx.Err())
}

// start fetches run.
func (b *blob) start(run []*page) error {
	b.life.Lock()
	defer b.life.Unlock()
	if b.closed {
		for _, pg := range run {
			b.r.pages.failed(pg, context.Canceled) // others may try
		}
		return fs.ErrClosed
	}
	b.working.Go(func() { b.fetch(run) })
	return nil
}

// fetch brings all pages of run, one way or the other. A connection that breaks is followed by another one, for the rest.
func (b *blob) fetch(run []*page) {
	for try := 0; ; try++ {
		left, err := b.fill(run)
		if len(left) == 0 {
			return
		}
		if len(left) < len(run) {
			try = 0
		}
		run = left
		if err = b.r.rest(b.ctx, err, try); err != nil {
			for _, pg := range run {
				b.r.pages.failed(pg, err)
			}
			return
		}
	}
}

// fill asks for run once. left is what has not come, with the reason.
func (b *blob) fill(run []*page) (left []*page, err error) {
	first := run[0].key.index * pageSize
	end := min((run[len(run)-1].key.index+1)*pageSize, b.size)
	if f, _ := b.r.facts.get(b.key); f.noRanges && first >= maxSkip {
		return run, noRanges(b.r.base.Host)
	}
	part, err := b.part(first, end)
	if err != nil {
		return run, final{err} // it has been tried again already
	}
	defer part.Close()
	switch {
	case part.size >= 0 && part.size != b.size:
		return run, b.r.disown(b.key, fmt.Sprintf("has %d bytes now, not %d", part.size, b.size))
	case part.from < first && first >= maxSkip:
		return run, noRanges(b.r.base.Host)
	}
	for at := part.from; at < end; at += pageSize {
		data := make([]byte, min(pageSize, b.size-at))
		if _, err := io.ReadFull(part, data); err != nil {
			return run, cut(b.r.base.Host, err)
		}
		if at < first {
			b.r.pages.offer(pageKey{b.key, at / pageSize}, data)
			continue
		}
		b.r.pages.arrived(run[0], data)
		run = run[1:]
	}
	return nil, nil
}

// part asks for the bytes from first up to end, unless they are on their way anyway.
func (b *blob) part(first, end int64) (*fetched, error) {
	begun := b.takeBegun()
	if begun != nil && first == 0 {
		return begun, nil
	}
	if begun != nil {
		begun.Close()
	}
	if first == 0 && end == b.size {
		return b.r.fetch(b.ctx, b.key, whole, "")
	}
	return b.r.fetch(b.ctx, b.key, span{first, end - 1}, "")
}

// cut is the error of a body that ended before its time.
func cut(host string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &storage.UpstreamError{Host: host, Status: 200, Err: fmt.Errorf("%w: %w", storage.ErrUpstream, io.ErrUnexpectedEOF)}
	}
	return err
}
