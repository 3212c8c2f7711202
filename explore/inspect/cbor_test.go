package inspect

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// unhex decodes digits with spaces between them.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// cborExamples are of RFC 8949, appendix A, with what JSON has for them.
var cborExamples = []struct{ hex, json string }{
	{"00", "0"}, {"17", "23"}, {"1818", "24"}, {"1903e8", "1000"}, {"1bffffffffffffffff", "18446744073709551615"}, {"20", "-1"}, {"3863", "-100"}, {"3bffffffffffffffff", "-18446744073709551616"},
	{"f90000", "0"}, {"f98000", "-0"}, {"f93c00", "1"}, {"f93e00", "1.5"}, {"f97bff", "65504"}, {"f90001", "5.960464477539063e-08"}, {"f9c400", "-4"}, {"fa47c35000", "100000"}, {"fb3ff199999999999a", "1.1"},
	{"f97c00", "null"}, {"f97e00", "null"}, {"fa7f800000", "null"}, {"f4", "false"}, {"f5", "true"}, {"f6", "null"}, {"f7", "null"}, {"f0", "null"}, {"f8ff", "null"},
	{"c11a514b67b0", "1363896240"}, {"40", `""`}, {"4401020304", `"AQIDBA=="`}, {"6449455446", `"IETF"`}, {"62c3bc", `"ü"`}, {"80", "[]"}, {"83010203", "[1,2,3]"},
	{"a201020304", `{"1":2,"3":4}`}, {"a26161016162820203", `{"a":1,"b":[2,3]}`}, {"5f42010243030405ff", `"AQIDBAU="`}, {"7f657374726561646d696e67ff", `"streaming"`}, {"9fff", "[]"},
	{"9f018202039f0405ffff", "[1,[2,3],[4,5]]"}, {"bf61610161629f0203ffff", `{"a":1,"b":[2,3]}`}, {"d9d9f780", "[]"}, {"a12001", `{"-1":1}`}, {"a2010203f4", `{"1":2,"3":false}`},
	{"a30102010361610a", `{"1":3,"a":10}`},
}

func TestCBOR(t *testing.T) {
	for _, c := range cborExamples {
		got, err := CBORToJSON(unhex(t, c.hex))
		if err != nil {
			t.Errorf("%s: %v", c.hex, err)
			continue
		}
		if compact := strings.NewReplacer("\n", "", " ", "").Replace(string(got)); compact != c.json {
			t.Errorf("%s is %s, want %s", c.hex, compact, c.json)
		}
	}
	for _, bad := range []string{"", "18", "1c", "1f", "3f", "5b7fffffffffffffff00", "9b7fffffffffffffff00", "bb7fffffffffffffff00", "62ffff", "0000", "81", "a1", "a101", "c1", "ff", "81ff", "5f00ff", "5f5f4100ffff", "7f4100ff", "5f", "9f", "bf01ff", "df00", "ff00", "fc", "f9"} {
		var se *SyntaxError
		if _, err := CBORToJSON(unhex(t, bad)); !errors.As(err, &se) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, much := range []string{strings.Repeat("\x81", 60) + "\x00", "\x9f" + strings.Repeat("\x00", 60_000) + "\xff", strings.Repeat("\xc1", 60) + "\x00"} {
		if _, err := CBORToJSON([]byte(much)); !errors.Is(err, ErrLimit) {
			t.Errorf("%.10q...: %v", much, err)
		}
	}
	wants(t, look(t, "a.cbor", unhex(t, "a26161016162820203")), "cbor: CBOR", "As JSON: {\n  \"a\": 1,")
}

// encodeCBOR writes a data item in the shortest form.
func encodeCBOR(b []byte, n *cborNode) []byte {
	head := func(v uint64) {
		switch {
		case v < 24:
			b = append(b, byte(n.major<<5)|byte(v))
		case v < 1<<8:
			b = append(b, byte(n.major<<5)|24, byte(v))
		case v < 1<<16:
			b = append(b, byte(n.major<<5)|25, byte(v>>8), byte(v))
		default:
			b = append(b, byte(n.major<<5)|27)
			for i := 56; i >= 0; i -= 8 {
				b = append(b, byte(v>>i))
			}
		}
	}
	switch {
	case n.float > 0:
		b = append(b, map[int]byte{16: 0xf9, 32: 0xfa, 64: 0xfb}[n.float])
		for i := n.float - 8; i >= 0; i -= 8 {
			b = append(b, byte(n.value>>i))
		}
	case n.data != nil || n.major == cborBytes || n.major == cborText:
		head(uint64(len(n.data)))
		b = append(b, n.data...)
	case n.major == cborArray || n.major == cborMap:
		head(uint64(len(n.children)))
	default:
		head(n.value)
	}
	for i, c := range n.children {
		if n.major == cborMap {
			b = encodeCBOR(b, n.keys[i])
		}
		b = encodeCBOR(b, c)
	}
	return b
}

func FuzzCBOR(f *testing.F) {
	for _, c := range cborExamples {
		f.Add(unhex(f, c.hex))
	}
	f.Add(coseFixture(f))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := parseCBOR(raw, nil)
		if err != nil {
			if !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrLimit) {
				t.Fatal(err)
			}
			return
		}
		ours, err := CBORToJSON(raw)
		if err != nil || !json.Valid(ours) {
			t.Fatalf("%x: %s: %v", raw, ours, err)
		}
		again, err := CBORToJSON(encodeCBOR(nil, n))
		if err != nil || string(again) != string(ours) {
			t.Fatalf("%x is %s, and written again %s: %v", raw, ours, again, err)
		}
		if d, err := InspectCBOR(raw); err != nil || len(parts(d)) > 0 {
			t.Fatalf("%x: %v", raw, err)
		}
	})
}

