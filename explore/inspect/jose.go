package inspect

// isJWS tells a JSON Web Signature in the flattened JSON syntax (RFC 7515, 7.2.2).
func isJWS(n *Node) bool {
	return n.Get("payload").Is(String) && n.Get("protected").Is(String) && n.Get("signature").Is(String)
}
