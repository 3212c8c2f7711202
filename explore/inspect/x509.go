package inspect

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strings"
)

const maxCert = 1 << 20 // bytes; certificates have one or two thousand

// InspectCertificate shows an X.509 certificate in DER (RFC 5280) as openssl x509 -text does. What is no certificate to crypto/x509, which
// is strict, is shown as the DER that it is, with the reason in the Note.
func InspectCertificate(der []byte) (*Doc, error) {
	if len(der) > maxCert {
		return nil, fmt.Errorf("%w: a certificate of %d bytes", ErrLimit, len(der))
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		d, derErr := InspectDER(der)
		if derErr != nil {
			return nil, derErr
		}
		d.Note = "As a certificate it cannot be read: " + visible(err.Error(), maxValue)
		return d, nil
	}
	return &Doc{
		Kind:     "x509",
		Title:    "Certificate of " + visible(certName(cert), 200) + ", issued by " + visible(cmp.Or(nameText(cert.RawIssuer), "nobody"), 200),
		Command:  "openssl x509 -inform DER -noout -text",
		Sections: certSections(cert),
	}, nil
}

func decodeCert(f *file) (*Doc, error) {
	raw, err := f.all(maxCert)
	if err != nil {
		return nil, err
	}
	return InspectCertificate(raw)
}

// certName returns the subject, or the name that stands for it where there is none, as in certificates of Fulcio.
func certName(c *x509.Certificate) string {
	if s := nameText(c.RawSubject); s != "" {
		return s
	}
	if names := certNames(c); len(names) > 0 {
		return names[0].Text
	}
	return "nobody"
}

func certSections(c *x509.Certificate) []Section {
	d := &Doc{}
	main := Section{Title: "Certificate"}
	main.add("Subject", plain(nameText(c.RawSubject)))
	main.add("Issuer", plain(nameText(c.RawIssuer)))
	main.add("Valid from", timeValue(c.NotBefore))
	main.add("Valid until", timeValue(c.NotAfter).tip(validity(c)))
	main.add("Key", keyValue(c.PublicKey, c.RawSubjectPublicKeyInfo))
	main.add("Signed with", signatureAlgorithm(c.SignatureAlgorithm, c.Raw))
	main.add("Serial number", hexValue(c.SerialNumber.Bytes()).tip(c.SerialNumber.String()))
	main.add("Version", number(c.Version))
	main.addFingerprints(c)
	if isSelfSigned(c) {
		main.Note = "It is signed by its own key."
	}
	d.addSection(main)
	d.addSection(fulcioSection(c))
	names := Section{Title: "Names"}
	for _, v := range certNames(c) {
		names.add(v.Tip, v)
	}
	d.addSection(names)
	d.addSection(extensionSection(c))
	d.addSection(sctSection(c.Extensions))
	return d.Sections
}

func (s *Section) addFingerprints(c *x509.Certificate) {
	whole256, whole1, key := sha256.Sum256(c.Raw), sha1.Sum(c.Raw), sha256.Sum256(c.RawSubjectPublicKeyInfo)
	s.add("SHA-256 fingerprint", text(colons(whole256[:])))
	s.add("SHA-1 fingerprint", text(colons(whole1[:])))
	s.add("SHA-256 of the key", text(colons(key[:])))
}

func validity(c *x509.Certificate) string {
	span := c.NotAfter.Sub(c.NotBefore)
	switch hours := span.Hours(); {
	case hours < 0:
		return "before it began"
	case hours < 1:
		return plural(int(span.Minutes()+0.5), "minute")
	case hours < 48:
		return plural(int(hours+0.5), "hour")
	case hours < 24*730:
		return plural(int(hours/24+0.5), "day")
	default:
		return plural(int(hours/24/365.25+0.5), "year")
	}
}

// isSelfSigned does the arithmetic for those that say so of themselves.
func isSelfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && isCheap(c.PublicKey) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// keyValue describes a public key, of which spki is the SubjectPublicKeyInfo.
func keyValue(pub any, spki []byte) Value {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return text(fmt.Sprintf("RSA, %d bits", k.N.BitLen())).tip(fmt.Sprintf("exponent %d", k.E))
	case *ecdsa.PublicKey:
		return text("ECDSA, " + k.Curve.Params().Name)
	case ed25519.PublicKey:
		return text("Ed25519").tip(colons(k))
	}
	n, err := parseDER(spki, nil)
	if err != nil || n.at(0, 0).oid() == "" {
		return text("of an unknown kind")
	}
	v := oidValue(n.at(0, 0).oid())
	if curve := n.at(0, 1).oid(); curve != "" {
		v.Text += ", " + cmp.Or(oidName(curve), curve)
	}
	return v
}

// signatureAlgorithm names what crypto/x509 knows, and finds the identifier of the rest: Certificate is SEQUENCE { tbs, algorithm, value }.
func signatureAlgorithm(a x509.SignatureAlgorithm, raw []byte) Value {
	if a != x509.UnknownSignatureAlgorithm {
		return text(a.String())
	}
	n, err := parseDER(raw, nil)
	if err != nil || n.at(1, 0).oid() == "" {
		return Value{}
	}
	return oidValue(n.at(1, 0).oid())
}

// certNames returns the subject's alternative names; the tip says of what kind each is.
func certNames(c *x509.Certificate) (all []Value) {
	for _, s := range c.EmailAddresses {
		all = append(all, plain(s).tip("E-mail"))
	}
	for _, u := range c.URIs {
		v := plain(u.String()).tip("URI")
		v.Ref = workflowRef(u.String())
		all = append(all, v)
	}
	for _, s := range c.DNSNames {
		all = append(all, plain(s).tip("DNS"))
	}
	for _, ip := range c.IPAddresses {
		all = append(all, text(ip.String()).tip("IP address"))
	}
	return append(all, otherNames(c.Extensions)...)
}

// otherNames finds the names of kinds that have an object identifier (RFC 5280, 4.2.1.6), as those of Fulcio for user names.
func otherNames(extensions []pkix.Extension) (all []Value) {
	for _, e := range extensions {
		if e.Id.String() != oidSAN {
			continue
		}
		n, err := parseDER(e.Value, nil)
		if err != nil {
			continue
		}
		for _, name := range n.children {
			if id := name.at(0).oid(); name.isContext(0) && id != "" {
				all = append(all, plain(name.at(1, 0).str()).tip(cmp.Or(oidName(id), "Other name "+id)))
			}
		}
	}
	return all
}

// usages names the bits of a key usage (RFC 5280, 4.2.1.3).
func usages(u x509.KeyUsage) string {
	var all []string
	for i, name := range []string{"Digital Signature", "Content Commitment", "Key Encipherment", "Data Encipherment", "Key Agreement",
		"Certificate Sign", "CRL Sign", "Encipher Only", "Decipher Only"} {
		if u&(1<<i) != 0 {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}
