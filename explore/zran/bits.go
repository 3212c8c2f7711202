package zran

import (
	"encoding/binary"
	"io"
)

const (
	inSize = 64 << 10
	inPad  = 1 << 10 // more than a block's header takes (600 bytes), so that parsing one needs no test for the end

	maxEmptyReads = 100 // in a row, before the source is given up
)

// input is the compressed stream as a buffer of bytes, and the bits of it that come next.
//
//	base                  pos - n/8     pos          end
//	 | ...used up...         | in bits... | ...to come | zeros at the end of the stream, inPad of them
//
// bits holds the n next bits, the next of all lowest. What is above them is zero, or what buf holds there.
type input struct {
	src      io.Reader
	err      error // why nothing comes behind end; io.EOF at the end of the stream
	base     int64 // offset of buf[0] in the stream
	pos, end int
	bits     uint64
	n        uint
	buf      [inSize + inPad]byte
}

// reset makes src, whose first byte is at offset base of the stream, what comes next.
func (in *input) reset(src io.Reader, base int64) {
	in.src, in.err, in.base = src, nil, base
	in.pos, in.end, in.bits, in.n = 0, 0, 0, 0
}

// offset returns how many bits of the stream were used up.
func (in *input) offset() int64 { return (in.base+int64(in.pos))*8 - int64(in.n) }

// have reads until least bytes are in the buffer behind pos, or there are no more. least is at most inPad.
func (in *input) have(least int) {
	if in.end-in.pos >= least || in.err != nil {
		return
	}
	used := max(in.pos-8, 0) // align may go back over what is in bits
	copy(in.buf[:], in.buf[used:in.end])
	in.base, in.pos, in.end = in.base+int64(used), in.pos-used, in.end-used
	for empty := 0; in.end-in.pos < least && in.err == nil; empty++ {
		n, err := in.src.Read(in.buf[in.end:inSize])
		in.end, in.err = in.end+n, err
		if n > 0 {
			empty = 0
		} else if empty >= maxEmptyReads && err == nil {
			in.err = io.ErrNoProgress
		}
	}
	clear(in.buf[in.end : in.end+inPad])
}

// refill makes n at least 56. The caller sees to it that there is something to read: have, and overrun afterwards.
func (in *input) refill() {
	in.bits |= binary.LittleEndian.Uint64(in.buf[in.pos:]) << (in.n & 63)
	in.pos += int((63 - in.n) >> 3)
	in.n |= 56
}

// take returns the next k bits; n is at least k.
func (in *input) take(k uint) uint {
	v := in.bits & (1<<(k&63) - 1)
	in.bits >>= k & 63
	in.n -= k
	return uint(v)
}

// overrun reports whether more was used than there is.
func (in *input) overrun() bool { return in.pos*8-int(in.n) > in.end*8 }

// align drops the bits up to the next byte and empties the bit buffer.
func (in *input) align() {
	in.pos -= int(in.n >> 3)
	in.bits, in.n = 0, 0
}

// settle drops what bits holds above the n that count: it is of no use once buf has been filled again.
func (in *input) settle() { in.bits &= 1<<(in.n&63) - 1 }

// next returns the next byte of a stream that stands at a byte boundary.
func (in *input) next() (byte, error) {
	in.have(1)
	if in.pos >= in.end {
		return 0, in.short()
	}
	in.pos++
	return in.buf[in.pos-1], nil
}

// short returns the error of a stream that goes on where there is nothing.
func (in *input) short() error {
	if in.err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return in.err
}

// corrupt returns a CorruptError at the current offset.
func (in *input) corrupt(what string) error {
	return &CorruptError{Offset: in.offset() / 8, What: what}
}
