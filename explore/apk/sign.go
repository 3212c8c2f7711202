package apk

import (
	"context"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"fmt"
	"hash"
	"io"
	"strings"
)

// signPrefix begins the names of files that are signatures: ".SIGN.RSA256.NAME-OF-KEY".
const signPrefix = ".SIGN."

// algorithms are those of signatures, RSA with PKCS #1 v1.5, by what stands in the name. A name that begins with another's stands before it. apk knows
// DSA as well, which nobody uses and which is not verified here.
var algorithms = []struct {
	name string
	hash crypto.Hash
}{{"RSA512", crypto.SHA512}, {"RSA256", crypto.SHA256}, {"RSA", crypto.SHA1}}

// Signature is one of those in front of a package or an index.
type Signature struct {
	Algorithm string // "RSA", "RSA256", "RSA512", or another that is not verified
	Key       string // the name of the key's file in /etc/apk/keys
	Raw       []byte
}

func parseSignature(name string, raw []byte) Signature {
	alg, key, _ := strings.Cut(strings.TrimPrefix(name, signPrefix), ".")
	return Signature{alg, key, raw}
}

// hash is that of the signature's algorithm, 0 of one that is not verified.
func (s Signature) hash() crypto.Hash {
	for _, a := range algorithms {
		if a.name == s.Algorithm {
			return a.hash
		}
	}
	return 0
}

// verify checks what span of r has against the first signature whose key is trusted, as apk does: a wrong one is not made good by another. It returns
// the name of the key. The errors are ErrUntrusted, ErrSignature, ctx's and r's.
func verify(ctx context.Context, r io.ReaderAt, span Span, signatures []Signature, keys Keys) (string, error) {
	for _, s := range signatures {
		public, alg := keys[s.Key], s.hash()
		if public == nil || alg == 0 {
			continue
		}
		sum := alg.New()
		if err := hashSpan(ctx, r, span, sum); err != nil {
			return "", err
		}
		if err := rsa.VerifyPKCS1v15(public, alg, sum.Sum(nil), s.Raw); err != nil {
			return "", fmt.Errorf("%w: of %.64q, by %.100q", ErrSignature, s.Algorithm, s.Key)
		}
		return s.Key, nil
	}
	return "", ErrUntrusted
}

// hashSpan hashes a part of r, all of which must be there.
func hashSpan(ctx context.Context, r io.ReaderAt, span Span, sum hash.Hash) error {
	const piece = 1 << 20 // after which ctx is asked
	for done := int64(0); done < span.Size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		want := min(piece, span.Size-done)
		n, err := io.Copy(sum, io.NewSectionReader(r, span.Offset+done, want))
		if err == nil && n < want {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		done += n
	}
	return nil
}
