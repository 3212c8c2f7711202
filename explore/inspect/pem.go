package inspect

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

const (
	maxPEM       = 8 << 20 // bytes; all the root certificates that browsers trust have a quarter of a MiB
	maxPEMBlocks = 2000
	maxCertPages = 200 // certificates shown with all that is in them
)

// pemBlock is what stands between two lines of dashes.
type pemBlock struct {
	*pem.Block
	offset int64
	cert   *x509.Certificate // if it is one
}

// InspectPEM shows what is between the lines of dashes of a PEM file (RFC 7468): of several certificates a table, and then each; keys,
// requests, revocation lists. Of a private key it tells that it is one, and shows nothing.
func InspectPEM(raw []byte) (*Doc, error) {
	if len(raw) > maxPEM {
		return nil, fmt.Errorf("%w: %d bytes of PEM", ErrLimit, len(raw))
	}
	blocks, cut := pemBlocks(raw)
	if len(blocks) == 0 {
		return nil, &SyntaxError{"PEM", 0, "nothing between lines of dashes that is base64"}
	}
	d := &Doc{Kind: "pem"}
	if cut {
		d.Note = fmt.Sprintf("Only the first %d objects are shown.", maxPEMBlocks)
	}
	var certs []pemBlock
	for _, b := range blocks {
		if b.cert != nil {
			certs = append(certs, b)
		}
	}
	if len(certs) > 1 {
		d.addSection(certTable(certs))
	}
	for _, b := range blocks {
		b.show(d, len(certs))
	}
	d.titlePEM(blocks, certs)
	return d, nil
}

func decodePEM(f *file) (*Doc, error) {
	raw, err := f.all(maxPEM)
	if err != nil {
		return nil, err
	}
	return InspectPEM(raw)
}

func pemBlocks(raw []byte) (all []pemBlock, cut bool) {
	rest := raw
	for len(all) < maxPEMBlocks {
		from := len(raw) - len(rest)
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return all, false
		}
		at := from + max(0, bytes.Index(raw[from:], []byte("-----BEGIN "+b.Type+"-----")))
		p := pemBlock{Block: b, offset: int64(at)}
		if b.Type == "CERTIFICATE" || b.Type == "X509 CERTIFICATE" {
			p.cert, _ = x509.ParseCertificate(b.Bytes)
		}
		all = append(all, p)
	}
	return all, true
}

// titlePEM says what the file is, and which command shows the first object of it.
func (d *Doc) titlePEM(blocks, certs []pemBlock) {
	first := blocks[0]
	d.Title = kindOfPEM(first.Type)
	switch {
	case len(certs) == 1 && len(blocks) == 1:
		c := certs[0].cert
		d.Kind, d.Title = "x509", "Certificate of "+visible(certName(c), 200)+", issued by "+visible(nameText(c.RawIssuer), 200)
	case len(certs) > 1 && isChain(certs):
		d.Title = fmt.Sprintf("A chain of %d certificates, the first of which is that of %s", len(certs), visible(certName(certs[0].cert), 200))
	case len(certs) > 1:
		d.Title = plural(len(certs), "certificate")
	case len(blocks) > 1:
		d.Title = plural(len(blocks), "PEM object")
	}
	d.Command = pemCommands[first.Type]
}

var pemCommands = map[string]string{
	"CERTIFICATE":         "openssl x509 -noout -text",
	"X509 CRL":            "openssl crl -noout -text",
	"CERTIFICATE REQUEST": "openssl req -noout -text",
	"PUBLIC KEY":          "openssl pkey -pubin -noout -text",
	"PKCS7":               "openssl pkcs7 -noout -print_certs",
}

// isChain says whether each certificate names the next one as its issuer.
func isChain(certs []pemBlock) bool {
	for i, b := range certs[1:] {
		if !bytes.Equal(certs[i].cert.RawIssuer, b.cert.RawSubject) {
			return false
		}
	}
	return true
}

