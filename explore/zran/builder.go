package zran

import (
	"errors"
	"fmt"
	"io"
)

// pieceSize is how much is decoded at once: it stays in the cache of the processor for who reads it next.
const pieceSize = 256 << 10

// PieceBuffer is how large a buffer for [Builder.Piece] has to be at least: pieces of 128 KiB come into it.
const PieceBuffer = windowSize + 128<<10 + outSlack

// Options are the choices of a [Builder]. The zero value and nil mean the defaults.
type Options struct {
	// Span is how many bytes of output lie between checkpoints. It is clamped to MinSpan and MaxSpan; negative: no checkpoints, no index; 0:
	// DefaultSpan, and up to twice that where the checkpoints would take more than two per cent of the stream.
	Span int64

	MaxSize int64 // how many bytes the stream may decode to before ErrTooLarge; 0: no limit
}

// A Builder decodes a gzip stream and notes its checkpoints on the way. Its methods may not be called at the same time. It takes about
// 600 KiB, and the index, 2 KB for each checkpoint.
type Builder struct {
	d       decoder
	own     []byte // what Read decodes into
	r       int    // d.out[r:d.w] is still to be read
	err     error
	maxSize int64

	plain   bool // no checkpoints
	span    int64
	last    int64 // offset of the last checkpoint
	wait    int64 // the next is looked for so much behind it
	stretch bool  // the span may be longer
	packer  packer
	pending bool // the window of the last checkpoint is not yet packed
	spans   spanWriter
}

// NewBuilder returns a Builder that decodes r, which it reads in large pieces and to its end. The stream may have several
// members, and zero bytes behind the last.
func NewBuilder(r io.Reader, o *Options) *Builder {
	if o == nil {
		o = &Options{}
	}
	b := &Builder{span: min(max(o.Span, MinSpan), MaxSpan), maxSize: o.MaxSize}
	if o.Span == 0 {
		b.span, b.stretch = DefaultSpan, true
	}
	b.wait = b.span
	b.plain = o.Span < 0
	b.d.check = true
	b.d.begin(r, 0, nil)
	return b
}

// Read returns decoded bytes. At the end, all checksums being right, it returns io.EOF; a damaged stream is a [CorruptError], one
// that was cut short io.ErrUnexpectedEOF, one that is too large [ErrTooLarge]; errors of the underlying reader pass unchanged.
func (b *Builder) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b.fill(nil)
	n := copy(p, b.d.out[b.r:b.d.w])
	b.r += n
	if n == 0 {
		return 0, b.err
	}
	return n, nil
}

// WriteTo writes what is left of the decoded stream to w, in pieces of up to 256 KiB and without copying it.
func (b *Builder) WriteTo(w io.Writer) (n int64, err error) {
	for {
		b.fill(nil)
		if b.r == b.d.w {
			break
		}
		m, err := w.Write(b.d.out[b.r:b.d.w])
		n, b.r = n+int64(m), b.r+m
		if err != nil {
			return n, err
		}
	}
	if b.err == io.EOF {
		return n, nil
	}
	return n, b.err
}

// Piece is Read into a buffer that is the caller's, of at least [PieceBuffer] bytes: what it returns is part of it, and all of it must stay as
// it is until the next call, to which the same buffer or another may be given. Bytes come without an error. It saves the copying of
// Read to who keeps several pieces at a time.
func (b *Builder) Piece(buf []byte) ([]byte, error) {
	if len(buf) < PieceBuffer {
		return nil, fmt.Errorf("zran: a buffer of %d bytes, want %d", len(buf), PieceBuffer)
	}
	b.fill(buf)
	piece := b.d.out[b.r:b.d.w]
	b.r = b.d.w
	if len(piece) == 0 {
		return nil, b.err
	}
	return piece, nil
}

// Index returns the checkpoints. It is an error to call it before Read has returned io.EOF, or WriteTo nil.
func (b *Builder) Index() (*Index, error) {
	switch {
	case b.plain:
		return nil, errors.New("zran: a Builder without checkpoints")
	case b.err == nil:
		return nil, errors.New("zran: an index before the end of the stream")
	case b.err != io.EOF:
		return nil, b.err
	}
	return b.spans.index()
}

// fill decodes the next piece into buf, or b's own if it is nil, all of the last being read.
func (b *Builder) fill(buf []byte) {
	if b.r < b.d.w || b.err != nil {
		return
	}
	if buf == nil {
		if b.own == nil {
			b.own = make([]byte, windowSize+pieceSize+outSlack)
		}
		buf = b.own
	}
	b.d.slide(buf)
	b.r = b.d.w
	for limit := len(buf) - outSlack; b.err == nil && b.d.w < limit; {
		if b.plain {
			b.err = b.d.step(limit)
		} else {
			b.err = b.step(limit)
		}
		if b.maxSize > 0 && b.d.offset() > b.maxSize && b.err == nil {
			b.err = ErrTooLarge
		}
	}
}

// step decodes up to limit or where something is due, and does what is due before.
func (b *Builder) step(limit int) error {
	b.checkpoint()
	from := b.d.w
	err := b.d.step(min(limit, b.due()))
	b.spans.add(b.d.out[from:b.d.w])
	if err == io.EOF {
		b.finish()
	}
	return err
}

// due returns where in out there is something to be done: to pack the window, or to set the next checkpoint.
func (b *Builder) due() int {
	if b.pending {
		return b.packer.marks.at + windowSize
	}
	return int(b.last + b.wait - b.d.origin)
}

// checkpoint does what is due. Where a member starts is a good place, since no window is needed there.
func (b *Builder) checkpoint() {
	d := &b.d
	if b.pending && (d.w >= b.due() || d.state == atMember) {
		b.packWindow()
	}
	since := d.offset() - b.last
	switch {
	case b.spans.empty():
		b.spans.start(point{kind: memberPoint})
	case d.state == atMember && since >= b.span/2:
		b.last, b.wait = d.offset(), b.span
		b.spans.start(point{out: b.last, bit: d.in.offset(), kind: memberPoint})
	case since >= b.wait && b.costly(since):
		b.wait = since + stretchStep
	case since >= b.wait && (d.state == inStored || d.state == inSymbols || d.state == atBlock):
		b.last, b.wait = d.offset(), b.span
		b.spans.start(d.point())
		b.packer.begin(d.out[max(d.floor, d.w-windowSize):d.w], d.w)
		d.marks, b.pending = &b.packer.marks, true
	}
}

const (
	stretchStep = 16 << 10
	stretchFree = 1 << 20 // bytes of the stream that checkpoints need not be worth: what comes first says little
)

// costly reports whether a checkpoint should rather come later: in the next 64 KiB if they are going to take two per cent of the stream, up to
// another span if they do.
func (b *Builder) costly(since int64) bool {
	read := b.d.in.offset()/8 + stretchFree
	switch cost := b.spans.size(); {
	case !b.stretch || since >= 2*b.span:
		return false
	case since >= b.span+48<<10:
		return cost > read*19/1000
	default:
		return cost > read*17/1000
	}
}

func (b *Builder) packWindow() {
	b.spans.window(b.packer.pack())
	b.d.marks, b.pending = nil, false
}

// finish ends the last span.
func (b *Builder) finish() {
	if b.pending {
		b.packWindow()
	}
	b.spans.finish(b.d.offset(), b.d.in.base+int64(b.d.in.pos))
}
