package inspect

import "strings"

// KeyDoc returns the page that says what the key of an annotation or of a label means, "" where none is known.
func KeyDoc(key string) string {
	if doc := keyDocs[key]; doc != "" {
		return doc
	}
	for _, f := range keyFamilies {
		if strings.HasPrefix(key, f.prefix) {
			return f.doc
		}
	}
	return ""
}

// keyDocs are the keys with a place of their own in a document.
var keyDocs = map[string]string{
	"dev.cosignproject.cosign/signature":       cosignSpec + "SIGNATURE_SPEC.md#signature",
	"dev.sigstore.cosign/certificate":          cosignSpec + "SIGNATURE_SPEC.md#certificate",
	"dev.sigstore.cosign/chain":                cosignSpec + "SIGNATURE_SPEC.md#chain",
	"dev.sigstore.cosign/bundle":               cosignSpec + "SIGNATURE_SPEC.md#properties",
	"dev.sigstore.cosign/rfc3161timestamp":     cosignSpec + "SIGNATURE_SPEC.md#properties",
	"dev.sigstore.cosign/timestamp":            cosignSpec + "SIGNATURE_SPEC.md#properties",
	"dev.sigstore.bundle.content":              cosignSpec + "BUNDLE_SPEC.md",
	"dev.sigstore.bundle.predicateType":        cosignSpec + "BUNDLE_SPEC.md",
	"predicateType":                            intotoSpec + "v1/predicate.md",
	"in-toto.io/predicate-type":                buildkitDoc + "attestations/attestation-storage.md",
	"io.cncf.notary.x509chain.thumbprint#S256": notarySpec + "signature-specification.md#storage",
	"containerd.io/snapshot/stargz/toc.digest": stargzSpec,
	"io.containers.estargz.uncompressed-size":  stargzSpec,
	"com.docker.official-images.bashbrew.arch": "https://github.com/docker-library/bashbrew",
	"io.containerd.image.name":                 "https://github.com/containerd/containerd/blob/main/docs/client-opts.md",
	"org.opencontainers.image.ref.name":        imageSpec + "image-layout.md#indexjson-file",
	"moby.buildkit.buildinfo.v1":               "https://github.com/moby/buildkit/blob/v0.12/docs/buildinfo.md",
	"moby.buildkit.cache.v0":                   "https://github.com/moby/buildkit#inline-push-image-and-cache-together",
	"devcontainer.metadata":                    "https://containers.dev/implementors/reference/#labels",
	"sh.brew.tab":                              "https://docs.brew.sh/Bottles",
	"com.redhat.component":                     "https://github.com/projectatomic/ContainerApplicationGenericLabels",
	"containers.bootc":                         "https://bootc-dev.github.io/bootc/",
}

// keyFamilies are the keys that share a document; the first prefix that fits counts.
var keyFamilies = []struct{ prefix, doc string }{
	{"org.opencontainers.", imageSpec + "annotations.md#pre-defined-annotation-keys"},
	{"org.label-schema.", imageSpec + "annotations.md#back-compatibility-with-label-schema"},
	{"vnd.docker.reference.", buildkitDoc + "attestations/attestation-storage.md"},
	{"com.docker.compose.", "https://docs.docker.com/reference/compose-file/"},
	{"com.docker.", "https://docs.docker.com/engine/manage-resources/labels/"},
	{"desktop.docker.", "https://docs.docker.com/extensions/extensions-sdk/extensions/labels/"},
	{"containerd.io/snapshot/nydus", "https://github.com/dragonflyoss/nydus/blob/master/docs/nydus-design.md"},
	{"containerd.io/snapshot/overlaybd", "https://github.com/containerd/accelerated-container-image/tree/main/docs"},
	{"containerd.io/", "https://github.com/containerd/containerd/tree/main/docs"},
	{"io.containerd.", "https://github.com/containerd/containerd/tree/main/docs"},
	{"io.github.containers.zstd-chunked.", "https://github.com/containers/storage/blob/main/docs/containers-storage-zstd-chunked.md"},
	{"com.amazon.soci.", sociDoc + "soci-index-manifest-v2.md"},
	{"com.amazonaws.soci.", sociDoc + "soci-index-manifest-v2.md"},
	{"dev.sigstore.", "https://docs.sigstore.dev/"},
	{"dev.cosignproject.", cosignSpec + "SIGNATURE_SPEC.md"},
	{"io.cncf.notary.", notarySpec + "signature-specification.md"},
	{"org.cncf.", "https://github.com/cncf"},
	{"io.buildpacks.", "https://github.com/buildpacks/spec/blob/main/platform.md#labels"},
	{"buildpacks.", "https://github.com/buildpacks/spec/blob/main/platform.md#labels"},
	{"io.buildah.", "https://github.com/containers/buildah/tree/main/docs"},
	{"io.openshift.", "https://docs.openshift.com/container-platform/latest/openshift_images/create-images.html"},
	{"io.k8s.", "https://kubernetes.io/docs/reference/labels-annotations-taints/"},
	{"sh.helm.", helmDoc + "registries/"},
	{"org.cnab.", "https://github.com/cnabio/cnab-spec"},
	{"org.cyclonedx.", "https://cyclonedx.org/specification/overview/"},
	{"dev.containers.", "https://containers.dev/implementors/reference/"},
	{"run.oci.", "https://github.com/containers/crun/blob/main/crun.1.md"},
	{"module.wasm.image/", wasmSpec},
	{"org.chainguard.", "https://edu.chainguard.dev/"},
	{"dev.chainguard.", "https://edu.chainguard.dev/"},
	{"io.artifacthub.", "https://artifacthub.io/docs/topics/repositories/"},
	{"artifacthub.io/", "https://artifacthub.io/docs/topics/annotations/helm/"},
	{"dev.orbstack.", "https://docs.orbstack.dev/"},
	{"traefik.", "https://doc.traefik.io/traefik/providers/docker/"},
}

