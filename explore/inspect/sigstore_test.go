package inspect

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// signedAt is inside the validity of the fixtures' leaf.
var signedAt = time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)

func sign(t testing.TB, message []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(message)
	sig, err := ecdsa.SignASN1(rand.Reader, fixtures().leafKey, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// rekord is the body of a log entry for a signature of message by the fixtures' leaf.
func rekord(message, sig []byte) []byte {
	sum := sha256.Sum256(message)
	return fmt.Appendf(nil, `{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":"%x"}},"signature":{"content":%q,"publicKey":{"content":%q}}}}`,
		sum, b64(sig), b64(pemOf("CERTIFICATE", fixtures().leaf.Raw)))
}

// tlogEntry is an entry of a bundle, in a log that has one more entry before it.
func tlogEntry(body []byte) string {
	other, leaf := sha256.Sum256([]byte("\x00other")), sha256.Sum256(append([]byte{0}, body...))
	root := hashPair(other[:], leaf[:])
	id, _ := hex.DecodeString(rekorLog)
	return fmt.Sprintf(`{"logIndex":"1234","logId":{"keyId":%q},"kindVersion":{"kind":"hashedrekord","version":"0.0.1"},"integratedTime":"%d","inclusionPromise":{"signedEntryTimestamp":"MEUC"},
"inclusionProof":{"logIndex":"1","rootHash":%q,"treeSize":"2","hashes":[%q],"checkpoint":{"envelope":"rekor.example - 1\n2\n%s\n\n— sig"}},"canonicalizedBody":%q}`,
		b64(id), signedAt.Unix(), b64(root), b64(other[:]), b64(root), b64(body))
}

// bundle03 is a bundle of version 0.3 with an envelope.
func bundle03(t testing.TB) string {
	payload := statement("https://slsa.dev/provenance/v1", provenance1)
	sig := sign(t, pae("application/vnd.in-toto+json", []byte(payload)))
	sum := sha256.Sum256([]byte(payload))
	body := fmt.Appendf(nil, `{"apiVersion":"0.0.1","kind":"dsse","spec":{"envelopeHash":{"algorithm":"sha256","value":"00"},"payloadHash":{"algorithm":"sha256","value":"%x"},"signatures":[{"signature":%q,"verifier":%q}]}}`,
		sum, b64(sig), b64(pemOf("CERTIFICATE", fixtures().leaf.Raw)))
	return fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{"rawBytes":%q},"tlogEntries":[%s],
"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":%q}]}},"dsseEnvelope":{"payload":%q,"payloadType":"application/vnd.in-toto+json","signatures":[{"sig":%q}]}}`,
		b64(fixtures().leaf.Raw), tlogEntry(body), b64(timestampResponse(sig, signedAt)), b64([]byte(payload)), b64(sig))
}

// bundle01 is a bundle of version 0.1 with a chain, for a file that is not in it.
func bundle01(t testing.TB) string {
	message := []byte("test") // its SHA-256 is testDigest
	sig, sum := sign(t, message), sha256.Sum256(message)
	return fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1","verificationMaterial":{"x509CertificateChain":{"certificates":[{"rawBytes":%q},{"rawBytes":%q}]},"tlogEntries":[%s]},
"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":%q},"signature":%q}}`, b64(fixtures().leaf.Raw), b64(fixtures().ca.Raw), tlogEntry(rekord(message, sig)), b64(sum[:]), b64(sig))
}

