package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// position is an error at an offset in bytes into a file.
type position struct {
	at  int
	err error
}

func (p *position) Error() string { return p.err.Error() }

// Unwrap returns what is wrong there.
func (p *position) Unwrap() error { return p.err }

// lineColumn counts from 1; columns are characters.
func lineColumn(src []byte, at int) (line, column int) {
	before := src[:min(at, len(src))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

// blank returns JSON in which the comments, the trailing commas and the byte order mark of src are spaces, so that offsets stay
// what they are.
func blank(src []byte) ([]byte, error) {
	out := bytes.Clone(src)
	if bytes.HasPrefix(out, []byte("\xef\xbb\xbf")) {
		copy(out, "   ")
	}
	comma := -1       // a comma that nothing has followed yet
	last := byte('{') // the byte of JSON before i that is no space; at the start a comma follows nothing either
	for i := 0; i < len(out); {
		n, err := skip(out, i)
		if err != nil {
			return nil, err
		}
		switch c := out[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c == ',' && last != '{' && last != '[' && last != ',':
			comma, last = i, c
		default:
			if comma >= 0 && (c == '}' || c == ']') {
				out[comma] = ' '
			}
			comma, last = -1, c
		}
		i += n
	}
	return out, nil
}

// skip returns the length of what begins at out[i]: a string, a comment, which it blanks, or one byte.
func skip(out []byte, i int) (int, error) {
	rest := out[i:]
	switch {
	case rest[0] == '"':
		return stringLen(rest), nil
	case bytes.HasPrefix(rest, []byte("//")):
		n := bytes.IndexByte(rest, '\n')
		if n < 0 {
			n = len(rest)
		}
		erase(rest[:n])
		return n, nil
	case bytes.HasPrefix(rest, []byte("/*")):
		n := bytes.Index(rest[2:], []byte("*/"))
		if n < 0 {
			return 0, &position{i, errors.New("this comment never ends")}
		}
		erase(rest[:n+4])
		return n + 4, nil
	}
	return 1, nil
}

// stringLen returns the length of the JSON string that s begins with, of all of s if it has no end.
func stringLen(s []byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func erase(b []byte) {
	for i, c := range b {
		if c != '\n' {
			b[i] = ' '
		}
	}
}

// node is a JSON value and where it begins.
type node struct {
	at      int
	token   json.Token // json.Delim '{' or '[', string, json.Number, bool or nil
	members []member   // of an object, in the order of the file
	items   []*node    // of an array
}

type member struct {
	key   string
	at    int
	value *node
}

// String names the kind of n, for errors.
func (n *node) String() string {
	switch t := n.token.(type) {
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "an array"
	case string:
		return fmt.Sprintf("the string %.64q", t)
	case nil:
		return "null"
	}
	return fmt.Sprintf("%.64v", n.token)
}

func (n *node) errorf(format string, args ...any) error {
	return &position{n.at, fmt.Errorf(format, args...)}
}

// wrap gives err, if there is one, the path and the position of n.
func (n *node) wrap(path string, err error) error {
	if err == nil {
		return nil
	}
	return n.errorf("%s: %w", path, err)
}

// maxDepth is far beyond what a configuration needs, and far below what a stack holds.
const maxDepth = 64

// parse reads JSON with comments and trailing commas. Its errors are *position, or several of those joined.
func parse(src []byte) (*node, error) {
	clean, err := blank(src)
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := json.Unmarshal(clean, &raw); err != nil {
		return nil, syntaxError(clean, err)
	}
	d := json.NewDecoder(bytes.NewReader(clean))
	d.UseNumber()
	t := &tree{d: d, src: clean}
	n, err := t.node(0)
	return n, errors.Join(append(t.twice, err)...)
}

// syntaxError says what encoding/json does, and where.
func syntaxError(src []byte, err error) error {
	var s *json.SyntaxError
	if !errors.As(err, &s) {
		return &position{0, err}
	}
	if int(s.Offset) >= len(src) && s.Error() == "unexpected end of JSON input" {
		return &position{len(bytes.TrimRight(src, " \t\r\n")), errors.New("the file ends in the middle")}
	}
	return &position{max(int(s.Offset)-1, 0), s} // Offset is behind the byte that is wrong
}

// tree builds nodes of JSON that is known to be well formed.
type tree struct {
	d     *json.Decoder
	src   []byte
	twice []error // keys that an object has more than once
}

// next returns the next token and where it begins: behind the last one come only spaces, a comma or a colon.
func (t *tree) next() (json.Token, int, error) {
	at := int(t.d.InputOffset())
	for at < len(t.src) && bytes.IndexByte([]byte(" \t\r\n,:"), t.src[at]) >= 0 {
		at++
	}
	token, err := t.d.Token()
	if err != nil {
		return nil, at, &position{at, err}
	}
	return token, at, nil
}

func (t *tree) node(depth int) (*node, error) {
	token, at, err := t.next()
	if err != nil {
		return nil, err
	}
	n := &node{at: at, token: token}
	if depth > maxDepth {
		return nil, n.errorf("nested deeper than %d levels", maxDepth)
	}
	switch token {
	case json.Delim('{'):
		err = t.object(n, depth)
	case json.Delim('['):
		err = t.array(n, depth)
	}
	return n, err
}

func (t *tree) array(n *node, depth int) error {
	for t.d.More() {
		item, err := t.node(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, _, err := t.next()
	return err
}

func (t *tree) object(n *node, depth int) error {
	first := make(map[string]int)
	for t.d.More() {
		token, at, err := t.next()
		if err != nil {
			return err
		}
		key, _ := token.(string) // nothing else can stand there
		if before, ok := first[key]; ok {
			line, _ := lineColumn(t.src, before)
			t.twice = append(t.twice, &position{at, fmt.Errorf("%.64q is given twice, first in line %d", key, line)})
		}
		first[key] = at
		v, err := t.node(depth + 1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{key, at, v})
	}
	_, _, err := t.next()
	return err
}
