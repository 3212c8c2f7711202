package zran

import (
	"fmt"
	"hash/crc32"
	"io"
)

// point returns the checkpoint where d stands, in or before a block.
func (d *decoder) point() point {
	p := point{out: d.offset(), bit: d.in.offset(), kind: innerPoint, head: d.head}
	if d.state == atBlock {
		p.head, p.kind = p.bit, blockPoint
	}
	return p
}

// resume makes d go on at p in its stream, with the window before it, as the index has it, at the start of out, which has room for maxPacked bytes
// behind the window.
func (d *decoder) resume(p point, window, out []byte) error {
	d.in.reset(nil, 0) // what is there is of an earlier use
	if err := unpack(d, window, out); err != nil {
		return err
	}
	if err := d.seek(p.head); err != nil {
		return err
	}
	d.out, d.w, d.origin, d.floor = out, windowSize, p.out-windowSize, 0
	d.state, d.summed = atBlock, windowSize
	switch p.kind {
	case memberPoint:
		d.state = atMember
		return nil
	case blockPoint:
		return nil
	}
	return d.enter(p)
}

// enter goes on inside a block, whose header comes.
func (d *decoder) enter(p point) error {
	if err := d.block(); err != nil {
		return err
	}
	skip := p.bit - d.in.offset()
	if d.state == inStored {
		if skip < 0 || skip > int64(d.left)*8 || skip%8 != 0 {
			return errPlace
		}
		d.left -= int(skip / 8)
	}
	if skip < 0 {
		return errPlace
	}
	return d.seek(p.bit)
}

// seek makes the given bit of the stream the next one.
func (d *decoder) seek(bit int64) error {
	in := &d.in
	at := bit / 8
	if in.src == d.stream && at >= in.base && at <= in.base+int64(in.end) {
		in.pos, in.bits, in.n = int(at-in.base), 0, 0
	} else {
		if _, err := d.stream.Seek(at, io.SeekStart); err != nil {
			return err
		}
		in.reset(d.stream, at)
	}
	if skip := uint(bit % 8); skip > 0 {
		in.have(inSlack)
		in.refill()
		in.take(skip)
		in.settle()
		if in.overrun() {
			return in.short()
		}
	}
	return nil
}

// errPlace is what is wrong with a checkpoint that lies elsewhere than the block says.
var errPlace = fmt.Errorf("%w: a checkpoint is not in its block", ErrIndex)

// page decodes the page out[from:to]; what comes before d.w is there.
func (d *decoder) page(from, to int, sum uint32) error {
	for d.w < to {
		err := d.step(to)
		if err == io.EOF {
			return d.in.corrupt("shorter than its index says")
		}
		if err != nil {
			return err
		}
	}
	if crc32.ChecksumIEEE(d.out[from:to]) != sum {
		return d.in.corrupt("other bytes than the index has seen")
	}
	return nil
}
