package inspect

import (
	"encoding/asn1"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// derLimits: a certificate has a hundred values nested eight deep; the longest revocation lists are cut at the number of values.
var derLimits = Limits{Size: 4 << 20, Depth: 40, Nodes: 50_000}

// derNode is one value of DER (ITU-T X.690). The methods may be called on nil.
type derNode struct {
	class, tag  int // as in encoding/asn1
	constructed bool
	inside      bool // what stands in an OCTET STRING or BIT STRING, which say nothing of what they hold
	offset      int  // of the header
	header      int  // bytes of the header
	raw         []byte
	content     []byte
	children    []*derNode
}

type derParser struct {
	raw    []byte
	limits Limits
	nodes  int
	depth  int
}

// parseDER reads one value, which has to be all of raw. It takes lengths in longer forms than need be as well; indefinite ones are BER, not
// DER, and a syntax error.
func parseDER(raw []byte, limits *Limits) (*derNode, error) {
	n, rest, err := parseDERPrefix(raw, limits)
	if err == nil && rest > 0 {
		err = &SyntaxError{"DER", len(raw) - rest, "more than one value"}
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// parseDERPrefix reads the value that raw begins with, and says how many bytes are left.
func parseDERPrefix(raw []byte, limits *Limits) (n *derNode, rest int, err error) {
	if limits == nil {
		limits = &derLimits
	}
	p := derParser{raw: raw, limits: limits.orDefaults()}
	if len(raw) > p.limits.Size {
		return nil, 0, fmt.Errorf("%w: %d bytes of DER, at most %d are taken apart", ErrLimit, len(raw), p.limits.Size)
	}
	n, err = p.value(0, len(raw))
	if err != nil {
		return nil, 0, err
	}
	return n, len(raw) - n.end(), nil
}

func (n *derNode) end() int { return n.offset + len(n.raw) }

func (p *derParser) errorf(at int, format string, args ...any) error {
	return &SyntaxError{"DER", at, fmt.Sprintf(format, args...)}
}

// value reads a value that begins at at and does not go on after end.
func (p *derParser) value(at, end int) (*derNode, error) {
	if p.nodes++; p.nodes > p.limits.Nodes {
		return nil, fmt.Errorf("%w: more than %d values of DER", ErrLimit, p.limits.Nodes)
	}
	n := &derNode{offset: at}
	i, err := p.tag(n, at, end)
	if err != nil {
		return nil, err
	}
	i, size, err := p.length(i, end)
	if err != nil {
		return nil, err
	}
	if size > end-i {
		return nil, p.errorf(at, "a value of %d bytes where %d are left", size, end-i)
	}
	n.header = i - at
	n.raw, n.content = p.raw[at:i+size], p.raw[i:i+size]
	if n.constructed {
		n.children, err = p.values(i, i+size)
	}
	return n, err
}

// values reads all that is between at and end.
func (p *derParser) values(at, end int) (all []*derNode, err error) {
	if p.depth++; p.depth > p.limits.Depth {
		return nil, fmt.Errorf("%w: DER nested more than %d deep, at byte %d", ErrLimit, p.limits.Depth, at)
	}
	for at < end {
		n, err := p.value(at, end)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		at = n.end()
	}
	p.depth--
	return all, nil
}

// tag reads the identifier octets (X.690, 8.1.2).
func (p *derParser) tag(n *derNode, i, end int) (int, error) {
	if i >= end {
		return 0, p.errorf(i, "it ends where a tag is wanted")
	}
	b := p.raw[i]
	n.class, n.constructed, n.tag = int(b>>6), b&0x20 != 0, int(b&0x1f)
	i++
	if n.tag != 0x1f {
		return i, nil
	}
	n.tag = 0
	for k := 0; ; k++ {
		if i >= end || k == 4 {
			return 0, p.errorf(i, "a tag without an end")
		}
		b := p.raw[i]
		n.tag = n.tag<<7 | int(b&0x7f)
		i++
		if b < 0x80 {
			return i, nil
		}
	}
}

// length reads the length octets (X.690, 8.1.3).
func (p *derParser) length(i, end int) (at, size int, err error) {
	if i >= end {
		return 0, 0, p.errorf(i, "it ends where a length is wanted")
	}
	b := int(p.raw[i])
	i++
	if b < 0x80 {
		return i, b, nil
	}
	octets := b & 0x7f
	if octets == 0 || octets > 4 || octets > end-i {
		return 0, 0, p.errorf(i-1, "a length of %d octets", octets)
	}
	for _, c := range p.raw[i : i+octets] {
		size = size<<8 | int(c)
	}
	return i + octets, size, nil
}

// unwrap parses what an OCTET STRING or BIT STRING holds, if it is one value of DER to the last byte and no accident: something that is
// constructed, as extensions and keys are.
func (n *derNode) unwrap(limits *Limits) *derNode {
	content := n.content
	if n.is(asn1.TagBitString) && len(content) > 0 && content[0] == 0 {
		content = content[1:]
	} else if !n.is(asn1.TagOctetString) {
		return nil
	}
	inner, err := parseDER(content, limits)
	if err != nil || !inner.constructed || inner.class != asn1.ClassUniversal {
		return nil
	}
	inner.shift(n.end() - len(content))
	inner.inside = true
	return inner
}

func (n *derNode) shift(by int) {
	n.offset += by
	for _, c := range n.children {
		c.shift(by)
	}
}

// is says whether n is there and has this universal tag.
func (n *derNode) is(tag int) bool {
	return n != nil && n.class == asn1.ClassUniversal && n.tag == tag
}

// isContext says whether n is there and is [tag].
func (n *derNode) isContext(tag int) bool {
	return n != nil && n.class == asn1.ClassContextSpecific && n.tag == tag
}

// at follows a path of indexes down, to nil where it leads nowhere.
func (n *derNode) at(path ...int) *derNode {
	for _, i := range path {
		if n == nil || i >= len(n.children) {
			return nil
		}
		n = n.children[i]
	}
	return n
}

// oid returns an OBJECT IDENTIFIER in dotted form, "" if n is none.
func (n *derNode) oid() string {
	if !n.is(asn1.TagOID) || len(n.content) == 0 || n.content[len(n.content)-1] >= 0x80 {
		return ""
	}
	var parts []string
	var arc uint64
	for _, b := range n.content {
		if arc >= 1<<56 {
			return ""
		}
		arc = arc<<7 | uint64(b&0x7f)
		if b >= 0x80 {
			continue
		}
		if parts == nil { // X.690, 8.19.4: two arcs in one number
			first := min(arc/40, 2)
			parts = append(parts, strconv.FormatUint(first, 10))
			arc -= first * 40
		}
		parts = append(parts, strconv.FormatUint(arc, 10))
		arc = 0
	}
	return strings.Join(parts, ".")
}

// integer returns an INTEGER or ENUMERATED, nil if n is none.
func (n *derNode) integer() *big.Int {
	if !n.is(asn1.TagInteger) && !n.is(asn1.TagEnum) || len(n.content) == 0 {
		return nil
	}
	i := new(big.Int).SetBytes(n.content)
	if n.content[0] >= 0x80 {
		i.Sub(i, new(big.Int).Lsh(big.NewInt(1), uint(8*len(n.content))))
	}
	return i
}

// str returns what a string of any kind says, "" if n is none.
func (n *derNode) str() string {
	if n == nil || n.class != asn1.ClassUniversal || n.constructed {
		return ""
	}
	switch n.tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString, tagVisibleString, tagVideotexString:
		return string(n.content)
	case asn1.TagT61String: // taken for Latin-1, as it is used
		r := make([]rune, len(n.content))
		for i, b := range n.content {
			r[i] = rune(b)
		}
		return string(r)
	case asn1.TagBMPString:
		u := make([]uint16, len(n.content)/2)
		for i := range u {
			u[i] = uint16(n.content[2*i])<<8 | uint16(n.content[2*i+1])
		}
		return string(utf16.Decode(u))
	}
	return ""
}

const (
	tagVideotexString = 21
	tagVisibleString  = 26
)

// time returns a UTCTime or GeneralizedTime, and false if n is none.
func (n *derNode) time() (time.Time, bool) {
	layouts := map[int][]string{
		asn1.TagUTCTime:         {"060102150405Z0700", "0601021504Z0700"},
		asn1.TagGeneralizedTime: {"20060102150405Z0700", "20060102150405.999999999Z0700", "200601021504Z0700"},
	}
	if n == nil || n.class != asn1.ClassUniversal {
		return time.Time{}, false
	}
	for _, layout := range layouts[n.tag] {
		t, err := time.Parse(layout, string(n.content))
		if err == nil && n.tag == asn1.TagUTCTime && t.Year() >= 2050 { // RFC 5280, 4.1.2.5.1
			t = t.AddDate(-100, 0, 0)
		}
		if err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
