package inspect

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// isBundle tells https://github.com/sigstore/protobuf-specs bundles of all versions.
func isBundle(n *Node) bool {
	return strings.HasPrefix(n.Str("mediaType"), "application/vnd.dev.sigstore.bundle") && n.Get("verificationMaterial").Is(Object)
}

// bundle is a sigstore bundle taken apart.
type bundle struct {
	n       *Node
	chain   []*x509.Certificate
	first   *Node // of the leaf's bytes
	hint    string
	entries []logEntry
	times   []*Node // base64 of RFC 3161
	payload []byte  // of the envelope
	sig     []byte
	digest  string // of what is signed and is not in the bundle, or of the payload
}

func parseBundle(n *Node) bundle {
	b := bundle{n: n, hint: n.Str("verificationMaterial", "publicKey", "hint")}
	material := n.Get("verificationMaterial")
	certs := []*Node{material.Get("certificate")} // since 0.3
	if chain := material.Get("x509CertificateChain", "certificates"); chain != nil {
		certs = chain.Children
	}
	for _, c := range certs[:min(len(certs), 20)] {
		raw, err := decode64(c.Str("rawBytes"))
		if err != nil {
			continue
		}
		if cert, err := x509.ParseCertificate(raw); err == nil {
			b.chain = append(b.chain, cert)
			if b.first == nil {
				b.first = c.Get("rawBytes")
			}
		}
	}
	for _, e := range material.Get("tlogEntries").All() {
		if len(b.entries) < 10 {
			b.entries = append(b.entries, bundleEntry(e))
		}
	}
	for _, t := range material.Get("timestampVerificationData", "rfc3161Timestamps").All() {
		if len(b.times) < 10 && t.Get("signedTimestamp").Is(String) {
			b.times = append(b.times, t.Get("signedTimestamp"))
		}
	}
	b.parseContent()
	return b
}

func bundleEntry(e *Node) logEntry {
	id, _ := decode64(e.Str("logId", "keyId"))
	seconds, _ := e.Get("integratedTime").Int()
	return logEntry{index: e.Get("logIndex").String(), id: hex.EncodeToString(id[:min(len(id), 64)]), seconds: seconds, body: e.Str("canonicalizedBody"),
		promise: e.Get("inclusionPromise", "signedEntryTimestamp") != nil, proof: e.Get("inclusionProof"), node: e.Get("canonicalizedBody")}
}

// parseContent reads what is signed: an envelope, or the digest of something else.
func (b *bundle) parseContent() {
	if e := b.n.Get("dsseEnvelope"); e.Is(Object) {
		b.payload, _ = decode64(e.Str("payload"))
		b.sig, _ = decode64(e.Str("signatures", 0, "sig"))
		sum := sha256.Sum256(b.payload)
		b.digest = "sha256:" + hex.EncodeToString(sum[:])
		return
	}
	b.sig, _ = decode64(b.n.Str("messageSignature", "signature"))
	b.digest = messageDigest(b.n)
}

// messageDigest returns the digest of what a bundle signs when it does not hold it.
func messageDigest(n *Node) string { return protoDigest(n.Get("messageSignature", "messageDigest")) }

// key returns the leaf's, or none when the bundle only hints at one.
func (b *bundle) key() key {
	if len(b.chain) == 0 {
		return key{}
	}
	return key{b.chain[0].PublicKey, b.chain[0], b.chain[0].RawSubjectPublicKeyInfo}
}

func decodeBundle(n *Node, v via) *Doc {
	b := parseBundle(n)
	d := &Doc{Kind: "sigstore bundle", Title: "Sigstore bundle", Command: "jq ."}
	checks := b.checks()
	switch {
	case len(b.chain) > 0:
		d.Title = signedBy(b.chain[0], checks)
	case b.hint != "":
		d.Title = "Signed by the key " + visible(b.hint, 200)
	}
	d.addSection(b.section(v))
	d.addSection(checkSection(checks))
	b.content(d, v)
	for i, e := range b.entries {
		d.addSection(e.section(numbered("Transparency log", i, len(b.entries)), v))
	}
	for i, t := range b.times {
		if token, err := tokenOf(t); err == nil {
			d.addSection(token.section(numbered("Timestamp", i, len(b.times))))
		}
	}
	d.addCerts(b.chain)
	return d
}

func numbered(title string, i, of int) string {
	if of > 1 {
		return title + " " + strconv.Itoa(i+1)
	}
	return title
}

func tokenOf(n *Node) (*timestamp, error) {
	raw, err := decode64(n.Text)
	if err != nil {
		return nil, err
	}
	der, err := parseDER(raw, nil)
	if err != nil {
		return nil, err
	}
	return parseTimestamp(der)
}

func (b *bundle) section(v via) Section {
	s := Section{Title: "Bundle"}
	mt := b.n.Str("mediaType")
	s.add("Media type", documented(mt, MediaTypeDoc(mt)))
	if b.first != nil {
		s.add("Certificate", Value{Text: visible(certName(b.chain[0]), maxValue), Ref: v.to(b.first, "base64 -d").ref()})
	}
	s.add("Hint at the key", plain(b.hint))
	s.add("Signature", text(base64.StdEncoding.EncodeToString(b.sig[:min(len(b.sig), 600)])))
	if p := b.n.Get("dsseEnvelope", "payload"); p.Is(String) {
		s.add("Payload", Value{Text: plural(len(b.payload), "byte"), Ref: v.to(p, "base64 -d").ref()})
	} else {
		s.add("Digest of what is signed", linked(b.digest))
	}
	for _, t := range b.times {
		s.add("Timestamp", Value{Text: "RFC 3161", Ref: v.to(t, "base64 -d").ref()})
	}
	return s
}

// content shows what is in the envelope.
func (b *bundle) content(d *Doc, v via) {
	if b.payload == nil {
		return
	}
	n, err := ParseJSON(b.payload, &docLimits)
	if err != nil {
		return
	}
	if sub := InspectJSON(n, string(v.to(b.n.Get("dsseEnvelope", "payload"), "base64 -d"))); sub != nil {
		d.include(sub)
	}
}

// checks compares all that the bundle holds with all that it holds.
func (b *bundle) checks() (checks []Check) {
	k := b.key()
	if k.pub != nil && b.payload != nil {
		signed := pae(b.n.Str("dsseEnvelope", "payloadType"), b.payload)
		checks = append(checks, checkSignature("the signature of the envelope "+fitsKey, k.pub, hashOf(signed), b.sig))
	} else if sum, ok := sumOf(b.digest); ok && k.pub != nil {
		checks = append(checks, checkSignature("the signature of the digest "+fitsKey, k.pub, sum, b.sig))
	}
	checks = append(checks, checkChain(b.chain)...)
	for _, e := range b.entries {
		checks = append(checks, e.checks(b.sig, k, b.digest)...)
	}
	for _, t := range b.times {
		token, err := tokenOf(t)
		if err != nil {
			checks = append(checks, Check{"the timestamp can be read", false, err.Error()})
			continue
		}
		checks = append(checks, token.checkImprint("the signature", b.sig))
		if k.cert != nil {
			c := checkValidity(k.cert, token.when.Unix())
			c.What = "the certificate was valid at the time of the timestamp"
			checks = append(checks, c)
		}
		for _, s := range token.message.signers {
			if token.message.certificate(s) != nil {
				checks = append(checks, token.message.check(s))
			}
		}
	}
	return checks
}
