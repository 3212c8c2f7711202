package zran

import "math/bits"

// A table turns the next bits of the stream into a symbol and all that there is to know about it, in one look. It is indexed by as
// many bits as most codes have at most; an entry of a longer code leads to a second level, behind the first in the same array.
const (
	litBits  = 11
	distBits = 8
	preBits  = 7

	litSize  = 1 << 12 // at most 2342 entries are used: 288 codes of up to 15 bits, 11 in the first level
	distSize = 1 << 9  // 402
	maxBits  = 15
	maxLit   = 286 // RFC 1951, 3.2.7: what HLIT may say
	maxDist  = 30
)

// An entry of the literal and length table:
//
//	31       30..16        15       14        13   12       11..8              7..0
//	literal  value         special  subtable  end  invalid  extra or sub bits  bits to drop
//
// value is the byte, the length, or where the second level starts. The bits to drop include the extra ones, which are already part
// of the length where code and extra bits together fit into the first level: only the others are special.
const (
	litLiteral  = 1 << 31
	litSpecial  = 1 << 15
	litSubtable = litSpecial | 1<<14
	litEnd      = litSpecial | 1<<13
	litInvalid  = litSpecial | 1<<12
)

// An entry of the distance table:
//
//	47..32              31..16                     15        13..8         7..0
//	mask of extra bits  distance, or second level  subtable  bits of code  bits to drop, extra ones too
//
// There is no distance 0: it stands for what is invalid.
const (
	distSubtable = 1 << 15
	distInvalid  = 0
)

// RFC 1951, 3.2.5.
var (
	lengthBase = [...]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthMore = [...]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
)

// canon is a canonical Huffman code: its symbols in the order of their codes (RFC 1951, 3.2.2).
type canon struct {
	count   [maxBits + 1]uint16 // of codes, by length
	symbols [288]uint16
	full    bool // every sequence of bits is a code
}

// set makes c the code of these lengths. As in zlib, a code must be complete, or have one symbol of one bit, or none at all, which
// is an error only where it is used.
func (c *canon) set(lens []uint8) bool {
	c.count = [maxBits + 1]uint16{}
	for _, l := range lens {
		c.count[l&maxBits]++
	}
	c.count[0] = 0
	var next [maxBits + 2]uint16
	space := 0
	for l := 1; l <= maxBits; l++ {
		next[l+1] = next[l] + c.count[l]
		space += int(c.count[l]) << (maxBits - l)
	}
	for sym, l := range lens {
		if l != 0 {
			c.symbols[next[l&maxBits]] = uint16(sym)
			next[l&maxBits]++
		}
	}
	c.full = space == 1<<maxBits
	total := next[maxBits+1]
	return c.full || total == 0 || total == 1 && c.count[1] == 1
}

// each calls place for every symbol with its code of l bits as it stands in the stream, first bit lowest.
func (c *canon) each(place func(sym, l, code uint)) {
	code, i := uint(0), 0
	for l := uint(1); l <= maxBits; l++ {
		for range c.count[l] {
			place(uint(c.symbols[i]), l, uint(bits.Reverse16(uint16(code))>>(16-l)))
			code++
			i++
		}
		code <<= 1
	}
}

// subBits returns how many bits the second level takes whose first code is the next of the left[l] codes with l bits, where root
// are in the first level: as many as fill it.
func subBits(left *[maxBits + 1]uint16, l, root uint) uint {
	n := l - root
	for used := uint(left[l]); used < 1<<n; {
		n++
		if root+n > maxBits {
			return n - 1
		}
		used = used<<1 + uint(left[root+n])
	}
	return n
}

// fill writes e to every entry whose index has code in its low l bits.
func fill[E uint16 | uint32 | uint64](table []E, code, l uint, e E) {
	for i := code; i < uint(len(table)); i += 1 << l {
		table[i] = e
	}
}

// litTable is the table of literals and lengths.
type litTable [litSize]uint32

