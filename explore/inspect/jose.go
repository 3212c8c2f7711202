package inspect

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"strings"
)

// isJWS tells a JSON Web Signature in the flattened JSON syntax (RFC 7515, 7.2.2).
func isJWS(n *Node) bool {
	return n.Get("payload").Is(String) && n.Get("protected").Is(String) && n.Get("signature").Is(String)
}

// decodeJWS shows who signed what, as Notation writes it (signature-envelope-jws.md).
func decodeJWS(n *Node, v via) *Doc {
	d := &Doc{Kind: "jws", Title: "A JSON web signature", Command: "jq ."}
	raw, _ := decode64(n.Str("protected"))
	protected, _ := ParseJSON(raw, nil)
	chain := jwsChain(n.Get("header", "x5c"))
	token, tokenErr := jwsToken(n)
	checks := jwsChecks(n, protected, chain, token)
	if len(chain) > 0 {
		d.Title = signedBy(chain[0], checks)
	}
	payload, payloadErr := decode64(n.Str("payload"))
	s := Section{Title: "Signature"}
	s.jwsHeader(protected)
	s.add("Agent", plain(n.Str("header", "io.cncf.notary.signingAgent")).tip("as the signer says, not signed"))
	s.add("Protected header", Value{Text: plural(len(raw), "byte"), Ref: v.to64(n.Get("protected"), len(raw)).ref()})
	s.add("Payload", Value{Text: plural(len(payload), "byte"), Ref: v.to64(n.Get("payload"), len(payload)).ref()})
	for i, c := range chain {
		s.add("Certificate", Value{Text: visible(certName(c), maxValue), Ref: v.to(n.Get("header", "x5c", i), "base64 -d").ref()})
	}
	d.addSection(s)
	d.addSection(checkSection(checks))
	if payloadErr == nil {
		d.inner(payload, v.to64(n.Get("payload"), len(payload)))
	}
	if tokenErr == nil {
		d.addSection(token.section("Timestamp"))
	}
	d.addCerts(chain)
	return d
}

// to64 decodes base64url without padding in the shell, whose base64 wants neither.
func (v via) to64(n *Node, decoded int) via {
	var stages []string
	if strings.ContainsAny(n.String(), "-_") {
		stages = append(stages, "tr _- /+")
	}
	if pad := (3 - decoded%3) % 3; pad > 0 && !strings.HasSuffix(n.String(), "=") {
		stages = append(stages, `awk '{print $1"`+strings.Repeat("=", pad)+`"}'`)
	}
	return v.to(n, append(stages, "base64 -d")...)
}

func jwsChain(x5c *Node) (chain []*x509.Certificate) {
	for _, c := range x5c.All() {
		raw, err := decode64(c.String())
		if err != nil || len(chain) == 20 {
			break
		}
		cert, err := x509.ParseCertificate(raw)
		if err != nil {
			break
		}
		chain = append(chain, cert)
	}
	return chain
}

// jwsHeader shows the protected header; times are of RFC 3339.
func (s *Section) jwsHeader(n *Node) {
	for _, c := range n.All() {
		switch {
		case len(s.Fields) == maxScalars:
			return
		case strings.HasSuffix(c.Key, "igningTime"), strings.HasSuffix(c.Key, "expiry"):
			s.add(visible(c.Key, 120), dateValue(c.String()))
		case c.Key == "cty":
			s.add("cty", documented(c.String(), MediaTypeDoc(c.String())))
		case c.Is(Array):
			s.add(visible(c.Key, 120), plain(joinStrings(c)))
		default:
			s.add(visible(c.Key, 120), linked(c.String()))
		}
	}
}

func jwsToken(n *Node) (*timestamp, error) {
	t := n.Get("header", "io.cncf.notary.timestampSignature")
	if !t.Is(String) {
		return nil, ErrAbsent
	}
	return tokenOf(t)
}

func jwsChecks(n, protected *Node, chain []*x509.Certificate, token *timestamp) (checks []Check) {
	sig, err := decode64(n.Str("signature"))
	if len(chain) > 0 && err == nil {
		signed := []byte(n.Str("protected") + "." + n.Str("payload")) // RFC 7515, 5.1
		checks = append(checks, checkJOSE(protected.Str("alg"), chain[0].PublicKey, signed, sig))
		checks = append(checks, checkChain(chain)...)
	}
	if token != nil {
		checks = append(checks, token.checkImprint("the signature", sig))
		if len(chain) > 0 {
			c := checkValidity(chain[0], token.when.Unix())
			c.What = "the certificate was valid at the time of the timestamp"
			checks = append(checks, c)
		}
	}
	return checks
}

// checkJOSE verifies a signature by one of the algorithms of RFC 7518, 3.1, and RFC 8037.
func checkJOSE(algorithm string, pub crypto.PublicKey, message, sig []byte) Check {
	c := Check{What: "the signature " + fitsKey, Why: algorithm}
	if len(algorithm) < 5 {
		c.Why = "an algorithm that is not known"
		return c
	}
	h := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[algorithm[2:]]
	sum := hashOf(message).sums[h]
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		c.OK = algorithm[:2] == "ES" && sum != nil && ecdsa.VerifyASN1(k, sum, rawECDSA(sig))
	case ed25519.PublicKey:
		c.OK = algorithm == "EdDSA" && ed25519.Verify(k, message, sig)
	case *rsa.PublicKey:
		switch {
		case sum == nil || !isCheap(k):
		case algorithm[:2] == "PS":
			c.OK = rsa.VerifyPSS(k, h, sum, sig, nil) == nil
		case algorithm[:2] == "RS":
			c.OK = rsa.VerifyPKCS1v15(k, h, sum, sig) == nil
		}
	}
	if !c.OK {
		c.Why = errSignature.Error() + " by " + visible(algorithm, 32)
	}
	return c
}

// rawECDSA turns r and s of equal length (RFC 7518, 3.4) into the DER that crypto/ecdsa wants.
func rawECDSA(sig []byte) []byte {
	half := len(sig) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
	if err != nil {
		return nil
	}
	return der
}
