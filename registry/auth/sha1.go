package auth

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
)

// sha1Hash is {SHA}, base64 of SHA-1, as `htpasswd -s` writes it, or {SSHA}, the same with a salt behind it (RFC 2307).
type sha1Hash struct {
	sum  []byte
	salt []byte
}

func parseSHA1(s string) (hashed, error) {
	prefix, text, _ := strings.Cut(s, "}")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < sha1.Size || prefix == "{SHA" && len(raw) != sha1.Size {
		return nil, fmt.Errorf("%w: %s} is not followed by a SHA-1 in base64", errHash, prefix)
	}
	return sha1Hash{sum: raw[:sha1.Size], salt: raw[sha1.Size:]}, nil
}

func (h sha1Hash) kind() string { return "{SHA}" }

func (h sha1Hash) verify(password string) bool {
	sum := sha1.Sum(append([]byte(password), h.salt...))
	return subtle.ConstantTimeCompare(sum[:], h.sum) == 1
}
