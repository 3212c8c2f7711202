package auth

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// shaCrypt is $5$ and $6$: Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512".
type shaCrypt struct {
	id     byte // '5' or '6'
	rounds int
	salt   string
	sum    string // in base64 of the crypt(3) kind
}

// Bounds of the specification, but for the upper one of rounds, which there is 999,999,999: ten minutes.
const (
	shaCryptRounds    = 5000
	shaCryptMinRounds = 1000
	shaCryptMaxRounds = 2_000_000
	shaCryptSalt      = 16
)

func parseSHACrypt(s string) (hashed, error) {
	h := shaCrypt{id: s[1], rounds: shaCryptRounds}
	rest := s[3:]
	if tail, ok := strings.CutPrefix(rest, "rounds="); ok {
		text, after, _ := strings.Cut(tail, "$")
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > shaCryptMaxRounds {
			return nil, fmt.Errorf("%w: $%c$ wants at most %d rounds", errHash, h.id, shaCryptMaxRounds)
		}
		h.rounds, rest = max(n, shaCryptMinRounds), after
	}
	h.salt, h.sum, _ = strings.Cut(rest, "$")
	if want := map[byte]int{'5': 43, '6': 86}[h.id]; len(h.sum) != want || len(h.salt) > shaCryptSalt || !isCrypt64(h.sum) {
		return nil, fmt.Errorf("%w: $%c$ wants a salt of at most %d characters and a sum of %d", errHash, h.id, shaCryptSalt, want)
	}
	return h, nil
}

func (h shaCrypt) kind() string { return fmt.Sprintf("$%c$%d", h.id, h.rounds) }

func (h shaCrypt) verify(password string) bool {
	sum := h.encode(h.of(password))
	return subtle.ConstantTimeCompare([]byte(sum), []byte(h.sum)) == 1
}

// of computes the sum. A, B, DP, DS, P and S are the specification's names.
func (h shaCrypt) of(password string) []byte {
	d := h.digest()
	sum := func(parts ...[]byte) []byte {
		d.Reset()
		for _, p := range parts {
			d.Write(p)
		}
		return d.Sum(nil)
	}
	key, salt := []byte(password), []byte(h.salt)
	b := sum(key, salt, key)
	parts := [][]byte{key, salt, cycle(b, len(key))}
	for n := len(key); n > 0; n >>= 1 {
		if n&1 != 0 {
			parts = append(parts, b)
		} else {
			parts = append(parts, key)
		}
	}
	a := sum(parts...)
	dp := sum(repeat(key, len(key))...)
	ds := sum(repeat(salt, 16+int(a[0]))...)
	p, s := cycle(dp, len(key)), cycle(ds, len(salt))
	c := a
	for i := range h.rounds {
		c = mix(d, i, c, p, s)
	}
	return c
}

// mix is one round, the same for the SHA kinds and for MD5.
func mix(d hash.Hash, i int, c, p, s []byte) []byte {
	first, last := c, p
	if i%2 != 0 {
		first, last = p, c
	}
	d.Reset()
	d.Write(first)
	if i%3 != 0 {
		d.Write(s)
	}
	if i%7 != 0 {
		d.Write(p)
	}
	d.Write(last)
	return d.Sum(c[:0])
}

func (h shaCrypt) digest() hash.Hash {
	if h.id == '5' {
		return sha256.New()
	}
	return sha512.New()
}

// encode writes a sum in base64 of the crypt(3) kind. Triples of bytes go out rotated; the last group is short.
func (h shaCrypt) encode(sum []byte) string {
	third, turn := 10, 2 // of SHA-256: 0 10 20, 21 1 11, 12 22 2, ...; then 31 30
	if h.id == '6' {
		third, turn = 21, 1 // of SHA-512: 0 21 42, 22 43 1, 44 2 23, ...; then 63
	}
	var out []byte
	for i := range third {
		at := [3]int{i, i + third, i + 2*third}
		k := i * turn % 3
		out = crypt64(out, sum[at[k]], sum[at[(k+1)%3]], sum[at[(k+2)%3]], 4)
	}
	if h.id == '6' {
		return string(crypt64(out, 0, 0, sum[63], 2))
	}
	return string(crypt64(out, 0, sum[31], sum[30], 3))
}

const crypt64Digits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// crypt64 appends n digits of the 24 bits a, b, c, the lowest first.
func crypt64(out []byte, a, b, c byte, n int) []byte {
	v := uint(a)<<16 | uint(b)<<8 | uint(c)
	for range n {
		out = append(out, crypt64Digits[v&63])
		v >>= 6
	}
	return out
}

func isCrypt64(s string) bool { return strings.Trim(s, crypt64Digits) == "" }

// cycle repeats b to n bytes.
func cycle(b []byte, n int) []byte {
	out := make([]byte, 0, n+len(b))
	for len(out) < n {
		out = append(out, b...)
	}
	return out[:n]
}

func repeat(b []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = b
	}
	return out
}
