package inspect

import "encoding/hex"

// messageDigest returns the digest of what a bundle signs when it does not hold it.
func messageDigest(n *Node) string {
	raw, err := decode64(n.Str("messageSignature", "messageDigest", "digest"))
	if err != nil {
		return ""
	}
	names := map[string]string{"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
	return names[n.Str("messageSignature", "messageDigest", "algorithm")] + ":" + hex.EncodeToString(raw)
}
