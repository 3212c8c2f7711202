package auth

import (
	"crypto/md5"
	"crypto/subtle"
	"fmt"
	"strings"
)

// md5Crypt is $apr1$, which `htpasswd -m` writes, and $1$ of FreeBSD, from which Apache made it: they differ in the name only.
type md5Crypt struct {
	magic string // "$apr1$" or "$1$"
	salt  string
	sum   string
}

func parseMD5Crypt(s string) (hashed, error) {
	i := strings.IndexByte(s[1:], '$') + 2
	h := md5Crypt{magic: s[:i]}
	h.salt, h.sum, _ = strings.Cut(s[i:], "$")
	if len(h.salt) > 8 || len(h.sum) != 22 || !isCrypt64(h.sum) {
		return nil, fmt.Errorf("%w: %s wants a salt of at most 8 characters and a sum of 22", errHash, h.magic)
	}
	return h, nil
}

func (h md5Crypt) kind() string { return "$1$" }

func (h md5Crypt) verify(password string) bool {
	return subtle.ConstantTimeCompare([]byte(h.of(password)), []byte(h.sum)) == 1
}

func (h md5Crypt) of(password string) string {
	d := md5.New()
	key, salt := []byte(password), []byte(h.salt)
	for _, b := range [][]byte{key, salt, key} {
		d.Write(b)
	}
	b := d.Sum(nil)
	d.Reset()
	d.Write(key)
	d.Write([]byte(h.magic))
	d.Write(salt)
	d.Write(cycle(b, len(key)))
	for n := len(key); n > 0; n >>= 1 {
		if n&1 != 0 {
			d.Write([]byte{0})
		} else {
			d.Write(key[:1])
		}
	}
	c := d.Sum(nil)
	for i := range 1000 {
		c = mix(d, i, c, key, salt)
	}
	return encodeMD5(c)
}

func encodeMD5(c []byte) string {
	var out []byte
	for i := range 5 {
		last := i + 12
		if i == 4 {
			last = 5
		}
		out = crypt64(out, c[i], c[i+6], c[last], 4)
	}
	return string(crypt64(out, 0, 0, c[11], 2))
}
