package inspect

// isNotationPayload tells what Notation signs of an image (signature-specification.md).
func isNotationPayload(n *Node) bool { return n.Get("targetArtifact", "digest").Is(String) }

// decodeNotationPayload shows the descriptor that is signed.
func decodeNotationPayload(n *Node, _ via) *Doc {
	target := n.Get("targetArtifact")
	d := &Doc{Kind: "notation", Title: "What is signed of " + visible(target.Str("digest"), 200), Command: "jq ."}
	s := Section{Title: "Payload"}
	mt := target.Str("mediaType")
	s.add("Media type", documented(mt, MediaTypeDoc(mt)))
	s.add("Digest", linked(target.Str("digest")))
	s.add("Size", plain(target.Get("size").String()))
	for _, a := range target.Get("annotations").All() {
		if len(s.Fields) < maxScalars {
			s.add(visible(a.Key, 120), linked(a.String()))
		}
	}
	d.addSection(s)
	return d
}