// rawSignature signs as JOSE and COSE do with P-256: r and s, 32 bytes each.
func rawSignature(t testing.TB, message []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, fixtures().leafKey, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

const notationPayload = `{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + testDigest + `","size":942,"annotations":{"io.wabbit-networks.buildId":"123?~~~"}}}`

// coseFixture is a signature of Notation in COSE.
func coseFixture(t testing.TB) []byte {
	text := func(s string) *cborNode { return &cborNode{major: cborText, data: []byte(s)} }
	bytes := func(b []byte) *cborNode { return &cborNode{major: cborBytes, data: b} }
	number := func(v uint64) *cborNode { return &cborNode{value: v} }
	protected := encodeCBOR(nil, &cborNode{major: cborMap,
		keys:     []*cborNode{number(1), number(2), number(3), text("io.cncf.notary.signingScheme"), text("io.cncf.notary.signingTime")},
		children: []*cborNode{{major: cborNegative, value: 6}, {major: cborArray, children: []*cborNode{text("io.cncf.notary.signingScheme")}}, text("application/vnd.cncf.notary.payload.v1+json"), text("notary.x509"), {major: cborTag, value: 1, children: []*cborNode{number(uint64(signedAt.Unix()))}}}})
	s := coseSign1{rawProtected: protected, payload: []byte(notationPayload)}
	sig := rawSignature(t, s.signed())
	unprotected := &cborNode{major: cborMap, keys: []*cborNode{number(33), text("io.cncf.notary.signingAgent"), text("io.cncf.notary.timestampSignature")},
		children: []*cborNode{{major: cborArray, children: []*cborNode{bytes(fixtures().leaf.Raw), bytes(fixtures().ca.Raw)}}, text("notation-go/1.0"), bytes(timestampToken(sig, signedAt))}}
	return encodeCBOR(nil, &cborNode{major: cborTag, value: 18, children: []*cborNode{{major: cborArray, children: []*cborNode{bytes(protected), unprotected, bytes([]byte(notationPayload)), bytes(sig)}}}})
}

func TestCOSE(t *testing.T) {
	raw := coseFixture(t)
	d := look(t, "application/cose", raw)
	wants(t, d, "cose: Signed by https://github.com/octo/hello", ": what is signed of "+testDigest, "Signature: alg = ES256 (-7)", "Signature: crit = io.cncf.notary.signingScheme", "Signature: io.cncf.notary.signingTime = 2026-03-01 12:05:00 UTC",
		"Signature: not signed: x5chain = 2 certificates", "Signature: not signed: io.cncf.notary.signingAgent = notation-go/1.0", "| the signature fits the key in the certificate | ✓ yes | ES256", "| the timestamp is one of the signature | ✓ yes",
		"Payload: Digest = "+testDigest+" -> digest", "Certificate of CN=sigstore-intermediate", `"alg (1)": "ES256 (-7)"`, `"x5chain (33)": [`)
	if strings.Contains(lines(d), "✗") {
		t.Errorf("something does not fit:\n%s", lines(d))
	}
	raw[len(raw)-1]++
	wants(t, look(t, "application/cose", raw), "| the signature fits the key in the certificate | ✗ no", "| the timestamp is one of the signature | ✗ no")
}

func b64url(s []byte) string { return base64.RawURLEncoding.EncodeToString(s) }

// jwsFixture is a signature of Notation in JSON.
func jwsFixture(t testing.TB) string {
	protected := b64url([]byte(`{"alg":"ES256","cty":"application/vnd.cncf.notary.payload.v1+json","crit":["io.cncf.notary.signingScheme"],"io.cncf.notary.signingScheme":"notary.x509","io.cncf.notary.signingTime":"2026-03-01T12:05:00Z","x":"??~~~"}`))
	payload := b64url([]byte(notationPayload))
	sig := rawSignature(t, []byte(protected+"."+payload))
	return fmt.Sprintf(`{"payload":%q,"protected":%q,"header":{"io.cncf.notary.signingAgent":"notation-go/1.0","io.cncf.notary.timestampSignature":%q,"x5c":[%q,%q]},"signature":%q}`,
		payload, protected, b64(timestampToken(sig, signedAt)), b64(fixtures().leaf.Raw), b64(fixtures().ca.Raw), b64url(sig))
}

func TestJWS(t *testing.T) {
	raw := jwsFixture(t)
	d := look(t, "application/jose+json", []byte(raw))
	wants(t, d, "jws: Signed by https://github.com/octo/hello", ": what is signed of "+testDigest, "Signature: alg = ES256", "Signature: cty = application/vnd.cncf.notary.payload.v1+json -> url", "signingTime = 2026-03-01 12:05:00 UTC", "Signature: Agent = notation-go/1.0",
		"| the signature fits the key in the certificate | ✓ yes | ES256", "is signed by the next one in the chain | ✓ yes", "| the timestamp is one of the signature | ✓ yes", "| the certificate was valid at the time of the timestamp | ✓ yes", "Payload: Media type = application/vnd.oci.image.manifest.v1+json -> url")
	if strings.Contains(lines(d), "✗") {
		t.Errorf("something does not fit:\n%s", lines(d))
	}
	followParts(t, d, raw)
	wants(t, look(t, "", []byte(strings.Replace(raw, `"signature":"`, `"signature":"AAAA`, 1))), "| the signature fits the key in the certificate | ✗ no")
	for n := range 4 { // all lengths of padding
		doc := fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":""}`, b64url([]byte("?~~~?"+strings.Repeat("~", n))), b64url([]byte("{}")))
		followParts(t, look(t, "", []byte(doc)), doc)
	}
}

func TestJOSEAlgorithms(t *testing.T) {
	key := rsaFixture()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rsa"}, NotBefore: signedAt, NotAfter: signedAt}
	cert := makeCert(template, template, key.Public(), key)
	message := []byte("message")
	sum := sha256.Sum256(message)
	pss, err := rsa.SignPSS(rand.Reader, key, 5, sum[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := rsa.SignPKCS1v15(rand.Reader, key, 5, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		alg string
		sig []byte
		ok  bool
	}{{"PS256", pss, true}, {"RS256", pkcs, true}, {"PS256", pkcs, false}, {"RS256", pss, false}, {"RS384", pkcs, false}, {"ES256", pkcs, false}, {"none", pkcs, false}, {"", nil, false}, {"EdDSA", pss, false}, {"PS256", nil, false}} {
		if got := checkJOSE(c.alg, cert.PublicKey, message, c.sig); got.OK != c.ok {
			t.Errorf("%s: %+v", c.alg, got)
		}
	}
}
