package inspect

// isSimpleSigning tells what cosign signs of an image.
func isSimpleSigning(n *Node) bool {
	return n.Get("critical", "image").Is(Object) && n.Get("critical", "identity").Is(Object)
}

// simpleDigest returns the digest of the image that is signed; there are two spellings of its key.
func simpleDigest(n *Node) string {
	image := n.Get("critical", "image")
	if d := image.Str("docker-manifest-digest"); d != "" {
		return d
	}
	return image.Str("Docker-manifest-digest")
}
