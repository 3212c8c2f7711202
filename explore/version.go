package explore

import (
	"cmp"
	"strings"
)

// compareVersions compares tags as people read versions: numbers by their value, "1.0-rc1" before "1.0", and what does not begin with a number before all
// that does. A leading "v" counts for nothing.
func compareVersions(a, b string) int {
	x, y := bareVersion(a), bareVersion(b)
	if c := cmp.Compare(rank(x), rank(y)); c != 0 {
		return c
	}
	for x != "" && y != "" {
		var p, q string
		p, x = versionPart(x)
		q, y = versionPart(y)
		if c := compareParts(p, q); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(ending(x), ending(y)), strings.Compare(a, b))
}

func bareVersion(s string) string {
	if len(s) > 1 && (s[0] == 'v' || s[0] == 'V') && isNumber(s[1:]) {
		return s[1:]
	}
	return s
}

// rank tells versions from other names.
func rank(s string) int {
	if isNumber(s) {
		return 1
	}
	return 0
}

func isNumber(s string) bool { return s != "" && '0' <= s[0] && s[0] <= '9' }

// versionPart takes the first run of digits, or of other characters, off s.
func versionPart(s string) (part, rest string) {
	n := isNumber(s)
	i := 1
	for i < len(s) && isNumber(s[i:]) == n {
		i++
	}
	return s[:i], s[i:]
}

// compareParts compares numbers by value, however long they are.
func compareParts(a, b string) int {
	if isNumber(a) && isNumber(b) {
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	}
	return strings.Compare(a, b)
}

// ending places what goes on where the other one has ended: a hyphen makes it come before ("1.0-rc1"), all else behind ("1.0.1").
func ending(rest string) int {
	switch {
	case rest == "":
		return 0
	case rest[0] == '-' || rest[0] == '~':
		return -1
	}
	return 1
}