func TestBundle(t *testing.T) {
	raw := bundle03(t)
	d := look(t, "", []byte(raw))
	wants(t, d, "sigstore bundle: Signed by https://github.com/octo/hello/.github/workflows/release.yml@refs/tags/v1.2.3 (issuer https://token.actions.githubusercontent.com), for https://github.com/octo/hello at commit "+testCommit+", as the certificate says: provenance: built from",
		"Bundle: Media type = application/vnd.dev.sigstore.bundle.v0.3+json -> url https://docs.sigstore.dev/about/bundle/",
		"| the signature of the envelope fits the key in the certificate | ✓ yes | ECDSA with SHA-256",
		"| the log entry is about the same content | ✓ yes |", "| the log entry has the same signature | ✓ yes |", "| the log entry has the same key | ✓ yes |",
		"| the certificate was valid at the time that the log claims | ✓ yes | 2026-03-01 12:05:00 UTC",
		"| the proof of inclusion leads from the entry to the root of the log | ✓ yes", "| the checkpoint has the same root | ✓ yes | rekor.example - 1",
		"| the timestamp is one of the signature | ✓ yes | at 2026-03-01 12:05:00 UTC", "| the signature of the message fits the certificate in it | ✓ yes",
		"No trust root was consulted", "Subjects: | ghcr.io/octo/hello -> image",
		"Transparency log: Log index = 1234 -> url https://search.sigstore.dev/?logIndex=1234", "Transparency log: Integrated = 2026-03-01 12:05:00 UTC (as the log says)", "Transparency log: Log = rekor.sigstore.dev ("+rekorLog+")",
		"-> part jq -r '.verificationMaterial.tlogEntries[0].canonicalizedBody' | base64 -d", "Transparency log: Kind = dsse", "Timestamp: Authority = CN=sigstore-intermediate", "Certificate: Key = ECDSA, P-256")
	if strings.Contains(lines(d), "✗") {
		t.Errorf("something does not fit:\n%s", lines(d))
	}
	followParts(t, d, raw)

	raw = bundle01(t)
	d = look(t, "", []byte(raw))
	wants(t, d, "Bundle: Digest of what is signed = "+testDigest+" -> digest", "| the signature of the digest fits the key in the certificate | ✓ yes |", "is signed by the next one in the chain | ✓ yes | CN=sigstore-intermediate",
		"Transparency log: Kind = hashedrekord", "Certificate of CN=sigstore-intermediate,O=sigstore.dev: Version = 3")
	if strings.Contains(lines(d), "✗") {
		t.Errorf("something does not fit:\n%s", lines(d))
	}
	followParts(t, d, raw)
	wants(t, look(t, "", []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.2","verificationMaterial":{"publicKey":{"hint":"abc="}},"messageSignature":{}}`)), "sigstore bundle: Signed by the key abc=")
}

// TestBundleForged changes one thing after the other, and wants it to be noticed.
func TestBundleForged(t *testing.T) {
	good := bundle03(t)
	n, err := ParseJSON([]byte(good), nil)
	if err != nil {
		t.Fatal(err)
	}
	other := b64([]byte("something else"))
	for _, c := range []struct{ old, new, want string }{
		{n.Str("dsseEnvelope", "payload"), b64([]byte(statement("https://slsa.dev/provenance/v1", "{}"))), "| the signature of the envelope fits the key in the certificate | ✗ no | it does not fit"},
		{n.Str("dsseEnvelope", "payload"), b64([]byte(statement("https://slsa.dev/provenance/v1", "{}"))), "| the log entry is about the same content | ✗ no"},
		{n.Str("dsseEnvelope", "signatures", 0, "sig"), other, "| the log entry has the same signature | ✗ no"},
		{n.Str("dsseEnvelope", "signatures", 0, "sig"), other, "| the timestamp is one of the signature | ✗ no | its digest is that of something else"},
		{n.Str("verificationMaterial", "certificate", "rawBytes"), b64(fixtures().ca.Raw), "| the log entry has the same key | ✗ no"},
		{n.Str("verificationMaterial", "certificate", "rawBytes"), b64(fixtures().ca.Raw), "fits the key in the certificate | ✗ no"},
		{`"integratedTime":"` + fmt.Sprint(signedAt.Unix()), `"integratedTime":"` + fmt.Sprint(signedAt.Unix()+3600), "| the certificate was valid at the time that the log claims | ✗ no"},
		{`"treeSize":"2"`, `"treeSize":"3"`, "the root of the log | ✗ no"},
		{`"inclusionProof":{"logIndex":"1"`, `"inclusionProof":{"logIndex":"0"`, "the root of the log | ✗ no"},
		{`"hashes":["`, `"hashes":["` + b64(make([]byte, 32)) + `","`, "the root of the log | ✗ no"},
		{`rekor.example - 1\n2`, `rekor.example - 1\n3`, "| the checkpoint has the same root | ✗ no"},
		{n.Str("verificationMaterial", "tlogEntries", 0, "canonicalizedBody"), other, "| the log entry can be read | ✗ no"},
		{n.Str("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp"), other, "| the timestamp can be read | ✗ no"},
	} {
		forged := strings.ReplaceAll(good, c.old, c.new)
		if forged == good {
			t.Fatalf("no %.40q in the bundle", c.old)
		}
		d := look(t, "", []byte(forged))
		wants(t, d, c.want)
		if bad := strings.Contains(c.want, fitsKey); bad && !strings.HasPrefix(d.Title, "A signature that does not fit its certificate, which is that of") {
			t.Errorf("the title is %s", d.Title)
		}
	}
}

func cosignFixture(t testing.TB) (payload []byte, annotations map[string]string) {
	payload = []byte(`{"critical":{"identity":{"docker-reference":"ghcr.io/octo/hello"},"image":{"docker-manifest-digest":"` + testDigest + `"},"type":"cosign container image signature"},"optional":{"creator":"me"}}`)
	sig := sign(t, payload)
	return payload, map[string]string{
		cosignSignature:   b64(sig),
		cosignCertificate: string(pemOf("CERTIFICATE", fixtures().leaf.Raw)),
		cosignChain:       string(pemOf("CERTIFICATE", fixtures().ca.Raw)),
		cosignBundle:      fmt.Sprintf(`{"SignedEntryTimestamp":"MEUC","Payload":{"body":%q,"integratedTime":%d,"logIndex":77,"logID":%q}}`, b64(rekord(payload, sig)), signedAt.Unix(), rekorLog),
		cosignTimestamp:   fmt.Sprintf(`{"SignedRFC3161Timestamp":%q}`, b64(timestampToken(sig, signedAt))),
	}
}

func TestCosign(t *testing.T) {
	payload, annotations := cosignFixture(t)
	d := InspectCosign(payload, annotations)
	wants(t, d, "cosign: Signed by https://github.com/octo/hello/.github/workflows/release.yml@refs/tags/v1.2.3 (issuer", "Payload: Image = ghcr.io/octo/hello -> image ghcr.io/octo/hello@"+testDigest,
		"Payload: Digest = "+testDigest+" -> digest", "Payload: optional: creator = me", "Log index = 77 -> url", "Timestamp: Time = 2026-03-01 12:05:00 UTC",
		"| the log entry is about the same content | ✓ yes", "is signed by the next one in the chain | ✓ yes", "| the timestamp is one of the signature | ✓ yes")
	if strings.Contains(lines(d), "✗") || len(parts(d)) > 0 {
		t.Errorf("something does not fit, or refers to a part of another file:\n%s", lines(d))
	}
	wants(t, InspectCosign(append(payload, ' '), annotations), "| the signature fits the key in the certificate | ✗ no", "| the log entry is about the same content | ✗ no")
	wants(t, InspectCosign(payload, nil), "cosign: A signature by a key that is not in it", "Payload: Digest")
	wants(t, InspectCosign(nil, map[string]string{cosignBundle: "{", cosignCertificate: "?", cosignTimestamp: "[]"}), "A signature by a key")

	st := statement("https://slsa.dev/provenance/v1", provenance1)
	wants(t, InspectCosign([]byte(envelope(t, fixtures().leafKey, st)), annotations), "| the signature fits the key in the certificate | ✓ yes", "Subjects: | ghcr.io/octo/hello")

	for _, key := range []string{cosignBundle, cosignTimestamp, cosignCertificate} {
		d := look(t, "", []byte(annotations[key]))
		followParts(t, d, annotations[key])
	}
	wants(t, look(t, "", []byte(annotations[cosignBundle])), "rekor: A transparency log has seen a signature of https://github.com/octo", "the signature in the entry fits the key in it | ✓ yes", "part jq -r .Payload.body | base64 -d")
	wants(t, look(t, "", payload), "simple signing: What is signed of the image ghcr.io/octo/hello")
	sig, _ := decode64(annotations[cosignSignature])
	wants(t, look(t, "", rekord(payload, sig)), "rekor: A signature of a digest, as the transparency log has it", "the signature fits the key in the entry | ✓ yes", "Certificate: Key = ECDSA, P-256")
	blob := fmt.Sprintf(`{"base64Signature":%q,"cert":%q,"rekorBundle":%s}`, annotations[cosignSignature], b64([]byte(annotations[cosignCertificate])), annotations[cosignBundle])
	d = look(t, "", []byte(blob))
	wants(t, d, "cosign bundle: Signed by https://github.com/octo", "| the log entry has the same signature | ✓ yes")
	followParts(t, d, blob)
}

func TestRekorKinds(t *testing.T) {
	cert := b64(pemOf("CERTIFICATE", fixtures().leaf.Raw))
	for _, c := range []struct{ body, want string }{
		{`{"apiVersion":"0.0.2","kind":"intoto","spec":{"content":{"envelope":{"payloadType":"x","signatures":[{"publicKey":"` + cert + `","sig":"` + b64([]byte("c2ln")) + `"}]},"hash":{"algorithm":"sha256","value":"aa"},"payloadHash":{"algorithm":"sha256","value":"bb"}}}}`, "Log entry: Digest = sha256:bb\nLog entry: Digest of the envelope = sha256:aa\nLog entry: Signature = c2ln\nLog entry: Key = ECDSA, P-256"},
		{`{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="},"signature":{"content":"c2ln","verifier":{"x509Certificate":{"rawBytes":"` + b64(fixtures().leaf.Raw) + `"}}}}}}`, "Digest = " + testDigest},
		{`{"apiVersion":"0.0.2","kind":"dsse","spec":{"dsseV002":{"payloadHash":{"algorithm":"SHA2_256","digest":"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="},"signatures":[{"content":"c2ln","verifier":{"publicKey":{"rawBytes":"` + b64(fixtures().leaf.RawSubjectPublicKeyInfo) + `"}}}]}}}`, "Key = ECDSA, P-256"},
		{`{"apiVersion":"0.0.1","kind":"helm","spec":{}}`, "rekor: A Helm chart, as the transparency log has it"},
	} {
		wants(t, look(t, "", []byte(c.body)), c.want)
	}
}

// TestMerkle builds trees of all small sizes and proves each leaf, by the definition of RFC 9162, 2.1.1 and 2.1.3.
func TestMerkle(t *testing.T) {
	var root func(leaves [][]byte) []byte
	var path func(i int, leaves [][]byte) [][]byte
	split := func(n int) (k int) {
		for k = 1; k*2 < n; k *= 2 {
		}
		return k
	}
	root = func(l [][]byte) []byte {
		if len(l) == 1 {
			return l[0]
		}
		k := split(len(l))
		return hashPair(root(l[:k]), root(l[k:]))
	}
	path = func(i int, l [][]byte) [][]byte {
		if len(l) == 1 {
			return nil
		}
		if k := split(len(l)); i < k {
			return append(path(i, l[:k]), root(l[k:]))
		} else {
			return append(path(i-k, l[k:]), root(l[:k]))
		}
	}
	var leaves [][]byte
	for size := 1; size < 20; size++ {
		sum := sha256.Sum256([]byte{byte(size)})
		leaves = append(leaves, sum[:])
		for i := range leaves {
			if got := merkleRoot(leaves[i], int64(i), int64(size), path(i, leaves)); string(got) != string(root(leaves)) {
				t.Errorf("leaf %d of %d: %x", i, size, got)
			}
		}
	}
}
