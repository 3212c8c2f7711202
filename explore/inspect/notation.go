package inspect

// isNotationPayload tells what Notation signs of an image.
func isNotationPayload(n *Node) bool { return n.Get("targetArtifact", "digest").Is(String) }
