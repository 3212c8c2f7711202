// Package oci holds the words of the OCI specifications: names, tags, digests, descriptors and manifests.
// It parses them from strangers' bytes at the edge; past the edge a [Name] or a [Tag] is known to be legal.
package oci

import (
	"errors"
	"fmt"
)

// Limits of the grammar (distribution-spec, "Pulling manifests").
const (
	MaxName = 255 // bytes of a repository name, without the registry's host
	MaxTag  = 128 // bytes of a tag
)

// Errors of parsing. What Parse* return wraps one of them.
var (
	ErrName = errors.New("invalid repository name")
	ErrTag  = errors.New("invalid tag")
)

// Name is a repository name that matches the grammar of the distribution spec and is at most MaxName bytes,
// such as "library/alpine". Legal names have no component that begins with "_" or ".", so a Name is safe as a relative path.
type Name string

// Tag is a tag that matches the grammar of the distribution spec, at most MaxTag bytes.
// Tags begin with a letter, a digit or "_", so a Tag is safe as a file name.
type Tag string

// ParseName checks s against the spec's grammar for <name>:
//
//	[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*
//
// The error wraps ErrName.
func ParseName(s string) (Name, error) {
	if len(s) == 0 || len(s) > MaxName {
		return "", fmt.Errorf("%w: %d bytes, want 1 to %d", ErrName, len(s), MaxName)
	}
	for i := 0; ; i++ { // one path component a turn
		n := component(s[i:])
		if n == 0 {
			return "", fmt.Errorf("%w: %.64q", ErrName, s)
		}
		if i += n; i == len(s) {
			return Name(s), nil
		}
		if s[i] != '/' {
			return "", fmt.Errorf("%w: %.64q", ErrName, s)
		}
	}
}

// component returns the length of the longest legal path component at the start of s, 0 if there is none.
func component(s string) int {
	end := 0
	for i := 0; i < len(s); {
		n := span(s[i:], isLowerAlnum)
		if n == 0 {
			return end
		}
		i += n
		end = i
		i += separator(s[i:])
		if i == end {
			return end
		}
	}
	return end
}

// separator returns the length of the separator at the start of s: ".", "_", "__" or a run of "-".
func separator(s string) int {
	switch {
	case s == "":
		return 0
	case s[0] == '-':
		return span(s, func(c byte) bool { return c == '-' })
	case len(s) > 1 && s[0] == '_' && s[1] == '_':
		return 2
	case s[0] == '.' || s[0] == '_':
		return 1
	}
	return 0
}

func span(s string, ok func(byte) bool) int {
	for i := range len(s) {
		if !ok(s[i]) {
			return i
		}
	}
	return len(s)
}

func isLowerAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// ParseTag checks s against the spec's grammar for a tag: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
// The error wraps ErrTag.
func ParseTag(s string) (Tag, error) {
	if len(s) == 0 || len(s) > MaxTag {
		return "", fmt.Errorf("%w: %d bytes, want 1 to %d", ErrTag, len(s), MaxTag)
	}
	if s[0] == '.' || s[0] == '-' || span(s, isTagByte) != len(s) {
		return "", fmt.Errorf("%w: %.64q", ErrTag, s)
	}
	return Tag(s), nil
}

func isTagByte(c byte) bool {
	return isLowerAlnum(c) || 'A' <= c && c <= 'Z' || c == '_' || c == '.' || c == '-'
}
