package inspect

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// line writes a Doc as lines that tests look for: SECTION: NAME = TEXT (TIP) -> KIND TO.
func lines(d *Doc) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", d.Kind, d.Title)
	value := func(v Value) string {
		s := v.Text
		if v.Tip != "" {
			s += " (" + v.Tip + ")"
		}
		if v.Ref != (Ref{}) {
			s += " -> " + string(v.Ref.Kind) + " " + v.Ref.To
		}
		return s
	}
	for _, s := range d.Sections {
		for _, f := range s.Fields {
			fmt.Fprintf(&b, "%s: %s = %s\n", s.Title, f.Name, value(f.Value))
		}
		if s.Table != nil {
			for _, row := range s.Table.Rows {
				var cells []string
				for _, v := range row {
					cells = append(cells, value(v))
				}
				fmt.Fprintf(&b, "%s: | %s\n", s.Title, strings.Join(cells, " | "))
				if len(row) != len(s.Table.Columns) {
					fmt.Fprintf(&b, "BROKEN ROW\n")
				}
			}
		}
		if s.Text != "" {
			fmt.Fprintf(&b, "%s: %s\n", s.Title, s.Text)
		}
		if s.Note != "" {
			fmt.Fprintf(&b, "%s: NOTE %s\n", s.Title, s.Note)
		}
	}
	if d.Note != "" {
		fmt.Fprintf(&b, "NOTE %s\n", d.Note)
	}
	return b.String()
}

// wants fails for each piece that is not in the lines of d.
func wants(t *testing.T, d *Doc, pieces ...string) {
	t.Helper()
	if d == nil {
		t.Fatal("no Doc")
	}
	all := lines(d)
	for _, p := range pieces {
		if !strings.Contains(all, p) {
			t.Errorf("no %q in\n%s", p, all)
		}
	}
	if strings.Contains(all, "BROKEN ROW") {
		t.Errorf("a row of another length than the columns in\n%s", all)
	}
}

// look inspects what is said to have a name.
func look(t *testing.T, name string, raw []byte) *Doc {
	t.Helper()
	d, err := Inspect(context.Background(), name, bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatalf("Inspect(%s): %v", name, err)
	}
	return d
}

// signers are keys and certificates as Fulcio would give them, made once.
type signers struct {
	ca, leaf       *x509.Certificate
	caKey, leafKey *ecdsa.PrivateKey
}

var fixtures = sync.OnceValue(func() (s signers) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var err error
	s.caKey, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(err)
	s.leafKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: "sigstore-intermediate", Organization: []string{"sigstore.dev"}},
		NotBefore: begin.AddDate(-1, 0, 0), NotAfter: begin.AddDate(9, 0, 0), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1, 2, 3, 4},
	}
	s.ca = makeCert(ca, ca, s.caKey.Public(), s.caKey)
	workflow, err := url.Parse("https://github.com/octo/hello/.github/workflows/release.yml@refs/tags/v1.2.3")
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: new(big.Int).Lsh(big.NewInt(0x7eef), 136), NotBefore: begin, NotAfter: begin.Add(10 * time.Minute), URIs: []*url.URL{workflow},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		IssuingCertificateURL: []string{"http://ca.example/ca.pem"}, OCSPServer: []string{"http://ocsp.example/"}, CRLDistributionPoints: []string{"http://crl.example/a.crl"},
		Policies:        []x509.OID{mustOID("2.23.140.1.2.1")},
		ExtraExtensions: append(fulcioExtensions(), sctExtension(), pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: []byte{0x0c, 2, 'h', 'i'}}),
	}
	s.leaf = makeCert(leaf, s.ca, s.leafKey.Public(), s.caKey)
	return s
})

