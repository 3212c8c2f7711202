package rpm

import (
	"cmp"
	"strconv"
	"strings"
)

// EVR is a version as packages are compared by: EPOCH:VERSION-RELEASE. An epoch that is not said is empty and counts as 0.
type EVR struct{ Epoch, Version, Release string }

// ParseEVR takes a version of a dependency apart.
func ParseEVR(s string) (v EVR) {
	if epoch, rest, ok := strings.Cut(s, ":"); ok && strings.Trim(epoch, "0123456789") == "" {
		v.Epoch, s = epoch, rest
	}
	v.Version = s
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		v.Version, v.Release = s[:i], s[i+1:]
	}
	return v
}

// String returns it as rpm prints it.
func (v EVR) String() string {
	s := v.Version
	if v.Epoch != "" {
		s = v.Epoch + ":" + s
	}
	if v.Release != "" {
		s += "-" + v.Release
	}
	return s
}

// Compare returns -1, 0 or 1 as v is older than, the same as, or newer than w.
func (v EVR) Compare(w EVR) int {
	return cmp.Or(compareEpochs(v.Epoch, w.Epoch), CompareVersions(v.Version, w.Version), CompareVersions(v.Release, w.Release))
}

func compareEpochs(a, b string) int {
	x, _ := strconv.ParseUint(a, 10, 64)
	y, _ := strconv.ParseUint(b, 10, 64)
	return cmp.Compare(x, y)
}

// NEVRA is what tells packages apart.
type NEVRA struct {
	Name string
	EVR
	Arch string
}

// String returns it as rpm prints it: NAME-[EPOCH:]VERSION-RELEASE.ARCH.
func (n NEVRA) String() string { return n.Name + "-" + n.EVR.String() + "." + n.Arch }

// FileName returns how the file of such a package is called, which leaves the epoch out.
func (n NEVRA) FileName() string {
	return n.Name + "-" + n.Version + "-" + n.Release + "." + n.Arch + ".rpm"
}

// key returns the same for packages that are the same.
func (n NEVRA) key() string {
	return n.Name + "\x00" + strings.TrimLeft(n.Epoch, "0") + "\x00" + n.Version + "\x00" + n.Release + "\x00" + n.Arch
}

// CompareVersions compares versions, or releases, as rpm does: by segments of digits or of letters, whatever stands between them. A tilde is older than
// nothing, and a caret is newer than nothing but older than anything else.
func CompareVersions(a, b string) int {
	if a == b {
		return 0
	}
	for {
		a, b = trimSeparators(a), trimSeparators(b)
		switch x, y := rank(a), rank(b); {
		case x != y:
			return cmp.Compare(x, y)
		case x == rankEnd:
			return 0
		case x == rankTilde || x == rankCaret:
			a, b = a[1:], b[1:]
			continue
		}
		x, restA := segment(a)
		y, restB := segment(b)
		if c := compareSegments(x, y); c != 0 {
			return c
		}
		a, b = restA, restB
	}
}

// The order of what may come next in a version: 1.0~rc1 < 1.0 < 1.0^git < 1.0a < 1.0.1.
const (
	rankTilde = iota
	rankEnd
	rankCaret
	rankLetters
	rankDigits
)

func rank(s string) int {
	switch {
	case s == "":
		return rankEnd
	case s[0] == '~':
		return rankTilde
	case s[0] == '^':
		return rankCaret
	case isDigit(s[0]):
		return rankDigits
	}
	return rankLetters
}

// compareSegments compares segments of the same sort.
func compareSegments(x, y string) int {
	if isDigit(x[0]) {
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if c := cmp.Compare(len(x), len(y)); c != 0 {
			return c
		}
	}
	return strings.Compare(x, y)
}

// segment cuts off the digits, or letters, in front.
func segment(s string) (first, rest string) {
	i, of := 1, isLetter
	if isDigit(s[0]) {
		of = isDigit
	}
	for i < len(s) && of(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func trimSeparators(s string) string {
	for s != "" && !isDigit(s[0]) && !isLetter(s[0]) && s[0] != '~' && s[0] != '^' {
		s = s[1:]
	}
	return s
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
