package zran

import "io"

// Options are the choices of a [Builder]. The zero value and nil mean the defaults.
type Options struct {
	Span    int64 // output bytes between checkpoints; 0: DefaultSpan; clamped to MinSpan and MaxSpan
	MaxSize int64 // how many bytes the stream may decode to before ErrTooLarge; 0: no limit
}

// A Builder decodes a gzip stream and notes its checkpoints on the way. Its methods may not be called at the same time.
type Builder struct{}

// NewBuilder returns a Builder that decodes r, which it reads in large pieces and to its end. The stream may have several
// members, and zero bytes behind the last.
func NewBuilder(r io.Reader, o *Options) *Builder { panic("not yet") }

// Read returns decoded bytes. At the end, all checksums being right, it returns io.EOF; a damaged stream is a [CorruptError], one
// that was cut short io.ErrUnexpectedEOF, one that is too large [ErrTooLarge]; errors of the underlying reader pass unchanged.
func (b *Builder) Read(p []byte) (int, error) { panic("not yet") }

// WriteTo writes what is left of the decoded stream to w, in pieces of up to 256 KiB and without copying it.
func (b *Builder) WriteTo(w io.Writer) (int64, error) { panic("not yet") }

// Index returns the checkpoints. It is an error to call it before Read has returned io.EOF, or WriteTo nil.
func (b *Builder) Index() (*Index, error) { panic("not yet") }