// set makes t the table of c.
func (t *litTable) set(c *canon) {
	root := t[:1<<litBits]
	if !c.full {
		fill(root, 0, 0, litInvalid|1)
	}
	left := c.count
	end, prefix, sub := uint(len(root)), ^uint(0), root
	c.each(func(sym, l, code uint) {
		if l <= litBits {
			fillLit(root, sym, l, code)
			return
		}
		if p := code & (1<<litBits - 1); p != prefix {
			n := subBits(&left, l, litBits)
			prefix, sub = p, t[end:end+1<<n]
			root[p] = uint32(end<<16 | litSubtable | n<<8 | litBits)
			end += 1 << n
		}
		left[l]--
		fillLit(sub, sym, l-litBits, code>>litBits)
	})
}

// fillLit enters one symbol; of a length all values of the extra bits that still fit.
func fillLit(level []uint32, sym, l, code uint) {
	switch {
	case sym < 256:
		fill(level, code, l, litLiteral|uint32(sym<<16|l))
		return
	case sym == 256:
		fill(level, code, l, litEnd|uint32(l))
		return
	case sym >= maxLit:
		fill(level, code, l, litInvalid|uint32(l))
		return
	}
	base, more := uint(lengthBase[sym-257]), uint(lengthMore[sym-257])
	if 1<<(l+more) > len(level) && more > 0 {
		fill(level, code, l, litSpecial|uint32(base<<16|more<<8|(l+more)))
		return
	}
	for v := range uint(1) << more {
		fill(level, code|v<<l, l+more, uint32((base+v)<<16|(l+more)))
	}
}

// distTable is the table of distances.
type distTable [distSize]uint64

// set makes t the table of c.
func (t *distTable) set(c *canon) {
	root := t[:1<<distBits]
	if !c.full {
		fill(root, 0, 0, distInvalid|1)
	}
	left := c.count
	end, prefix, sub := uint(len(root)), ^uint(0), root
	c.each(func(sym, l, code uint) {
		if l <= distBits {
			fill(root, code, l, distEntry(sym, l))
			return
		}
		if p := code & (1<<distBits - 1); p != prefix {
			n := subBits(&left, l, distBits)
			prefix, sub = p, t[end:end+1<<n]
			root[p] = (1<<n-1)<<32 | uint64(end<<16|distSubtable|distBits)
			end += 1 << n
		}
		left[l]--
		fill(sub, code>>distBits, l-distBits, distEntry(sym, l-distBits))
	})
}

// distEntry returns the entry of a distance symbol whose code has l bits at this level.
func distEntry(sym, l uint) uint64 {
	if sym >= maxDist {
		return distInvalid | uint64(l)
	}
	if sym < 2 {
		return uint64((sym+1)<<16 | l<<8 | l)
	}
	more := sym/2 - 1
	base := (2+sym&1)<<more + 1
	return (1<<more-1)<<32 | uint64(base<<16|l<<8|(l+more))
}

// preTable is the table of the code that the lengths of the other two are written in: symbol<<8 and the bits to drop, 0 where there
// is no code.
type preTable [1 << preBits]uint16

// set makes t the table of c.
func (t *preTable) set(c *canon) {
	clear(t[:])
	c.each(func(sym, l, code uint) { fill(t[:], code, l, uint16(sym<<8|l)) })
}

// resolve returns what a special entry e stands for, bits being those that e was looked up by: an entry with all bits of the code and
// its extra bits to drop, still special where it is neither literal nor length.
func (t *litTable) resolve(e uint32, bits uint64) uint32 {
	root := uint32(0)
	if e&litSubtable == litSubtable {
		root = litBits
		bits >>= litBits
		e = t[(uint64(e>>16)+bits&(1<<(e>>8&15)-1))&(litSize-1)]
	}
	if e&litSpecial == 0 || e&(litEnd|litInvalid) != litSpecial {
		return e + root
	}
	more, drop := e>>8&7, e&0xff
	extra := uint32(bits>>((drop-more)&63)) & (1<<more - 1)
	return (e>>16+extra)<<16 | (drop + root)
}

// look returns the entry of the next bits, from the second level if it is there.
func (t *distTable) look(bits uint64) uint64 {
	f := t[bits&(1<<distBits-1)]
	if f&distSubtable == 0 {
		return f
	}
	f = t[(f>>16&0xffff+bits>>distBits&(f>>32))&(distSize-1)]
	return f + distBits<<8 + distBits
}
