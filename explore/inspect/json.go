package inspect

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Errors of what is parsed into a tree: JSON, CBOR, DER.
var (
	ErrSyntax = errors.New("cannot be read")    // not of the format; the error that wraps it has the offset
	ErrLimit  = errors.New("beyond the bounds") // of the format as far as was read, but more than a page can show
	ErrAbsent = errors.New("there is no such")  // a path that leads nowhere
)

// SyntaxError says where a document stops being one of its format. It is an ErrSyntax.
type SyntaxError struct {
	Format string // "JSON"
	Offset int    // in bytes
	What   string // "a string has no end"
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at byte %d: %s", e.Format, e.Offset, e.What)
}

// Unwrap lets errors.Is find ErrSyntax.
func (e *SyntaxError) Unwrap() error { return ErrSyntax }

// Limits bounds what is made of a stranger's document. A nil *Limits and fields that are zero mean the defaults.
type Limits struct {
	Size  int // bytes of the document; 16 MiB, as the largest SBOMs of base images have a few
	Depth int // nesting; 100, as pages nest boxes and people do not read deeper
	Nodes int // values; 200,000, about 20 MB of memory and more than a browser likes to show

	keep map[string]int // members of arrays under these keys that are kept; those after them are read, but left out of the tree
}

func (l *Limits) orDefaults() Limits {
	var x Limits
	if l != nil {
		x = *l
	}
	for _, d := range []struct {
		field *int
		value int
	}{{&x.Size, 16 << 20}, {&x.Depth, 100}, {&x.Nodes, 200_000}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return x
}

// ParseJSON reads one JSON document (RFC 8259) into a tree that keeps what the document has: the order of keys, keys that stand twice,
// numbers to the last digit, offsets. It accepts what json.Valid accepts, unless an ErrLimit is in the way; invalid UTF-8 and lone
// surrogates become U+FFFD, as with encoding/json.
func ParseJSON(raw []byte, limits *Limits) (*Node, error) {
	p := jsonParser{limits: limits.orDefaults()}
	if len(raw) > p.limits.Size {
		return nil, fmt.Errorf("%w: %d bytes of JSON, at most %d are shown as a tree", ErrLimit, len(raw), p.limits.Size)
	}
	p.s = string(raw)
	root, err := p.document()
	if err != nil {
		return nil, err
	}
	return root, nil
}

type jsonParser struct {
	s      string
	i      int // of the next byte
	depth  int
	nodes  int
	key    string // of the member that begins
	limits Limits
	slab   []Node              // nodes yet to be given out
	seen   map[string]struct{} // keys of the object that is being closed
}

func (p *jsonParser) errorf(at int, format string, args ...any) error {
	return &SyntaxError{"JSON", at, fmt.Sprintf(format, args...)}
}

// document reads a value with nothing but space around it.
func (p *jsonParser) document() (*Node, error) {
	p.space()
	n, err := p.value(nil)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i < len(p.s) {
		return nil, p.errorf(p.i, "%s after the document", p.found())
	}
	return n, nil
}

func (p *jsonParser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\n' || p.s[p.i] == '\t' || p.s[p.i] == '\r') {
		p.i++
	}
}

// found names the next byte in an error.
func (p *jsonParser) found() string {
	if p.i >= len(p.s) {
		return "the end"
	}
	return fmt.Sprintf("%q", p.s[p.i])
}

func (p *jsonParser) next() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *jsonParser) newNode(parent *Node) (*Node, error) {
	if p.nodes++; p.nodes > p.limits.Nodes {
		return nil, fmt.Errorf("%w: more than %d values of JSON", ErrLimit, p.limits.Nodes)
	}
	if len(p.slab) == 0 {
		p.slab = make([]Node, min(64, 1+p.nodes))
	}
	n := &p.slab[0]
	p.slab = p.slab[1:]
	n.Parent, n.Offset = parent, p.i
	n.Key, p.key = p.key, ""
	return n, nil
}

func (p *jsonParser) value(parent *Node) (*Node, error) {
	n, err := p.newNode(parent)
	if err != nil {
		return nil, err
	}
	switch c := p.next(); {
	case c == '{' || c == '[':
		err = p.container(n, c)
	case c == '"':
		n.Kind = String
		n.Text, err = p.string()
	case c == '-' || '0' <= c && c <= '9':
		n.Kind = Number
		n.Text, err = p.number()
	default:
		err = p.word(n)
	}
	n.End = p.i
	return n, err
}

func (p *jsonParser) word(n *Node) error {
	for _, w := range []struct {
		text string
		kind NodeKind
	}{{"null", Null}, {"true", Bool}, {"false", Bool}} {
		if strings.HasPrefix(p.s[p.i:], w.text) {
			p.i += len(w.text)
			n.Kind, n.Text = w.kind, w.text
			return nil
		}
	}
	return p.errorf(p.i, "%s where a value begins", p.found())
}

