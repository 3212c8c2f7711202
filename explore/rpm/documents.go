package rpm

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// merged are the documents beside those of packages that can be made of several: their roots, and the elements whose id tells them apart.
var merged = map[string]struct{ root, begin, end string }{
	"group":      {"comps", "<comps>\n", "</comps>\n"},
	"updateinfo": {"updates", "<updates>\n", "</updates>\n"},
}

// MergeDocuments writes one document of several of the same kind, and returns what repomd.xml says of it ([BuildOptions] takes that as Data). kind is
// "group" (comps.xml), "updateinfo" or "modules"; the documents may be compressed. Of elements with the same id the first counts. One element is in memory.
// The errors are those of the readers and of w, and [ErrFormat], [ErrLimit].
func MergeDocuments(kind string, documents []io.Reader, w io.Writer, t time.Time) (Data, error) {
	s, suffix := newSink(w), ".xml.gz"
	into, known := merged[kind]
	switch {
	case kind == "modules":
		suffix = ".yaml.gz"
	case !known:
		return Data{}, fmt.Errorf("rpm: no documents of the kind %.32q can be merged", kind)
	}
	if known {
		s.buf = append(append(s.buf, xmlHeader...), into.begin...)
	}
	seen := map[key]bool{}
	for i, r := range documents {
		plain, err := Decompress(r)
		switch {
		case err != nil:
		case known:
			err = s.elements(plain, into.root, seen)
		default:
			err = s.yaml(plain)
		}
		if err != nil {
			return Data{}, fmt.Errorf("%s of member %d: %w", kind, i, err)
		}
	}
	s.buf = append(s.buf, into.end...)
	if err := s.close(); err != nil {
		return Data{}, err
	}
	return s.data(kind, suffix, t.Unix()), nil
}

// elements copies what is below the root and is not there yet, as it is written.
func (s *sink) elements(r io.Reader, root string, seen map[key]bool) error {
	x := newScanner(r)
	x.keep = true
	for {
		x.raw, x.limit, x.prefixed = x.raw[:0], x.off+maxElement, false
		start, err := x.next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case start && x.depth() == 1 && string(x.name) != root:
			return x.bad("a root that is no " + root)
		case !start || x.depth() != 2:
			continue
		}
		name := string(x.name)
		id, err := x.id()
		if err != nil {
			return err
		}
		if at := keyOf(name + "\x00" + id); id == "" || !seen[at] {
			seen[at] = true
			if err := s.copyElement(x); err != nil {
				return err
			}
		}
		if len(seen) > defaultMax {
			return fmt.Errorf("%w: more than %d elements", ErrLimit, defaultMax)
		}
	}
}

// id goes to the end of the element that has begun and returns the text of the id in it, if there is one.
func (s *scanner) id() (id string, err error) {
	depth := s.depth()
	for s.depth() >= depth {
		start, err := s.next()
		if err != nil {
			return "", s.unexpected(err)
		}
		if start && s.depth() == depth+1 && string(s.name) == "id" {
			b, err := s.content()
			if err != nil {
				return "", err
			}
			id = string(bytes.TrimSpace(b))
		}
	}
	return id, nil
}

// copyElement writes the element that x has just read, which must mean the same in another document.
func (s *sink) copyElement(x *scanner) error {
	raw := bytes.TrimSpace(x.raw)
	if x.prefixed || !utf8.Valid(raw) || bytes.IndexFunc(raw, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' && c != '\r' }) >= 0 {
		return x.bad("an element that cannot be copied")
	}
	s.buf = append(append(s.buf, raw...), '\n')
	return s.flush()
}

// yaml copies documents of YAML, each of which begins on a line of its own.
func (s *sink) yaml(r io.Reader) error {
	lines := bufio.NewReader(r)
	for first := true; ; first = false {
		b, err := lines.ReadSlice('\n')
		if first && len(b) > 0 && !bytes.HasPrefix(b, []byte("---")) {
			s.buf = append(s.buf, "---\n"...)
		}
		s.buf = append(s.buf, b...)
		switch {
		case err == io.EOF:
			if len(b) > 0 {
				s.buf = append(s.buf, '\n')
			}
			return s.flush()
		case err != nil && err != bufio.ErrBufferFull:
			return err
		case len(s.buf) >= 64<<10:
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
}
