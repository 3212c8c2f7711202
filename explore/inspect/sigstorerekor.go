package inspect

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// rekorLog is the public instance whose entries the search page finds.
const rekorLog = "c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d"

// logEntry is an entry of a transparency log, as cosign's annotation and sigstore's bundle carry it.
type logEntry struct {
	index, id, body string // as they stand: number, hex of the key's hash, base64
	seconds         int64  // since 1970; 0 if the log does not say
	promise         bool   // a signed entry timestamp is there
	proof           *Node  // of inclusion
	node            *Node  // of body
}

// rekorBody is what the entry says: who signed what.
type rekorBody struct {
	kind, version string
	digest        string   // of the artifact or the payload: ALGORITHM:HEX
	envelope      string   // digest of the envelope
	sigs          [][]byte // decoded
	keys          [][]byte // certificates and public keys, in PEM or DER
}

// isRekorBody tells the body of an entry of Rekor, also of version 2.
func isRekorBody(n *Node) bool {
	return n.Get("apiVersion").Is(String) && n.Get("kind").Is(String) && n.Get("spec").Is(Object) && rekorKinds[n.Str("kind")] != ""
}

var rekorKinds = map[string]string{
	"hashedrekord": "A signature of a digest", "rekord": "A signature of a file", "dsse": "A signed envelope", "intoto": "A signed envelope",
	"rfc3161": "A timestamp", "cose": "A signature in COSE", "alpine": "An Alpine package", "rpm": "An RPM package", "jar": "A Java archive",
	"helm": "A Helm chart", "tuf": "A file of TUF",
}

// parseRekorBody reads the kinds that are made for images and files; of others only the kind is known.
func parseRekorBody(n *Node) rekorBody {
	b := rekorBody{kind: n.Str("kind"), version: n.Str("apiVersion")}
	spec := n.Get("spec")
	switch {
	case spec.Get("hashedRekordV002") != nil:
		b.parseV2(spec.Get("hashedRekordV002", "data"), spec.Get("hashedRekordV002", "signature"))
	case spec.Get("dsseV002") != nil:
		b.parseV2(spec.Get("dsseV002", "payloadHash"), spec.Get("dsseV002", "signatures").All()...)
	case b.kind == "hashedrekord" || b.kind == "rekord":
		b.digest = hashOfRekor(spec.Get("data", "hash"))
		b.add(spec.Str("signature", "content"), spec.Str("signature", "publicKey", "content"))
	case b.kind == "dsse":
		b.digest, b.envelope = hashOfRekor(spec.Get("payloadHash")), hashOfRekor(spec.Get("envelopeHash"))
		for _, s := range spec.Get("signatures").All() {
			b.add(s.Str("signature"), s.Str("verifier"))
		}
	case b.kind == "intoto":
		content := spec.Get("content")
		b.digest, b.envelope = hashOfRekor(content.Get("payloadHash")), hashOfRekor(content.Get("hash"))
		for _, s := range content.Get("envelope", "signatures").All() {
			sig, _ := decode64(s.Str("sig")) // it is base64 twice
			b.add(string(sig), cmp.Or(s.Str("publicKey"), spec.Str("publicKey")))
		}
	}
	return b
}

// add decodes a signature and its key. Strings that are no base64 are kept as nothing, which fits nothing.
func (b *rekorBody) add(sig, key string) {
	if len(b.sigs) == maxSigners {
		return
	}
	s, _ := decode64(sig)
	k, _ := decode64(key)
	b.sigs, b.keys = append(b.sigs, s), append(b.keys, k)
}

// parseV2 reads what Rekor 2 has: {algorithm, digest} in base64, and {content, verifier}.
func (b *rekorBody) parseV2(hash *Node, sigs ...*Node) {
	b.digest = protoDigest(hash)
	for _, s := range sigs {
		v := s.Get("verifier")
		b.add(s.Str("content"), cmp.Or(v.Str("x509Certificate", "rawBytes"), v.Str("publicKey", "rawBytes")))
	}
}