// rsaFixture is made once, as it takes a while.
var rsaFixture = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func makeCert(template, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

func mustOID(s string) x509.OID {
	id, err := x509.ParseOID(s)
	if err != nil {
		panic(err)
	}
	return id
}

const testCommit = "0123456789abcdef0123456789abcdef01234567"

func fulcioExtensions() (all []pkix.Extension) {
	for arc, s := range map[int]string{
		1: "https://token.actions.githubusercontent.com", 2: "push", 3: testCommit, 5: "octo/hello",
		8: "https://token.actions.githubusercontent.com", 9: "https://github.com/octo/hello/.github/workflows/release.yml@refs/tags/v1.2.3",
		11: "github-hosted", 12: "https://github.com/octo/hello", 13: testCommit, 14: "refs/tags/v1.2.3",
		21: "https://github.com/octo/hello/actions/runs/7/attempts/1", 22: "public", 24: "repo:octo/hello:ref:refs/tags/v1.2.3",
	} {
		value := []byte(s)
		if arc >= 8 {
			value, _ = asn1.MarshalWithParams(s, "utf8")
		}
		all = append(all, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, arc}, Value: value})
	}
	return all
}

func sctExtension() pkix.Extension {
	id, _ := hex.DecodeString("dd3d306ac6c7113263191e1c99673702a24a5eb8de3cadff878a72802f29ee8e")
	sct := binary.BigEndian.AppendUint64(append([]byte{0}, id...), 1772366400123)
	sct = append(sct, 0, 0, 4, 3, 0, 2, 0xab, 0xcd)
	list := binary.BigEndian.AppendUint16(nil, uint16(len(sct)))
	list = append(list, sct...)
	value, _ := asn1.Marshal(append(binary.BigEndian.AppendUint16(nil, uint16(len(list))), list...))
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: value}
}

