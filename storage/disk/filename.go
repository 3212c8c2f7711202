package disk

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// How a component of a path is named on the disk. What a person would type stays as it is:
//
//	name.rpm     the file name.rpm
//	@name        the directory name: a file and a directory of one name are two things
//	%2Ehidden    the file .hidden: "%XX" for "%", and for "." and "@" at the beginning
//	%+begin/rest a name that is too long for one: the file beginrest, or with /@rest the directory
const (
	dirMark  = "@"
	longMark = "%+"
	maxElem  = 240 // bytes of an element without its mark; the system's bound is 255
)

// treePath returns the path of a directory of paths below top: "a/b" is top/@a/@b.
func treePath(top, dir string) string {
	if dir == "" {
		return top
	}
	var b strings.Builder
	b.WriteString(top)
	for c := range strings.SplitSeq(dir, "/") {
		b.WriteByte('/')
		writeElems(&b, c, dirMark)
	}
	return b.String()
}

// filePath returns the directory and the name of the record of a path below top.
func filePath(top, path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	var b strings.Builder
	b.WriteString(treePath(top, path[:max(i, 0)]))
	b.WriteByte('/')
	writeElems(&b, path[i+1:], "")
	name = b.String()
	return name[:strings.LastIndexByte(name, '/')], name
}

// writeElems writes the elements of one component, mark before the last.
func writeElems(b *strings.Builder, name, mark string) {
	for {
		n := fits(name)
		if n == len(name) {
			b.WriteString(mark)
			writeElem(b, name)
			return
		}
		b.WriteString(longMark)
		writeElem(b, name[:n])
		b.WriteByte('/')
		name = name[n:]
	}
}

// isEscaped reports whether the byte c of a name, which begins an element or not, is written as %XX.
func isEscaped(c byte, first bool) bool { return c == '%' || first && (c == '.' || c == '@') }

// fits returns how many bytes of name make one element: all, or as many characters as there is room for.
func fits(name string) int {
	room := maxElem
	for i := 0; i < len(name); {
		_, n := utf8.DecodeRuneInString(name[i:])
		cost := n
		if isEscaped(name[i], i == 0) {
			cost = 3
		}
		if room -= cost; room < 0 {
			return i
		}
		i += n
	}
	return len(name)
}

func writeElem(b *strings.Builder, name string) {
	for i := range len(name) {
		if isEscaped(name[i], i == 0) {
			fmt.Fprintf(b, "%%%02X", name[i])
		} else {
			b.WriteByte(name[i])
		}
	}
}

// elem is what one name on the disk means.
type elem struct {
	name string
	kind elemKind
}

type elemKind int

const (
	notElem  elemKind = iota // nothing of ours
	fileElem                 // a record
	dirElem                  // a directory
	longElem                 // a directory that holds the rest of the name
)

// parseElem is the inverse of writeElems for one element.
func parseElem(s string) elem {
	kind := fileElem
	if rest, ok := strings.CutPrefix(s, longMark); ok {
		s, kind = rest, longElem
	} else if rest, ok := strings.CutPrefix(s, dirMark); ok {
		s, kind = rest, dirElem
	}
	if s != "" && s[0] != '.' && s[0] != '@' && !strings.Contains(s, "%") {
		return elem{s, kind}
	}
	name, ok := unescape(s)
	var back strings.Builder
	writeElem(&back, name)
	if !ok || name == "" || back.String() != s { // each name has one form
		return elem{}
	}
	return elem{name, kind}
}

func unescape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		var c byte
		if len(s) < i+3 {
			return "", false
		}
		if _, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); err != nil {
			return "", false
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String(), true
}
