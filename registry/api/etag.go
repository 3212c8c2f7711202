package api

import (
	"strings"

	"github.com/opencontainers/go-digest"
)

// ETag is the entity tag of the content d: the digest in quotes (RFC 9110, 8.8.3).
func ETag(d digest.Digest) string { return `"` + string(d) + `"` }

// MatchWeak reports whether an If-None-Match with these values names etag, by the weak comparison of RFC 9110, 8.8.3.2.
// "*" names every tag; a bare digest without the quotes is taken for its tag, because clients send it.
func MatchWeak(values []string, etag string) bool { return match(values, etag, true) }

// MatchStrong is the same for If-Match, by the strong comparison: a weak tag names nothing.
func MatchStrong(values []string, etag string) bool { return match(values, etag, false) }

func match(values []string, etag string, weak bool) bool {
	for _, v := range values {
		for one := range strings.SplitSeq(v, ",") { // a digest has no comma, so neither has a tag of ours
			one = strings.Trim(one, " \t")
			if weak {
				one = strings.TrimPrefix(one, "W/")
			}
			if one == "*" || one == etag || `"`+one+`"` == etag {
				return true
			}
		}
	}
	return false
}
