package inspect

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"
)

// coseSign1 is a COSE_Sign1 (RFC 9052, 4.2): [protected, unprotected, payload, signature].
type coseSign1 struct {
	protected, unprotected *cborNode // maps
	rawProtected           []byte
	payload, sig           []byte
	chain                  []*x509.Certificate
}

func parseCOSE(c *cborNode) (*coseSign1, error) {
	isTagged := c.is(cborTag) && c.value == 18
	c = c.untag()
	if !c.is(cborArray) || len(c.children) != 4 || !c.at(0).is(cborBytes) || !c.at(1).is(cborMap) || !c.at(3).is(cborBytes) {
		return nil, fmt.Errorf("%w: no COSE_Sign1 (RFC 9052, 4.2)", ErrSyntax)
	}
	s := &coseSign1{rawProtected: c.at(0).data, unprotected: c.at(1), sig: c.at(3).data, protected: &cborNode{major: cborMap}}
	if p, err := parseCBOR(s.rawProtected, nil); err == nil && p.is(cborMap) {
		s.protected = p
	} else if len(s.rawProtected) > 0 || !isTagged {
		return nil, fmt.Errorf("%w: the protected header is no map", ErrSyntax)
	}
	if c.at(2).is(cborBytes) {
		s.payload = c.at(2).data
	}
	s.chain = s.certs()
	return s, nil
}

// certs reads x5chain, which is one certificate or an array of them (RFC 9360, 2).
func (s *coseSign1) certs() (chain []*x509.Certificate) {
	c := s.header("33")
	all := []*cborNode{c}
	if c.is(cborArray) {
		all = c.children
	}
	for _, item := range all[:min(len(all), 20)] {
		if item.is(cborBytes) {
			if cert, err := x509.ParseCertificate(item.data); err == nil {
				chain = append(chain, cert)
			}
		}
	}
	return chain
}

// header looks in both headers, the protected one first.
func (s *coseSign1) header(key string) *cborNode {
	if v := s.protected.get(key); v != nil {
		return v
	}
	return s.unprotected.get(key)
}

// coseHeaders are the names of the labels that are numbers (registry "COSE Header Parameters").
var coseHeaders = map[string]string{
	"1": "alg", "2": "crit", "3": "content type", "4": "kid", "5": "IV", "6": "Partial IV", "11": "counter signature version 2", "15": "CWT claims", "16": "typ",
	"32": "x5bag", "33": "x5chain", "34": "x5t", "35": "x5u", "258": "payload hash algorithm", "259": "preimage content type", "260": "payload location",
	"269": "timestamp of the payload", "270": "timestamp of the signature", "394": "receipts", "395": "verifiable data structure", "396": "proofs",
}

// coseAlgorithms are the signatures of the registry "COSE Algorithms", by the names that JOSE has for the same.
var coseAlgorithms = map[string]string{
	"-7": "ES256", "-8": "EdDSA", "-19": "EdDSA", "-9": "ES256", "-51": "ES384", "-52": "ES512", "-35": "ES384", "-36": "ES512",
	"-37": "PS256", "-38": "PS384", "-39": "PS512", "-257": "RS256", "-258": "RS384", "-259": "RS512",
}

func (s *coseSign1) algorithm() string {
	if a := s.protected.get("1"); a != nil && (a.major == cborUint || a.major == cborNegative) {
		return coseAlgorithms[a.literal()]
	}
	return ""
}

// signed is what the signature is of: Sig_structure of RFC 9052, 4.4, without external data.
func (s *coseSign1) signed() []byte {
	b := []byte("\x84\x6aSignature1")
	b = appendCBORBytes(b, s.rawProtected)
	b = appendCBORBytes(b, nil)
	return appendCBORBytes(b, s.payload)
}

