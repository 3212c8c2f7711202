package inspect

import (
	"mime"
	"strings"
)

// Where specifications stand that many names point into.
const (
	imageSpec   = "https://github.com/opencontainers/image-spec/blob/main/"
	dockerSpec  = "https://distribution.github.io/distribution/spec/"
	cosignSpec  = "https://github.com/sigstore/cosign/blob/main/specs/"
	notarySpec  = "https://github.com/notaryproject/specifications/blob/main/specs/"
	buildkitDoc = "https://github.com/moby/buildkit/blob/master/docs/"
	helmDoc     = "https://helm.sh/docs/topics/"
	dsseSpec    = "https://github.com/secure-systems-lab/dsse/blob/master/"
	intotoSpec  = "https://github.com/in-toto/attestation/blob/main/spec/"
	bundleSpec  = "https://docs.sigstore.dev/about/bundle/"
	stargzSpec  = "https://github.com/containerd/stargz-snapshotter/blob/main/docs/estargz.md"
	sociDoc     = "https://github.com/awslabs/soci-snapshotter/blob/main/docs/"
	wasmSpec    = "https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/"
	rfc         = "https://www.rfc-editor.org/rfc/"
)

// MediaTypeDoc returns the page that specifies a media type (also an artifactType or a payloadType), "" where none is known. Parameters
// are ignored; a type that is not in the table has the page of its structured syntax suffix, +json for one (RFC 6838, 4.2.8).
func MediaTypeDoc(mt string) string {
	if t, _, err := mime.ParseMediaType(mt); err == nil {
		mt = t
	}
	mt = strings.ToLower(mt)
	if doc := mediaTypeDocs[mt]; doc != "" {
		return doc
	}
	for _, f := range mediaTypeFamilies {
		if strings.HasPrefix(mt, f.prefix) && strings.HasSuffix(mt, f.suffix) {
			return f.doc
		}
	}
	return ""
}

// mediaTypeFamilies are for types that are many; the first that fits counts.
var mediaTypeFamilies = []struct{ prefix, suffix, doc string }{
	{"application/vnd.dev.sigstore.bundle", "", bundleSpec},
	{"application/vnd.cncf.helm.", "", helmDoc + "registries/"},
	{"application/vnd.oci.image.", "", imageSpec + "media-types.md"},
	{"application/vnd.docker.ai.", "", "https://docs.docker.com/ai/model-runner/"},
	{"application/vnd.docker.", "", dockerSpec + "manifest-v2-2/"},
	{"application/vnd.cncf.model.", "", "https://github.com/modelpack/model-spec/blob/main/docs/spec.md"},
	{"application/vnd.cncf.notary.", "", notarySpec + "signature-specification.md"},
	{"application/vnd.cncf.flux.", "", "https://fluxcd.io/flux/cheatsheets/oci-artifacts/"},
	{"application/vnd.cncf.openpolicyagent.", "", "https://www.conftest.dev/sharing/"},
	{"application/vnd.ollama.", "", "https://github.com/ollama/ollama/blob/main/docs/import.md"},
	{"application/vnd.wasm.", "", wasmSpec},
	{"application/vnd.amazon.soci.", "", sociDoc + "soci-index-manifest-v2.md"},
	{"application/vnd.aquasec.trivy.", "", "https://trivy.dev/latest/docs/configuration/db/"},
	{"application/vnd.devcontainers", "", "https://containers.dev/implementors/features-distribution/"},
	{"application/vnd.opentofu.", "", "https://opentofu.org/docs/cli/oci_registries/"},
	{"application/vnd.buildkit.", "", buildkitDoc},
	{"application/vnd.in-toto", "", intotoSpec + "v1/envelope.md"},
	{"application/vnd.cyclonedx", "", "https://cyclonedx.org/specification/overview/"},
	{"application/spdx", "", "https://spdx.dev/use/specifications/"},
	{"application/sarif", "", "https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html"},
	{"application/vnd.goharbor.", "", "https://goharbor.io/docs/"},
	{"application/vnd.gardener.", "", "https://ocm.software/"},
	{"application/vnd.ocm.", "", "https://ocm.software/"},
	{"application/vnd.acme.rocket.", "", imageSpec + "manifest.md#guidelines-for-artifact-usage"},
	{"application/", "+json", rfc + "rfc8259"},
	{"application/", "+gzip", rfc + "rfc8460#section-6.2"},
	{"application/", "+zstd", rfc + "rfc8878"},
	{"application/", "+cbor", rfc + "rfc8949"},
	{"application/", "+cose", rfc + "rfc9052"},
	{"application/", "+yaml", rfc + "rfc9512"},
	{"application/", "+zip", rfc + "rfc6839"},
	{"application/", "+xml", rfc + "rfc7303"},
	{"application/", "+dsse", dsseSpec + "envelope.md"},
	{"application/", "+wasm", wasmSpec},
}

