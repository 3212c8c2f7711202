package apk

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// Checksum is what an index calls a package by: C:. That of a package of version 2 is the SHA-1 of its control member's compressed bytes.
type Checksum struct {
	size int // 20 of SHA-1, 32 of SHA-256, 0 of the zero Checksum
	sum  [32]byte
}

// sumOf is the checksum of a control member.
func sumOf(control []byte) Checksum {
	c := Checksum{size: sha1.Size}
	sum := sha1.Sum(control)
	copy(c.sum[:], sum[:])
	return c
}

// ParseChecksum reads "Q1" and base64 of SHA-1, "Q2" of SHA-256, or the same in hex digits behind "X1" and "X2". The error wraps [ErrFormat].
func ParseChecksum(s string) (c Checksum, err error) {
	var sum []byte
	switch {
	case strings.HasPrefix(s, "Q1"), strings.HasPrefix(s, "Q2"):
		sum, err = strict.DecodeString(s[2:])
	case strings.HasPrefix(s, "X1"), strings.HasPrefix(s, "X2"):
		sum, err = hex.DecodeString(s[2:])
	default:
		err = ErrFormat
	}
	if err != nil || s[1] == '1' && len(sum) != 20 || s[1] == '2' && len(sum) != 32 {
		return Checksum{}, fmt.Errorf("%w: the checksum %.64q", ErrFormat, s)
	}
	c.size = copy(c.sum[:], sum)
	return c, nil
}

// strict has one way to write each digest.
var strict = base64.StdEncoding.Strict()

// Sum returns the digest: 20 bytes of SHA-1, or 32 of SHA-256.
func (c Checksum) Sum() []byte { return append([]byte(nil), c.sum[:c.size]...) }

// IsZero tells the zero Checksum, that of a record which has none.
func (c Checksum) IsZero() bool { return c.size == 0 }

// String writes the checksum as indexes have it.
func (c Checksum) String() string {
	switch c.size {
	case 20:
		return "Q1" + base64.StdEncoding.EncodeToString(c.sum[:20])
	case 32:
		return "Q2" + base64.StdEncoding.EncodeToString(c.sum[:])
	}
	return ""
}
