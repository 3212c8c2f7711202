package zran

import (
	"bytes"
	"io"
)

const windowSize = 32 << 10

// A state says what comes next in the stream.
type state int

const (
	atMember  state = iota // the header of a member, padding, or the end
	atBlock                // the header of a block
	inStored               // bytes as they are
	inSymbols              // symbols of a block with codes
	atTrailer              // CRC-32 and size of the member
)

// A decoder turns a gzip stream into bytes. It decodes into out, where the last 32 KiB before w are what matches refer to; who owns
// the decoder takes the bytes from there, and makes room. After any step it may be left alone and go on later.
type decoder struct {
	in    input
	state state
	final bool  // the block is the last of its member
	head  int64 // where the block's header is: bits into the stream
	left  int   // bytes of a stored block that are to come

	out    []byte // room for what is decoded, and outSlack more
	w      int    // what is decoded ends here
	origin int64  // offset of out[0] in the decoded stream
	floor  int    // matches reach back to here at most: the start of the member, or of out
	marks  *marks // nil: nobody wants to know what matches refer to

	check  bool   // compare the member's CRC-32 and size
	crc    uint32 // of the member up to out[summed]
	summed int
	start  int64 // offset of the member in the decoded stream

	lit   litTable
	dist  distTable
	codes codes

	stream *io.SectionReader // what seek seeks in
	packed bytes.Reader      // of inflate
}

// step decodes until w >= limit (by less than outSlack), or something else comes in the stream than before, whichever is first. At the
// end of the stream it returns io.EOF. There is room for limit+outSlack bytes in out.
func (d *decoder) step(limit int) error {
	switch d.state {
	case atMember:
		return d.member()
	case atBlock:
		return d.block()
	case inStored:
		return d.stored(limit)
	case inSymbols:
		return d.symbols(limit)
	}
	return d.trailer()
}

// symbols decodes symbols of a block until its end or the limit.
func (d *decoder) symbols(limit int) error {
	for d.w < limit {
		d.in.have(2 * inSlack)
		why := d.fast(limit)
		if why == stopFull && d.w < limit {
			why = d.careful(limit)
		}
		switch why {
		case stopFull:
		case stopEnd:
			d.endBlock()
			return nil
		case stopShort:
			return d.in.short()
		case stopFar:
			return d.in.corrupt("a distance reaches back beyond the start")
		default:
			return d.in.corrupt("no such code")
		}
	}
	return nil
}

func (d *decoder) endBlock() {
	d.state = atBlock
	if d.final {
		d.state = atTrailer
	}
}

// stored copies bytes of a stored block (RFC 1951, 3.2.4).
func (d *decoder) stored(limit int) error {
	for d.left > 0 && d.w < limit {
		d.in.have(1)
		if d.in.pos >= d.in.end {
			return d.in.short()
		}
		n := copy(d.out[d.w:limit], d.in.buf[d.in.pos:min(d.in.end, d.in.pos+d.left)])
		d.w, d.in.pos, d.left = d.w+n, d.in.pos+n, d.left-n
	}
	if d.left == 0 {
		d.endBlock()
	}
	return nil
}

// slide moves the last 32 KiB of out to the start of to, which may be out itself and becomes it, to make room.
func (d *decoder) slide(to []byte) {
	cut := max(d.w-windowSize, 0)
	d.sum()
	copy(to, d.out[cut:d.w])
	d.out, d.w, d.origin = to, d.w-cut, d.origin+int64(cut)
	d.summed, d.floor = d.w, max(d.floor-cut, 0)
	if d.marks != nil {
		d.marks.at -= cut
	}
}

// offset returns how many bytes were decoded.
func (d *decoder) offset() int64 { return d.origin + int64(d.w) }

// inflate decodes data, a stream without gzip's header, to the start of out, less than limit bytes. There is room for limit+outSlack.
func (d *decoder) inflate(data, out []byte, limit int) ([]byte, error) {
	d.packed.Reset(data)
	d.begin(&d.packed, 0, out)
	d.state = atBlock
	for d.state != atTrailer {
		if err := d.step(limit); err != nil {
			return nil, err
		}
		if d.w >= limit {
			return nil, ErrTooLarge
		}
	}
	return d.out[:d.w], nil
}

// begin makes d ready for a member that begins at offset base of the stream, where src is, decoding it to the start of out.
func (d *decoder) begin(src io.Reader, base int64, out []byte) {
	d.in.reset(src, base)
	d.state, d.final, d.head, d.left = atMember, false, 0, 0
	d.out, d.w, d.origin, d.floor, d.marks = out, 0, 0, 0, nil
	d.crc, d.summed, d.start = 0, 0, 0
}
