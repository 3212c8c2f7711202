package inspect

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
)

// Annotations of the layers of cosign's signatures (SIGNATURE_SPEC.md).
const (
	cosignSignature   = "dev.cosignproject.cosign/signature"
	cosignCertificate = "dev.sigstore.cosign/certificate"
	cosignChain       = "dev.sigstore.cosign/chain"
	cosignBundle      = "dev.sigstore.cosign/bundle"
	cosignTimestamp   = "dev.sigstore.cosign/rfc3161timestamp"
)

// isSimpleSigning tells what cosign signs of an image.
func isSimpleSigning(n *Node) bool {
	return n.Get("critical", "image").Is(Object) && n.Get("critical", "identity").Is(Object)
}

// simpleDigest returns the digest of the image that is signed; there are two spellings of its key.
func simpleDigest(n *Node) string {
	image := n.Get("critical", "image")
	return cmp.Or(image.Str("docker-manifest-digest"), image.Str("Docker-manifest-digest"))
}

// decodeSimpleSigning shows the payload, which says which image is meant; whose signature fits it stands elsewhere, in an annotation.
func decodeSimpleSigning(n *Node, _ via) *Doc {
	reference, digest := n.Str("critical", "identity", "docker-reference"), simpleDigest(n)
	d := &Doc{Kind: "simple signing", Title: "What is signed of the image " + visible(cmp.Or(reference, digest), 200), Command: "jq ."}
	s := Section{Title: "Payload"}
	image := plain(reference)
	if isDigest(digest) && reference != "" && !strings.ContainsAny(reference, " @") {
		image.Ref = Ref{RefImage, reference + "@" + digest}
	}
	s.add("Image", image)
	s.add("Digest", linked(digest))
	s.add("Type", documented(n.Str("critical", "type"), cosignSpec+"SIGNATURE_SPEC.md#simple-signing"))
	s.scalarFields(n.Get("optional"), "optional: ", 1)
	s.Note = "The signature of this stands in an annotation of the layer that this is."
	d.addSection(s)
	return d
}

// isRekorBundle tells the content of the annotation dev.sigstore.cosign/bundle.
func isRekorBundle(n *Node) bool {
	return n.Get("SignedEntryTimestamp") != nil && n.Get("Payload", "body").Is(String)
}

func annotationEntry(n *Node) logEntry {
	p := n.Get("Payload")
	seconds, _ := p.Get("integratedTime").Int()
	return logEntry{index: p.Get("logIndex").String(), id: p.Str("logID"), seconds: seconds, body: p.Str("body"),
		promise: n.Get("SignedEntryTimestamp") != nil, node: p.Get("body")}
}

// decodeRekorBundle shows an entry of the log, and the certificate in it.
func decodeRekorBundle(n *Node, v via) *Doc {
	e := annotationEntry(n)
	d := &Doc{Kind: "rekor", Title: "An entry of a transparency log", Command: "jq ."}
	d.addSection(e.section("Transparency log", v))
	b, ok := e.parse()
	if !ok {
		return d
	}
	for i, raw := range b.keys {
		k, err := parseKey(raw)
		if err != nil || k.cert == nil {
			continue
		}
		d.Title = "A transparency log has seen a signature of " + signer(k.cert)
		sum, _ := sumOf(b.digest)
		if b.kind == "hashedrekord" {
			d.addSection(checkSection([]Check{checkSignature("the signature in the entry fits the key in it", k.pub, sum, b.sigs[i]), checkValidity(k.cert, e.seconds)}))
		}
		d.Sections = append(d.Sections, certSections(k.cert)...)
		break
	}
	return d
}

// isBlobBundle tells what cosign sign-blob --bundle wrote before there were sigstore bundles.
func isBlobBundle(n *Node) bool {
	return n.Get("base64Signature").Is(String) && (n.Get("cert") != nil || n.Get("rekorBundle") != nil)
}

func decodeBlobBundle(n *Node, v via) *Doc {
	d := &Doc{Kind: "cosign bundle", Title: "A signature with an entry of a transparency log", Command: "jq ."}
	s := Section{Title: "Signature"}
	s.add("Signature", plain(n.Str("base64Signature")))
	d.addSection(s)
	cert, _ := decode64(n.Str("cert"))
	k, err := parseKey(cert)
	if err == nil && k.cert != nil {
		d.Title = signedBy(k.cert, nil) + "; what was signed is elsewhere"
	}
	if r := n.Get("rekorBundle"); isRekorBundle(r) {
		e := annotationEntry(r)
		sig, _ := decode64(n.Str("base64Signature"))
		d.addSection(checkSection(e.checks(sig, k)))
		d.addSection(e.section("Transparency log", v))
	}
	if k.cert != nil {
		d.Sections = append(d.Sections, certSections(k.cert)...)
	}
	return d
}

