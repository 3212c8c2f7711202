package inspect

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"strings"
)

// Check is something that was verified by arithmetic, with nothing but what the document itself holds. That a signature fits a key says
// nothing about whose key it is.
type Check struct {
	What string // "the signature fits the key in the certificate"
	OK   bool
	Why  string // why it is not so, or by which algorithm it is
}

// checkNote stands below all checks.
const checkNote = "Only what the document itself holds was compared. No trust root was consulted: whose key this is, and whether a log or a time authority vouches for it, was not checked."

// checkSection shows checks in a table.
func checkSection(checks []Check) Section {
	s := table("Checked", "What", "Result", "Why")
	for _, c := range checks {
		result := text("✓ yes")
		if !c.OK {
			result = text("✗ no")
		}
		s.row(text(c.What), result, plain(c.Why))
	}
	if len(checks) > 0 {
		s.Note = checkNote
	}
	return s
}

// fitsKey is what the checks of a document's own signature are called.
const fitsKey = "fits the key in the certificate"

// signedBy says in words who signed, which is what the certificate says, unless the signature is not even one of its key.
func signedBy(c *x509.Certificate, checks []Check) string {
	for _, check := range checks {
		if strings.HasSuffix(check.What, fitsKey) && !check.OK {
			return "A signature that does not fit its certificate, which is that of " + signer(c)
		}
	}
	return "Signed by " + signer(c) + ", as the certificate says"
}

var (
	errSignature = errors.New("it does not fit")
	errKey       = errors.New("a key of a kind that is not known")
)

// hashed is a message by its digests; whole is nil where only one digest of it is known.
type hashed struct {
	whole []byte
	sums  map[crypto.Hash][]byte
}

func hashOf(message []byte) hashed {
	s256, s384, s512 := sha256.Sum256(message), sha512.Sum384(message), sha512.Sum512(message)
	return hashed{message, map[crypto.Hash][]byte{crypto.SHA256: s256[:], crypto.SHA384: s384[:], crypto.SHA512: s512[:]}}
}

// hashes are tried in this order: sigstore signs by SHA-256 with any curve.
var hashes = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

// verify returns the algorithm by which sig is a signature of m by pub, or an error.
func verify(pub crypto.PublicKey, m hashed, sig []byte) (algorithm string, err error) {
	for _, h := range hashes {
		sum := m.sums[h]
		if sum == nil {
			continue
		}
		if name := verifyHash(pub, h, sum, sig); name != "" {
			return name + " with " + h.String(), nil
		}
	}
	switch k := pub.(type) {
	case ed25519.PublicKey:
		if m.whole == nil {
			return "", errors.New("Ed25519 needs all that was signed, and only its digest is here")
		}
		if ed25519.Verify(k, m.whole, sig) {
			return "Ed25519", nil
		}
	case *rsa.PublicKey, *ecdsa.PublicKey:
	default:
		return "", errKey
	}
	return "", errSignature
}

// isCheap says whether a signature by pub is verified in a moment. A stranger may well send a key of a million bits.
func isCheap(pub crypto.PublicKey) bool {
	k, ok := pub.(*rsa.PublicKey)
	return !ok || k.N.BitLen() <= 8192 && k.E < 1<<31
}

func verifyHash(pub crypto.PublicKey, h crypto.Hash, sum, sig []byte) string {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(k, sum, sig) {
			return "ECDSA"
		}
	case *rsa.PublicKey:
		if !isCheap(k) {
			return ""
		}
		if rsa.VerifyPKCS1v15(k, h, sum, sig) == nil {
			return "RSA"
		}
		if rsa.VerifyPSS(k, h, sum, sig, nil) == nil {
			return "RSA-PSS"
		}
	case ed25519.PublicKey:
		if h == crypto.SHA512 && ed25519.VerifyWithOptions(k, sum, sig, &ed25519.Options{Hash: h}) == nil {
			return "Ed25519ph"
		}
	}
	return ""
}

// checkSignature makes a Check of what verify says.
func checkSignature(what string, pub crypto.PublicKey, m hashed, sig []byte) Check {
	algorithm, err := verify(pub, m, sig)
	if err != nil {
		return Check{what, false, err.Error()}
	}
	return Check{what, true, algorithm}
}