func pemOf(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func TestCertificate(t *testing.T) {
	s := fixtures()
	for name, raw := range map[string][]byte{"a.pem": pemOf("CERTIFICATE", s.leaf.Raw), "a.der": s.leaf.Raw} {
		wants(t, look(t, name, raw),
			"x509: Certificate of https://github.com/octo/hello/.github/workflows/release.yml@refs/tags/v1.2.3, issued by CN=sigstore-intermediate,O=sigstore.dev",
			"Certificate: Issuer = CN=sigstore-intermediate,O=sigstore.dev",
			"Certificate: Valid from = 2026-03-01 12:00:00 UTC",
			"Certificate: Valid until = 2026-03-01 12:10:00 UTC (10 minutes)",
			"Certificate: Key = ECDSA, P-256",
			"Certificate: Signed with = ECDSA-SHA384",
			"Certificate: Serial number = 7E:EF:00:",
			"Certificate: SHA-256 fingerprint = ",
			"wrote it down: Issuer (V2) = https://token.actions.githubusercontent.com (1.3.6.1.4.1.57264.1.8) -> url https://token.actions.githubusercontent.com",
			"wrote it down: Source Repository Digest = "+testCommit+" (1.3.6.1.4.1.57264.1.13) -> url https://github.com/octo/hello/commit/"+testCommit,
			"wrote it down: GitHub Workflow SHA (deprecated) = "+testCommit+" (1.3.6.1.4.1.57264.1.3) -> url https://github.com/octo/hello/commit/"+testCommit,
			"wrote it down: Runner Environment = github-hosted (1.3.6.1.4.1.57264.1.11) -> oid 1.3.6.1.4.1.57264.1.11",
			"wrote it down: Run Invocation URI = https://github.com/octo/hello/actions/runs/7/attempts/1 (1.3.6.1.4.1.57264.1.21) -> url https://github.com/octo",
			"wrote it down: Token Subject = repo:octo/hello:ref:refs/tags/v1.2.3",
			"Names: URI = https://github.com/octo/hello/.github/workflows/release.yml@refs/tags/v1.2.3 (URI) -> url https://github.com/octo/hello/blob/v1.2.3/.github/workflows/release.yml",
			"| Key Usage (2.5.29.15) -> oid 2.5.29.15 | critical | Digital Signature",
			"| Code Signing (1.3.6.1.5.5.7.3.3) -> oid 1.3.6.1.5.5.7.3.3",
			"| http://ocsp.example/ (OCSP) -> url http://ocsp.example/",
			"| http://ca.example/ca.pem (CA Issuers) -> url http://ca.example/ca.pem",
			"|  | http://crl.example/a.crl -> url http://crl.example/a.crl",
			"| Domain Validated (2.23.140.1.2.1)",
			"| Authority Key Identifier (2.5.29.35) -> oid 2.5.29.35 |  | 01:02:03:04",
			"| 1.3.6.1.4.1.99999.1 -> oid 1.3.6.1.4.1.99999.1 |  | hi",
			"timestamps: | ctfe.sigstore.dev/2022 | 2026-03-01 12:00:00.123 UTC | ECDSA with SHA-256 | dd3d306ac6c7",
			"NOTE These signatures were not checked.",
		)
	}
	wants(t, look(t, "ca.crt", s.ca.Raw), "Subject = CN=sigstore-intermediate", "NOTE It is signed by its own key.", "Basic Constraints (2.5.29.19)", "(10 years)",
		"CA, with up to 0 intermediate CAs below it", "Certificate Sign, CRL Sign", "Serial number = 12:67 (4711)")
	if got := signer(s.leaf); got != "https://github.com/octo/hello/.github/workflows/release.yml@refs/tags/v1.2.3 (issuer https://token.actions.githubusercontent.com), for https://github.com/octo/hello at commit "+testCommit {
		t.Errorf("signer: %s", got)
	}
}

func TestCertificateKinds(t *testing.T) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := rsaFixture()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "<script>\n\u202e"}, EmailAddresses: []string{"me@example.org"},
		DNSNames: []string{"example.org"}, IPAddresses: []net.IP{{127, 0, 0, 1}}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(86400*90, 0)}
	ed := makeCert(template, template, edKey.Public(), edKey)
	wants(t, look(t, "", pemOf("CERTIFICATE", ed.Raw)), "Key = Ed25519", "Signed with = Ed25519", "E-mail = me@example.org", "DNS = example.org", "IP address = 127.0.0.1", "(90 days)", `CN=\<script\>\x0a<U+202E>`)
	wants(t, look(t, "", pemOf("CERTIFICATE", makeCert(template, template, rsaKey.Public(), rsaKey).Raw)), "Key = RSA, 2048 bits (exponent 65537)", "SHA256-RSA")

	unknown := bytes.ReplaceAll(ed.Raw, []byte("\x06\x03\x2b\x65\x70"), []byte("\x06\x03\x2b\x65\x71")) // Ed448
	wants(t, look(t, "", pemOf("CERTIFICATE", unknown)), "Key = Ed448 (1.3.101.113) -> oid 1.3.101.113", "Signed with = Ed448")

	broken := bytes.Replace(ed.Raw, []byte("700101"), []byte("7z0101"), 1) // the date
	d, err := InspectCertificate(broken)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, d, "der: ASN.1 in DER", "As a certificate it cannot be read", "OBJECT IDENTIFIER | commonName (2.5.4.3) -> oid 2.5.4.3")
	if _, err := InspectCertificate([]byte("nothing")); !errors.Is(err, ErrSyntax) {
		t.Errorf("no DER at all: %v", err)
	}
}

func TestNames(t *testing.T) {
	for _, n := range []pkix.Name{
		{CommonName: "me", Organization: []string{"A, B", " c "}, Country: []string{"DE"}, SerialNumber: "7", PostalCode: []string{"1"}, StreetAddress: []string{`x+"<>;\\`}},
		{CommonName: "#hash", Locality: []string{"é", "z"}, Province: []string{"p"}, OrganizationalUnit: []string{"u", "v"}},
		{},
	} {
		der := mustDER(n.ToRDNSequence(), "")
		var theirs pkix.RDNSequence
		if _, err := asn1.Unmarshal(der, &theirs); err != nil {
			t.Fatal(err)
		}
		if got := nameText(der); got != theirs.String() {
			t.Errorf("%s, pkix has %s", got, theirs)
		}
	}
	mail := pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, Value: "org"}}, {{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: "a@b"}},
		{{Type: asn1.ObjectIdentifier{1, 2, 3}, Value: 5}}}
	if got := nameText(mustDER(mail, "")); got != "1.2.3=#020105,emailAddress=a@b,DC=org" {
		t.Error(got)
	}
}

