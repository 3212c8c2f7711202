package api

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxRanges is how many ranges of one blob a request may ask for: more are an attack, not a client (RFC 9110, 14.2).
const MaxRanges = 64

// ParseContentRange parses the Content-Range of a chunk, "<first>-<last>", both inclusive (distribution-spec, "Pushing a
// blob in chunks"). The "bytes <first>-<last>/<size or *>" of RFC 9110, 14.4 is understood too, because clients send it.
// 0 <= first <= last < 2^63-1, so that last-first+1 does not overflow. The error wraps ErrRange.
func ParseContentRange(s string) (first, last int64, err error) {
	bad := fmt.Errorf("%w: Content-Range %.64q: want <first>-<last>", ErrRange, s)
	if rest, ok := strings.CutPrefix(s, "bytes "); ok {
		rng, size, ok := strings.Cut(rest, "/")
		if _, isSize := parsePosition(size); !ok || size != "*" && !isSize {
			return 0, 0, bad
		}
		s = rng
	}
	a, b, _ := strings.Cut(s, "-")
	first, okFirst := parsePosition(a)
	last, okLast := parsePosition(b)
	if !okFirst || !okLast || last < first {
		return 0, 0, bad
	}
	return first, last, nil
}

// parsePosition parses 1*DIGIT below 2^63-1.
func parsePosition(s string) (int64, bool) {
	if s == "" || strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) >= 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n < math.MaxInt64
}

// FormatContentRange is the inverse of ParseContentRange.
func FormatContentRange(first, last int64) string {
	return strconv.FormatInt(first, 10) + "-" + strconv.FormatInt(last, 10)
}

// UploadRange is the Range header of an upload session that holds size bytes: "0-<last>". An empty one is "0-0", as the
// grammar has no other word for it.
func UploadRange(size int64) string { return FormatContentRange(0, max(size-1, 0)) }

// BytesRange returns the ranges of a Range header whose unit is bytes, whatever its case (RFC 9110, 14.1), "" otherwise.
func BytesRange(header string) string {
	unit, ranges, ok := strings.Cut(header, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return ""
	}
	return ranges
}

// CheckRanges reports, by an error that wraps ErrRange, that ranges (what BytesRange returned) are malformed, too many, or
// all behind the end of a content of size bytes (RFC 9110, 14.1.2 and 15.5.17).
func CheckRanges(ranges string, size int64) error {
	if strings.Count(ranges, ",") >= MaxRanges {
		return fmt.Errorf("%w: more than %d", ErrRange, MaxRanges)
	}
	inside := false
	for spec := range strings.SplitSeq(ranges, ",") {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		ok, in := checkRange(spec, size)
		if !ok {
			return fmt.Errorf("%w: %.64q", ErrRange, ranges)
		}
		inside = inside || in
	}
	if !inside {
		return fmt.Errorf("%w: %.64q of %d bytes", ErrRange, ranges, size)
	}
	return nil
}

// checkRange reports whether spec is well-formed and whether it selects any byte.
func checkRange(spec string, size int64) (ok, inside bool) {
	a, b, ok := strings.Cut(spec, "-")
	if !ok {
		return false, false
	}
	last, okLast := parsePosition(b)
	if a == "" { // the last so many bytes
		return okLast, okLast && last > 0 && size > 0
	}
	first, okFirst := parsePosition(a)
	if !okFirst || b != "" && (!okLast || last < first) {
		return false, false
	}
	return true, first < size
}
