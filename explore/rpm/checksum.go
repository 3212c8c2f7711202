package rpm

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Checksum is one as metadata states it. The zero Checksum states nothing.
type Checksum struct {
	Type string // "sha256", "sha512", "sha1" (also "sha") and so on
	Hex  string
}

// hashes are the algorithms there are.
var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha": sha1.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
	"sha3-256": func() hash.Hash { return sha3.New256() }, "sha3-512": func() hash.Hash { return sha3.New512() },
}

// hashNames are the numbers that headers have for them (RFC 9580, 9.5).
var hashNames = map[uint64]string{1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224", 12: "sha3-256", 14: "sha3-512"}

func hashName(n uint64) string {
	if s := hashNames[n]; s != "" {
		return s
	}
	return fmt.Sprint("algorithm ", n)
}

// SHA256 returns the checksum of a SHA-256.
func SHA256(sum [32]byte) Checksum { return Checksum{"sha256", hex.EncodeToString(sum[:])} }

// New returns a hash for it. The error, which wraps [ErrFormat], is for an algorithm that is not known, or a checksum that is none.
func (c Checksum) New() (hash.Hash, error) {
	newHash := hashes[c.Type]
	if newHash == nil {
		return nil, damaged("checksum of type %.32q", c.Type)
	}
	h := newHash()
	if b, err := hex.DecodeString(c.Hex); err != nil || len(b) != h.Size() {
		return nil, damaged("%s %.140q", c.Type, c.Hex)
	}
	return h, nil
}

// Matches tells whether h, which [Checksum.New] returned, has come to the checksum.
func (c Checksum) Matches(h hash.Hash) bool {
	return strings.EqualFold(c.Hex, hex.EncodeToString(h.Sum(nil)))
}

// check reads r to its end and compares. size counts if it is more than 0, and no more than that is read.
func (c Checksum) check(what string, r io.Reader, size int64) error {
	h, err := c.New()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if size > 0 {
		r = io.LimitReader(r, size+1)
	}
	n, err := io.Copy(h, r)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case size > 0 && n != size:
		return fmt.Errorf("%w: %s has not the %d bytes that it is to have", ErrMismatch, what, size)
	case !c.Matches(h):
		return fmt.Errorf("%w: %s is not %s %s", ErrMismatch, what, c.Type, c.Hex)
	}
	return nil
}
