package inspect

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// isDSSE tells the envelope of https://github.com/secure-systems-lab/dsse by its members.
func isDSSE(n *Node) bool {
	return n.Get("payload").Is(String) && n.Get("payloadType").Is(String) && n.Get("signatures").Is(Array)
}

// decodeDSSE shows an envelope, and then what is in it.
func decodeDSSE(n *Node, v via) *Doc {
	d := &Doc{Kind: "dsse", Title: "A signed envelope", Command: "jq -r .payload | base64 -d"}
	payload, err := decode64(n.Str("payload"))
	s := Section{Title: "Envelope"}
	payloadType := n.Str("payloadType")
	s.add("Payload type", documented(payloadType, MediaTypeDoc(payloadType)))
	s.add("Payload", Value{Text: plural(len(payload), "byte"), Ref: v.to(n.Get("payload"), "base64 -d").ref()})
	if err != nil {
		s.Note = "The payload is not in base64."
	}
	d.addSection(s)
	d.addSection(signatureTable(n.Get("signatures")))
	d.inner(payload, v.to(n.Get("payload"), "base64 -d"))
	return d
}

func signatureTable(n *Node) Section {
	s := table("Signatures", "#", "Key", "Signature")
	for i, sig := range n.All() {
		if i == 100 {
			s.Note = fmt.Sprintf("Only the first 100 of %d signatures are shown.", len(n.All()))
			break
		}
		key := sig.Str("keyid")
		if key == "" {
			key = "without a name"
		}
		s.row(number(i), plain(key), plain(sig.Str("sig")))
	}
	return s
}

// inner appends what there is to say about JSON that stands in the document, if anything.
func (d *Doc) inner(raw []byte, v via) {
	n, err := ParseJSON(raw, &docLimits)
	if err != nil {
		return
	}
	if sub := InspectJSON(n, string(v)); sub != nil {
		d.include(sub)
	}
}

// include appends the sections of another Doc, and lets it speak for this one.
func (d *Doc) include(sub *Doc) {
	if sub.Title != "" {
		d.Title += ": " + lowerFirst(sub.Title)
	}
	d.Sections = append(d.Sections, sub.Sections...)
	if sub.Note != "" {
		d.Note = strings.TrimSpace(d.Note + " " + sub.Note)
	}
}

// lowerFirst makes a title the rest of a sentence, unless it begins with an acronym.
func lowerFirst(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && (s[1] == ' ' || s[1] >= 'a' && s[1] <= 'z') {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// decode64 decodes base64 of either alphabet, padded or not; JSON of protobuf may have any of them.
func decode64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "").Replace(strings.TrimRight(s, "=\r\n"))
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return b, nil
}

// pae is what is signed of an envelope: its pre-authentication encoding (protocol.md).
func pae(payloadType string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}
