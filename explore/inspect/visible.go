package inspect

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Run is a piece of a line. One with a mark stands for something that could not be seen, or would lead the eye astray: text is what is shown in
// its place.
type Run struct {
	Text string `json:"text"`
	Mark string `json:"mark,omitempty"` // what is there: "invalid byte", "right-to-left override"
}

// marks name what turns the order of what is read, or has no width. See "Trojan Source: Invisible Vulnerabilities", CVE-2021-42574.
var marks = map[rune]string{
	'\u00ad': "soft hyphen",
	'\u034f': "grapheme joiner",
	'\u061c': "Arabic letter mark",
	'\u115f': "Hangul filler",
	'\u1160': "Hangul filler",
	'\u180e': "Mongolian vowel separator",
	'\u200b': "zero width space",
	'\u200c': "zero width non-joiner",
	'\u200d': "zero width joiner",
	'\u200e': "left-to-right mark",
	'\u200f': "right-to-left mark",
	'\u2028': "line separator",
	'\u2029': "paragraph separator",
	'\u202a': "left-to-right embedding",
	'\u202b': "right-to-left embedding",
	'\u202c': "end of embedding or override",
	'\u202d': "left-to-right override",
	'\u202e': "right-to-left override",
	'\u2060': "word joiner",
	'\u2066': "left-to-right isolate",
	'\u2067': "right-to-left isolate",
	'\u2068': "isolate",
	'\u2069': "end of isolate",
	'\u3164': "Hangul filler",
	'\ufeff': "byte order mark",
	'\uffa0': "Hangul filler",
}

// markOf tells why r must not be shown as it is, or returns nothing.
func markOf(r rune) string {
	switch {
	case r >= 0x20 && r < 0x7f || r == '\t':
		return ""
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return "control character"
	case marks[r] != "":
		return marks[r]
	case r >= 0xe0000 && r < 0xe0080:
		return "tag character"
	case r >= 0xe0100 && r < 0xe01f0 || r >= 0xfe00 && r < 0xfe0e: // the two selectors that emoji have may stay
		return "variation selector"
	case unicode.Is(unicode.Cf, r):
		return "invisible character"
	}
	return ""
}

const hexDigits = "0123456789abcdef"

// escape returns what is shown for r, of which b is what is stored: as C writes bytes and as less shows characters.
func escape(r rune, b []byte) string {
	if r < 0x80 { // half a pair of surrogates has two bytes
		out := make([]byte, 0, 8)
		if r >= 0 {
			b = []byte{byte(r)}
		}
		for _, c := range b {
			out = append(out, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		}
		return string(out)
	}
	return fmt.Sprintf("<U+%04X>", r)
}

// runs decodes b. Neighbours with the same mark are one run.
func (e *encoding) runs(b []byte) (all []Run) {
	var piece strings.Builder
	last := ""
	flush := func(mark string) {
		if piece.Len() > 0 && mark != last {
			all = append(all, Run{piece.String(), last})
			piece.Reset()
		}
		last = mark
	}
	for len(b) > 0 {
		r, n := e.next(b)
		mark := "invalid byte"
		if r >= 0 {
			mark = markOf(r)
		}
		flush(mark)
		if mark == "" {
			piece.WriteRune(r)
		} else {
			piece.WriteString(escape(r, b[:n]))
		}
		b = b[n:]
	}
	flush("end")
	return all
}

// visible returns s, cut to max bytes, as it may be shown: what could not be seen is escaped. Newlines are too.
func visible(s string, max int) string {
	cut := len(s) > max
	if cut {
		e := encodings[len(encodings)-1]
		s = s[:e.boundary([]byte(s[:min(len(s), max+utf8.UTFMax)]), max)]
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			r = -1
		}
		if r < 0 || r == '\t' || markOf(r) != "" {
			b.WriteString(escape(r, []byte(s[:n])))
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	if cut {
		b.WriteString("…")
	}
	return b.String()
}
