package rpm

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// The bounds of what is read of XML.
const (
	maxElement    = 32 << 20 // bytes of one package, or of one piece of data: those of the largest packages there are have 5
	maxDepth      = 16
	maxAttributes = 32
)

// scanner reads XML of the kind that repodata is: elements, attributes, text, references to characters. Prefixes of names are cut off, and what a DTD
// declares is an error. Package encoding/xml does that at a third of the speed.
type scanner struct {
	r     *bufio.Reader
	off   int64 // of what is read
	limit int64 // of off

	name   []byte // of the element that has begun or ended
	attrs  []attribute
	text   []byte // of content
	tag    []byte // what name and attrs lie in
	open   []byte // names of the elements that are open, one behind the other
	starts []int  // where each of them begins in open
	ended  bool   // the element that has begun ends at once
	done   bool   // the root has ended

	raw      []byte // if keep: what was read since raw was last emptied
	keep     bool
	prefixed bool // a name had a prefix other than xml
}

type attribute struct{ name, value []byte }

func newScanner(r io.Reader) *scanner {
	return &scanner{r: bufio.NewReaderSize(r, 64<<10), limit: maxElement}
}

// depth is how many elements are open.
func (s *scanner) depth() int { return len(s.starts) }

func (s *scanner) bad(what string) error { return damaged("%s at byte %d of XML", what, s.off) }

// next goes on to where an element begins (start) or ends. The error is io.EOF behind the root.
func (s *scanner) next() (start bool, err error) {
	for {
		if s.ended {
			s.ended = false
			return false, s.pop(s.name)
		}
		if err := s.skipText(); err != nil {
			return false, err
		}
		kind, err := s.markup()
		if err != nil || kind != markupOther {
			return kind == markupStart, err
		}
	}
}

// content reads the text of the element that has begun, up to its end. What other elements are in it is left out.
func (s *scanner) content() ([]byte, error) {
	s.text = s.text[:0]
	depth := s.depth()
	for !s.ended {
		at := len(s.text)
		err := s.upTo('<', &s.text)
		if err != nil {
			return nil, s.unexpected(err)
		}
		s.text = s.text[:len(s.text)-1]
		if s.text, err = s.unescape(s.text, at); err != nil {
			return nil, err
		}
		kind, err := s.markup()
		switch {
		case err != nil:
			return nil, err
		case kind == markupEnd && s.depth() < depth:
			return s.text, nil
		case kind == markupStart:
			if err := s.skip(); err != nil {
				return nil, err
			}
		}
	}
	s.ended = false
	return s.text, s.pop(s.name)
}

// skip goes to the end of the element that has begun.
func (s *scanner) skip() error {
	depth := s.depth()
	for s.depth() >= depth {
		if _, err := s.next(); err != nil {
			return s.unexpected(err)
		}
	}
	return nil
}

// upTo reads up to a byte, which it appends as well, to what into points to.
func (s *scanner) upTo(delim byte, into *[]byte) error {
	for {
		b, err := s.r.ReadSlice(delim)
		s.off += int64(len(b))
		if s.off > s.limit {
			return fmt.Errorf("%w: more than %d bytes of one element, at byte %d of XML", ErrLimit, maxElement, s.off)
		}
		*into = append(*into, b...)
		s.record(b)
		if err != bufio.ErrBufferFull {
			return err
		}
	}
}

// skipText goes behind the next <. Outside of the root there is only space.
func (s *scanner) skipText() error {
	for {
		b, err := s.r.ReadSlice('<')
		s.off += int64(len(b))
		s.record(b)
		if s.depth() == 0 && len(bytes.Trim(b, " \t\r\n<\ufeff")) > 0 {
			return s.bad("text outside of the root")
		}
		switch {
		case err == io.EOF && s.done:
			return io.EOF
		case err != bufio.ErrBufferFull:
			return s.unexpected(err)
		}
		if s.off > s.limit {
			return fmt.Errorf("%w: more than %d bytes of one element, at byte %d of XML", ErrLimit, maxElement, s.off)
		}
	}
}

func (s *scanner) record(b []byte) {
	if s.keep {
		s.raw = append(s.raw, b...)
	}
}

func (s *scanner) unexpected(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: %w at byte %d of XML", ErrFormat, io.ErrUnexpectedEOF, s.off)
	}
	return err
}

type markup int

const (
	markupOther markup = iota // a comment, an instruction, CDATA
	markupStart
	markupEnd
)

// markup reads what is between < and >.
func (s *scanner) markup() (markup, error) {
	s.tag = s.tag[:0]
	if err := s.upTo('>', &s.tag); err != nil {
		return 0, s.unexpected(err)
	}
	switch {
	case s.tag[0] == '/':
		s.name = local(bytes.TrimRight(s.tag[1:len(s.tag)-1], " \t\r\n"))
		return markupEnd, s.pop(s.name)
	case s.tag[0] == '?':
		return markupOther, s.until("?>")
	case bytes.HasPrefix(s.tag, []byte("!--")):
		return markupOther, s.until("-->")
	case bytes.HasPrefix(s.tag, []byte("![CDATA[")):
		err := s.until("]]>")
		if err == nil {
			s.text = append(s.text, s.tag[len("![CDATA["):len(s.tag)-len("]]>")]...)
		}
		return markupOther, err
	case bytes.HasPrefix(s.tag, []byte("!DOCTYPE ")) && !bytes.ContainsRune(s.tag, '[') && s.depth() == 0:
		return markupOther, nil // names a DTD, that nobody reads
	case s.tag[0] == '!':
		return 0, s.bad("a DTD")
	}
	for inQuotes(s.tag) {
		if err := s.upTo('>', &s.tag); err != nil {
			return 0, s.unexpected(err)
		}
	}
	return markupStart, s.element(s.tag[:len(s.tag)-1])
}

