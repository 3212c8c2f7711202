package zran

import (
	"sync"
)

// codes is what reading the header of a block needs.
type codes struct {
	lens  [maxLit + maxDist + 2]uint8
	canon canon
	pre   preTable
	fixed bool // the tables are those of the fixed codes
}

// preOrder is the order in which the lengths of the code for lengths come (RFC 1951, 3.2.7).
var preOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// block reads the header of a block (RFC 1951, 3.2.3).
func (d *decoder) block() error {
	d.in.have(inPad)
	d.head = d.in.offset()
	d.in.refill()
	d.final = d.in.take(1) == 1
	var err error
	switch d.in.take(2) {
	case 0:
		err = d.storedHeader()
	case 1:
		d.fixedCodes()
	case 2:
		err = d.dynamicCodes()
	default:
		err = d.in.corrupt("no such block type")
	}
	d.in.settle()
	if d.in.overrun() {
		return d.in.short()
	}
	return err
}

// storedHeader reads the length of a stored block, and its complement.
func (d *decoder) storedHeader() error {
	d.in.align()
	d.in.refill()
	n, not := d.in.take(16), d.in.take(16)
	d.in.align()
	if n != ^not&0xffff && !d.in.overrun() {
		return d.in.corrupt("the length of a stored block contradicts itself")
	}
	d.left, d.state = int(n), inStored
	return nil
}

// fixedTables are those of the fixed codes (RFC 1951, 3.2.6).
var fixedTables = sync.OnceValue(func() *decoder {
	var d decoder
	var lens [288]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	d.codes.canon.set(lens[:])
	d.lit.set(&d.codes.canon)
	for i := range 32 {
		lens[i] = 5
	}
	d.codes.canon.set(lens[:32])
	d.dist.set(&d.codes.canon)
	return &d
})

func (d *decoder) fixedCodes() {
	d.state = inSymbols
	if d.codes.fixed {
		return
	}
	t := fixedTables()
	d.lit, d.dist, d.codes.fixed = t.lit, t.dist, true
}

// dynamicCodes reads the codes of a block (RFC 1951, 3.2.7).
func (d *decoder) dynamicCodes() error {
	in, c := &d.in, &d.codes
	c.fixed = false
	nlit, ndist, npre := in.take(5)+257, in.take(5)+1, in.take(4)+4
	if nlit > maxLit || ndist > maxDist {
		return in.corrupt("too many codes")
	}
	if err := c.readPre(in, npre); err != nil {
		return err
	}
	lens := c.lens[:nlit+ndist]
	if err := c.readLens(in, lens); err != nil {
		return err
	}
	if !c.canon.set(lens[:nlit]) {
		return in.corrupt("bad code of literals and lengths")
	}
	d.lit.set(&c.canon)
	if !c.canon.set(lens[nlit:]) {
		return in.corrupt("bad code of distances")
	}
	d.dist.set(&c.canon)
	d.state = inSymbols
	return nil
}

// readPre reads the code that the lengths of the others are written in.
func (c *codes) readPre(in *input, n uint) error {
	var lens [len(preOrder)]uint8
	for i := range n {
		if in.n < 3 {
			in.refill()
		}
		lens[preOrder[i]] = uint8(in.take(3))
	}
	if !c.canon.set(lens[:]) {
		return in.corrupt("bad code of lengths")
	}
	c.pre.set(&c.canon)
	return nil
}

// readLens reads the lengths of the codes of all symbols into lens.
func (c *codes) readLens(in *input, lens []uint8) error {
	for i := 0; i < len(lens); {
		if in.n < preBits+7 {
			in.refill()
		}
		e := c.pre[in.bits&(1<<preBits-1)]
		if e == 0 {
			return in.corrupt("no such code of lengths")
		}
		in.take(uint(e & 0xff))
		sym, run, value := e>>8, 1, uint8(0)
		switch {
		case sym < 16:
			value = uint8(sym)
		case sym == 16 && i == 0:
			return in.corrupt("nothing to repeat")
		case sym == 16:
			run, value = 3+int(in.take(2)), lens[i-1]
		case sym == 17:
			run = 3 + int(in.take(3))
		default:
			run = 11 + int(in.take(7))
		}
		if run > len(lens)-i {
			return in.corrupt("lengths of more codes than there are")
		}
		for end := i + run; i < end; i++ {
			lens[i] = value
		}
	}
	return nil
}
