package inspect

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"
)

// key is a public key, perhaps with the certificate that it came in.
type key struct {
	pub  crypto.PublicKey
	cert *x509.Certificate
	spki []byte
}

// parseKey reads a certificate or a public key, in PEM or DER.
func parseKey(raw []byte) (key, error) {
	if len(raw) > maxCert {
		return key{}, fmt.Errorf("%w: a key of %d bytes", ErrLimit, len(raw))
	}
	if b, _ := pem.Decode(raw); b != nil {
		raw = b.Bytes
	}
	if c, err := x509.ParseCertificate(raw); err == nil {
		return key{c.PublicKey, c, c.RawSubjectPublicKeyInfo}, nil
	}
	pub, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		return key{}, fmt.Errorf("%w: neither a certificate nor a public key", ErrSyntax)
	}
	return key{pub: pub, spki: raw}, nil
}

func (k key) value() Value { return keyValue(k.pub, k.spki) }

func (k key) sameAs(other key) bool {
	if k.cert != nil && other.cert != nil {
		return k.cert.Equal(other.cert)
	}
	return bytes.Equal(k.spki, other.spki)
}

// parseChain reads all certificates of PEM text, up to a number that no chain has.
func parseChain(text string) (all []*x509.Certificate) {
	if len(text) > maxCert {
		return nil
	}
	for rest := []byte(text); len(all) < 20; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if c, err := x509.ParseCertificate(b.Bytes); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// checkChain tells whether each certificate was signed by the next one.
func checkChain(chain []*x509.Certificate) (checks []Check) {
	for i := 1; i < len(chain); i++ {
		c := Check{What: "the certificate of " + visible(certName(chain[i-1]), 80) + " is signed by the next one in the chain", OK: true, Why: visible(certName(chain[i]), 80)}
		err := errKey
		if isCheap(chain[i].PublicKey) {
			err = chain[i-1].CheckSignatureFrom(chain[i])
		}
		if err != nil {
			c.OK, c.Why = false, err.Error()
		}
		checks = append(checks, c)
	}
	return checks
}

// checkValidity tells whether the certificate was valid at a time that a log claims.
func checkValidity(c *x509.Certificate, seconds int64) Check {
	at := time.Unix(seconds, 0)
	return Check{
		What: "the certificate was valid at the time that the log claims",
		OK:   !at.Before(c.NotBefore) && !at.After(c.NotAfter),
		Why:  timeValue(at).Text,
	}
}

// sumOf makes a hashed of a digest whose content is elsewhere.
func sumOf(digest string) (hashed, bool) {
	algorithm, digits, _ := strings.Cut(digest, ":")
	sum, err := hex.DecodeString(digits)
	h := map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[algorithm]
	if err != nil || h == 0 || len(sum) != h.Size() {
		return hashed{}, false
	}
	return hashed{sums: map[crypto.Hash][]byte{h: sum}}, true
}
