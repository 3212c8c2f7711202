package auth

import (
	"math/big"
	"sync"
)

// blowfish is the state of Bruce Schneier's cipher: 18 subkeys and 4 boxes.
type blowfish struct {
	p [18]uint32
	s [4][256]uint32
}

// initial is the state that every key starts from: the fraction of pi in hexadecimal digits. It is computed when it is
// first needed, which takes some milliseconds, and is 4168 bytes that need not be carried and proofread.
var initial = sync.OnceValue(func() *blowfish {
	b := new(blowfish)
	words := 18 + 4*256
	digits := piFraction(words * 32).FillBytes(make([]byte, words*4))
	next := func() uint32 {
		v := uint32(digits[0])<<24 | uint32(digits[1])<<16 | uint32(digits[2])<<8 | uint32(digits[3])
		digits = digits[4:]
		return v
	}
	for i := range b.p {
		b.p[i] = next()
	}
	for i := range b.s {
		for j := range b.s[i] {
			b.s[i][j] = next()
		}
	}
	return b
})

// piFraction returns the first n bits behind the point of pi, by the series of the brothers Chudnovsky in binary splitting:
//
//	pi = 426880 sqrt(10005) Q / T     over terms of 47 bits each
func piFraction(n int) *big.Int {
	const guard = 64 // bits that rounding may spoil
	bits := uint(n + guard)
	_, q, t := chudnovsky(0, int64(bits/47+2))
	root := big.NewInt(10005)
	root.Sqrt(root.Lsh(root, 2*bits))
	pi := root.Mul(root.Mul(root, q), big.NewInt(426880))
	pi.Quo(pi, t).Rsh(pi, guard)
	whole := new(big.Int).Lsh(big.NewInt(3), uint(n))
	return pi.Sub(pi, whole)
}

// chudnovsky returns P, Q and T of the terms from a to b.
func chudnovsky(a, b int64) (p, q, t *big.Int) {
	if b-a == 1 {
		p, q = big.NewInt(1), big.NewInt(1)
		if a > 0 {
			p.Mul(big.NewInt((6*a-5)*(2*a-1)), big.NewInt(6*a-1))
			q.Mul(big.NewInt(a*a*a), big.NewInt(640320*640320/24*640320))
		}
		t = big.NewInt(13591409 + 545140134*a)
		t.Mul(t, p)
		if a%2 != 0 {
			t.Neg(t)
		}
		return p, q, t
	}
	m := (a + b) / 2
	p1, q1, t1 := chudnovsky(a, m)
	p2, q2, t2 := chudnovsky(m, b)
	t = t1.Add(t1.Mul(t1, q2), t2.Mul(t2, p1))
	return p1.Mul(p1, p2), q1.Mul(q1, q2), t
}

// encrypt enciphers one block of two words.
func (b *blowfish) encrypt(l, r uint32) (uint32, uint32) {
	l ^= b.p[0]
	for i := 1; i < 17; i += 2 {
		r ^= b.f(l) ^ b.p[i]
		l ^= b.f(r) ^ b.p[i+1]
	}
	return r ^ b.p[17], l
}

func (b *blowfish) f(x uint32) uint32 {
	return ((b.s[0][x>>24] + b.s[1][x>>16&255]) ^ b.s[2][x>>8&255]) + b.s[3][x&255]
}

// expand mixes 18 words of key into the state. salt is what goes into the blocks on the way, 4 words, all 0 for none.
func (b *blowfish) expand(key *[18]uint32, salt *[4]uint32) {
	for i, k := range key {
		b.p[i] ^= k
	}
	var l, r uint32
	at := 0
	next := func() (uint32, uint32) {
		l, r = b.encrypt(l^salt[at], r^salt[at+1])
		at ^= 2
		return l, r
	}
	for i := 0; i < len(b.p); i += 2 {
		b.p[i], b.p[i+1] = next()
	}
	for i := range b.s {
		for j := 0; j < 256; j += 2 {
			b.s[i][j], b.s[i][j+1] = next()
		}
	}
}
