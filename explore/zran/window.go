package zran

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// marks notes which of the 32 KiB before out[at] matches refer to. What lies more than 32 KiB behind the checkpoint cannot refer to
// its window any more.
type marks struct {
	at   int
	used [windowSize / 64]uint64
}

// end returns where the window ends in out; 0 if there is none.
func (m *marks) end() int {
	if m == nil {
		return 0
	}
	return m.at
}

// use marks the n bytes from out[from] on, as far as they lie in the window.
func (m *marks) use(from, n int) {
	first := windowSize - (m.at - from)
	last := min(first+n, windowSize)
	for i := max(first, 0); i < last; {
		k := min(64-i&63, last-i)
		m.used[i>>6] |= (1<<k - 1) << (i & 63)
		i += k
	}
}

// next returns the first position from i on that is marked, or that is not.
func (m *marks) next(i int, marked bool) int {
	for i < windowSize {
		w := m.used[i>>6]
		if !marked {
			w = ^w
		}
		if w >>= i & 63; w != 0 {
			return i + bits.TrailingZeros64(w)
		}
		i = i&^63 + 64
	}
	return windowSize
}

// A packer encodes windows: for each run of bytes that are kept two uvarints, how many are left out before it and how many it has, and
// the bytes; all that deflated. What is left out is zero.
type packer struct {
	marks  marks
	window [windowSize]byte // as it was at the checkpoint
	raw    []byte
	deflater
}

// minGap is how many bytes are worth leaving out: fewer cost more than they are.
const minGap = 3

// begin takes the window, the bytes before a checkpoint.
func (p *packer) begin(window []byte, at int) {
	copy(p.window[windowSize-len(window):], window)
	p.marks = marks{at: at}
}

// pack returns the encoded window, valid until the next call; nothing if no byte of it is used.
func (p *packer) pack() []byte {
	p.raw = p.raw[:0]
	end := 0
	for from := p.marks.next(0, true); from < windowSize; {
		to := p.marks.next(from, false)
		next := p.marks.next(to, true)
		for next < windowSize && next-to < minGap {
			to = p.marks.next(next, false)
			next = p.marks.next(to, true)
		}
		p.raw = binary.AppendUvarint(p.raw, uint64(from-end))
		p.raw = binary.AppendUvarint(p.raw, uint64(to-from))
		p.raw = append(p.raw, p.window[from:to]...)
		end, from = to, next
	}
	if len(p.raw) == 0 {
		return nil
	}
	return p.deflate(p.raw)
}

// maxPacked is more than a window takes, deflated or not: all its bytes, and the lengths of the shortest runs.
const maxPacked = windowSize + windowSize + 1<<10

// errWindow is what is wrong with a window that cannot be decoded.
var errWindow = fmt.Errorf("%w: a window cannot be decoded", ErrIndex)

// unpack decodes a window to the first 32 KiB of out, with d, whose state is lost, and with maxPacked+outSlack bytes of out behind them.
func unpack(d *decoder, packed, out []byte) error {
	to := out[:windowSize]
	clear(to)
	if len(packed) == 0 {
		return nil
	}
	raw, err := d.inflate(packed, out[windowSize:], maxPacked)
	if err != nil {
		return errWindow
	}
	for len(raw) > 0 {
		gap, n := binary.Uvarint(raw)
		run, m := binary.Uvarint(raw[max(n, 0):])
		if n <= 0 || m <= 0 {
			return errWindow
		}
		raw = raw[n+m:]
		if gap > uint64(len(to)) || run > uint64(len(to))-gap || run > uint64(len(raw)) {
			return errWindow
		}
		copy(to[gap:], raw[:run])
		to, raw = to[gap+run:], raw[run:]
	}
	return nil
}