func certTable(certs []pemBlock) Section {
	s := table("Certificates", "#Offset", "Subject", "Issuer", "Valid until", "Key", "SHA-256 fingerprint")
	for _, b := range certs {
		c := b.cert
		issuer := plain(nameText(c.RawIssuer))
		if bytes.Equal(c.RawIssuer, c.RawSubject) {
			issuer = text("itself")
		}
		print := sha256.Sum256(c.Raw)
		until := text(c.NotAfter.UTC().Format("2006-01-02")).tip("from " + c.NotBefore.UTC().Format("2006-01-02"))
		s.row(offset(b.offset), plain(certName(c)), issuer, until, keyValue(c.PublicKey, c.RawSubjectPublicKeyInfo), text(colons(print[:])))
	}
	return s
}

// show appends the sections of one block. certs is how many certificates the file has.
func (b pemBlock) show(d *Doc, certs int) {
	if b.cert != nil && certs > maxCertPages {
		return
	}
	if b.cert != nil {
		sections := certSections(b.cert)
		if certs > 1 {
			sections[0].Title = "Certificate of " + visible(certName(b.cert), 200)
		}
		d.Sections = append(d.Sections, sections...)
		return
	}
	s := Section{Title: kindOfPEM(b.Type)}
	s.add("Position", offset(b.offset))
	s.add("Size", text(plural(len(b.Bytes), "byte")))
	if strings.HasSuffix(b.Type, "PRIVATE KEY") || strings.HasSuffix(b.Type, "PRIVATE KEY BLOCK") {
		s.privateKey(b.Block)
		d.addSection(s)
		return
	}
	if show := pemShows[b.Type]; show != nil {
		show(&s, b.Bytes)
	} else if sub, err := derSection(b.Bytes); err == nil {
		s.Table, s.Note = sub.Table, sub.Note
	}
	d.addSection(s)
}

// kindOfPEM names what a label stands for.
func kindOfPEM(label string) string {
	if name := pemKinds[label]; name != "" {
		return name
	}
	return "PEM: " + visible(strings.ToLower(label), 64)
}

var pemKinds = map[string]string{
	"CERTIFICATE":             "Certificate",
	"X509 CERTIFICATE":        "Certificate",
	"TRUSTED CERTIFICATE":     "Certificate with what it is trusted for",
	"CERTIFICATE REQUEST":     "Certificate request",
	"NEW CERTIFICATE REQUEST": "Certificate request",
	"X509 CRL":                "Certificate revocation list",
	"PUBLIC KEY":              "Public key",
	"RSA PUBLIC KEY":          "RSA public key",
	"PRIVATE KEY":             "Private key",
	"RSA PRIVATE KEY":         "RSA private key",
	"EC PRIVATE KEY":          "ECDSA private key",
	"DSA PRIVATE KEY":         "DSA private key",
	"OPENSSH PRIVATE KEY":     "OpenSSH private key",
	"ENCRYPTED PRIVATE KEY":   "Encrypted private key",
	"EC PARAMETERS":           "Elliptic curve parameters",
	"DH PARAMETERS":           "Diffie-Hellman parameters",
	"PKCS7":                   "PKCS #7",
	"CMS":                     "Cryptographic message",

	"ENCRYPTED COSIGN PRIVATE KEY":   "Encrypted private key of cosign",
	"ENCRYPTED SIGSTORE PRIVATE KEY": "Encrypted private key of sigstore",
}

// privateKey says what kind of key it is, and nothing of what it is.
func (s *Section) privateKey(b *pem.Block) {
	s.Note = privateKeyNote
	encrypted := strings.HasPrefix(b.Type, "ENCRYPTED ") || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED")
	if b.Type == "OPENSSH PRIVATE KEY" {
		encrypted = !bytes.HasPrefix(b.Bytes, []byte("openssh-key-v1\x00\x00\x00\x00\x04none"))
	}
	if encrypted {
		s.Note = "A private key is not shown. It is encrypted with a passphrase."
	}
	if n, err := parseDER(b.Bytes, nil); err == nil && b.Type == "PRIVATE KEY" { // PKCS #8: version, algorithm, key (RFC 5208, 5)
		if id := n.at(1, 0).oid(); id != "" {
			s.add("Algorithm", oidValue(id))
		}
	}
}
