package explore

import (
	"strings"

	"vitrine/storage/oci"
)

// referrerKind says in a word what a manifest says about another: by its artifact type, and where that is Sigstore's bundle by its annotations.
func referrerKind(d oci.Descriptor) string {
	t := strings.ToLower(d.ArtifactType)
	if strings.HasPrefix(t, "application/vnd.dev.sigstore.bundle") {
		if d.Annotations["dev.sigstore.bundle.content"] == "message-signature" || signing[d.Annotations["dev.sigstore.bundle.predicateType"]] {
			return "signature"
		}
		return "attestation"
	}
	for _, k := range referrerKinds {
		if strings.Contains(t, k.part) {
			return k.kind
		}
	}
	return shortened(d.ArtifactType, 60)
}

// signing are the predicates of bundles that say no more than that the subject is signed.
var signing = map[string]bool{"https://sigstore.dev/cosign/sign/v1": true}

// referrerKinds are words for artifact types that have part in them; the first that fits counts.
var referrerKinds = []struct{ part, kind string }{
	{"cosign.artifact.sig", "signature"},
	{"cncf.notary.signature", "signature"},
	{"cosign.artifact.att", "attestation"},
	{"in-toto", "attestation"},
	{"spdx", "SBOM"},
	{"cyclonedx", "SBOM"},
	{"syft", "SBOM"},
	{"sbom", "SBOM"},
	{"sarif", "scan"},
	{"openvex", "VEX"},
}
