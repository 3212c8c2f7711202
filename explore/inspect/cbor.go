package inspect

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// cborLimits: a signature has some dozens of values.
var cborLimits = Limits{Size: 8 << 20, Depth: 40, Nodes: 50_000}

// The major types of CBOR (RFC 8949, 3.1).
const (
	cborUint = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

// cborNode is a data item. The methods may be called on nil.
type cborNode struct {
	major    int
	value    uint64 // of numbers, tags and simple values; the bits of floats
	float    int    // bits of precision, 0 for none
	data     []byte // of byte and text strings
	children []*cborNode
	keys     []*cborNode // of a map, as many as children
	offset   int
}

type cborParser struct {
	raw          []byte
	i            int
	nodes, depth int
	limits       Limits
}

// parseCBOR reads one data item, which has to be all of raw.
func parseCBOR(raw []byte, limits *Limits) (*cborNode, error) {
	if limits == nil {
		limits = &cborLimits
	}
	p := cborParser{raw: raw, limits: limits.orDefaults()}
	if len(raw) > p.limits.Size {
		return nil, fmt.Errorf("%w: %d bytes of CBOR, at most %d are taken apart", ErrLimit, len(raw), p.limits.Size)
	}
	n, err := p.item()
	if err == nil && p.i < len(raw) {
		err = p.errorf(p.i, "more than one data item")
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (p *cborParser) errorf(at int, format string, args ...any) error {
	return &SyntaxError{"CBOR", at, fmt.Sprintf(format, args...)}
}

// isBreak goes over the byte that ends an item of indefinite length, if it is next.
func (p *cborParser) isBreak() bool {
	if p.i < len(p.raw) && p.raw[p.i] == 0xff {
		p.i++
		return true
	}
	return false
}

func (p *cborParser) item() (*cborNode, error) {
	if p.nodes++; p.nodes > p.limits.Nodes {
		return nil, fmt.Errorf("%w: more than %d values of CBOR", ErrLimit, p.limits.Nodes)
	}
	n := &cborNode{offset: p.i}
	indefinite, err := p.head(n)
	if err != nil {
		return nil, err
	}
	switch n.major {
	case cborBytes, cborText:
		err = p.string(n, indefinite)
	case cborArray, cborMap, cborTag:
		if p.depth++; p.depth > p.limits.Depth {
			return nil, fmt.Errorf("%w: CBOR nested more than %d deep, at byte %d", ErrLimit, p.limits.Depth, n.offset)
		}
		err = p.members(n, indefinite)
		p.depth--
	}
	return n, err
}

// head reads the initial byte and the argument (RFC 8949, 3).
func (p *cborParser) head(n *cborNode) (indefinite bool, err error) {
	if p.i >= len(p.raw) {
		return false, p.errorf(p.i, "it ends where a data item is wanted")
	}
	b := p.raw[p.i]
	p.i++
	n.major = int(b >> 5)
	info := int(b & 0x1f)
	switch {
	case info < 24:
		n.value = uint64(info)
		return false, nil
	case info == 31 && n.major >= cborBytes && n.major <= cborMap:
		return true, nil
	case info > 27:
		return false, p.errorf(p.i-1, "the byte %#x begins nothing", b)
	}
	size := 1 << (info - 24)
	if size > len(p.raw)-p.i {
		return false, p.errorf(p.i, "it ends inside a number")
	}
	var buf [8]byte
	copy(buf[8-size:], p.raw[p.i:p.i+size])
	n.value = binary.BigEndian.Uint64(buf[:])
	p.i += size
	if n.major == cborSimple && size > 1 {
		n.float = 8 * size
	}
	return false, nil
}

// string reads the content of a string; one of indefinite length is in pieces (RFC 8949, 3.2.3).
func (p *cborParser) string(n *cborNode, indefinite bool) error {
	if !indefinite {
		if n.value > uint64(len(p.raw)-p.i) {
			return p.errorf(n.offset, "a string of %d bytes where %d are left", n.value, len(p.raw)-p.i)
		}
		n.data = p.raw[p.i : p.i+int(n.value)]
		p.i += int(n.value)
	} else {
		for !p.isBreak() {
			if p.i < len(p.raw) && (int(p.raw[p.i]>>5) != n.major || p.raw[p.i]&0x1f == 31) {
				return p.errorf(p.i, "something else inside a string")
			}
			piece, err := p.item()
			if err != nil {
				return err
			}
			n.data = append(n.data, piece.data...)
		}
	}
	if n.major == cborText && !utf8.Valid(n.data) {
		return p.errorf(n.offset, "a text that is no UTF-8")
	}
	return nil
}

// members reads what an array, a map or a tag holds.
func (p *cborParser) members(n *cborNode, indefinite bool) error {
	count := n.value
	if n.major == cborTag {
		count = 1
	}
	if !indefinite && count > uint64(len(p.raw)-p.i) { // each takes a byte at least
		return p.errorf(n.offset, "%d members where %d bytes are left", count, len(p.raw)-p.i)
	}
	for i := uint64(0); indefinite || i < count; i++ {
		if indefinite && p.isBreak() {
			return nil
		}
		if n.major == cborMap {
			key, err := p.item()
			if err != nil {
				return err
			}
			n.keys = append(n.keys, key)
		}
		child, err := p.item()
		if err != nil {
			return err
		}
		n.children = append(n.children, child)
	}
	return nil
}

// is says whether n is there and of this major type.
func (n *cborNode) is(major int) bool { return n != nil && n.major == major }

// at returns a member of an array, or nil.
func (n *cborNode) at(i int) *cborNode {
	if !n.is(cborArray) || i >= len(n.children) {
		return nil
	}
	return n.children[i]
}

// untag returns what is inside tags.
func (n *cborNode) untag() *cborNode {
	for n.is(cborTag) {
		n = n.children[0]
	}
	return n
}

// get returns the value of the first key of a map that is written so, or nil.
func (n *cborNode) get(key string) *cborNode {
	if n.is(cborMap) {
		for i, k := range n.keys {
			if k.keyText() == key {
				return n.children[i]
			}
		}
	}
	return nil
}

// str returns a text, "" if n is none.
func (n *cborNode) str() string {
	if n.is(cborText) {
		return string(n.data)
	}
	return ""
}

// keyText writes a key of a map as JSON has to have it.
func (n *cborNode) keyText() string {
	if n.is(cborText) {
		return string(n.data)
	}
	return n.literal()
}

// literal writes what is neither a text nor a container: byte strings as base64.
func (n *cborNode) literal() string {
	switch n.major {
	case cborUint:
		return strconv.FormatUint(n.value, 10)
	case cborNegative: // -1 - value, which may be -2^64
		if n.value == math.MaxUint64 {
			return "-18446744073709551616"
		}
		return "-" + strconv.FormatUint(n.value+1, 10)
	case cborBytes:
		return base64.StdEncoding.EncodeToString(n.data)
	case cborSimple:
		return n.simple()
	}
	return "a key that is no scalar"
}

// simple writes false, true, null, undefined, floats, and values without a name.
func (n *cborNode) simple() string {
	switch n.float {
	case 16:
		return formatFloat(float16(uint16(n.value)))
	case 32:
		return formatFloat(float64(math.Float32frombits(uint32(n.value))))
	case 64:
		return formatFloat(math.Float64frombits(n.value))
	}
	switch n.value {
	case 20:
		return "false"
	case 21:
		return "true"
	case 22, 23:
		return "null"
	}
	return "simple(" + strconv.FormatUint(n.value, 10) + ")"
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// float16 is half precision (RFC 8949, appendix D).
func float16(h uint16) float64 {
	exponent, mantissa := int(h>>10&0x1f), float64(h&0x3ff)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(mantissa, -24)
	case 31:
		f = math.Inf(1)
		if mantissa != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(mantissa+1024, exponent-25)
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}