func TestPEM(t *testing.T) {
	s := fixtures()
	chain := slices.Concat(pemOf("CERTIFICATE", s.leaf.Raw), pemOf("CERTIFICATE", s.ca.Raw))
	wants(t, look(t, "chain.pem", chain), "pem: A chain of 2 certificates, the first of which is that of https://github.com/octo",
		"Certificates: | 0x0 -> offset 0 | https://github.com/octo", "| itself | 2035-03-01 (from 2025-03-01) | ECDSA, P-384 |", "Certificate of CN=sigstore-intermediate,O=sigstore.dev: Version = 3")

	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "me"}, DNSNames: []string{"me.example"}}, s.leafKey)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, look(t, "", pemOf("CERTIFICATE REQUEST", request)), "Certificate request: Subject = CN=me", "DNS = me.example", "Signature = fits the key")
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: s.ca.NotBefore, NextUpdate: s.ca.NotAfter,
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(77), RevocationTime: s.ca.NotBefore, ReasonCode: 1}}}, s.ca, s.caKey)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, look(t, "", pemOf("X509 CRL", list)), "Certificate revocation list: Number = 7", "Revoked = 1 certificate", "| 4D (77) | 2025-03-01 12:00:00 UTC | key compromise")
	public, err := x509.MarshalPKIXPublicKey(s.leafKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	wants(t, look(t, "cosign.pub", pemOf("PUBLIC KEY", public)), "pem: Public key", "Key = ECDSA, P-256", "SHA-256 of the key = ")
	wants(t, look(t, "", pemOf("SOMETHING", public)), "PEM: something", "OBJECT IDENTIFIER | EC public key")
	if _, err := InspectPEM([]byte("-----BEGIN X-----\n!\n-----END X-----\n")); !errors.Is(err, ErrSyntax) {
		t.Errorf("no base64: %v", err)
	}
}

// TestPrivateKeys looks for the key in all that is shown.
func TestPrivateKeys(t *testing.T) {
	key := fixtures().leafKey
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := rsaFixture()
	scalar, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		raw  []byte
	}{
		{"PRIVATE KEY", pkcs8}, {"EC PRIVATE KEY", sec1}, {"RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)},
		{"ODD LABEL", pkcs8}, {"ODD LABEL", sec1}, {"ODD LABEL", x509.MarshalPKCS1PrivateKey(rsaKey)}, {"CERTIFICATE", pkcs8},
	} {
		docs := []*Doc{look(t, "", pemOf(c.name, c.raw))}
		if d, err := InspectDER(c.raw); err != nil {
			t.Error(err)
		} else {
			docs = append(docs, d)
		}
		for _, d := range docs {
			all := lines(d)
			if strings.Contains(all, colons(scalar[:8])) || strings.Contains(all, colons(rsaKey.D.Bytes()[:8])) || !strings.Contains(all, "private key") {
				t.Errorf("%s: %s", c.name, all)
			}
		}
	}
	wants(t, look(t, "", pemOf("PRIVATE KEY", pkcs8)), "Private key: Algorithm = EC public key", "NOTE A private key is not shown. Whoever may pull this has it.")
	wants(t, look(t, "", pemOf("ENCRYPTED SIGSTORE PRIVATE KEY", []byte("{}"))), "Encrypted private key of sigstore", "It is encrypted with a passphrase.")
}

// TestRootBundle reads what a Debian machine trusts, when this is one.
func TestRootBundle(t *testing.T) {
	raw, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		t.Skipf("%v: install ca-certificates", err)
	}
	d := look(t, "etc/ssl/certs/ca-certificates.crt", raw)
	certs := strings.Count(string(raw), "BEGIN CERTIFICATE")
	if got := len(d.Sections[0].Table.Rows); got != certs || d.Title != fmt.Sprintf("%d certificates", certs) {
		t.Errorf("%q with a table of %d, want %d certificates", d.Title, got, certs)
	}
}
