package inspect

import (
	"strconv"
	"strings"
)

const maxYAML = 200

// Scalar is a key of a YAML mapping with a value that is neither a mapping nor a sequence.
type Scalar struct{ Key, Value string }

// YAMLScalars reads the scalars at the top level of a document, in order: plain, quoted, folded and literal ones. It is no YAML parser: what is nested, and
// what has an anchor, an alias or a tag, is left out, and nothing is an error. At most 200 scalars of the first 1 MiB are returned.
func YAMLScalars(b []byte) (all []Scalar) {
	y := yamlLines{lines: strings.Split(strings.ReplaceAll(string(b[:min(len(b), maxSettings)]), "\r\n", "\n"), "\n")}
	for len(y.lines) > 0 && len(all) < maxYAML {
		line := y.next()
		if line == "..." || strings.HasPrefix(line, "---") && len(all) > 0 {
			break
		}
		key, rest, ok := yamlKey(line)
		if !ok {
			continue
		}
		if value, ok := y.scalar(rest); ok {
			all = append(all, Scalar{key, value})
		}
	}
	return all
}

// yamlLines are those that are left.
type yamlLines struct{ lines []string }

func (y *yamlLines) next() string {
	line := y.lines[0]
	y.lines = y.lines[1:]
	return line
}

// yamlKey splits "key: value" that is not indented.
func yamlKey(line string) (key, rest string, ok bool) {
	if line == "" || strings.ContainsRune(" \t#-%[{&*!|>?", rune(line[0])) {
		return "", "", false
	}
	if line[0] == '"' || line[0] == '\'' {
		end := strings.IndexByte(line[1:], line[0])
		if end < 0 {
			return "", "", false
		}
		key, rest = line[1:end+1], strings.TrimSpace(line[end+2:])
		rest, ok = strings.CutPrefix(rest, ":")
		return key, strings.TrimSpace(rest), ok
	}
	key, rest, ok = strings.Cut(line, ": ")
	if !ok {
		key, ok = strings.CutSuffix(strings.TrimRight(line, " \t"), ":")
	}
	key = strings.TrimSpace(key)
	return key, strings.TrimSpace(rest), ok && key != ""
}

// scalar reads the value behind a key, which may go on in the lines below. A nested one is left where it is: its lines are no keys.
func (y *yamlLines) scalar(first string) (string, bool) {
	if first == "" || first[0] == '#' {
		return "", false // nested, or null
	}
	switch first[0] {
	case '|', '>':
		return y.block(first), true
	case '"', '\'':
		return y.quoted(first)
	case '&', '*', '!', '[', '{', '@', '`':
		return "", false
	}
	parts := []string{yamlComment(first)}
	for _, line := range y.indented() {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, yamlComment(line))
		}
	}
	return strings.Join(parts, " "), true
}

// yamlComment cuts a comment off.
func yamlComment(s string) string {
	if i := strings.Index(s, " #"); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSpace(s)
}

// indented takes the lines that belong to what is above: indented or empty ones.
func (y *yamlLines) indented() (all []string) {
	for len(y.lines) > 0 && (strings.TrimSpace(y.lines[0]) == "" || strings.HasPrefix(y.lines[0], " ")) {
		all = append(all, y.next())
	}
	return all
}

// block reads a literal (|) or folded (>) scalar: what is indented as its first line is. A folded one has spaces for single line breaks.
func (y *yamlLines) block(first string) string {
	lines := y.indented()
	indent := ""
	for _, line := range lines {
		if text := strings.TrimLeft(line, " "); text != "" {
			indent = line[:len(line)-len(text)]
			break
		}
	}
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], indent)
		if strings.TrimSpace(lines[i]) == "" {
			lines[i] = ""
		}
	}
	text := strings.TrimRight(strings.Join(lines, "\n"), "\n")
	if first[0] == '>' {
		const paragraph = "\x00"
		text = strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(text, "\n\n", paragraph), "\n", " "), paragraph, "\n")
	}
	return text
}

// quoted reads a quoted scalar. Line breaks in it become spaces.
func (y *yamlLines) quoted(first string) (string, bool) {
	text := first
	for {
		if end := yamlQuoteEnd(text); end > 0 {
			return yamlUnquote(text[:end]), true
		}
		if len(y.lines) == 0 || len(text) > maxStanzaLine {
			return "", false
		}
		text += " " + strings.TrimSpace(y.next())
	}
}

// yamlQuoteEnd returns where the quoted scalar that begins s ends, or 0.
func yamlQuoteEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] == '"':
			i++
		case s[i] == '\'' && s[0] == '\'' && strings.HasPrefix(s[i+1:], "'"):
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return 0
}

// yamlUnquote takes off quotes: ” is a quote between single ones; between double ones are the escapes that Go has too.
func yamlUnquote(s string) string {
	if s[0] == '\'' {
		return strings.ReplaceAll(s[1:len(s)-1], "''", "'")
	}
	if text, err := strconv.Unquote(strings.ReplaceAll(s, `\/`, "/")); err == nil {
		return text
	}
	return s[1 : len(s)-1]
}
