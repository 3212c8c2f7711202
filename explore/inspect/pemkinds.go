package inspect

import (
	"crypto/sha256"
	"crypto/x509"
	"math/big"
)

// pemShows have what is shown of an object by its label. What cannot be read is shown as DER.
var pemShows = map[string]func(s *Section, der []byte){
	"PUBLIC KEY":              showPublicKey,
	"RSA PUBLIC KEY":          showRSAPublicKey,
	"CERTIFICATE REQUEST":     showRequest,
	"NEW CERTIFICATE REQUEST": showRequest,
	"X509 CRL":                showCRL,
	"PKCS7":                   showCMS,
	"CMS":                     showCMS,
}

func showCMS(s *Section, der []byte) {
	n, err := parseDER(der, nil)
	var m *signedData
	if err == nil {
		m, err = parseSignedData(n)
	}
	if !s.orDER(der, err) {
		return
	}
	d := &Doc{}
	m.sections(d)
	for _, sub := range d.Sections {
		s.Fields = append(s.Fields, sub.Fields...)
		if sub.Table != nil {
			s.Table = sub.Table
		}
	}
}

// orDER shows der as a tree, and why, when err is not nil.
func (s *Section) orDER(der []byte, err error) bool {
	if err == nil {
		return true
	}
	s.Note = visible(err.Error(), maxValue)
	if sub, _ := derSection(der); sub.Table != nil {
		s.Table = sub.Table
	}
	return false
}

func showPublicKey(s *Section, der []byte) {
	pub, _ := x509.ParsePKIXPublicKey(der) // keyValue names the kinds that crypto/x509 does not know
	s.add("Key", keyValue(pub, der))
	print := sha256.Sum256(der)
	s.add("SHA-256 of the key", text(colons(print[:])).tip("as certificates, transparency logs and pins name keys"))
	if n, err := parseDER(der, nil); err != nil || n.at(0, 0).oid() == "" {
		s.orDER(der, ErrSyntax)
	}
}

func showRSAPublicKey(s *Section, der []byte) {
	pub, err := x509.ParsePKCS1PublicKey(der)
	if s.orDER(der, err) {
		s.add("Key", keyValue(pub, nil))
	}
}

func showRequest(s *Section, der []byte) {
	r, err := x509.ParseCertificateRequest(der)
	if !s.orDER(der, err) {
		return
	}
	c := &x509.Certificate{EmailAddresses: r.EmailAddresses, DNSNames: r.DNSNames, IPAddresses: r.IPAddresses, URIs: r.URIs, Extensions: r.Extensions}
	s.add("Subject", plain(nameText(r.RawSubject)))
	s.add("Key", keyValue(r.PublicKey, r.RawSubjectPublicKeyInfo))
	s.add("Signed with", signatureAlgorithm(r.SignatureAlgorithm, r.Raw))
	for _, v := range certNames(c) {
		s.add(v.Tip, v)
	}
	if isCheap(r.PublicKey) {
		s.add("Signature", checkText(r.CheckSignature()))
	}
}

// checkText says how a check of a signature by the key beside it went.
func checkText(err error) Value {
	if err != nil {
		return text("does not fit the key").tip(visible(err.Error(), maxValue))
	}
	return text("fits the key")
}

// maxRevoked is how many serial numbers a page shows; lists of large issuers have hundreds of thousands.
const maxRevoked = 1000

func showCRL(s *Section, der []byte) {
	l, err := x509.ParseRevocationList(der)
	if !s.orDER(der, err) {
		return
	}
	s.add("Issuer", plain(nameText(l.RawIssuer)))
	s.add("From", timeValue(l.ThisUpdate))
	s.add("Next", timeValue(l.NextUpdate))
	if l.Number != nil {
		s.add("Number", integerValue(l.Number))
	}
	s.add("Signed with", signatureAlgorithm(l.SignatureAlgorithm, l.Raw))
	s.add("Revoked", text(plural(len(l.RevokedCertificateEntries), "certificate")))
	s.Table = &Table{Columns: columns("Serial number", "Revoked", "Reason")}
	for i, e := range l.RevokedCertificateEntries {
		if i == maxRevoked {
			s.Note = "Only the first thousand revoked certificates are shown."
			break
		}
		s.row(serialValue(e.SerialNumber), timeValue(e.RevocationTime), reason(e.ReasonCode))
	}
}

func serialValue(n *big.Int) Value { return hexValue(n.Bytes()).tip(n.String()) }

// reason names a reason code of RFC 5280, 5.3.1.
func reason(code int) Value {
	names := []string{"unspecified", "key compromise", "CA compromise", "affiliation changed", "superseded", "cessation of operation",
		"certificate hold", "", "remove from CRL", "privilege withdrawn", "AA compromise"}
	if code >= 0 && code < len(names) && names[code] != "" {
		return text(names[code])
	}
	return number(code)
}