// InspectCosign shows a signature that cosign attached to an image as a layer of its own: payload is the layer's content, simple signing
// or an envelope; annotations are those of its descriptor. It says who signed, and checks what fits what.
func InspectCosign(payload []byte, annotations map[string]string) *Doc {
	d := &Doc{Kind: "cosign", Title: "A signature by a key that is not in it"}
	chain := append(parseChain(annotations[cosignCertificate]), parseChain(annotations[cosignChain])...)
	var k key
	if len(chain) > 0 {
		k = key{chain[0].PublicKey, chain[0], chain[0].RawSubjectPublicKeyInfo}
	}
	n, err := ParseJSON(payload, &docLimits)
	sig, signed := cosignSigned(n, payload, annotations)
	var checks []Check
	if k.pub != nil {
		checks = append(checks, checkSignature("the signature "+fitsKey, k.pub, hashOf(signed), sig))
	}
	checks = append(checks, checkChain(chain)...)
	entry, hasEntry := cosignEntry(annotations)
	if hasEntry {
		sum, env := sha256.Sum256(payload), sha256.Sum256(envelopePayload(n))
		checks = append(checks, entry.checks(sig, k, "sha256:"+hex.EncodeToString(sum[:]), "sha256:"+hex.EncodeToString(env[:]))...)
	}
	token, tokenErr := cosignToken(annotations)
	if tokenErr == nil {
		checks = append(checks, token.checkImprint("the signature", sig))
	}
	if k.cert != nil {
		d.Title = signedBy(k.cert, checks)
	}
	d.addSection(checkSection(checks))
	if err == nil {
		if sub := InspectJSON(n, ""); sub != nil {
			d.Sections = append(d.Sections, sub.Sections...)
		}
	}
	if hasEntry {
		s := entry.section("Transparency log", "")
		s.dropParts() // they are of the annotation, and not of the payload
		d.addSection(s)
	}
	if tokenErr == nil {
		d.addSection(token.section("Timestamp"))
	}
	d.addCerts(chain)
	return d
}

func (d *Doc) addCerts(chain []*x509.Certificate) {
	for i, c := range chain {
		sections := certSections(c)
		if i > 0 {
			sections[0].Title = "Certificate of " + visible(certName(c), 200)
		}
		d.Sections = append(d.Sections, sections...)
	}
}

// dropParts removes references to parts of another file, or of one that no pipeline leads into.
func (s *Section) dropParts() {
	for i := range s.Fields {
		if v := &s.Fields[i].Value; v.Ref.Kind == RefPart {
			v.Ref = Ref{}
		}
	}
}

func (d *Doc) dropParts() {
	for i := range d.Sections {
		d.Sections[i].dropParts()
	}
}

// cosignSigned returns the signature and what it signs: of attestations both are in the envelope.
func cosignSigned(n *Node, payload []byte, annotations map[string]string) (sig, signed []byte) {
	if isDSSE(n) {
		sig, _ = decode64(n.Str("signatures", 0, "sig"))
		return sig, pae(n.Str("payloadType"), envelopePayload(n))
	}
	sig, _ = decode64(annotations[cosignSignature])
	return sig, payload
}

func envelopePayload(n *Node) []byte {
	raw, _ := decode64(n.Str("payload"))
	return raw
}

func cosignEntry(annotations map[string]string) (logEntry, bool) {
	n, err := ParseJSON([]byte(annotations[cosignBundle]), nil)
	if err != nil || !isRekorBundle(n) {
		return logEntry{}, false
	}
	return annotationEntry(n), true
}

// cosignToken reads {"SignedRFC3161Timestamp": base64}.
func cosignToken(annotations map[string]string) (*timestamp, error) {
	n, err := ParseJSON([]byte(annotations[cosignTimestamp]), nil)
	if err != nil {
		return nil, err
	}
	t := n.Get("SignedRFC3161Timestamp")
	if !t.Is(String) {
		return nil, ErrSyntax
	}
	return tokenOf(t)
}

// isTimestampAnnotation tells the content of the annotation dev.sigstore.cosign/rfc3161timestamp.
func isTimestampAnnotation(n *Node) bool { return n.Get("SignedRFC3161Timestamp").Is(String) }

func decodeTimestampAnnotation(n *Node, v via) *Doc {
	t := n.Get("SignedRFC3161Timestamp")
	token, err := tokenOf(t)
	if err != nil {
		return &Doc{Kind: "timestamp", Title: "A timestamp that cannot be read", Note: visible(err.Error(), maxValue)}
	}
	d := token.doc()
	d.Command = "jq ."
	d.Sections[0].add("Token", Value{Text: "in DER", Ref: v.to(t, "base64 -d").ref()})
	return d
}
