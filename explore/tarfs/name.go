package tarfs

import (
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

// Escape returns name as valid UTF-8 without NUL: a byte that is not UTF-8, a NUL, and each byte of U+FFFD itself becomes U+FFFD and two
// hex digits. Other names, which is nearly all of them, stay as they are. [Unescape] is the inverse.
func Escape(name string) string {
	if isPlain(name) || utf8.ValidString(name) && !strings.ContainsAny(name, "\x00\uFFFD") {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if r != utf8.RuneError && r != 0 {
			b.WriteString(name[:n])
			name = name[n:]
			continue
		}
		for _, c := range []byte(name[:n]) {
			b.WriteString("\uFFFD")
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
		name = name[n:]
	}
	return b.String()
}

// isPlain reports whether name is ASCII without NUL.
func isPlain(name string) bool {
	for i := range len(name) {
		if name[i]-1 >= 0x7f {
			return false
		}
	}
	return true
}

const hexDigits = "0123456789ABCDEF"

// Unescape returns the bytes that [Escape] was given.
func Unescape(shown string) string {
	before, rest, found := strings.Cut(shown, "\uFFFD")
	if !found {
		return shown
	}
	b := []byte(before)
	for found {
		before, rest, found = strings.Cut(rest, "\uFFFD")
		hi, lo := -1, -1
		if len(before) >= 2 {
			hi, lo = strings.IndexByte(hexDigits, before[0]), strings.IndexByte(hexDigits, before[1])
		}
		if hi < 0 || lo < 0 {
			b = append(b, "\uFFFD"+before...)
			continue
		}
		b = append(append(b, byte(hi<<4|lo)), before[2:]...)
	}
	return string(b)
}

// cleanPath returns the path at which a recorded name is found; see the package comment.
func cleanPath(name string) string {
	p := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if !fs.ValidPath(p) {
		p = path.Clean("/" + name)[1:]
	}
	if p == "" {
		return "."
	}
	return Escape(p)
}

// splitPath returns the directory and the last element of a path; "." has neither.
func splitPath(p string) (dir, base string) {
	i := strings.LastIndexByte(p, '/')
	switch {
	case p == ".":
		return "", ""
	case i < 0:
		return ".", p
	}
	return p[:i], p[i+1:]
}

func joinPath(dir, base string) string {
	if dir == "." {
		return base
	}
	return dir + "/" + base
}

// key is what a table is sorted by: the directory, a NUL, the last element. The entries of a directory stand together and in order. The
// root has the empty key; global headers, which have no path, come last.
func key(p string) string { return string(appendKey(nil, p)) }

// appendKey appends the key of p to b.
func appendKey(b []byte, p string) []byte {
	dir, base := splitPath(p)
	switch {
	case p == "":
		return append(b, 0xff)
	case dir == "":
		return b
	case dir == ".":
		dir = ""
	}
	return append(append(append(b, dir...), 0), base...)
}

// compareKey compares key(p) with k, without making it.
func compareKey(p, k string) int {
	dir, base := splitPath(p)
	switch {
	case p == "" || dir == "":
		return strings.Compare(key(p), k)
	case dir == ".":
		dir = ""
	}
	n := min(len(dir), len(k))
	if c := strings.Compare(dir[:n], k[:n]); c != 0 {
		return c
	}
	switch {
	case len(k) == n:
		return 1
	case k[n] != 0:
		return -1
	}
	return strings.Compare(base, k[n+1:])
}

// keyPath is the inverse of key.
func keyPath(k string) string {
	dir, base, found := strings.Cut(k, "\x00")
	switch {
	case k == "\xff":
		return ""
	case !found:
		return "."
	case dir == "":
		return base
	}
	return dir + "/" + base
}