const (
	predicates = intotoSpec + "predicates/"
	slsaSpec   = "https://slsa.dev/spec/"
)

// PredicateDoc returns the page that says what an in-toto predicateType holds. A type that is the URL of its own page is returned as it
// is; "" is returned where nothing is known.
func PredicateDoc(predicateType string) string {
	for _, p := range predicateDocs {
		if strings.HasPrefix(predicateType, p.prefix) {
			return p.doc
		}
	}
	if isWebURL(predicateType) {
		return predicateType
	}
	return ""
}

// predicateDocs: the first prefix that fits counts.
var predicateDocs = []struct{ prefix, doc string }{
	{"https://slsa.dev/provenance/v0.1", slsaSpec + "v0.1/provenance"},
	{"https://slsa.dev/provenance/v0.2", slsaSpec + "v0.2/provenance"},
	{"https://slsa.dev/provenance/v1", slsaSpec + "v1.1/provenance"},
	{"https://slsa.dev/verification_summary/", slsaSpec + "v1.1/verification_summary"},
	{"https://spdx.dev/Document/v3", predicates + "spdx3.md"},
	{"https://spdx.dev/Document", predicates + "spdx2.md"},
	{"https://cyclonedx.org/bom", predicates + "cyclonedx.md"},
	{"https://cyclonedx.org/schema", predicates + "cyclonedx.md"},
	{"cosign.sigstore.dev/attestation/v1", cosignSpec + "COSIGN_PREDICATE_SPEC.md"},
	{"https://cosign.sigstore.dev/attestation/vuln/v1", cosignSpec + "COSIGN_VULN_ATTESTATION_SPEC.md"},
	{"cosign.sigstore.dev/attestation/vuln/v1", cosignSpec + "COSIGN_VULN_ATTESTATION_SPEC.md"},
	{"https://cosign.sigstore.dev/attestation/", cosignSpec + "COSIGN_PREDICATE_SPEC.md"},
	{"https://sigstore.dev/cosign/sign/v1", cosignSpec + "BUNDLE_SPEC.md"},
	{"https://in-toto.io/Link/", predicates + "link.md"},
	{"https://in-toto.io/attestation/vulns", predicates + "vulns_02.md"},
	{"https://in-toto.io/attestation/test-result", predicates + "test-result.md"},
	{"https://in-toto.io/attestation/scai", predicates + "scai.md"},
	{"https://in-toto.io/attestation/runtime-trace", predicates + "runtime-trace.md"},
	{"https://in-toto.io/attestation/release", predicates + "release.md"},
	{"https://in-toto.io/attestation/deployment", predicates + "deployment.md"},
	{"https://in-toto.io/attestation/svr", predicates + "svr.md"},
	{"https://in-toto.io/attestation/reference", predicates + "reference.md"},
	{"https://in-toto.io/attestation/", predicates},
	{"https://openvex.dev/ns", "https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md"},
	{"https://docker.com/dhi/", "https://docs.docker.com/dhi/core-concepts/attestations/"},
	{"https://scout.docker.com/", "https://docs.docker.com/scout/"},
	{"https://apko.dev/", "https://github.com/chainguard-dev/apko"},
}

// StatementDoc returns the page of an in-toto statement's _type.
func StatementDoc(statementType string) string {
	switch statementType {
	case "https://in-toto.io/Statement/v0.1":
		return intotoSpec + "v0.1.0/README.md#statement"
	case "https://in-toto.io/Statement/v1":
		return intotoSpec + "v1/statement.md"
	}
	return ""
}

// BuildTypeDoc returns the page of the buildType of a SLSA provenance.
func BuildTypeDoc(buildType string) string {
	if strings.HasPrefix(buildType, "https://mobyproject.org/buildkit@") {
		return buildkitDoc + "attestations/slsa-definitions.md"
	}
	if isWebURL(buildType) {
		return buildType
	}
	return ""
}