// hashOfRekor reads {algorithm, value}.
func hashOfRekor(n *Node) string {
	if n.Str("value") == "" {
		return ""
	}
	return n.Str("algorithm") + ":" + n.Str("value")
}

// protoDigest reads {algorithm: "SHA2_256", digest: base64}.
func protoDigest(n *Node) string {
	raw, err := decode64(n.Str("digest"))
	names := map[string]string{"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
	name := names[n.Str("algorithm")]
	if err != nil || len(raw) == 0 || name == "" {
		return ""
	}
	return name + ":" + hex.EncodeToString(raw)
}

// decodeRekorBody shows an entry on its own.
func decodeRekorBody(n *Node, v via) *Doc {
	b := parseRekorBody(n)
	d := &Doc{Kind: "rekor", Title: rekorKinds[b.kind] + ", as the transparency log has it", Command: "jq ."}
	s := b.section("Log entry")
	d.addSection(s)
	for i, k := range b.keys {
		if c, err := parseKey(k); err == nil && c.cert != nil {
			sections := certSections(c.cert)
			if i > 0 {
				sections[0].Title = "Certificate " + strconv.Itoa(i+1)
			}
			d.Sections = append(d.Sections, sections...)
		}
	}
	var checks []Check
	for i, k := range b.keys {
		c, err := parseKey(k)
		if sum, ok := sumOf(b.digest); ok && err == nil && b.kind == "hashedrekord" {
			checks = append(checks, checkSignature("the signature fits the key in the entry", c.pub, sum, b.sigs[i]))
		}
	}
	d.addSection(checkSection(checks))
	return d
}

func (b rekorBody) section(title string) Section {
	s := Section{Title: title}
	s.add("Kind", documented(b.kind, "https://github.com/sigstore/rekor/tree/main/pkg/types").tip(b.version))
	s.add("Digest", linked(b.digest))
	s.add("Digest of the envelope", plain(b.envelope))
	for _, sig := range b.sigs {
		s.add("Signature", text(base64.StdEncoding.EncodeToString(sig[:min(len(sig), 600)])))
	}
	for _, k := range b.keys {
		if c, err := parseKey(k); err == nil {
			s.add("Key", c.value())
		}
	}
	return s
}

// section shows an entry and what is in its body.
func (e logEntry) section(title string, v via) Section {
	s := Section{Title: title}
	index := plain(e.index)
	if strings.Trim(e.index, "0123456789") == "" && e.index != "" && (e.id == rekorLog || e.id == "") {
		index.Ref = Ref{RefURL, "https://search.sigstore.dev/?logIndex=" + e.index}
	}
	s.add("Log index", index)
	s.add("Integrated", unixValue(e.seconds).tip("as the log says"))
	log := plain(e.id)
	if name := logNames[e.id]; name != "" {
		log = text(name).tip(e.id)
	}
	s.add("Log", log)
	if e.promise {
		s.add("Signed entry timestamp", text("present, not checked"))
	}
	if e.node != nil {
		raw, _ := decode64(e.body)
		s.add("Body", Value{Text: plural(len(raw), "byte"), Ref: v.to(e.node, "base64 -d").ref()})
	}
	if b, ok := e.parse(); ok {
		s.Fields = append(s.Fields, b.section("").Fields...)
	}
	return s
}

// parse decodes the body.
func (e logEntry) parse() (rekorBody, bool) {
	raw, err := decode64(e.body)
	if err != nil {
		return rekorBody{}, false
	}
	n, err := ParseJSON(raw, nil)
	if err != nil || !isRekorBody(n) {
		return rekorBody{}, false
	}
	return parseRekorBody(n), true
}

// checks compares the entry with what was signed: the signature, the certificate and the digest. Any of them may be nil or "".
func (e logEntry) checks(sig []byte, k key, digests ...string) (checks []Check) {
	b, ok := e.parse()
	if !ok {
		return []Check{{"the log entry can be read", false, "its body is of no kind that is known"}}
	}
	if digest := first(digests); digest != "" && b.digest != "" {
		c := Check{What: "the log entry is about the same content", OK: slices.Contains(digests, b.digest), Why: b.digest}
		checks = append(checks, c)
	}
	if len(sig) > 0 && len(b.sigs) > 0 {
		c := Check{What: "the log entry has the same signature"}
		for _, s := range b.sigs {
			c.OK = c.OK || bytes.Equal(s, sig)
		}
		checks = append(checks, c)
	}
	if k.pub != nil && len(b.keys) > 0 {
		c := Check{What: "the log entry has the same key"}
		for _, other := range b.keys {
			o, err := parseKey(other)
			c.OK = c.OK || err == nil && o.sameAs(k)
		}
		checks = append(checks, c)
	}
	if k.cert != nil && e.seconds > 0 {
		checks = append(checks, checkValidity(k.cert, e.seconds))
	}
	return append(checks, e.proofChecks()...)
}

func first(all []string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// proofChecks follows the proof of inclusion from the entry up to the root, and looks for the root in the checkpoint.
func (e logEntry) proofChecks() (checks []Check) {
	root, err := decodeHash(e.proof.Str("rootHash"))
	index, ok := e.proof.Get("logIndex").Int()
	size, ok2 := e.proof.Get("treeSize").Int()
	body, bodyErr := decode64(e.body)
	if e.proof == nil || err != nil || bodyErr != nil || !ok2 {
		return nil
	}
	if !ok { // protobuf leaves out what is 0
		index = 0
	}
	c := Check{What: "the proof of inclusion leads from the entry to the root of the log"}
	var path [][]byte
	for _, h := range e.proof.Get("hashes").All() {
		sum, err := decodeHash(h.String())
		if err != nil || len(path) == 64 {
			return append(checks, c)
		}
		path = append(path, sum)
	}
	leaf := sha256.Sum256(append([]byte{0}, body...))
	got := merkleRoot(leaf[:], index, size, path)
	c.OK = got != nil && bytes.Equal(got, root)
	checks = append(checks, c)
	if note := cmp.Or(e.proof.Str("checkpoint", "envelope"), e.proof.Str("checkpoint")); note != "" {
		lines := strings.SplitN(note, "\n", 4)
		c := Check{What: "the checkpoint has the same root"}
		if len(lines) == 4 {
			sum, err := decode64(lines[2])
			c.OK = err == nil && bytes.Equal(sum, root) && lines[1] == strconv.FormatInt(size, 10)
			c.Why = visible(lines[0], 100)
		}
		checks = append(checks, c)
	}
	return checks
}

// decodeHash reads a SHA-256 in base64, as bundles have it, or in hex, as Rekor's API does.
func decodeHash(s string) ([]byte, error) {
	if len(s) == 64 {
		return hex.DecodeString(s)
	}
	b, err := decode64(s)
	if err == nil && len(b) != sha256.Size {
		err = ErrSyntax
	}
	return b, err
}

// merkleRoot computes the root from a leaf and the hashes beside its way up (RFC 9162, 2.1.3.2); nil if there are too few or too many.
func merkleRoot(leaf []byte, index, size int64, path [][]byte) []byte {
	if index < 0 || index >= size {
		return nil
	}
	fn, sn, r := index, size-1, leaf
	for _, p := range path {
		switch {
		case sn == 0:
			return nil
		case fn&1 == 1 || fn == sn:
			r = hashPair(p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		default:
			r = hashPair(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 {
		return nil
	}
	return r
}

func hashPair(a, b []byte) []byte {
	h := sha256.New()
	h.Write([]byte{1})
	h.Write(a)
	h.Write(b)
	return h.Sum(nil)
}