// container reads an object or an array, of which open is the first byte.
func (p *jsonParser) container(n *Node, open byte) error {
	if p.depth++; p.depth > p.limits.Depth {
		return fmt.Errorf("%w: JSON nested more than %d deep, at byte %d", ErrLimit, p.limits.Depth, p.i)
	}
	n.Kind = Array
	shut, member := byte(']'), p.value
	if open == '{' {
		n.Kind, shut, member = Object, '}', p.member
	}
	p.i++
	p.space()
	most, some := p.limits.keep[n.Key]
	for p.next() != shut {
		before := p.nodes
		child, err := member(n)
		if err != nil {
			return err
		}
		if some && len(n.Children) == most {
			n.Omitted++
			p.nodes, p.slab = before, nil
		} else {
			child.Index = len(n.Children)
			n.Children = append(n.Children, child)
		}
		if err := p.comma(shut); err != nil {
			return err
		}
	}
	p.i++
	p.depth--
	p.shadow(n)
	return nil
}

// comma goes on to the next member, or up to shut.
func (p *jsonParser) comma(shut byte) error {
	p.space()
	switch p.next() {
	case shut:
		return nil
	case ',':
		p.i++
		p.space()
		if p.next() != shut {
			return nil
		}
	}
	return p.errorf(p.i, "%s where a comma, or %q after a value, is wanted", p.found(), shut)
}

func (p *jsonParser) member(parent *Node) (*Node, error) {
	if p.next() != '"' {
		return nil, p.errorf(p.i, "%s where a key begins", p.found())
	}
	key, err := p.string()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.next() != ':' {
		return nil, p.errorf(p.i, "%s where a colon is wanted", p.found())
	}
	p.i++
	p.space()
	p.key = key
	return p.value(parent)
}

// shadow marks the members whose key stands again further down.
func (p *jsonParser) shadow(n *Node) {
	if n.Kind != Object || len(n.Children) < 2 {
		return
	}
	if p.seen == nil {
		p.seen = make(map[string]struct{})
	}
	for i := len(n.Children) - 1; i >= 0; i-- {
		c := n.Children[i]
		if _, c.Shadowed = p.seen[c.Key]; !c.Shadowed {
			p.seen[c.Key] = struct{}{}
		}
	}
	clear(p.seen)
}

// number reads RFC 8259, 6: no leading zeros, digits around the point.
func (p *jsonParser) number() (string, error) {
	start := p.i
	if p.next() == '-' {
		p.i++
	}
	if p.next() == '0' {
		p.i++
	} else if p.digits() == 0 {
		return "", p.errorf(p.i, "%s where a digit is wanted", p.found())
	}
	if p.next() == '.' {
		p.i++
		if p.digits() == 0 {
			return "", p.errorf(p.i, "%s where a digit is wanted", p.found())
		}
	}
	if c := p.next(); c == 'e' || c == 'E' {
		p.i++
		if c := p.next(); c == '+' || c == '-' {
			p.i++
		}
		if p.digits() == 0 {
			return "", p.errorf(p.i, "%s where a digit is wanted", p.found())
		}
	}
	return p.s[start:p.i], nil
}

func (p *jsonParser) digits() (n int) {
	for ; '0' <= p.next() && p.next() <= '9'; p.i++ {
		n++
	}
	return n
}

// string reads a string, of which p.i is at the quote. One that has nothing to decode shares the document's memory.
func (p *jsonParser) string() (string, error) {
	start := p.i + 1
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			if !utf8.ValidString(p.s[start:i]) {
				return p.escaped(start)
			}
			p.i = i + 1
			return p.s[start:i], nil
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", p.errorf(i, "the control character %#x in a string", c)
		}
	}
	return "", p.errorf(p.i, "a string without an end")
}

// escaped reads on from the first byte of a string that is not to be taken as it stands.
func (p *jsonParser) escaped(start int) (string, error) {
	var b strings.Builder
	for i := start; i < len(p.s); {
		c := p.s[i]
		switch {
		case c == '"':
			p.i = i + 1
			return b.String(), nil
		case c < ' ':
			return "", p.errorf(i, "the control character %#x in a string", c)
		case c == '\\':
			n := p.escape(&b, i)
			if n == 0 {
				return "", p.errorf(i, "no escape that JSON knows")
			}
			i += n
		default:
			r, n := utf8.DecodeRuneInString(p.s[i:])
			b.WriteRune(r)
			i += n
		}
	}
	return "", p.errorf(start-1, "a string without an end")
}

const escapes, escaped = `"\/bfnrt`, "\"\\/\b\f\n\r\t"

// escape decodes the escape sequence at i and returns its length, 0 if it is none.
func (p *jsonParser) escape(b *strings.Builder, i int) int {
	if i+1 >= len(p.s) {
		return 0
	}
	if k := strings.IndexByte(escapes, p.s[i+1]); k >= 0 {
		b.WriteByte(escaped[k])
		return 2
	}
	r := hex4(p.s[i:])
	if r < 0 {
		return 0
	}
	n := 6
	if utf16.IsSurrogate(r) {
		r = utf16.DecodeRune(r, hex4(p.s[i+6:]))
		if r != utf8.RuneError {
			n = 12
		}
	}
	b.WriteRune(r)
	return n
}

// hex4 decodes the \uXXXX that s begins with, or returns -1.
func hex4(s string) (r rune) {
	if len(s) < 6 || s[:2] != `\u` {
		return -1
	}
	for _, c := range []byte(s[2:6]) {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}
