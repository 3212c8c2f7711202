package api

import (
	"strconv"
	"strings"

	"vitrine/storage"
)

// Codes of warnings (RFC 7234, 5.5). The distribution spec has clients show those of code 299.
const (
	warnStale = 110
	warnMisc  = 299
)

// maxWarning bounds the text of a warning in bytes: the distribution spec wants all of them, of which storage keeps few, to stay below 4096 with what is escaped.
const maxWarning = 200

// Warnings are the Warning headers that tell of notes: one for each that says what it is about, and before them the one that caches know where any of them makes
// the answer stale. Nil where there are no notes.
func Warnings(notes []storage.Note) (all []string) {
	for _, n := range notes {
		if n.Kind == storage.Stale {
			all = append(all, warning(warnStale, "Response is Stale"))
			break
		}
	}
	for _, n := range notes {
		all = append(all, warning(warnMisc, n.Text))
	}
	return all
}

// warning formats a warning without an agent's name: it may quote a stranger, of whom only what is ASCII and can be seen counts.
func warning(code int, text string) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(code))
	b.WriteString(` - "`)
	for _, c := range []byte(text[:min(len(text), maxWarning)]) {
		switch {
		case c < ' ' || c > '~':
			c = '?'
		case c == '"' || c == '\\':
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}
