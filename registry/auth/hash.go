package auth

import (
	"errors"
	"fmt"
	"strings"
)

// maxPassword bounds a password in bytes: SHA-crypt's work grows with the square of its length.
const maxPassword = 1024

// hashed is the hash of a password as a line of an htpasswd file has it.
type hashed interface {
	// verify compares in a time that doesn't depend on where the hashes differ. password is at most maxPassword bytes.
	verify(password string) bool
	// kind names the scheme and its cost: hashes of one kind take the same time.
	kind() string
}

// schemes are the hashes that can be read, by how they begin. The parser gets the whole text.
var schemes = []struct {
	prefix string
	parse  func(string) (hashed, error)
}{
	{"$2a$", parseBcrypt},
	{"$2b$", parseBcrypt},
	{"$2y$", parseBcrypt},
	{"$5$", parseSHACrypt},
	{"$6$", parseSHACrypt},
	{"$apr1$", parseMD5Crypt},
	{"$1$", parseMD5Crypt},
	{"{SHA}", parseSHA1},
	{"{SSHA}", parseSHA1},
	{"$pbkdf2-sha256$", parsePBKDF2},
	{"$pbkdf2-sha512$", parsePBKDF2},
}

// errHash is what the parsers wrap. Their texts go into logs: they say nothing of the hash but its scheme and its cost.
var errHash = errors.New("cannot be used")

func parseHash(s string) (hashed, error) {
	for _, scheme := range schemes {
		if strings.HasPrefix(s, scheme.prefix) {
			return scheme.parse(s)
		}
	}
	if s == "" {
		return nil, fmt.Errorf("%w: there is no hash", errHash)
	}
	if rest, ok := strings.CutPrefix(s, "$"); ok {
		if id, _, ok := strings.Cut(rest, "$"); ok && len(id) <= 16 {
			return nil, fmt.Errorf("%w: hashes of the kind $%s$ are not known here", errHash, printable(id))
		}
	}
	return nil, fmt.Errorf("%w: it is plain text or a crypt(3) hash of the DES kind", errHash)
}

// Hash returns a hash of password for an htpasswd file, with a fresh salt: PBKDF2 with SHA-512. It fails for a password
// that Verify would never accept.
func Hash(password string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	return newPBKDF2(password)
}

// checkPassword refuses what cannot come through HTTP Basic (RFC 7617, 2: no control characters), among it the NUL
// that ends a password in other implementations of these hashes, and what is too long.
func checkPassword(password string) error {
	switch {
	case password == "":
		return errors.New("the password is empty")
	case len(password) > maxPassword:
		return fmt.Errorf("the password has %d bytes, more than %d", len(password), maxPassword)
	case strings.ContainsFunc(password, isControl):
		return errors.New("the password has a control character in it")
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// printable keeps strangers' bytes out of a log.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= 0x20 || r >= 0x7f {
			return '?'
		}
		return r
	}, s)
}
