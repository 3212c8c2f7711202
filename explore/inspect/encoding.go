package inspect

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding is how a text is written.
type encoding struct {
	name    string
	mark    string // the byte order mark that tells it
	unit    int    // bytes in the smallest piece, which all offsets are multiples of
	newline []byte
	next    func(b []byte) (r rune, n int) // of what is not empty; -1 for what is no character
}

var encodings = []*encoding{
	{"UTF-8 with BOM", "\xef\xbb\xbf", 1, []byte("\n"), nextUTF8},
	{"UTF-16LE", "\xff\xfe", 2, []byte("\n\x00"), func(b []byte) (rune, int) { return nextUTF16(b, binary.LittleEndian) }},
	{"UTF-16BE", "\xfe\xff", 2, []byte("\x00\n"), func(b []byte) (rune, int) { return nextUTF16(b, binary.BigEndian) }},
	{"UTF-8", "", 1, []byte("\n"), nextUTF8},
}

// detectEncoding goes by the byte order mark alone.
func detectEncoding(head []byte) *encoding {
	for _, e := range encodings {
		if bytes.HasPrefix(head, []byte(e.mark)) {
			return e
		}
	}
	return encodings[len(encodings)-1]
}

func nextUTF8(b []byte) (rune, int) {
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n == 1 {
		return -1, 1
	}
	return r, n
}

func nextUTF16(b []byte, order binary.ByteOrder) (rune, int) {
	if len(b) < 2 {
		return -1, len(b)
	}
	r := rune(order.Uint16(b))
	switch {
	case !utf16.IsSurrogate(r):
		return r, 2
	case len(b) >= 4:
		if pair := utf16.DecodeRune(r, rune(order.Uint16(b[2:]))); pair != utf8.RuneError {
			return pair, 4
		}
	}
	return -1, 2
}

// lineEnd returns the offset behind the first newline of b, or -1. b begins at a multiple of the unit.
func (e *encoding) lineEnd(b []byte) int {
	for from := 0; ; {
		i := bytes.Index(b[from:], e.newline)
		if i < 0 {
			return -1
		}
		if from += i; from%e.unit == 0 {
			return from + e.unit
		}
		from++
	}
}

// lastLine returns the offset behind the last newline of b, or -1.
func (e *encoding) lastLine(b []byte) int {
	for {
		i := bytes.LastIndex(b, e.newline)
		switch {
		case i < 0:
			return -1
		case i%e.unit == 0:
			return i + e.unit
		}
		b = b[:i+len(e.newline)-1]
	}
}

// boundary returns the last offset up to at at which b may be cut: not inside a character, nor inside CR LF.
func (e *encoding) boundary(b []byte, at int) int {
	at -= at % e.unit
	if at <= 0 || at >= len(b) {
		return min(max(at, 0), len(b))
	}
	for back := e.unit; back < utf8.UTFMax && back <= at; back += e.unit {
		if r, n := e.next(b[at-back:]); r >= 0 && n > back {
			return at - back
		}
	}
	if cr, n := e.next(b[at-e.unit:]); cr == '\r' && n == e.unit && bytes.HasPrefix(b[at:], e.newline) {
		return at - e.unit
	}
	return at
}
