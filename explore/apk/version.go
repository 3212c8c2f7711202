package apk

import (
	"cmp"
	"strings"
)

// A version is NUMBER{.NUMBER}{LETTER}{_SUFFIX{NUMBER}}{~HASH}{-rNUMBER} (apk-package(5)). It is read part by part, and each kind of part may only be followed by
// some of the others. The order of the kinds is the order of versions that are the same up to there: where one goes on with a kind that stands
// earlier here, it is the newer one, except that _alpha, _beta, _pre and _rc come before nothing.
type partKind int

const (
	partFirst partKind = iota
	partNumber
	partLetter
	partSuffix
	partSuffixNumber
	partHash
	partRevision
	partEnd
	partInvalid
)

// suffixes are those that a version may have, in their order; release is where a version without one stands.
var suffixes = []string{"alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"}

const release = 4

// versionPart is a part of a version.
type versionPart struct {
	kind  partKind
	text  string // the digits, the letter, the hash
	order int    // of a suffix: its place in suffixes
}

// next takes a part off a version, behind the part p.
func (p versionPart) next(rest string) (versionPart, string) {
	if rest == "" {
		return versionPart{kind: partEnd}, ""
	}
	invalid := versionPart{kind: partInvalid}
	switch c := rest[0]; {
	case c >= 'a' && c <= 'z' && p.kind <= partNumber:
		return versionPart{kind: partLetter, text: rest[:1]}, rest[1:]
	case c == '.' && p.kind <= partNumber:
		return digits(partNumber, rest[1:])
	case c >= '0' && c <= '9' && p.kind <= partNumber:
		return digits(partNumber, rest)
	case c >= '0' && c <= '9' && p.kind == partSuffix:
		return digits(partSuffixNumber, rest)
	case c == '_' && p.kind <= partSuffixNumber:
		return suffix(rest[1:])
	case c == '~' && p.kind < partHash:
		hash := rest[1 : len(rest)-len(strings.TrimLeft(rest[1:], "0123456789abcdef"))]
		if hash == "" {
			return invalid, rest
		}
		return versionPart{kind: partHash, text: hash}, rest[1+len(hash):]
	case strings.HasPrefix(rest, "-r") && p.kind < partRevision:
		return digits(partRevision, rest[2:])
	}
	return invalid, rest
}

func digits(kind partKind, s string) (versionPart, string) {
	rest := strings.TrimLeft(s, "0123456789")
	if len(rest) == len(s) {
		return versionPart{kind: partInvalid}, rest
	}
	return versionPart{kind: kind, text: s[:len(s)-len(rest)]}, rest
}

func suffix(s string) (versionPart, string) {
	rest := strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyz")
	name := s[:len(s)-len(rest)]
	for i, known := range suffixes {
		if known == name && name != "" {
			return versionPart{kind: partSuffix, order: i}, rest
		}
	}
	return versionPart{kind: partInvalid}, rest
}

// compare compares two parts of the same kind. A number behind a dot that begins with 0 is compared as a fraction is, digit by digit.
func (p versionPart) compare(q versionPart) int {
	switch p.kind {
	case partNumber:
		if p.text[0] != '0' && q.text[0] != '0' {
			return compareNumbers(p.text, q.text)
		}
	case partFirst, partSuffixNumber, partRevision:
		return compareNumbers(p.text, q.text)
	case partSuffix:
		return cmp.Compare(p.order, q.order)
	}
	return cmp.Compare(p.text, q.text)
}

// compareNumbers compares digits of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// ValidVersion reports whether apk takes s as the version of a package.
func ValidVersion(s string) bool {
	p, rest := digits(partFirst, s)
	for p.kind < partEnd {
		p, rest = p.next(rest)
	}
	return p.kind == partEnd
}

// CompareVersions returns -1 if a is older than b, 1 if it is newer, and 0 if apk takes neither for an update of the other.
func CompareVersions(a, b string) int { return compareVersions(a, b, false) }

// compareVersions compares; with fuzzy, a that goes on where b has ended is the same.
func compareVersions(a, b string, fuzzy bool) int {
	p, a := digits(partFirst, a)
	q, b := digits(partFirst, b)
	for p.kind == q.kind && p.kind < partEnd {
		if c := p.compare(q); c != 0 {
			return c
		}
		p, a = p.next(a)
		q, b = q.next(b)
	}
	switch {
	case p.kind == q.kind, fuzzy && q.kind == partEnd:
		return 0
	case p.kind == partSuffix && p.order < release:
		return -1
	case q.kind == partSuffix && q.order < release:
		return 1
	}
	return cmp.Compare(q.kind, p.kind) // what goes on with an earlier kind is newer
}
