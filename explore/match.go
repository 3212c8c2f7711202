package explore

import (
	"encoding/hex"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"
)

// matcher says what fits a query.
//
//	abc      a name that has these letters, in upper or lower case
//	^abc     a name that begins with them
//	a*.conf  a name that fits the pattern (path.Match)
//	etc/abc  a path that has this
//	sha256:ab.. or ab..  a digest that begins so; a file's content too, if all of it is given
type matcher struct {
	lower, prefix, pattern, path string
	hex                          string
	content                      [32]byte
	whole                        bool // content is set
}

func newMatcher(q string) *matcher {
	m := &matcher{}
	digits := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(q), "sha256:"), "sha512:")
	if isHex(digits) && len(digits) >= minHex {
		m.hex = digits
		if raw, err := hex.DecodeString(digits); err == nil && len(raw) == len(m.content) {
			m.content, m.whole = [32]byte(raw), true
		}
	}
	switch {
	case strings.HasPrefix(q, "^"):
		m.prefix = q[1:]
	case strings.ContainsAny(q, "*?["):
		m.pattern = q
	case strings.Contains(strings.Trim(q, "/"), "/"):
		m.path = strings.Trim(q, "/")
	}
	m.lower = strings.ToLower(q)
	return m
}

func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}

// files reports whether it is worth to look at all files of all layers.
func (m *matcher) files() bool {
	return m.whole || m.prefix != "" || m.pattern != "" || len(m.lower) > 1 && !strings.HasPrefix(m.lower, "sha")
}

// exactly reports whether text is what was asked for.
func (m *matcher) exactly(text string) bool { return strings.ToLower(text) == m.lower }

// text reports whether a name fits.
func (m *matcher) text(name string) bool {
	switch {
	case m.prefix != "":
		return strings.HasPrefix(name, m.prefix)
	case m.pattern != "":
		return fits(m.pattern, name)
	}
	return strings.Contains(strings.ToLower(name), m.lower)
}

// digest reports whether d begins as was asked for.
func (m *matcher) digest(d digest.Digest) bool {
	_, enc, _ := strings.Cut(string(d), ":")
	return m.hex != "" && strings.HasPrefix(enc, m.hex)
}

// file reports whether a file fits, by its name or, if a whole digest was given, by its content.
func (m *matcher) file(p string, sum [32]byte) bool {
	if m.whole {
		return sum == m.content
	}
	if m.path != "" {
		return strings.Contains(p, m.path)
	}
	name := p[strings.LastIndexByte(p, '/')+1:]
	if m.pattern != "" && strings.Contains(m.pattern, "/") {
		name = p
	}
	return m.text(name)
}

// fits is path.Match with a bad pattern fitting nothing.
func fits(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
