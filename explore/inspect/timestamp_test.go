package inspect

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The parts of a time-stamp token that the tests write with encoding/asn1 (RFC 5652, RFC 3161).
type (
	testInfo struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint testImprint
		Serial  int
		Time    time.Time `asn1:"generalized"`
		Nonce   int
	}
	testImprint struct {
		Algorithm pkix.AlgorithmIdentifier
		Sum       []byte
	}
	testAttr struct {
		ID     asn1.ObjectIdentifier
		Values []asn1.RawValue `asn1:"set"`
	}
	testSigner struct {
		Version   int
		Who       testWho
		Digest    pkix.AlgorithmIdentifier
		Attrs     asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Sig       []byte
	}
	testWho struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	testContent struct {
		ID      asn1.ObjectIdentifier
		Content []byte `asn1:"explicit,tag:0"`
	}
	testSigned struct {
		Version int
		Digests []pkix.AlgorithmIdentifier `asn1:"set"`
		Content testContent
		Certs   asn1.RawValue
		Signers []testSigner `asn1:"set"`
	}
	testMessage struct {
		ID      asn1.ObjectIdentifier
		Content testSigned `asn1:"explicit,tag:0"`
	}
)

var sha256ID = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}}

func mustDER(v any, params string) []byte {
	der, err := asn1.MarshalWithParams(v, params)
	if err != nil {
		panic(err)
	}
	return der
}

// timestampToken is one of message at a time, signed by the CA of the fixtures.
func timestampToken(message []byte, at time.Time) []byte {
	s := fixtures()
	sum := sha256.Sum256(message)
	info := mustDER(testInfo{1, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, testImprint{sha256ID, sum[:]}, 99, at, 4242}, "")
	infoSum := sha256.Sum256(info)
	attrs := mustDER([]testAttr{
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}, []asn1.RawValue{{FullBytes: mustDER(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}, "")}}},
		{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}, []asn1.RawValue{{FullBytes: mustDER(infoSum[:], "")}}},
	}, "set")
	attrSum := sha256.Sum256(attrs)
	sig, err := ecdsa.SignASN1(rand.Reader, s.caKey, attrSum[:])
	if err != nil {
		panic(err)
	}
	attrs[0] = 0xa0
	return mustDER(testMessage{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, testSigned{
		Version: 3, Digests: []pkix.AlgorithmIdentifier{sha256ID},
		Content: testContent{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}, info},
		Certs:   asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: s.ca.Raw},
		Signers: []testSigner{{1, testWho{asn1.RawValue{FullBytes: s.ca.RawIssuer}, s.ca.SerialNumber}, sha256ID, asn1.RawValue{FullBytes: attrs},
			pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}, sig}},
	}}, "")
}

// timestampResponse is a token with the status "granted" before it.
func timestampResponse(message []byte, at time.Time) []byte {
	return mustDER(struct {
		Status struct{ Status int }
		Token  asn1.RawValue
	}{Token: asn1.RawValue{FullBytes: timestampToken(message, at)}}, "")
}

func TestTimestamp(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)
	for name, raw := range map[string][]byte{"a.tsr": timestampResponse([]byte("hello"), at), "token": timestampToken([]byte("hello"), at)} {
		d := look(t, name, raw)
		wants(t, d, "timestamp: Timestamp of 2026-03-01 12:05:00 UTC by CN=sigstore-intermediate,O=sigstore.dev", "Timestamp: Policy = Sigstore timestamps (1.3.6.1.4.1.57264.2) -> oid",
			"Timestamp: Serial number = 99", "Timestamp: Digest = SHA-256", "Timestamp: Of what was signed = 2C:F2:4D:BA", "Nonce = 4242", "Signer: Serial number = 12:67 (4711)",
			"Checked: | the signature of the message fits the certificate in it | ✓ yes | ECDSA with SHA-256", "Certificates: | CN=sigstore-intermediate", "NOTE Only what the document itself holds was compared.")
	}
	n, err := parseDER(timestampToken([]byte("hello"), at), nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := parseTimestamp(n)
	if err != nil {
		t.Fatal(err)
	}
	if c := token.checkImprint("x", []byte("hello")); !c.OK {
		t.Errorf("%+v", c)
	}
	if c := token.checkImprint("x", []byte("hullo")); c.OK {
		t.Errorf("another message: %+v", c)
	}
	token.message.content[len(token.message.content)-1]++
	if c := token.message.check(token.message.signers[0]); c.OK || c.Why != "the digest of the content is another" {
		t.Errorf("another nonce: %+v", c)
	}
	token.message.signers[0].attrs = nil
	if c := token.message.check(token.message.signers[0]); c.OK {
		t.Errorf("without attributes: %+v", c)
	}
	if _, err := InspectTimestamp(fixtures().ca.Raw); !errors.Is(err, ErrSyntax) {
		t.Errorf("a certificate as a timestamp: %v", err)
	}
}

// TestTimestampOpenSSL reads what another program makes: a response of openssl ts, a message of openssl cms.
func TestTimestampOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%v: install openssl", err)
	}
	dir := t.TempDir()
	s := fixtures()
	template := &x509.Certificate{SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: "tsa"}, NotBefore: s.ca.NotBefore, NotAfter: s.ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: []byte("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x08")}}}
	tsa := makeCert(template, s.ca, s.leafKey.Public(), s.caKey)
	keyDER, err := x509.MarshalECPrivateKey(s.leafKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"cert.pem": pemOf("CERTIFICATE", tsa.Raw), "key.pem": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), "data": []byte("hello"), "serial": []byte("01\n"),
		"ts.cnf": []byte("[tsa]\ndefault_tsa=t\n[t]\nserial=serial\nsigner_cert=cert.pem\nsigner_key=key.pem\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256\naccuracy=secs:1,millisecs:500\nordering=yes\ntsa_name=yes\ness_cert_id_alg=sha256\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	read := func(name string) *Doc {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return look(t, name, raw)
	}
	run("ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "q.tsq")
	run("ts", "-reply", "-config", "ts.cnf", "-queryfile", "q.tsq", "-out", "r.tsr")
	wants(t, read("r.tsr"), "by CN=tsa", "Timestamp: Accuracy = 1 s 500 ms", "Timestamp: Policy = 1.2.3.4", "Timestamp: Status = granted", "Ordering = later ones",
		"Of what was signed = 2C:F2:4D:BA", "fits the certificate in it | ✓ yes | ECDSA with SHA-256")
	run("cms", "-sign", "-binary", "-nodetach", "-in", "data", "-signer", "cert.pem", "-inkey", "key.pem", "-outform", "DER", "-out", "m.p7s")
	wants(t, read("m.p7s"), "cms: Signed message with 1 signature and 1 certificate", "Message: Content = 5 bytes", "Signer: Signing time = ", "fits the certificate in it | ✓ yes")
	run("cms", "-sign", "-in", "data", "-signer", "cert.pem", "-inkey", "key.pem", "-outform", "PEM", "-out", "m.pem")
	wants(t, read("m.pem"), "Cryptographic message", "| CN=tsa |")
}
