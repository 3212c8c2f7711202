package auth

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
)

// bcrypt is $2a$, $2b$ and $2y$ (Niels Provos and David Mazieres, "A Future-Adaptable Password Scheme"). The letters tell
// apart versions of a C library, of which some once hashed certain passwords wrongly; right hashes are the same under all three.
// It looks at the first 72 bytes of a password, with the NUL that ends it.
type bcrypt struct {
	cost int
	salt [16]byte
	sum  [23]byte
}

// Bounds of the cost, which is the binary logarithm of the work. 16 takes 4 seconds; 31 would take more than a day.
const (
	bcryptMinCost = 4
	bcryptMaxCost = 16
)

var bcrypt64 = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// parseBcrypt reads $2y$COST$ and 22 digits of salt and 31 of sum without anything between them.
func parseBcrypt(s string) (hashed, error) {
	if len(s) != 60 || s[6] != '$' {
		return nil, fmt.Errorf("%w: bcrypt has 60 characters, $2y$NN$ and 53 more", errHash)
	}
	cost, err := strconv.ParseUint(s[4:6], 10, 8)
	if err != nil || cost < bcryptMinCost {
		return nil, fmt.Errorf("%w: bcrypt wants a cost of two digits and at least %02d", errHash, bcryptMinCost)
	}
	if cost > bcryptMaxCost {
		return nil, fmt.Errorf("%w: bcrypt of cost %d takes too long for each login; at most %d is taken", errHash, cost, bcryptMaxCost)
	}
	h := bcrypt{cost: int(cost)}
	salt, err1 := bcrypt64.DecodeString(s[7:29])
	sum, err2 := bcrypt64.DecodeString(s[29:])
	if err1 != nil || err2 != nil || !isCrypt64(s[7:]) { // DecodeString passes over line ends
		return nil, fmt.Errorf("%w: there is a character in it that bcrypt doesn't use", errHash)
	}
	copy(h.salt[:], salt)
	copy(h.sum[:], sum)
	return h, nil
}

func (h bcrypt) kind() string { return fmt.Sprintf("$2$%d", h.cost) }

func (h bcrypt) verify(password string) bool {
	sum := h.of(password)
	return subtle.ConstantTimeCompare(sum[:], h.sum[:]) == 1
}

func (h bcrypt) of(password string) (sum [23]byte) {
	var salt [4]uint32
	for i := range salt {
		salt[i] = binary.BigEndian.Uint32(h.salt[4*i:])
	}
	key := keyWords([]byte(password + "\x00"))
	again := keyWords(h.salt[:])
	b := *initial()
	b.expand(&key, &salt)
	for range 1 << h.cost {
		b.expand(&key, new([4]uint32))
		b.expand(&again, new([4]uint32))
	}
	return b.orphean()
}

// orphean enciphers bcrypt's constant text 64 times and drops its last byte.
func (b *blowfish) orphean() (sum [23]byte) {
	text := []byte("OrpheanBeholderScryDoubt")
	for i := 0; i < len(text); i += 8 {
		l, r := binary.BigEndian.Uint32(text[i:]), binary.BigEndian.Uint32(text[i+4:])
		for range 64 {
			l, r = b.encrypt(l, r)
		}
		binary.BigEndian.PutUint32(text[i:], l)
		binary.BigEndian.PutUint32(text[i+4:], r)
	}
	copy(sum[:], text)
	return sum
}

// keyWords reads 18 words from key, over and over.
func keyWords(key []byte) (words [18]uint32) {
	bytes := cycle(key, 4*len(words))
	for i := range words {
		words[i] = binary.BigEndian.Uint32(bytes[4*i:])
	}
	return words
}