var mediaTypeDocs = map[string]string{
	"application/vnd.oci.descriptor.v1+json":                       imageSpec + "descriptor.md",
	"application/vnd.oci.layout.header.v1+json":                    imageSpec + "image-layout.md#oci-layout-file",
	"application/vnd.oci.image.index.v1+json":                      imageSpec + "image-index.md",
	"application/vnd.oci.image.manifest.v1+json":                   imageSpec + "manifest.md",
	"application/vnd.oci.image.config.v1+json":                     imageSpec + "config.md",
	"application/vnd.oci.image.layer.v1.tar":                       imageSpec + "layer.md",
	"application/vnd.oci.image.layer.v1.tar+gzip":                  imageSpec + "layer.md#gzip-media-types",
	"application/vnd.oci.image.layer.v1.tar+zstd":                  imageSpec + "layer.md#zstd-media-types",
	"application/vnd.oci.image.layer.nondistributable.v1.tar":      imageSpec + "layer.md#non-distributable-layers",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip": imageSpec + "layer.md#gzip-media-types-1",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd": imageSpec + "layer.md#zstd-media-types-1",
	"application/vnd.oci.empty.v1+json":                            imageSpec + "manifest.md#guidance-for-an-empty-descriptor",
	"application/vnd.oci.artifact.manifest.v1+json":                "https://github.com/opencontainers/image-spec/blob/v1.1.0-rc2/artifact.md",
	"application/vnd.docker.distribution.manifest.v1+json":         dockerSpec + "deprecated-schema-v1/",
	"application/vnd.docker.distribution.manifest.v1+prettyjws":    dockerSpec + "deprecated-schema-v1/#signed-manifests",
	"application/vnd.docker.distribution.manifest.v2+json":         dockerSpec + "manifest-v2-2/#image-manifest",
	"application/vnd.docker.distribution.manifest.list.v2+json":    dockerSpec + "manifest-v2-2/#manifest-list",
	"application/vnd.docker.container.image.v1+json":               "https://github.com/moby/docker-image-spec/blob/main/spec.md",
	"application/vnd.docker.image.rootfs.diff.tar":                 "https://github.com/moby/docker-image-spec/blob/main/spec.md",
	"application/vnd.docker.image.rootfs.diff.tar.gzip":            "https://github.com/moby/docker-image-spec/blob/main/spec.md",
	"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":    dockerSpec + "manifest-v2-2/#image-manifest-field-descriptions",
	"application/vnd.docker.plugin.v1+json":                        "https://docs.docker.com/engine/extend/config/",
	"application/vnd.docker.ai.gguf.v3":                            "https://github.com/ggml-org/ggml/blob/master/docs/gguf.md",
	"application/vnd.ollama.image.model":                           "https://github.com/ggml-org/ggml/blob/master/docs/gguf.md",
	"application/vnd.dev.cosign.simplesigning.v1+json":             cosignSpec + "SIGNATURE_SPEC.md#simple-signing",
	"application/vnd.dev.cosign.artifact.sig.v1+json":              cosignSpec + "SIGNATURE_SPEC.md",
	"application/vnd.dev.cosign.artifact.sbom.v1+json":             cosignSpec + "SBOM_SPEC.md",
	"application/vnd.dev.cosign.attestation.v1":                    cosignSpec + "ATTESTATION_SPEC.md",
	"application/vnd.dsse.envelope.v1+json":                        dsseSpec + "envelope.md",
	"application/vnd.dsse+json":                                    dsseSpec + "envelope.md",
	"application/vnd.in-toto+json":                                 intotoSpec + "v1/statement.md",
	"application/vnd.in-toto.bundle":                               intotoSpec + "v1/bundle.md",
	"application/vnd.cncf.notary.signature":                        notarySpec + "signature-specification.md",
	"application/vnd.cncf.notary.payload.v1+json":                  notarySpec + "signature-specification.md#payload",
	"application/vnd.cncf.oras.artifact.manifest.v1+json":          "https://github.com/oras-project/artifacts-spec/blob/main/artifact-manifest.md",
	"application/jose+json":                                        notarySpec + "signature-envelope-jws.md",
	"application/jose":                                             rfc + "rfc7515",
	"application/cose":                                             notarySpec + "signature-envelope-cose.md",
	"application/cbor":                                             rfc + "rfc8949",
	"application/timestamp-reply":                                  rfc + "rfc3161#section-3.4",
	"application/timestamp-query":                                  rfc + "rfc3161#section-3.4",
	"application/pkcs7-signature":                                  rfc + "rfc5652",
	"application/x-pem-file":                                       rfc + "rfc7468",
	"application/pgp-signature":                                    rfc + "rfc9580",
	"application/vnd.cncf.helm.chart.content.v1.tar+gzip":          helmDoc + "charts/",
	"application/vnd.cncf.helm.config.v1+json":                     helmDoc + "charts/#the-chartyaml-file",
	"application/vnd.cncf.helm.chart.provenance.v1.prov":           helmDoc + "provenance/",
	"application/vnd.buildkit.cacheconfig.v0":                      "https://github.com/moby/buildkit#registry-push-image-and-cache-separately",
	"application/vnd.oci.image.layer.v1.tar+gzip+encrypted":        "https://github.com/containers/ocicrypt/blob/main/docs/design.md",
	"application/vnd.oci.image.layer.v1.tar+encrypted":             "https://github.com/containers/ocicrypt/blob/main/docs/design.md",
	"application/octet-stream":                                     rfc + "rfc2046#section-4.5.1",
	"application/json":                                             rfc + "rfc8259",
	"application/gzip":                                             rfc + "rfc1952",
	"application/zstd":                                             rfc + "rfc8878",
	"application/zip":                                              "https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT",
	"application/wasm":                                             "https://webassembly.github.io/spec/core/binary/",
	"application/yaml":                                             rfc + "rfc9512",
	"application/toml":                                             "https://toml.io/",
	"application/sarif+json":                                       "https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html",
	"application/spdx+json":                                        "https://spdx.dev/use/specifications/",
	"text/spdx":                                                    "https://spdx.dev/use/specifications/",
	"application/vnd.cyclonedx+json":                               "https://cyclonedx.org/docs/latest/json/",
	"application/vnd.cyclonedx+xml":                                "https://cyclonedx.org/docs/latest/xml/",
	"text/markdown":                                                rfc + "rfc7763",
	"application/openvex+json":                                     "https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md",
	"application/vnd.openvex+json":                                 "https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md",
	"application/vnd.oras.config.v1+json":                          "https://oras.land/docs/concepts/artifact/",
	"application/vnd.unknown.artifact.v1":                          "https://oras.land/docs/concepts/artifact/",
	"application/vnd.unknown.config.v1+json":                       "https://oras.land/docs/concepts/artifact/",
}
