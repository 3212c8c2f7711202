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
	in, lit, dist := &d.in.buf, &d.lit, &d.dist
	out, w, wEnd, floor := d.out[:limit+outSlack], uint(d.w), uint(limit), uint(d.floor)
	window := d.marks.end()
	bits, n, pos, posEnd := d.in.bits, d.in.n, uint(d.in.pos), uint(max(d.in.end-inSlack, 0))
	bits, n, pos = refill(in, bits, n, pos)
	var f, distance, length = uint64(0), uint(0), uint(0)
	e := lit[bits&(1<<litBits-1)]
	for w < wEnd && pos < posEnd {
		if e < litLiteral {
			goto match
		}
		out[w], w, bits, n = byte(e>>16), w+1, bits>>(e&63), n-uint(e&63)
		if e = lit[bits&(1<<litBits-1)]; e < litLiteral {
			goto match
		}
		out[w], w, bits, n = byte(e>>16), w+1, bits>>(e&63), n-uint(e&63)
		if e = lit[bits&(1<<litBits-1)]; e < litLiteral {
			goto match
		}
		goto literal
	match:
		if e&litSpecial != 0 {
			if e = lit.resolve(e, bits); e >= litLiteral {
				goto literal
			}
			if e&litSpecial != 0 {
				why, bits, n = stopOf(e), bits>>(e&63), n-uint(e&63)
				break
			}
		}
		bits, n = bits>>(e&63), n-uint(e&63)
		if n < maxBits+13 { // the longest code of a distance, the most extra bits
			bits, n, pos = refill(in, bits, n, pos)
		}
		f = dist.look(bits)
		distance, length = uint(f>>16&0xffff)+uint(bits>>(f>>8&63)&(f>>32)), uint(e>>16)
		if distance > w-floor || f&distSpecial != 0 {
			why = stopOfDistance(f)
			break
		}
		bits, n = bits>>(f&63), n-uint(f&63)
		bits, n, pos = refill(in, bits, n, pos)
		e = lit[bits&(1<<litBits-1)]
		if distance >= 16 && length <= 32 && w-distance >= window {
			copy32(out[w:], out[w-distance:])
		} else {
			d.repeat(w, distance, length)
		}
		w += length
		continue
	literal:
		out[w], w, bits, n = byte(e>>16), w+1, bits>>(e&63), n-uint(e&63)
		bits, n, pos = refill(in, bits, n, pos)
		e = lit[bits&(1<<litBits-1)]
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

// stopOfDistance returns what is wrong with a distance of entry f.
func stopOfDistance(f uint64) stop {
	if f&distSpecial != 0 {
		return stopInvalid
	}
	return stopFar
}

// copy32 copies 32 bytes, which may overlap by 16.
func copy32(to, from []byte) {
	_, _ = to[31], from[31]
	a, b := binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(from[8:])
	binary.LittleEndian.PutUint64(to, a)
	binary.LittleEndian.PutUint64(to[8:], b)
	a, b = binary.LittleEndian.Uint64(from[16:]), binary.LittleEndian.Uint64(from[24:])
	binary.LittleEndian.PutUint64(to[16:], a)
	binary.LittleEndian.PutUint64(to[24:], b)
}

// repeat writes to out[w:] the length bytes that begin distance before it. Where they overlap, what can be copied at once doubles.
// It notes which bytes of the window they are, if anybody wants to know.
func (d *decoder) repeat(w, distance, length uint) {
	from := w - distance
	if from < d.marks.end() {
		d.marks.use(int(from), int(length))
	}
	for end := w + length; w < end; {
		w += uint(copy(d.out[w:end], d.out[from:w]))
	}
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
		if why := d.match(uint(e >> 16)); why != stopFull {
			return why
		}
	}
	return stopFull
}

// match reads a distance and copies length bytes from there.
func (d *decoder) match(length uint) stop {
	in := &d.in
	in.refill()
	f := d.dist.look(in.bits)
	distance := int(f>>16&0xffff) + int(in.bits>>(f>>8&63)&(f>>32))
	in.take(uint(f & 63))
	switch {
	case in.overrun():
		return stopShort
	case distance > d.w-d.floor || f&distSpecial != 0:
		return stopOfDistance(f)
	}
	d.repeat(uint(d.w), uint(distance), length)
	d.w += int(length)
	return stopFull
}
