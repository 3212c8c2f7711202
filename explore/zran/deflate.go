package zran

import (
	"math/bits"
	"slices"
)

// A deflater compresses windows: a few thousand bytes each, for which starting the encoder of the standard library costs more than
// encoding. It makes one block with dynamic codes (RFC 1951, 3.2.7).
type deflater struct {
	head [1 << hashBits]int32 // last position with that hash, +1
	prev []int32              // the one before it

	tokens []token
	lit    encoder
	dist   encoder
	pre    encoder
	runs   []token // the lengths of the codes, in the code for lengths

	out  []byte
	bits uint64
	n    uint
}

const (
	hashBits = 12
	maxTries = 4 // earlier positions with the same hash that are looked at
	minMatch = 4
	maxMatch = 258
)

// A token is a symbol with its extra bits: of the code for literals and lengths, followed by that of distances where length is set; or
// of the code for lengths of codes.
type token struct {
	symbol   uint16
	extra    uint16
	more     uint8 // extra bits
	distance uint16
}

// deflate appends src, compressed, to the empty d.out, valid until the next call.
func (d *deflater) deflate(src []byte) []byte {
	d.out, d.bits, d.n, d.tokens = d.out[:0], 0, 0, d.tokens[:0]
	clear(d.head[:])
	d.prev = slices.Grow(d.prev[:0], len(src))[:len(src)]
	clear(d.lit.count[:])
	clear(d.dist.count[:])
	d.match(src)
	d.add(token{symbol: 256})
	d.lit.make(maxLit, maxBits)
	d.dist.make(maxDist, maxBits)
	d.put(1, 1) // the last block
	d.put(2, 2)
	d.header()
	for _, t := range d.tokens {
		d.encode(&d.lit, t)
		if t.distance != 0 {
			d.encode(&d.dist, distanceToken(t.distance))
		}
	}
	d.flush()
	return d.out
}

// match finds what src repeats of itself.
func (d *deflater) match(src []byte) {
	for i := 0; i < len(src); {
		from, n := d.find(src, i)
		if n < minMatch {
			d.add(token{symbol: uint16(src[i])})
			n = 1
		} else {
			t := lengthToken(n)
			t.distance = uint16(i - from)
			d.dist.count[distanceToken(t.distance).symbol]++
			d.add(t)
		}
		for end := i + n; i < end; i++ {
			if i+minMatch <= len(src) {
				h := hash(le.Uint32(src[i:]))
				d.prev[i], d.head[h] = d.head[h], int32(i+1)
			}
		}
	}
}

func hash(first uint32) uint32 { return first * 0x9e3779b1 >> (32 - hashBits) }

// find returns the longest of the last places where the bytes from i on stood before, and how many they are.
func (d *deflater) find(src []byte, i int) (from, n int) {
	if i+minMatch > len(src) {
		return 0, 0
	}
	most, first := min(len(src)-i, maxMatch), le.Uint32(src[i:])
	at := d.head[hash(first)]
	for try := 0; try < maxTries && at > 0 && i-int(at)+1 < windowSize; try++ {
		if p := src[at-1:]; le.Uint32(p) == first {
			if k := common(p, src[i:i+most]); k > n {
				from, n = int(at)-1, k
			}
		}
		at = d.prev[at-1]
	}
	return from, n
}

// common returns how many bytes a, the longer one, and b begin with alike.
func common(a, b []byte) (n int) {
	for ; n+8 <= len(b); n += 8 {
		if x := le.Uint64(a[n:]) ^ le.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func (d *deflater) add(t token) {
	d.lit.count[t.symbol]++
	d.tokens = append(d.tokens, t)
}

// lengthToken returns the symbol of a length.
func lengthToken(n int) token {
	i := 28 // 258 has one of its own
	if n < 11 {
		i = n - 3
	} else if n < maxMatch {
		more := bits.Len(uint(n-3)) - 3
		i = 4*more + (n-3)>>more
	}
	return token{symbol: uint16(257 + i), extra: uint16(n) - lengthBase[i], more: lengthMore[i]}
}

// distanceToken returns the symbol of a distance.
func distanceToken(n uint16) token {
	n--
	if n < 4 {
		return token{symbol: n}
	}
	more := uint16(bits.Len16(n)) - 2
	return token{symbol: 2*more + n>>more, extra: n & (1<<more - 1), more: uint8(more)}
}

// header writes the lengths of both codes, in a code of their own.
func (d *deflater) header() {
	nlit, ndist := max(257, d.lit.used()), max(1, d.dist.used())
	d.runs = appendRuns(appendRuns(d.runs[:0], d.lit.lens[:nlit]), d.dist.lens[:ndist])
	clear(d.pre.count[:])
	for _, t := range d.runs {
		d.pre.count[t.symbol]++
	}
	d.pre.make(len(preOrder), preBits)
	npre := len(preOrder)
	for npre > 4 && d.pre.lens[preOrder[npre-1]] == 0 {
		npre--
	}
	d.put(uint64(nlit-257), 5)
	d.put(uint64(ndist-1), 5)
	d.put(uint64(npre-4), 4)
	for _, sym := range preOrder[:npre] {
		d.put(uint64(d.pre.lens[sym]), 3)
	}
	for _, t := range d.runs {
		d.encode(&d.pre, t)
	}
}

// appendRuns appends lens as symbols of the code for lengths: as they are, or runs of them.
func appendRuns(runs []token, lens []uint8) []token {
	for len(lens) > 0 {
		n := 1
		for n < len(lens) && lens[n] == lens[0] && n < 138 {
			n++
		}
		switch value := lens[0]; {
		case value == 0 && n > 10:
			runs = append(runs, token{symbol: 18, extra: uint16(n - 11), more: 7})
		case value == 0 && n > 2:
			runs = append(runs, token{symbol: 17, extra: uint16(n - 3), more: 3})
		case n > 3:
			n = min(n, 7)
			runs = append(runs, token{symbol: uint16(value)}, token{symbol: 16, extra: uint16(n - 4), more: 2})
		default:
			runs = append(runs, token{symbol: uint16(value)})
			n = 1
		}
		lens = lens[n:]
	}
	return runs
}

func (d *deflater) encode(e *encoder, t token) {
	n := uint(e.lens[t.symbol])
	d.put(uint64(e.codes[t.symbol])|uint64(t.extra)<<(n&63), n+uint(t.more))
}

// put writes the low n bits of v, at most 28.
func (d *deflater) put(v uint64, n uint) {
	d.bits |= v << (d.n & 63)
	d.n += n
	if d.n >= 32 {
		d.out = le.AppendUint32(d.out, uint32(d.bits))
		d.bits, d.n = d.bits>>32, d.n-32
	}
}

// flush writes the bits that are left, up to the end of a byte.
func (d *deflater) flush() {
	for ; d.n > 0; d.n -= min(d.n, 8) {
		d.out = append(d.out, byte(d.bits))
		d.bits >>= 8
	}
}
