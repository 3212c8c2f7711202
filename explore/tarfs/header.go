package tarfs

import (
	"bytes"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

const (
	blockSize = 512

	// maxSpecial bounds an extended header, a long name and a sparse map, as archive/tar and libarchive do.
	maxSpecial = 1 << 20
)

// Types of entries, as their headers have them. TypeSparse is the old GNU format; sparse files of PAX archives are TypeReg.
const (
	TypeReg      = '0'
	TypeLink     = '1' // hard link
	TypeSymlink  = '2'
	TypeChar     = '3'
	TypeBlock    = '4'
	TypeDir      = '5'
	TypeFIFO     = '6'
	TypeGlobal   = 'g' // PAX records for the entries that follow; has no path
	TypeSparse   = 'S'
	typeRegA     = 0
	typeExtended = 'x'
	typeLongName = 'L'
	typeLongLink = 'K'
	typeDumpDir  = 'D'
)

type block [blockSize]byte

func (b *block) field(at, n int) []byte { return b[at : at+n] }

// format is what the magic of a header says.
type format int

const (
	formatUnknown format = iota // the checksum is wrong
	formatV7
	formatUSTAR
	formatGNU
	formatSTAR
)

func (b *block) format() format {
	var p numbers
	sum := p.octal(b.field(148, 8))
	unsigned, signed := b.checksums()
	if p.bad || sum != unsigned && sum != signed {
		return formatUnknown
	}
	switch magic := string(b.field(257, 6)); {
	case magic == "ustar\x00" && string(b.field(508, 4)) == "tar\x00":
		return formatSTAR
	case magic == "ustar\x00":
		return formatUSTAR
	case magic == "ustar " && string(b.field(263, 2)) == " \x00":
		return formatGNU
	}
	return formatV7
}

// IsTar reports whether an archive that begins with head is tar: whether its first 512 bytes are a header with the right checksum.
func IsTar(head []byte) bool {
	return len(head) >= blockSize && (*block)(head).format() != formatUnknown
}

// checksums returns the sum of all bytes with the checksum itself as spaces: POSIX adds unsigned bytes, Sun's tar signed ones.
func (b *block) checksums() (unsigned, signed int64) {
	const even, signs = 0x00ff00ff00ff00ff, 0x8080808080808080
	var sums uint64 // four of 16 bits each: 512 bytes have at most 130560 together
	negative := 0
	for i := 0; i < blockSize; i += 8 {
		v := le.Uint64(b[i : i+8])
		if i == 148&^7 { // the checksum takes the last half of these bytes, and the first of the next
			v = v&0xffffffff | 0x20202020<<32
		} else if i == 156&^7 {
			v = v&^0xffffffff | 0x20202020
		}
		sums += v&even + v>>8&even
		negative += bits.OnesCount64(v & signs)
	}
	unsigned = int64(sums&0xffff + sums>>16&0xffff + sums>>32&0xffff + sums>>48)
	return unsigned, unsigned - 256*int64(negative)
}

// header parses b into e: the fields that a header has without the extended ones. ok is false where archive/tar returns ErrHeader.
func (b *block) header(e *Entry) (f format, ok bool) {
	f = b.format()
	if f == formatUnknown {
		return f, false
	}
	var p numbers
	uname, gname := e.Uname, e.Gname // of the entry before
	*e = Entry{
		Name:    cString(b.field(0, 100)),
		Mode:    p.number(b.field(100, 8)),
		UID:     p.number(b.field(108, 8)),
		GID:     p.number(b.field(116, 8)),
		Size:    p.number(b.field(124, 12)),
		ModTime: time.Unix(p.number(b.field(136, 12)), 0).UTC(),
		Type:    b[156],
		Link:    cString(b.field(157, 100)),
	}
	if f == formatV7 {
		return f, !p.bad
	}
	e.Uname, e.Gname = again(uname, b.field(265, 32)), again(gname, b.field(297, 32))
	e.DevMajor, e.DevMinor = p.number(b.field(329, 8)), p.number(b.field(337, 8))
	if prefix := b.prefix(f, &p); prefix != "" {
		e.Name = prefix + "/" + e.Name
	}
	return f, !p.bad
}

// prefix returns what stands before the name. GNU has its times there; Go before 1.8 wrote a prefix into GNU headers nevertheless, which
// shows by times that are no numbers.
func (b *block) prefix(f format, p *numbers) string {
	switch f {
	case formatUSTAR:
		return cString(b.field(345, 155))
	case formatSTAR:
		p.number(b.field(476, 12))
		p.number(b.field(488, 12))
		return cString(b.field(345, 131))
	}
	var times numbers
	for _, t := range [][]byte{b.field(345, 12), b.field(357, 12)} {
		if t[0] != 0 {
			times.number(t)
		}
	}
	if s := cString(b.field(345, 155)); times.bad && isASCII(s) {
		return s
	}
	return ""
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

func cString(b []byte) string { return string(upToNUL(b)) }

func upToNUL(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// again is cString where the same string is likely to come again.
func again(last string, b []byte) string {
	if b = upToNUL(b); string(b) == last {
		return last
	}
	return string(b)
}

// numbers parses numeric fields and remembers whether one was bad.
type numbers struct{ bad bool }

// number parses octal digits or, where the first bit is set, a big-endian number in two's complement (GNU, base 256).
func (p *numbers) number(b []byte) int64 {
	if b[0]&0x80 == 0 {
		return p.octal(b)
	}
	var flip byte // negative numbers are read as their complement
	if b[0]&0x40 != 0 {
		flip = 0xff
	}
	x := uint64((b[0] ^ flip) & 0x7f)
	for _, c := range b[1:] {
		if x>>56 > 0 {
			p.bad = true
			return 0
		}
		x = x<<8 | uint64(c^flip)
	}
	if x>>63 > 0 {
		p.bad = true
		return 0
	}
	if flip != 0 {
		return ^int64(x)
	}
	return int64(x)
}

func (p *numbers) octal(b []byte) int64 {
	n, x := 0, int64(0)
	for n < len(b) && b[n]&^7 == '0' {
		x = x<<3 | int64(b[n]&7)
		n++
	}
	if n > 0 && n < len(b) && n <= 12 && b[n] == 0 { // as nearly all are
		return x
	}
	return p.oddOctal(b)
}

func (p *numbers) oddOctal(b []byte) int64 {
	b = bytes.Trim(b, " \x00")
	if len(b) == 0 {
		return 0
	}
	x, err := strconv.ParseUint(cString(b), 8, 64)
	p.bad = p.bad || err != nil
	return int64(x)
}
