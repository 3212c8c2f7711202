package inspect

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
)

// maxPiped bounds what leaves a stage: a small file that gunzip makes large.
const maxPiped = 32 << 20

// Run returns what the shell line prints when raw is its standard input. Where a path leads nowhere the error is an ErrAbsent, though jq
// prints null; otherwise a stage that cannot read its input fails with ErrSyntax, as the command does, and one that is fed or makes too
// much with ErrLimit. Numbers are printed as they stand in the document, which jq does from 1.7 on; jq 1.6 makes floats of them.
func (p Pipeline) Run(raw []byte) ([]byte, error) {
	for _, s := range p.stages {
		out, err := stageFuncs[s.name](s, raw)
		if err != nil {
			return nil, fmt.Errorf("%.80s: %w", s, err)
		}
		if len(out) > maxPiped {
			return nil, fmt.Errorf("%.80s: %w: more than %d bytes", s, ErrLimit, maxPiped)
		}
		raw = out
	}
	return raw, nil
}

var stageFuncs = map[string]func(stage, []byte) ([]byte, error){
	"jq":     stage.jq,
	"base64": stage.base64,
	"gunzip": stage.gunzip,
	"tr":     stage.tr,
	"awk":    stage.awk,
}

func (s stage) jq(raw []byte) ([]byte, error) {
	n, err := ParseJSON(raw, nil)
	for _, t := range s.prog {
		if err != nil {
			return nil, err
		}
		n, err = t.eval(n)
	}
	if err != nil {
		return nil, err
	}
	if s.raw && n.Kind == String {
		return append([]byte(n.Text), '\n'), nil
	}
	return append(n.AppendJQ(nil), '\n'), nil
}

func (t term) eval(n *Node) (*Node, error) {
	if t.fromJSON {
		if !n.Is(String) {
			return nil, fmt.Errorf("%w: fromjson wants a string, and %s is %s", ErrSyntax, n.Path(), n.describe())
		}
		return ParseJSON([]byte(n.Text), nil)
	}
	for _, step := range t.path {
		next := n.Get(step)
		if next == nil {
			return nil, fmt.Errorf("%w: %s: %.80s is %s", ErrAbsent, FormatPath([]any{step}), n.Path(), n.describe())
		}
		n = next
	}
	return n, nil
}

func (stage) base64(raw []byte) ([]byte, error) {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
	n, err := base64.StdEncoding.Decode(out, bytes.ReplaceAll(raw, []byte("\r"), []byte("?"))) // Go would skip a \r, base64 does not
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return out[:n], nil
}

func (stage) gunzip(raw []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	out, err := io.ReadAll(io.LimitReader(z, maxPiped+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return out, nil
}

func (stage) tr(raw []byte) ([]byte, error) {
	out := bytes.ReplaceAll(raw, []byte("_"), []byte("/"))
	return bytes.ReplaceAll(out, []byte("-"), []byte("+")), nil
}

// awk prints the first field of each line, and the padding.
func (s stage) awk(raw []byte) ([]byte, error) {
	var out []byte
	for line := range bytes.Lines(raw) {
		if f := bytes.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }); len(f) > 0 {
			out = append(out, f[0]...)
		}
		out = append(append(out, s.pad...), '\n')
	}
	return out, nil
}

// AppendJQ appends n to dst as jq prints it: two spaces for each level, of a key that stands twice the last value at the place of the first.
func (n *Node) AppendJQ(dst []byte) []byte { return n.appendJQ(dst, "\n") }

func (n *Node) appendJQ(dst []byte, newline string) []byte {
	switch n.Kind {
	case String:
		return appendJQString(dst, n.Text)
	case Array, Object:
		return n.appendMembers(dst, newline)
	}
	return append(dst, n.Text...)
}

func (n *Node) appendMembers(dst []byte, newline string) []byte {
	open, shut := byte('['), byte(']')
	if n.Kind == Object {
		open, shut = '{', '}'
	}
	dst = append(dst, open)
	first := true
	for _, c := range n.lastOfEach() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, newline+"  "...)
		if n.Kind == Object {
			dst = append(appendJQString(dst, c.Key), ": "...)
		}
		dst = c.appendJQ(dst, newline+"  ")
	}
	if !first {
		dst = append(dst, newline...)
	}
	return append(dst, shut)
}

// lastOfEach returns the children, with those that are shadowed replaced by the one that shadows them, each once.
func (n *Node) lastOfEach() []*Node {
	shadowed := false
	for _, c := range n.Children {
		shadowed = shadowed || c.Shadowed
	}
	if !shadowed {
		return n.Children
	}
	last := make(map[string]*Node)
	for _, c := range n.Children {
		last[c.Key] = c
	}
	var out []*Node
	for _, c := range n.Children {
		if l := last[c.Key]; l != nil {
			out = append(out, l)
			last[c.Key] = nil
		}
	}
	return out
}

// appendJQString quotes as jq does: only quotes, backslashes and control characters, DEL among them, are escaped.
func appendJQString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		c := s[i]
		k := bytes.IndexByte([]byte(escaped), c)
		switch {
		case k >= 0 && c != '/':
			dst = append(dst, '\\', escapes[k])
		case c < ' ' || c == 0x7f:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
