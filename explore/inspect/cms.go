package inspect

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
)

const (
	oidSignedData    = "1.2.840.113549.1.7.2"
	oidTSTInfo       = "1.2.840.113549.1.9.16.1.4"
	oidMessageDigest = "1.2.840.113549.1.9.4"
	oidSigningTime   = "1.2.840.113549.1.9.5"
)

// maxSigners bounds the signatures of a message that are looked at; more than one is rare.
const maxSigners = 20

// signedData is a signed cryptographic message (RFC 5652, 5), which is also what PKCS #7 is.
type signedData struct {
	kind    string // of content, an object identifier
	content []byte // nil if it is elsewhere
	certs   []*x509.Certificate
	signers []cmsSigner
}

// cmsSigner is a SignerInfo (RFC 5652, 5.3).
type cmsSigner struct {
	issuer    string
	serial    *big.Int
	keyID     []byte // in place of issuer and serial
	digest    string // object identifiers
	algorithm string
	attrs     *derNode // nil if the content is signed itself
	sig       []byte
}

// parseSignedData reads a ContentInfo: SEQUENCE { signedData, [0] SignedData }.
func parseSignedData(n *derNode) (*signedData, error) {
	if n.at(0).oid() != oidSignedData || !n.at(1, 0).is(asn1.TagSequence) {
		return nil, fmt.Errorf("%w: no signed message (RFC 5652, 5.1)", ErrSyntax)
	}
	m := &signedData{}
	fields := n.at(1, 0).children // version, digest algorithms, content, [0] certificates, [1] revocations, signers
	if len(fields) < 4 {
		return nil, fmt.Errorf("%w: a signed message of %d parts", ErrSyntax, len(fields))
	}
	m.kind = fields[2].at(0).oid()
	if c := fields[2].at(1, 0); c.is(asn1.TagOctetString) {
		m.content = c.content
	}
	for _, f := range fields[3:] {
		switch {
		case f.isContext(0):
			m.addCerts(f)
		case f.is(asn1.TagSet):
			for _, s := range f.children[:min(len(f.children), maxSigners)] {
				m.signers = append(m.signers, parseSigner(s))
			}
		}
	}
	return m, nil
}

func (m *signedData) addCerts(n *derNode) {
	for _, c := range n.children[:min(len(n.children), maxCertPages)] {
		if cert, err := x509.ParseCertificate(c.raw); err == nil {
			m.certs = append(m.certs, cert)
		}
	}
}

// parseSigner reads version, who, digest algorithm, [0] attributes or none, algorithm, signature.
func parseSigner(n *derNode) (s cmsSigner) {
	who := n.at(1)
	s.issuer, s.serial = who.at(0).name(), who.at(1).integer()
	if who.isContext(0) {
		s.keyID = who.content
	}
	s.digest = n.at(2, 0).oid()
	next := 3
	if n.at(3).isContext(0) {
		s.attrs, next = n.at(3), 4
	}
	s.algorithm = n.at(next, 0).oid()
	if sig := n.at(next + 1); sig.is(asn1.TagOctetString) {
		s.sig = sig.content
	}
	return s
}

// attr returns the first value of a signed attribute.
func (s cmsSigner) attr(id string) *derNode {
	for _, a := range s.attrs.all() {
		if a.at(0).oid() == id {
			return a.at(1, 0)
		}
	}
	return nil
}

// certificate finds the signer's among those of the message.
func (m *signedData) certificate(s cmsSigner) *x509.Certificate {
	for _, c := range m.certs {
		byName := s.serial != nil && s.serial.Cmp(c.SerialNumber) == 0 && s.issuer == nameText(c.RawIssuer)
		if byName || s.keyID != nil && bytes.Equal(s.keyID, c.SubjectKeyId) {
			return c
		}
	}
	return nil
}

var hashesByOID = map[string]crypto.Hash{
	"2.16.840.1.101.3.4.2.1": crypto.SHA256, "2.16.840.1.101.3.4.2.2": crypto.SHA384, "2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// check verifies one signature with the certificate that stands beside it: over the attributes, among which is the digest of the content.
func (m *signedData) check(s cmsSigner) Check {
	c := Check{What: "the signature of the message fits the certificate in it"}
	cert, h := m.certificate(s), hashesByOID[s.digest]
	switch {
	case cert == nil:
		c.Why = "the certificate is not in the message"
		return c
	case m.content == nil:
		c.Why = "the content is not in the message"
		return c
	case h == 0:
		c.Why = "a digest that is not known: " + cmp.Or(oidName(s.digest), s.digest)
		return c
	}
	signed := m.content
	if s.attrs != nil {
		if d := s.attr(oidMessageDigest); !d.is(asn1.TagOctetString) || !bytes.Equal(d.content, hashOf(m.content).sums[h]) {
			c.Why = "the digest of the content is another"
			return c
		}
		signed = bytes.Clone(s.attrs.raw) // signed is the SET OF that stands here as [0] (RFC 5652, 5.4)
		signed[0] = 0x31
	}
	return checkSignature(c.What, cert.PublicKey, hashOf(signed), s.sig)
}

// sections shows signers and certificates.
func (m *signedData) sections(d *Doc) (checks []Check) {
	for i, s := range m.signers {
		sec := Section{Title: "Signer"}
		if len(m.signers) > 1 {
			sec.Title = fmt.Sprintf("Signer %d", i+1)
		}
		sec.add("Issuer of the certificate", plain(s.issuer))
		if s.serial != nil {
			sec.add("Serial number", serialValue(s.serial))
		}
		sec.add("Key identifier", hexValue(s.keyID))
		sec.add("Digest", oidOrNothing(s.digest))
		sec.add("Signature algorithm", oidOrNothing(s.algorithm))
		if t, ok := s.attr(oidSigningTime).time(); ok {
			sec.add("Signing time", timeValue(t).tip("as the signer says"))
		}
		d.addSection(sec)
		if m.content != nil {
			checks = append(checks, m.check(s))
		}
	}
	if len(m.certs) > 0 {
		blocks := make([]pemBlock, len(m.certs))
		for i, c := range m.certs {
			blocks[i] = pemBlock{cert: c}
		}
		s := certTable(blocks)
		s.Table.Columns = s.Table.Columns[1:] // they have no positions of their own
		for i := range s.Table.Rows {
			s.Table.Rows[i] = s.Table.Rows[i][1:]
		}
		d.addSection(s)
	}
	return checks
}

func oidOrNothing(id string) Value {
	if id == "" {
		return Value{}
	}
	return oidValue(id)
}

// InspectCMS shows a signed message (RFC 5652) or PKCS #7 in DER. What is no such message is an ErrSyntax.
func InspectCMS(der []byte) (*Doc, error) {
	n, err := parseDER(der, nil)
	if err != nil {
		return nil, err
	}
	if t, err := parseTimestamp(n); err == nil {
		return t.doc(), nil
	}
	m, err := parseSignedData(n)
	if err != nil {
		return nil, err
	}
	d := &Doc{Kind: "cms", Title: "Signed message with " + plural(len(m.signers), "signature") + " and " + plural(len(m.certs), "certificate"),
		Command: "openssl cms -inform DER -cmsout -print"}
	s := Section{Title: "Message"}
	s.add("Content type", oidOrNothing(m.kind))
	s.add("Content", text(plural(len(m.content), "byte")))
	d.addSection(s)
	checks := m.sections(d)
	d.addSection(checkSection(checks))
	return d, nil
}
