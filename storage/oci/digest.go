package oci

import (
	_ "crypto/sha256" // the two algorithms that every registry of OCI must know
	_ "crypto/sha512"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
)

// ErrDigest says that a digest is malformed or of an algorithm other than sha256 and sha512.
var ErrDigest = errors.New("invalid digest")

// Algorithms are the digest algorithms understood end to end, the canonical one first.
var Algorithms = []digest.Algorithm{digest.SHA256, digest.SHA512}

// ParseDigest parses "sha256:<64 hex>" or "sha512:<128 hex>", hex in lower case (image-spec, descriptor.md, "Digests").
// The error wraps ErrDigest.
func ParseDigest(s string) (digest.Digest, error) {
	alg, hex, ok := strings.Cut(s, ":")
	if !ok {
		return "", fmt.Errorf("%w: %.80q", ErrDigest, s)
	}
	a, err := ParseAlgorithm(alg)
	if err != nil {
		return "", err
	}
	if len(hex) != 2*a.Size() || span(hex, isHex) != len(hex) {
		return "", fmt.Errorf("%w: %.80q: want %d lower-case hexadecimal digits", ErrDigest, s, 2*a.Size())
	}
	return digest.Digest(s), nil
}

// ParseAlgorithm parses "sha256" or "sha512". The error wraps ErrDigest.
func ParseAlgorithm(s string) (digest.Algorithm, error) {
	for _, a := range Algorithms {
		if s == string(a) {
			return a, nil
		}
	}
	return "", fmt.Errorf("%w: algorithm %.32q: want sha256 or sha512", ErrDigest, s)
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }
