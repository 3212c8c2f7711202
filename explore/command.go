package explore

import (
	"fmt"
	"net/url"
	"strings"

	"vitrine/explore/inspect"
)

// command is the shell line that prints what a page shows, in pieces of which some are links.
type command []piece

// piece is a part of a command, quoted already as a shell wants it.
type piece struct {
	Text string
	Href string // empty: no link
	Tip  string
}

// line makes a command without links.
func line(words ...string) command { return command{{Text: strings.Join(words, " ")}} }

// add appends text, and more words if there are any.
func (c command) add(words ...string) command {
	return append(c, piece{Text: strings.Join(words, " ")})
}

// link appends a piece that is a link.
func (c command) link(text, href, tip string) command {
	return append(c, piece{Text: text, Href: href, Tip: tip})
}

// String is what a person copies.
func (c command) String() string {
	var b strings.Builder
	for _, p := range c {
		b.WriteString(p.Text)
	}
	return b.String()
}

// MarshalText makes a command a string in JSON.
func (c command) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads that string.
func (c *command) UnmarshalText(text []byte) error {
	*c = line(string(text))
	return nil
}

// quote quotes a word for a POSIX shell (Issue 8, for what cannot be seen), where it needs that.
func quote(s string) string {
	if inspect.Visible(s, len(s)) != s {
		return quoteUnseen(s)
	}
	safe := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("_-./:@+,=%", c)
	}
	if s != "" && strings.IndexFunc(s, func(c rune) bool { return !safe(c) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// quoteUnseen writes bytes that are no plain text in hex digits, between $' and '.
func quoteUnseen(s string) string {
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range []byte(s) {
		switch {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "'"
}

// host is how commands name this registry.
func (h *handler) host(r *request) string {
	if u, err := url.Parse(h.o.ExternalURL); err == nil && u.Host != "" {
		return u.Host
	}
	return r.Host
}

// base is the URL of this registry without a slash at the end.
func (h *handler) base(r *request) string {
	if u, err := url.Parse(h.o.ExternalURL); err == nil && u.Host != "" {
		return strings.TrimSuffix(h.o.ExternalURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
