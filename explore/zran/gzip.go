package zran

import (
	"encoding/binary"
	"hash/crc32"
)

// Flags of a member's header (RFC 1952, 2.3.1).
const (
	flagCRC     = 1 << 1
	flagExtra   = 1 << 2
	flagName    = 1 << 3
	flagComment = 1 << 4
)

// member reads the header of a member (RFC 1952, 2.3), or the zeros that may stand behind the last.
func (d *decoder) member() error {
	d.in.align()
	if d.in.base+int64(d.in.pos) > 0 {
		if err := d.padding(); err != nil {
			return err
		}
	}
	h := memberHeader{in: &d.in}
	id1, id2, method, flags := h.next(), h.next(), h.next(), h.next()
	if h.err == nil && (id1 != 0x1f || id2 != 0x8b) {
		return d.in.corrupt("no gzip header")
	}
	if h.err == nil && method != 8 {
		return d.in.corrupt("not deflate")
	}
	h.skip(6) // MTIME, XFL, OS
	if flags&flagExtra != 0 {
		h.skip(int(h.next()) | int(h.next())<<8)
	}
	if flags&flagName != 0 {
		h.skipString()
	}
	if flags&flagComment != 0 {
		h.skipString()
	}
	if sum := uint16(h.crc); flags&flagCRC != 0 {
		if got := uint16(h.next()) | uint16(h.next())<<8; got != sum && h.err == nil {
			return d.in.corrupt("wrong CRC-16 of the header")
		}
	}
	d.state, d.crc, d.summed, d.start, d.floor = atBlock, 0, d.w, d.offset(), d.w
	return h.err
}

// padding returns io.EOF where nothing but zeros comes, nil before what may be a header.
func (d *decoder) padding() error {
	for zeros := 0; ; zeros++ {
		d.in.have(1)
		switch {
		case d.in.pos >= d.in.end:
			return d.in.err
		case d.in.buf[d.in.pos] == 0:
			d.in.pos++
		case zeros > 0:
			return d.in.corrupt("something behind the padding")
		default:
			return nil
		}
	}
}

// memberHeader reads the bytes of a member's header; the first error stays.
type memberHeader struct {
	in  *input
	crc uint32
	err error
}

func (h *memberHeader) next() byte {
	if h.err != nil {
		return 0
	}
	var c [1]byte
	if c[0], h.err = h.in.next(); h.err == nil {
		h.crc = crc32.Update(h.crc, crc32.IEEETable, c[:])
	}
	return c[0]
}

func (h *memberHeader) skip(n int) {
	for ; n > 0 && h.err == nil; n-- {
		h.next()
	}
}

func (h *memberHeader) skipString() {
	for h.next() != 0 && h.err == nil {
	}
}

// trailer compares the CRC-32 and the size of the member (RFC 1952, 2.3.1).
func (d *decoder) trailer() error {
	d.in.align()
	d.in.have(8)
	if d.in.end-d.in.pos < 8 {
		return d.in.short()
	}
	crc := binary.LittleEndian.Uint32(d.in.buf[d.in.pos:])
	size := binary.LittleEndian.Uint32(d.in.buf[d.in.pos+4:])
	if d.check {
		d.sum()
		if crc != d.crc {
			return d.in.corrupt("wrong CRC-32")
		}
		if size != uint32(d.offset()-d.start) {
			return d.in.corrupt("wrong size")
		}
	}
	d.in.pos += 8
	d.state = atMember
	return nil
}

// sum brings the CRC-32 of the member up to date.
func (d *decoder) sum() {
	if d.check {
		d.crc = crc32.Update(d.crc, crc32.IEEETable, d.out[d.summed:d.w])
	}
	d.summed = d.w
}
