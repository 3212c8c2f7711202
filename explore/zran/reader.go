package zran

import (
	"context"
	"io"
)

// DefaultCacheBytes is the bound of a Reader's cache when [ReaderOptions] says nothing.
const DefaultCacheBytes = 8 << 20

// ReaderOptions are the choices of a [Reader]. The zero value and nil mean the defaults.
type ReaderOptions struct {
	CacheBytes int64 // memory for decoded spans; 0: DefaultCacheBytes. Spans that are being read count but are never dropped
}

// A Reader is the decoded form of a gzip stream, with random access. Its methods may be called at the same time; a span that
// several callers want is decoded once.
type Reader struct{}

// NewReader returns a Reader of the gzip stream that is the size bytes of src, whose index x is.
func NewReader(src io.ReaderAt, size int64, x *Index, o *ReaderOptions) *Reader { panic("not yet") }

// Size returns how many bytes there are.
func (r *Reader) Size() int64 { panic("not yet") }

// ReadAt implements [io.ReaderAt]. Errors are a [CorruptError], one that wraps [ErrIndex], or one of the source.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) { panic("not yet") }

// WriteTo writes everything to w, faster than ReadAt could return it and without filling the cache.
func (r *Reader) WriteTo(w io.Writer) (int64, error) { panic("not yet") }

// WriteRangeTo writes n bytes from off on to w, as WriteTo does; less only with an error.
func (r *Reader) WriteRangeTo(w io.Writer, off, n int64) (int64, error) { panic("not yet") }

// WithContext returns a view of r, sharing all that it has, whose methods stop with ctx's error when ctx is done.
func (r *Reader) WithContext(ctx context.Context) *Reader { panic("not yet") }