// appendCBORBytes writes a byte string in the shortest form.
func appendCBORBytes(b, data []byte) []byte {
	switch n := len(data); {
	case n < 24:
		b = append(b, 0x40|byte(n))
	case n < 1<<8:
		b = append(b, 0x58, byte(n))
	case n < 1<<16:
		b = append(b, 0x59, byte(n>>8), byte(n))
	default:
		b = append(b, 0x5a, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, data...)
}

func (s *coseSign1) doc() *Doc {
	d := &Doc{Kind: "cose", Title: "A signature in COSE"}
	token, tokenErr := s.token()
	checks := s.checks(token)
	if len(s.chain) > 0 {
		d.Title = signedBy(s.chain[0], checks)
	}
	main := Section{Title: "Signature"}
	main.headerFields(s.protected, "")
	main.headerFields(s.unprotected, "not signed: ")
	main.add("Payload", text(plural(len(s.payload), "byte")))
	d.addSection(main)
	d.addSection(checkSection(checks))
	if n, err := ParseJSON(s.payload, &docLimits); err == nil {
		if sub := InspectJSON(n, ""); sub != nil {
			sub.dropParts()
			d.include(sub)
		}
	}
	if tokenErr == nil {
		d.addSection(token.section("Timestamp"))
	}
	d.addCerts(s.chain)
	return d
}

func (s *coseSign1) checks(token *timestamp) (checks []Check) {
	if len(s.chain) > 0 {
		checks = append(checks, checkJOSE(s.algorithm(), s.chain[0].PublicKey, s.signed(), s.sig))
		checks = append(checks, checkChain(s.chain)...)
	}
	if token != nil {
		checks = append(checks, token.checkImprint("the signature", s.sig))
	}
	return checks
}

// token finds the timestamp of Notation, or that of RFC 9921.
func (s *coseSign1) token() (*timestamp, error) {
	for _, key := range []string{"io.cncf.notary.timestampSignature", "io.cncf.notary.timestamp", "270"} {
		if v := s.unprotected.get(key); v.is(cborBytes) {
			n, err := parseDER(v.data, nil)
			if err != nil {
				return nil, err
			}
			return parseTimestamp(n)
		}
	}
	return nil, ErrAbsent
}

// headerFields shows a header by the names of its labels.
func (s *Section) headerFields(h *cborNode, prefix string) {
	for i, k := range h.keys[:min(len(h.keys), maxScalars)] {
		name, v := k.keyText(), h.children[i]
		if known := coseHeaders[name]; known != "" && !k.is(cborText) {
			name = known
		}
		s.add(prefix+visible(name, 120), v.headerValue(name))
	}
}

func (n *cborNode) headerValue(name string) Value {
	switch {
	case n.is(cborTag) && n.value == 1 && n.children[0].is(cborUint) && n.children[0].value < 1<<40: // RFC 8949, 3.4.2
		return timeValue(time.Unix(int64(n.children[0].value), 0))
	case n.is(cborTag):
		return n.untag().headerValue(name)
	case name == "alg" && !n.is(cborText) && n.major <= cborNegative && coseAlgorithms[n.literal()] != "":
		return text(coseAlgorithms[n.literal()]).tip(n.literal())
	case n.is(cborText):
		return linked(n.str())
	case n.is(cborBytes):
		return text(plural(len(n.data), "byte"))
	case n.is(cborArray) && name == "x5chain":
		return text(plural(len(n.children), "certificate"))
	case n.is(cborArray):
		return plain(joinStrings(n.node()))
	case n.is(cborMap):
		return text(plural(len(n.children), "member"))
	}
	return text(n.literal())
}

// node writes the signature as an object with names.
func (s *coseSign1) node() *Node {
	n := &Node{Kind: Object}
	n.append("protected", namedHeader(s.protected))
	n.append("unprotected", namedHeader(s.unprotected))
	payload := &Node{Kind: String, Text: base64.StdEncoding.EncodeToString(s.payload)}
	if p, err := ParseJSON(s.payload, nil); err == nil {
		payload = p
	}
	n.append("payload", payload)
	n.append("signature", &Node{Kind: String, Text: base64.StdEncoding.EncodeToString(s.sig)})
	return n
}

func namedHeader(h *cborNode) *Node {
	n := h.node()
	for i, c := range n.Children {
		if known := coseHeaders[c.Key]; known != "" && !h.keys[i].is(cborText) {
			c.Key = known + " (" + c.Key + ")"
			if alg := coseAlgorithms[c.Text]; known == "alg" && c.Kind == Number && alg != "" {
				c.Kind, c.Text = String, alg+" ("+c.Text+")"
			}
		}
	}
	return n
}
