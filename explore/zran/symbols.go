package zran

import "encoding/binary"

const (
	// outSlack is how far behind the limit the loops may write: three literals, a match of 258, and 32 bytes copied at once.
	outSlack = 320

	// inSlack is what one turn of the fast loop reads at most: two refills.
	inSlack = 16
)

// A stop is why a loop over symbols ended.
type stop int

const (
	stopFull    stop = iota // the limit of the output is reached, or there is too little input for the loop
	stopEnd                 // end of block
	stopInvalid             // a bit sequence that is no code, or a symbol that must not occur
	stopFar                 // a distance beyond the start
	stopShort               // the stream ends here
)

// refill returns bits with at least 56 of them, and where the next are.
func refill(in *[inSize + inPad]byte, bits uint64, n, pos uint) (uint64, uint, uint) {
	bits |= binary.LittleEndian.Uint64(in[pos:pos+8]) << (n & 63)
	return bits, n | 56, pos + (63-n)>>3
}

// fast decodes symbols until w >= limit or the input buffer is nearly used up. It is the loop where the time goes: a turn begins with
// at least 56 bits and the first entry looked up, takes up to three literals or a length with its distance, and looks up the next
// entry before it copies. The jumps save testing twice what kind of entry it is.
func (d *decoder) fast(limit int) (why stop) {
	in, out, w := &d.in.buf, d.out[:limit+outSlack], uint(d.w)
	low := max(d.floor, d.marks.end()) // below it, copying is not all that there is to do
	bits, n, pos, posEnd := d.in.bits, d.in.n, uint(d.in.pos), uint(max(d.in.end-inSlack, 0))
	bits, n, pos = refill(in, bits, n, pos)
	var f uint64
	var from, length int
	e := d.lit[bits&(1<<litBits-1)]
	for w < uint(limit) && pos < posEnd {
		if e < litLiteral {
			goto match
		}
		out[w], w, bits, n = byte(e>>16), w+1, bits>>(e&63), n-uint(e&63)
		if e = d.lit[bits&(1<<litBits-1)]; e < litLiteral {
			goto match
		}
		out[w], w, bits, n = byte(e>>16), w+1, bits>>(e&63), n-uint(e&63)
		if e = d.lit[bits&(1<<litBits-1)]; e < litLiteral {
			goto match
		}
		goto literal
	match:
		if e&litSpecial != 0 {
			if e = d.lit.resolve(e, bits); e >= litLiteral {
				goto literal
			}
			if e&litSpecial != 0 {
				why, bits, n = stopOf(e), bits>>(e&63), n-uint(e&63)
				break
			}
		}
		length, bits, n = int(e>>16), bits>>(e&63), n-uint(e&63)
		if n < maxBits+13 { // the longest code of a distance, the most extra bits
			bits, n, pos = refill(in, bits, n, pos)
		}
		f = d.dist.look(bits)
		from = int(w) - int(f>>16&0xffff) - int(bits>>(f>>8&63)&(f>>32))
		bits, n = bits>>(f&63), n-uint(f&63)
		bits, n, pos = refill(in, bits, n, pos)
		e = d.lit[bits&(1<<litBits-1)]
		if from >= low && from+16 <= int(w) && length <= 32 {
			copy32(out[w:w+32], out[from:from+32])
		} else if why = d.repeat(int(w), from, length); why != stopFull {
			break
		}
		w += uint(length)
		continue
	literal:
		out[w], w, bits, n = byte(e>>16), w+1, bits>>(e&63), n-uint(e&63)
		bits, n, pos = refill(in, bits, n, pos)
		e = d.lit[bits&(1<<litBits-1)]
	}
	d.w, d.in.bits, d.in.n, d.in.pos = int(w), bits, n, int(pos)
	d.in.settle()
	return why
}

// stopOf returns why the loop stops at a special entry.
func stopOf(e uint32) stop {
	if e&litEnd == litEnd {
		return stopEnd
	}
	return stopInvalid
}

// copy32 copies 32 bytes, which may overlap by 16.
func copy32(to, from []byte) {
	a, b := (*[32]byte)(to), (*[32]byte)(from)
	x, y := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	binary.LittleEndian.PutUint64(a[:], x)
	binary.LittleEndian.PutUint64(a[8:], y)
	x, y = binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	binary.LittleEndian.PutUint64(a[16:], x)
	binary.LittleEndian.PutUint64(a[24:], y)
}

// repeat writes to out[w:] the length bytes that begin at from. Where they overlap, what can be copied at once doubles. It notes which
// bytes of the window they are, if anybody wants to know.
func (d *decoder) repeat(w, from, length int) stop {
	switch {
	case from == w:
		return stopInvalid // see distInvalid
	case from < d.floor:
		return stopFar
	case from < d.marks.end():
		d.marks.use(from, length)
	}
	for end := w + length; w < end; {
		w += copy(d.out[w:end], d.out[from:w])
	}
	return stopFull
}

// careful decodes symbols one by one until w >= limit, the input buffer is nearly used up or, at the end of the stream, all of it.
func (d *decoder) careful(limit int) stop {
	in := &d.in
	for d.w < limit {
		if in.end-in.pos < inSlack && in.err == nil {
			return stopFull
		}
		in.refill()
		e := d.lit[in.bits&(1<<litBits-1)]
		if e < litLiteral && e&litSpecial != 0 {
			e = d.lit.resolve(e, in.bits)
		}
		in.take(uint(e & 63))
		switch {
		case in.overrun():
			return stopShort
		case e >= litLiteral:
			d.out[d.w] = byte(e >> 16)
			d.w++
			continue
		case e&litSpecial != 0:
			return stopOf(e)
		}
		if why := d.match(int(e >> 16)); why != stopFull {
			return why
		}
	}
	return stopFull
}

// match reads a distance and copies length bytes from there.
func (d *decoder) match(length int) stop {
	in := &d.in
	in.refill()
	f := d.dist.look(in.bits)
	from := d.w - int(f>>16&0xffff) - int(in.bits>>(f>>8&63)&(f>>32))
	in.take(uint(f & 63))
	if in.overrun() {
		return stopShort
	}
	why := d.repeat(d.w, from, length)
	if why == stopFull {
		d.w += length
	}
	return why
}
