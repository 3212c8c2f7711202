package explore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// cosign signs payload as cosign does, and returns the annotations of the layer that holds it.
func cosign(t *testing.T, payload string) map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ann@example.com"}, NotBefore: built, NotAfter: built.Add(time.Hour), EmailAddresses: []string{"ann@example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, &cert, &cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(payload))
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{annotationCosign: base64.StdEncoding.EncodeToString(sig),
		"dev.sigstore.cosign/certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// say stores a manifest with one blob that says something.
func (s *site) say(mediaType, content string, annotations map[string]string, more map[string]any, tags ...string) digest.Digest {
	s.t.Helper()
	m := map[string]any{"schemaVersion": 2, "config": oci.Descriptor{MediaType: mediaTypeConfig, Digest: s.blob("app", "{}"), Size: 2},
		"layers": []oci.Descriptor{{MediaType: mediaType, Digest: s.blob("app", content), Size: int64(len(content)), Annotations: annotations}}}
	for k, v := range more {
		m[k] = v
	}
	return s.manifest("app", oci.MediaTypeImageManifest, m, tags...)
}

func TestStatements(t *testing.T) {
	s := newSite(t, nil)
	d, _ := s.image("app", nil, []string{tarGzip(t, "a=1")}, "1")
	payload := func(d digest.Digest) string {
		return fmt.Sprintf(`{"critical":{"identity":{"docker-reference":"example.com/app"},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":{}}`, d)
	}
	good, other := payload(d), payload(digest.FromString("other"))
	subject := func(kind string) map[string]any {
		return map[string]any{"artifactType": kind, "subject": oci.Descriptor{MediaType: oci.MediaTypeImageManifest, Digest: d, Size: 1}}
	}
	signed := s.say("application/vnd.dev.cosign.simplesigning.v1+json", good, cosign(t, good), nil, "sha256-"+d.Encoded()+".sig")
	s.say("application/vnd.dev.cosign.simplesigning.v1+json", other, cosign(t, good), subject("application/vnd.dev.cosign.artifact.sig.v1+json"))
	s.say("application/spdx+json", `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"app","packages":[{"name":"a","SPDXID":"SPDXRef-a"}]}`, nil, subject("application/spdx+json"))
	s.say("application/spdx+json", strings.Repeat(" ", maxStatement+1), nil, subject("application/spdx+json"))
	s.say("application/x-note", `"note"`, nil, subject("application/x-note"))
	var v manifestView
	s.from("/r/app:1", &v)
	var got []string
	for _, st := range v.Supply {
		got = append(got, fmt.Sprintf("%s: %.30s about:%q fits:%d failed:%d", st.Kind, st.Says, st.About, st.Fits, len(st.Failed)))
	}
	if len(v.Supply) != 4 {
		t.Fatalf("%q", got)
	}
	sig, forged, bom := v.Supply[0], v.Supply[1], v.Supply[2]
	if forged.About == "this" {
		sig, forged = forged, sig
	}
	if sig.Kind != "signature" || !strings.Contains(sig.Says, "ann@example.com") || sig.About != "this" || sig.Fits != 1 || len(sig.Failed) > 0 ||
		!strings.HasPrefix(sig.Href, "/blob/app@"+string(digest.FromString(good))) || !strings.Contains(sig.Href, "manifest="+strings.Replace(string(signed), ":", "%3A", 1)) {
		t.Errorf("the signature: %+v", sig)
	}
	if forged.About != "other" || forged.Fits > 0 || len(forged.Failed) != 1 {
		t.Errorf("a signature of something else: %+v", forged)
	}
	if boms := bom.Says + v.Supply[3].Says; !strings.Contains(boms, "1.00 MiB, which") || !strings.Contains(boms, "SPDX") {
		t.Errorf("the bills of materials: %q", got)
	}
	for range 2 { // read, and remembered
		s.has("/r/app:1", "What is said about it", "Signed by CN=ann@example.com", "1 comparison holds", "<del>not so:</del>", "It names another digest.", "nothing was verified against a key")
	}
	if err := s.store.DeleteBlob(t.Context(), "app", digest.FromString(good)); err != nil {
		t.Fatal(err)
	}
	if body := s.has("/r/app:1"); strings.Contains(body, "1 comparison holds") {
		t.Error("what a blob said is told after it is gone")
	}
}

// TestBuildKitStatements has the provenance that BuildKit puts into an index.
func TestBuildKitStatements(t *testing.T) {
	s := newSite(t, nil)
	d, _ := s.image("app", nil, []string{tarGzip(t, "a=1")})
	att := s.say("application/vnd.in-toto+json", fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2",
		"subject":[{"name":"pkg:docker/app","digest":{"sha256":%q}}],"predicate":{"builder":{"id":"https://example.com/<script>"},"buildType":"https://mobyproject.org/buildkit@v1"}}`, d.Encoded()), nil, nil)
	s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []oci.Descriptor{
		{MediaType: oci.MediaTypeImageManifest, Digest: d, Size: 1, Platform: &oci.Platform{OS: "linux", Architecture: "amd64"}},
		{MediaType: oci.MediaTypeImageManifest, Digest: att, Size: 1, Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": string(d)}}}}, "1")
	var v manifestView
	s.from("/r/app:1", &v)
	if len(v.Supply) != 1 || v.Supply[0].Kind != "attestation" || v.Supply[0].About != "this" || !strings.Contains(v.Supply[0].Says, "rovenance") {
		t.Errorf("%+v", v.Supply)
	}
	s.has("/r/app:1", "What is said about it")
}