// until reads on until what was read ends so.
func (s *scanner) until(end string) error {
	for !bytes.HasSuffix(s.tag, []byte(end)) || end == "-->" && len(s.tag) < len("!---->") {
		if err := s.upTo('>', &s.tag); err != nil {
			return s.unexpected(err)
		}
	}
	return nil
}

// inQuotes tells whether a tag ends within the value of an attribute.
func inQuotes(tag []byte) bool {
	quote := byte(0)
	for _, c := range tag {
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == c:
			quote = 0
		}
	}
	return quote != 0
}

// element takes a tag apart: NAME ATTRIBUTE="VALUE" ... and perhaps a slash.
func (s *scanner) element(tag []byte) error {
	tag, s.ended = bytes.CutSuffix(tag, []byte("/"))
	n := bytes.IndexAny(tag, " \t\r\n")
	if n < 0 {
		n = len(tag)
	}
	s.name, s.attrs = local(tag[:n]), s.attrs[:0]
	s.prefixed = s.prefixed || len(s.name) < n
	rest := bytes.TrimLeft(tag[n:], " \t\r\n")
	for len(rest) > 0 {
		name, after, ok := bytes.Cut(rest, []byte("="))
		after = bytes.TrimLeft(after, " \t\r\n")
		name = bytes.TrimRight(name, " \t\r\n")
		if !ok || len(name) == 0 || len(after) < 2 || after[0] != '"' && after[0] != '\'' || len(s.attrs) == maxAttributes {
			return s.bad("attributes")
		}
		end := bytes.IndexByte(after[1:], after[0])
		if end < 0 {
			return s.bad("attributes")
		}
		value, err := s.unescape(after[1:1+end:1+end], 0)
		if err != nil {
			return err
		}
		s.attrs = append(s.attrs, attribute{local(name), value})
		s.prefixed = s.prefixed || bytes.ContainsRune(name, ':') && !bytes.HasPrefix(name, []byte("xml:"))
		rest = bytes.TrimLeft(after[end+2:], " \t\r\n")
	}
	return s.push()
}

// local is a name without its prefix.
func local(name []byte) []byte { return name[bytes.LastIndexByte(name, ':')+1:] }

func (s *scanner) push() error {
	switch {
	case len(s.name) == 0 || s.depth() == maxDepth:
		return s.bad("an element")
	case s.done:
		return s.bad("a second root")
	}
	s.starts = append(s.starts, len(s.open))
	s.open = append(s.open, s.name...)
	return nil
}

func (s *scanner) pop(name []byte) error {
	last := s.depth() - 1
	if last < 0 || !bytes.Equal(s.open[s.starts[last]:], name) {
		return s.bad("an end of what has not begun")
	}
	s.open, s.starts = s.open[:s.starts[last]], s.starts[:last]
	s.done = last == 0
	return nil
}

// attr returns the value of an attribute, nil if there is none.
func (s *scanner) attr(name string) []byte {
	for _, a := range s.attrs {
		if string(a.name) == name {
			return a.value
		}
	}
	return nil
}

// number returns the value of an attribute that is a number from 0 on, 0 for all else.
func (s *scanner) number(name string) int64 { return number(s.attr(name)) }

func number(b []byte) int64 {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// unescape resolves references in b from at on, in place: they are longer than what they mean. Ends of lines become newlines.
func (s *scanner) unescape(b []byte, at int) ([]byte, error) {
	i := bytes.IndexAny(b[at:], "&\r")
	if i < 0 {
		return b, nil
	}
	out := b[:at+i]
	for rest := b[at+i:]; len(rest) > 0; {
		switch rest[0] {
		case '\r':
			out = append(out, '\n')
			rest = bytes.TrimPrefix(rest[1:], []byte("\n"))
		case '&':
			end := bytes.IndexByte(rest[:min(len(rest), 12)], ';')
			if end < 0 {
				return nil, s.bad("a reference")
			}
			c, ok := reference(string(rest[1:end]))
			if !ok {
				return nil, s.bad("a reference")
			}
			out, rest = utf8.AppendRune(out, c), rest[end+1:]
		default:
			n := bytes.IndexAny(rest, "&\r")
			if n < 0 {
				n = len(rest)
			}
			out, rest = append(out, rest[:n]...), rest[n:]
		}
	}
	return out, nil
}

// entities are those that XML has without a DTD.
var entities = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\''}

func reference(name string) (rune, bool) {
	if c, ok := entities[name]; ok {
		return c, true
	}
	base, digits := 10, ""
	switch {
	case len(name) > 2 && name[:2] == "#x":
		base, digits = 16, name[2:]
	case len(name) > 1 && name[0] == '#':
		digits = name[1:]
	}
	n, err := strconv.ParseUint(digits, base, 21)
	return rune(n), err == nil && utf8.ValidRune(rune(n))
}
