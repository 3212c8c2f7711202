package auth

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// PBKDF2 (RFC 8018, 5.2) in the form that Python's passlib reads and writes too:
//
//	$pbkdf2-sha512$210000$SALT$SUM
//
// with the number of iterations, and salt and sum in base64 with "." in place of "+" and without padding.
type pbkdf2Hash struct {
	name       string // sha256 or sha512
	iterations int
	salt, sum  []byte
}

const (
	pbkdf2Iterations    = 210_000   // of a fresh hash: what OWASP advises for SHA-512; about 0.1 s
	pbkdf2MaxIterations = 5_000_000 // of one that is read: some seconds
	pbkdf2Salt          = 16        // bytes; NIST SP 800-132, 5.1
)

var ab64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").WithPadding(base64.NoPadding)

func newPBKDF2(password string) (string, error) {
	h := pbkdf2Hash{name: "sha512", iterations: pbkdf2Iterations, salt: make([]byte, pbkdf2Salt), sum: make([]byte, sha512.Size)}
	rand.Read(h.salt) // never fails
	sum, err := h.of(password)
	if err != nil {
		return "", fmt.Errorf("hashing the password: %w", err)
	}
	return fmt.Sprintf("$pbkdf2-%s$%d$%s$%s", h.name, h.iterations, ab64.EncodeToString(h.salt), ab64.EncodeToString(sum)), nil
}

func parsePBKDF2(s string) (hashed, error) {
	parts := strings.Split(s, "$")
	name := strings.TrimPrefix(parts[1], "pbkdf2-")
	if len(parts) != 5 {
		return nil, fmt.Errorf("%w: it is not $pbkdf2-%s$ITERATIONS$SALT$SUM", errHash, name)
	}
	iterations, err := strconv.Atoi(parts[2])
	if err != nil || iterations < 1 || iterations > pbkdf2MaxIterations {
		return nil, fmt.Errorf("%w: PBKDF2 wants 1 to %d iterations", errHash, pbkdf2MaxIterations)
	}
	h := pbkdf2Hash{name: name, iterations: iterations}
	h.salt, err = ab64.DecodeString(parts[3])
	if err != nil {
		return nil, fmt.Errorf("%w: the salt of $pbkdf2-%s$ is not in base64", errHash, name)
	}
	size := map[string]int{"sha256": sha256.Size, "sha512": sha512.Size}[name]
	h.sum, err = ab64.DecodeString(parts[4])
	if err != nil || len(h.sum) != size {
		return nil, fmt.Errorf("%w: the sum of $pbkdf2-%s$ is not %d bytes in base64", errHash, name, size)
	}
	return h, nil
}

func (h pbkdf2Hash) of(password string) ([]byte, error) {
	if h.name == "sha256" {
		return pbkdf2.Key(sha256.New, password, h.salt, h.iterations, len(h.sum))
	}
	return pbkdf2.Key(sha512.New, password, h.salt, h.iterations, len(h.sum))
}

func (h pbkdf2Hash) kind() string { return fmt.Sprintf("$pbkdf2-%s$%d", h.name, h.iterations) }

func (h pbkdf2Hash) verify(password string) bool {
	sum, err := h.of(password)
	return err == nil && subtle.ConstantTimeCompare(sum, h.sum) == 1
}
