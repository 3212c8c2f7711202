package explore

import (
	"strings"
	"testing"

	"vitrine/storage/oci"
)

const (
	spdx      = "application/spdx+json"
	cyclonedx = "application/vnd.cyclonedx+json"
	bundle    = "application/vnd.dev.sigstore.bundle.v0.3+json"
	jose      = "application/jose+json"
	fulcio    = "-----BEGIN CERTIFICATE-----\\nMII=\\n-----END CERTIFICATE-----\\n"
)

// linkRows have a document, the text of a piece of it, and where that leads: "doc " before what is documentation, "tip " where there are words and no
// link, "" for no link. What $x means, words tells; $self is the page of the document.
var linkRows = []struct{ name, mediaType, doc, text, want string }{
	// Descriptors.
	{"mediaType", oci.MediaTypeImageManifest, `{"mediaType":"application/vnd.oci.image.manifest.v1+json"}`, "application/vnd.oci.image.manifest.v1+json", "doc https://github.com/opencontainers/image-spec/blob/main/manifest.md"},
	{"payloadType", "", `{"payloadType":"application/vnd.in-toto+json"}`, "application/vnd.in-toto+json", "doc https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md"},
	{"artifactType", "", `{"artifactType":"application/spdx+json"}`, "application/spdx+json", "doc https://spdx.dev/use/specifications/"},
	{"no such type", "", `{"mediaType":"x/y"}`, "x/y", ""},
	{"manifest", oci.MediaTypeImageIndex, `{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"$d"}]}`, "$d", "/r/app@$d"},
	{"index", oci.MediaTypeImageIndex, `{"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"$d"}]}`, "$d", "/r/app@$d"},
	{"Docker's list", oci.MediaTypeDockerList, `{"manifests":[{"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","digest":"$d"}]}`, "$d", "/r/app@$d"},
	{"schema 1", "", `{"mediaType":"application/vnd.docker.distribution.manifest.v1+prettyjws","digest":"$d"}`, "$d", "/r/app@$d"},
	{"artifact manifest", "", `{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","digest":"$d"}`, "$d", "/r/app@$d"},
	{"subject", oci.MediaTypeImageManifest, `{"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"$d"}}`, "$d", "/r/app@$d"},
	{"layer", oci.MediaTypeImageManifest, `{"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"$d"}]}`, "$d", "/fs/app@$d/"},
	{"layer of Docker", oci.MediaTypeDockerManifest, `{"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","digest":"$d"}]}`, "$d", "/fs/app@$d/"},
	{"layer with zstd", oci.MediaTypeImageManifest, `{"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd","digest":"$d"}]}`, "$d", "/fs/app@$d/"},
	{"non-distributable", oci.MediaTypeImageManifest, `{"layers":[{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip","digest":"$d"}]}`, "$d", "/fs/app@$d/"},
	{"Helm chart", oci.MediaTypeImageManifest, `{"layers":[{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip","digest":"$d"}]}`, "$d", "/fs/app@$d/"},
	{"config", oci.MediaTypeImageManifest, `{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"$d"}}`, "$d", "/blob/app@$d?mt=application%2Fvnd.oci.image.config.v1%2Bjson&manifest=$m"},
	{"simple signing", oci.MediaTypeImageManifest, `{"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":"$d"}]}`, "$d", "/blob/app@$d?mt=application%2Fvnd.dev.cosign.simplesigning.v1%2Bjson&manifest=$m"},
	{"COSE", oci.MediaTypeImageManifest, `{"layers":[{"mediaType":"application/cose","digest":"$d"}]}`, "$d", "/blob/app@$d?mt=application%2Fcose&manifest=$m"},
	{"Wasm", oci.MediaTypeImageManifest, `{"layers":[{"mediaType":"application/vnd.wasm.content.layer.v1+wasm","digest":"$d"}]}`, "$d", "/blob/app@$d?mt=application%2Fvnd.wasm.content.layer.v1%2Bwasm&manifest=$m"},
	{"anything else", "", `{"mediaType":"x/y","digest":"$d"}`, "$d", "/blob/app@$d?mt=x%2Fy"},
	{"a digest alone", "", `{"digest":"$d"}`, "$d", "/blob/app@$d"},
	{"no digest", "", `{"digest":"sha256:../../x"}`, "sha256:../../x", ""},
	{"size of a layer", oci.MediaTypeImageManifest, `{"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"$d","size":1270000}]}`, "1270000", "/size/app@$d/"},
	{"size of a config", oci.MediaTypeImageManifest, `{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"$d","size":2048}}`, "2048", "tip 2.00 KiB"},
	{"Size", "", `{"Size":1048576}`, "1048576", "tip 1.00 MiB"},
	{"imageSizeBytes", "", `{"imageSizeBytes":"3072"}`, "3072", "tip 3.00 KiB"},
	{"a size below zero", "", `{"size":-1}`, "-1", ""},
	{"urls", oci.MediaTypeImageManifest, `{"layers":[{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"$d","urls":["https://mcr.example/v2/win/x y"]}]}`, "https://mcr.example/v2/win/x y", ""},
	{"urls that are taken", "foreign", `{"layers":[{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"$d","urls":["https://mcr.example/v2/a?b=c"]}]}`, "https://mcr.example/v2/a?b=c", "/https/mcr.example/v2/a%3Fb=c@$d?repo=app&manifest=$m"},
	{"urls that are not", oci.MediaTypeImageManifest, `{"layers":[{"digest":"$d","urls":["https://mcr.example/v2/a"]}]}`, "https://mcr.example/v2/a", "doc https://mcr.example/v2/a"},
	{"data", oci.MediaTypeImageManifest, `{"config":{"digest":"$d","data":"e30="}}`, "e30=", "$self?jq=.config.data+%7C+base64+-d"},
	{"empty config", oci.MediaTypeImageManifest, `{"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"$d"}}`, "$d", "/blob/app@$d?mt=application%2Fvnd.oci.empty.v1%2Bjson&manifest=$m"},
	{"blobSum", mediaTypeSchema1, `{"fsLayers":[{"blobSum":"$d"}]}`, "$d", "/fs/app@$d/"},
	{"v1Compatibility", mediaTypeSchema1, `{"history":[{"v1Compatibility":"{\"id\":\"x\"}"}]}`, `{\"id\":\"x\"}`, "$self?jq=.history%5B0%5D.v1Compatibility"},

	// Keys.
	{"key layers", oci.MediaTypeImageManifest, `{"layers":[]}`, "layers", "/layers/app@$m/"},
	{"key layers elsewhere", oci.MediaTypeImageManifest, `{"x":{"layers":[]}}`, "layers", ""},
	{"key history", mediaTypeConfig, `{"history":[]}`, "history", "$self&render=history"},
	{"key of an annotation", "", `{"annotations":{"org.opencontainers.image.title":"x"}}`, "org.opencontainers.image.title", "doc https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys"},
	{"key of cosign", "", `{"annotations":{"dev.cosignproject.cosign/signature":"x"}}`, "dev.cosignproject.cosign/signature", "doc https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#signature"},
	{"key that stands twice", "", `{"a":1,"a":2}`, "a", "tip This key stands again further down, and programs take that one."},

	// Configurations.
	{"PATH", mediaTypeConfig, `{"config":{"Env":["A=b","PATH=/usr/bin:/bin"]}}`, "PATH=/usr/bin:/bin", "/layers/app@$i/?env=PATH&path=%2Fusr%2Fbin:%2Fbin"},
	{"another variable", mediaTypeConfig, `{"config":{"Env":["A=b"]}}`, "A=b", ""},
	{"WorkingDir", mediaTypeConfig, `{"config":{"WorkingDir":"/srv/my app"}}`, "/srv/my app", "/layers/app@$i/srv/my%20app"},
	{"WorkingDir out of it", mediaTypeConfig, `{"config":{"WorkingDir":"/../../x"}}`, "/../../x", ""},
	{"Entrypoint", mediaTypeConfig, `{"config":{"Entrypoint":["/bin/sh","-c"]}}`, "/bin/sh", "/layers/app@$i/bin/sh"},
	{"Cmd", mediaTypeConfig, `{"config":{"Cmd":["/bin/ls","x"]}}`, "/bin/ls", "/layers/app@$i/bin/ls"},
	{"created_by", mediaTypeConfig, `{"history":[{"created_by":"RUN x && y"}]}`, "RUN x && y", "$self&jq=.history%5B0%5D.created_by&render=created_by"},
	{"diff_ids", mediaTypeConfig, `{"rootfs":{"diff_ids":["$d"]}}`, "$d", "/fs/app@$l/"},
	{"os.version", mediaTypeConfig, `{"os.version":"10.0.20348.2527"}`, "10.0.20348.2527", "doc https://learn.microsoft.com/en-us/virtualization/windowscontainers/deploy-containers/version-compatibility"},
	{"os.version in a platform", oci.MediaTypeImageIndex, `{"manifests":[{"platform":{"os.version":"10.0.17763.1"}}]}`, "10.0.17763.1", "doc https://learn.microsoft.com/en-us/virtualization/windowscontainers/deploy-containers/version-compatibility"},
	{"buildinfo", mediaTypeConfig, `{"moby.buildkit.buildinfo.v1":"e30="}`, "e30=", "$self&jq=.%5B%22moby.buildkit.buildinfo.v1%22%5D+%7C+base64+-d"},
	{"cache", mediaTypeConfig, `{"moby.buildkit.cache.v0":"e30="}`, "e30=", "$self&jq=.%5B%22moby.buildkit.cache.v0%22%5D+%7C+base64+-d"},
	{"buildpacks", mediaTypeConfig, `{"config":{"Labels":{"io.buildpacks.lifecycle.metadata":"{\"app\":[]}"}}}`, `{\"app\":[]}`, "$self&jq=.config.Labels%5B%22io.buildpacks.lifecycle.metadata%22%5D"},

	// Annotations and labels.
	{"base.name here", "", `{"annotations":{"org.opencontainers.image.base.name":"localhost:5000/base:1"}}`, "localhost:5000/base:1", "/r/base:1"},
	{"base.name by another name of ours", "", `{"annotations":{"org.opencontainers.image.base.name":"127.0.0.1:5000/base:1"}}`, "127.0.0.1:5000/base:1", "/r/base:1"},
	{"base.name on another port", "", `{"annotations":{"org.opencontainers.image.base.name":"localhost:5001/base:1"}}`, "localhost:5001/base:1", ""},
	{"base.name elsewhere", "", `{"annotations":{"org.opencontainers.image.base.name":"docker.io/library/debian:12"}}`, "docker.io/library/debian:12", "https://hub.docker.com/_/debian"},
	{"base.name scratch", "", `{"annotations":{"org.opencontainers.image.base.name":"scratch"}}`, "scratch", "doc https://hub.docker.com/_/scratch"},
	{"base.digest", "", `{"annotations":{"org.opencontainers.image.base.name":"base:1","org.opencontainers.image.base.digest":"$d"}}`, "$d", "/r/base@$d"},
	{"reference.digest", oci.MediaTypeImageIndex, `{"manifests":[{"annotations":{"vnd.docker.reference.digest":"$d"}}]}`, "$d", "/r/app@$d"},
	{"reference.type", "", `{"annotations":{"vnd.docker.reference.type":"attestation-manifest"}}`, "attestation-manifest", "doc https://docs.docker.com/build/metadata/attestations/attestation-storage/"},
	{"source", "", `{"annotations":{"org.opencontainers.image.source":"https://git.example/x"}}`, "https://git.example/x", "https://git.example/x"},
	{"source at a commit", "", `{"annotations":{"org.opencontainers.image.source":"https://github.com/a/b.git#0123abc:dir/x"}}`, "https://github.com/a/b.git#0123abc:dir/x", "https://github.com/a/b/tree/0123abc/dir/x"},
	{"source by ssh", "", `{"Labels":{"org.opencontainers.image.source":"git@github.com:a/b.git"}}`, "git@github.com:a/b.git", "https://github.com/a/b.git"},
	{"url", "", `{"annotations":{"org.opencontainers.image.url":"https://x.example/"}}`, "https://x.example/", "https://x.example/"},
	{"documentation", "", `{"annotations":{"org.opencontainers.image.documentation":"https://x.example/doc"}}`, "https://x.example/doc", "https://x.example/doc"},
	{"gitUrl", "", `{"gitUrl":"git://github.com/a/b"}`, "git://github.com/a/b", "https://github.com/a/b"},
	{"revision", "", `{"annotations":{"org.opencontainers.image.source":"https://github.com/a/b","org.opencontainers.image.revision":"0123abc"}}`, "0123abc", "https://github.com/a/b/commit/0123abc"},
	{"cosign's bundle", oci.MediaTypeImageManifest, `{"layers":[{"annotations":{"dev.sigstore.cosign/bundle":"{\"Payload\":{}}"}}]}`, `{\"Payload\":{}}`, "$self?jq=.layers%5B0%5D.annotations%5B%22dev.sigstore.cosign%2Fbundle%22%5D"},
	{"cosign's timestamp", oci.MediaTypeImageManifest, `{"layers":[{"annotations":{"dev.sigstore.cosign/rfc3161timestamp":"{\"SignedRFC3161Timestamp\":\"MII=\"}"}}]}`, `{\"SignedRFC3161Timestamp\":\"MII=\"}`, "$self?jq=.layers%5B0%5D.annotations%5B%22dev.sigstore.cosign%2Frfc3161timestamp%22%5D"},
	{"certificate", oci.MediaTypeImageManifest, `{"annotations":{"dev.sigstore.cosign/certificate":"` + fulcio + `"}}`, fulcio, "$self?jq=.annotations%5B%22dev.sigstore.cosign%2Fcertificate%22%5D&render=x509"},
	{"chain", oci.MediaTypeImageManifest, `{"annotations":{"dev.sigstore.cosign/chain":"` + fulcio + `"}}`, fulcio, "$self?jq=.annotations%5B%22dev.sigstore.cosign%2Fchain%22%5D&render=x509"},
	{"sh.brew.tab", oci.MediaTypeImageIndex, `{"manifests":[{"annotations":{"sh.brew.tab":"{\"arch\":\"arm64\"}"}}]}`, `{\"arch\":\"arm64\"}`, "$self?jq=.manifests%5B0%5D.annotations%5B%22sh.brew.tab%22%5D"},

	// Signatures.
	{"docker-reference", "", `{"critical":{"identity":{"docker-reference":"localhost:5000/app"},"image":{"docker-manifest-digest":"$d"}}}`, "localhost:5000/app", "/r/app@$d"},
	{"docker-manifest-digest", "", `{"critical":{"identity":{"docker-reference":"localhost:5000/app"},"image":{"docker-manifest-digest":"$d"}}}`, "$d", "/r/app@$d"},
	{"Docker-reference", "", `{"critical":{"identity":{"Docker-reference":"app"},"image":{"Docker-manifest-digest":"$d"}}}`, "app", "/r/app@$d"},
	{"Docker-manifest-digest", "", `{"critical":{"identity":{"Docker-reference":"app"},"image":{"Docker-manifest-digest":"$d"}}}`, "$d", "/r/app@$d"},
	{"Rekor body", "", `{"Payload":{"body":"e30="}}`, "e30=", "$self?jq=.Payload.body+%7C+base64+-d"},
	{"Rekor logIndex", "", `{"Payload":{"logIndex":123}}`, "123", "https://search.sigstore.dev/?logIndex=123"},
	{"Rekor integratedTime", "", `{"Payload":{"integratedTime":1767225600}}`, "1767225600", "tip 2026-01-01 00:00:00Z"},
	{"hash of data", "", `{"spec":{"data":{"hash":{"algorithm":"sha256","value":"$h"}}}}`, "$h", "/blob/app@$d"},
	{"payloadHash", "", `{"spec":{"payloadHash":{"algorithm":"sha256","value":"$h"}}}`, "$h", "/blob/app@$d"},
	{"envelopeHash", "", `{"spec":{"envelopeHash":{"algorithm":"sha256","value":"$h"}}}`, "$h", "/blob/app@$d"},
	{"intoto payloadHash", "", `{"spec":{"content":{"payloadHash":{"algorithm":"sha256","value":"$h"}}}}`, "$h", "/blob/app@$d"},
	{"intoto hash", "", `{"spec":{"content":{"hash":{"algorithm":"sha256","value":"$h"}}}}`, "$h", "/blob/app@$d"},
	{"Rekor publicKey", "", `{"spec":{"signature":{"publicKey":{"content":"LS0="}}}}`, "LS0=", "$self?jq=.spec.signature.publicKey.content+%7C+base64+-d&render=x509"},
	{"intoto publicKey", "", `{"spec":{"publicKey":"LS0="}}`, "LS0=", "$self?jq=.spec.publicKey+%7C+base64+-d&render=x509"},
	{"verifier", "", `{"spec":{"signatures":[{"verifier":"LS0="}]}}`, "LS0=", "$self?jq=.spec.signatures%5B0%5D.verifier+%7C+base64+-d&render=x509"},
	{"intoto v0.0.2", "", `{"spec":{"content":{"envelope":{"signatures":[{"publicKey":"LS0="}]}}}}`, "LS0=", "$self?jq=.spec.content.envelope.signatures%5B0%5D.publicKey+%7C+base64+-d&render=x509"},
	{"timestamp", "", `{"SignedRFC3161Timestamp":"MII="}`, "MII=", "$self?jq=.SignedRFC3161Timestamp+%7C+base64+-d&render=timestamp"},
	{"bundle's certificate", bundle, `{"verificationMaterial":{"certificate":{"rawBytes":"MII="}}}`, "MII=", "$self&jq=.verificationMaterial.certificate.rawBytes+%7C+base64+-d&render=der"},
	{"bundle's chain", bundle, `{"verificationMaterial":{"x509CertificateChain":{"certificates":[{"rawBytes":"MII="}]}}}`, "MII=", "$self&jq=.verificationMaterial.x509CertificateChain.certificates%5B0%5D.rawBytes+%7C+base64+-d&render=der"},
	{"bundle's logIndex", bundle, `{"verificationMaterial":{"tlogEntries":[{"logIndex":"25579"}]}}`, "25579", "https://search.sigstore.dev/?logIndex=25579"},
	{"logIndex of a proof", bundle, `{"verificationMaterial":{"tlogEntries":[{"inclusionProof":{"logIndex":"25579"}}]}}`, "25579", ""},
	{"bundle's integratedTime", bundle, `{"verificationMaterial":{"tlogEntries":[{"integratedTime":"1767225600"}]}}`, "1767225600", "tip 2026-01-01 00:00:00Z"},
	{"bundle's body", bundle, `{"verificationMaterial":{"tlogEntries":[{"canonicalizedBody":"e30="}]}}`, "e30=", "$self&jq=.verificationMaterial.tlogEntries%5B0%5D.canonicalizedBody+%7C+base64+-d"},
	{"bundle's timestamp", bundle, `{"verificationMaterial":{"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"MII="}]}}}`, "MII=", "$self&jq=.verificationMaterial.timestampVerificationData.rfc3161Timestamps%5B0%5D.signedTimestamp+%7C+base64+-d&render=timestamp"},
	{"bundle's digest", bundle, `{"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dE="}}}`, "0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dE=", "/blob/app@$d"},
	{"bundle's payload", bundle, `{"dsseEnvelope":{"payloadType":"application/vnd.in-toto+json","payload":"e30="}}`, "e30=", "$self&jq=.dsseEnvelope.payload+%7C+base64+-d"},
	{"DSSE", "", `{"payloadType":"application/vnd.in-toto+json","payload":"e30="}`, "e30=", "$self?jq=.payload+%7C+base64+-d"},
	{"another payload", "", `{"payload":"e30="}`, "e30=", ""},
	{"DSSE cert", "", `{"signatures":[{"cert":"` + fulcio + `"}]}`, fulcio, "$self?jq=.signatures%5B0%5D.cert&render=x509"},
	{"_type", "", `{"_type":"https://in-toto.io/Statement/v1"}`, "https://in-toto.io/Statement/v1", "doc https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md"},
	{"predicateType", "", `{"predicateType":"https://slsa.dev/provenance/v1"}`, "https://slsa.dev/provenance/v1", "doc https://slsa.dev/spec/v1.1/provenance"},
	{"buildType", "", `{"predicate":{"buildType":"https://mobyproject.org/buildkit@v1"}}`, "https://mobyproject.org/buildkit@v1", "doc https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"},
	{"subject's name", "", `{"subject":[{"name":"localhost:5000/app","digest":{"sha256":"$h"}}]}`, "localhost:5000/app", "/r/app@$d"},
	{"subject's purl", "", `{"subject":[{"name":"pkg:docker/localhost:5000/app@1","digest":{"sha256":"$h"}}]}`, "pkg:docker/localhost:5000/app@1", "/r/app:1"},
	{"subject's sha256", "", `{"subject":[{"name":"x","digest":{"sha256":"$h"}}]}`, "$h", "/r/app@$d"},
	{"subject's sha512", "", `{"subject":[{"name":"x","digest":{"sha512":"$h$h"}}]}`, "$h$h", "/r/app@sha512:$h$h"},
	{"commit", "", `{"predicate":{"materials":[{"uri":"git+https://github.com/a/b@refs/heads/main","digest":{"sha1":"0123abc"}}]}}`, "0123abc", "https://github.com/a/b/commit/0123abc"},
	{"gitCommit", "", `{"predicate":{"buildDefinition":{"resolvedDependencies":[{"uri":"https://github.com/a/b","digest":{"gitCommit":"0123abc"}}]}}}`, "0123abc", "https://github.com/a/b/commit/0123abc"},
	{"JWS protected", jose, `{"protected":"eyJhIjoxfQ"}`, "eyJhIjoxfQ", "$self&jq=.protected+%7C+tr+_-+%2F%2B+%7C+awk+%27%7Bprint+%241%22%3D%3D%22%7D%27+%7C+base64+-d"},
	{"JWS payload", jose, `{"protected":"e30","payload":"e30x"}`, "e30x", "$self&jq=.payload+%7C+tr+_-+%2F%2B+%7C+base64+-d"},
	{"JWS x5c", jose, `{"header":{"x5c":["MII="]}}`, "MII=", "$self&jq=.header.x5c%5B0%5D+%7C+base64+-d&render=der"},
	{"x5c elsewhere", jose, `{"x":{"x5c":["MII="]}}`, "MII=", "$self&jq=.x.x5c%5B0%5D+%7C+base64+-d&render=der"},
	{"JWS timestamp", jose, `{"header":{"io.cncf.notary.timestampSignature":"MII="}}`, "MII=", "$self&jq=.header%5B%22io.cncf.notary.timestampSignature%22%5D+%7C+base64+-d&render=timestamp"},

	{"COSE chain", "", `{"unprotected":{"x5chain (33)":["MII="]}}`, "MII=", "$self?jq=.unprotected%5B%22x5chain+%2833%29%22%5D%5B0%5D+%7C+base64+-d&render=der"},
	{"COSE timestamp", "", `{"unprotected":{"io.cncf.notary.timestampSignature":"MII="}}`, "MII=", "$self?jq=.unprotected%5B%22io.cncf.notary.timestampSignature%22%5D+%7C+base64+-d&render=timestamp"},

	// Packages.
	{"SPDX purl", spdx, `{"packages":[{"externalRefs":[{"referenceLocator":"pkg:deb/debian/bash@5.2.15?arch=amd64&distro=debian-12"}]}]}`, "pkg:deb/debian/bash@5.2.15?arch=amd64&distro=debian-12", "https://packages.debian.org/bookworm/bash"},
	{"CycloneDX purl", cyclonedx, `{"components":[{"purl":"pkg:npm/left-pad@1.3.0"}]}`, "pkg:npm/left-pad@1.3.0", "https://www.npmjs.com/package/left-pad/v/1.3.0"},
	{"bom-ref", cyclonedx, `{"components":[{"bom-ref":"pkg:golang/github.com/x/y@v1.2.3"}]}`, "pkg:golang/github.com/x/y@v1.2.3", "https://pkg.go.dev/github.com/x/y@v1.2.3"},
	{"PyPI", "", `{"purl":"pkg:pypi/requests@2.0"}`, "pkg:pypi/requests@2.0", "https://pypi.org/project/requests/2.0"},
	{"Maven", "", `{"purl":"pkg:maven/org.x/y@1"}`, "pkg:maven/org.x/y@1", "https://central.sonatype.com/artifact/org.x/y/1"},
	{"a purl anywhere", "", `{"dependsOn":["pkg:npm/left-pad@1.3.0"]}`, "pkg:npm/left-pad@1.3.0", "https://www.npmjs.com/package/left-pad/v/1.3.0"},
	{"uri of a package", "", `{"uri":"pkg:npm/left-pad@1.3.0"}`, "pkg:npm/left-pad@1.3.0", "https://www.npmjs.com/package/left-pad/v/1.3.0"},
	{"uri of git", "", `{"uri":"git+https://github.com/a/b@0123abc"}`, "git+https://github.com/a/b@0123abc", "https://github.com/a/b/tree/0123abc"},
	{"downloadLocation", spdx, `{"packages":[{"downloadLocation":"git+https://github.com/a/b"}]}`, "git+https://github.com/a/b", "https://github.com/a/b"},
	{"no downloadLocation", spdx, `{"packages":[{"downloadLocation":"NOASSERTION"}]}`, "NOASSERTION", ""},
	{"$schema", "", `{"$schema":"http://cyclonedx.org/schema/bom-1.5.schema.json"}`, "http://cyclonedx.org/schema/bom-1.5.schema.json", "doc http://cyclonedx.org/schema/bom-1.5.schema.json"},
	{"informationUri", "", `{"informationUri":"https://x.example/tool"}`, "https://x.example/tool", "doc https://x.example/tool"},

	// Whatever looks like it.
	{"a URL", "", `["https://x.example/a?b=c#d"]`, "https://x.example/a?b=c#d", "doc https://x.example/a?b=c#d"},
	{"a URL with words", "", `["https://x.example/ and more"]`, "https://x.example/ and more", ""},
	{"another scheme", "", `["javascript:alert(1)"]`, "javascript:alert(1)", ""},
	{"PEM", "", `{"x":"` + fulcio + `"}`, fulcio, "$self?jq=.x"},
	{"JSON in a string", "", `{"x":"{\"a\":1}   "}`, `{\"a\":1}   `, "$self?jq=.x"},
	{"almost JSON", "", `{"x":"{\"a\":1} x"}`, `{\"a\":1} x`, ""},
}

func TestLinks(t *testing.T) {
	hits := countHits()
	for _, c := range linkRows {
		o, mediaType := &Options{}, c.mediaType
		if mediaType == "foreign" {
			o.Foreign, mediaType = true, oci.MediaTypeImageManifest
		}
		v := showJSON(t, o, mediaType, c.doc)
		self := "/blob/app@$m"
		switch {
		case kindOf(mediaType) == docManifest, kindOf(mediaType) == docIndex:
			self = "/r/app@$m"
		case kindOf(mediaType) == docConfig:
			self += "?mt=" + strings.NewReplacer("/", "%2F", "+", "%2B").Replace(mediaType) + "&manifest=$i"
		case mediaType != "":
			self += "?mt=" + strings.NewReplacer("/", "%2F", "+", "%2B").Replace(mediaType)
		}
		want := words.Replace(strings.Replace(c.want, "$self", self, 1))
		if got := strings.ReplaceAll(linkOf(v, words.Replace(c.text)), "%3A", ":"); got != want {
			t.Errorf("%s: %s of %s\ngot  %s\nwant %s", c.name, c.text, c.doc, got, want)
		}
	}
	for where, n := range hits {
		if *n == 0 {
			t.Errorf("no row is about the rule for %q", where)
		}
	}
}

// countHits counts how often each rule makes a link.
func countHits() map[string]*int {
	hits := map[string]*int{}
	for _, set := range []ruleSet{rules().values, rules().keys} {
		for _, all := range set {
			for i := range all {
				n, link0 := new(int), all[i].link
				hits[all[i].where] = n
				all[i].link = func(s spot) link {
					l := link0(s)
					if l != (link{}) {
						*n++
					}
					return l
				}
			}
		}
	}
	return hits
}

// linkOf returns what is said about the last piece with this text, which is most often the only one.
func linkOf(v *jsonView, text string) (said string) {
	for _, p := range v.Pieces {
		if p.Text != text {
			continue
		}
		switch {
		case p.Href == "":
			said = "tip " + p.Tip
		case p.Doc:
			said = "doc " + p.Href
		default:
			said = p.Href
		}
	}
	return said
}

func TestLocal(t *testing.T) {
	h := newSite(t, &Options{ExternalURL: "https://registry.example"}).Handler.(*handler)
	r := testRequest(t, "/")
	for host, want := range map[string]bool{
		"localhost:5000": true, "LOCALHOST:5000": true, "127.0.0.1:5000": true, "[::1]:5000": true, "127.8.8.8:5000": true, "registry.example": true,
		"localhost:5001": false, "localhost": false, "10.0.0.1:5000": false, "registry.example:5000": false, "evil.example": false, "": false,
	} {
		if got := h.local(r, host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

func TestInstruction(t *testing.T) {
	for in, want := range map[string]string{
		"/bin/sh -c #(nop)  CMD [\"bash\"]":                     `CMD ["bash"]`,
		"/bin/sh -c apt-get update":                             "RUN apt-get update",
		"|2 A=1 B='x y' /bin/sh -c make":                        "RUN make",
		"RUN |1 V=1 /bin/sh -c make install # buildkit":         "RUN make install",
		"RUN /bin/sh -c make # buildkit":                        "RUN make",
		"COPY /a /b # buildkit":                                 "COPY /a /b",
		"ENTRYPOINT [\"/x\"]":                                   `ENTRYPOINT ["/x"]`,
		"bazel build ...":                                       "bazel build ...",
		"":                                                      "",
		"/bin/bash -o pipefail -c x":                            "/bin/bash -o pipefail -c x",
		"|1 A= /bin/sh -c #(nop) COPY file:1 in /":              "COPY file:1 in /",
		"RUN /bin/bash -c set -e # buildkit":                    "RUN set -e",
		"/bin/sh -c #(nop) ADD file:1234 in / ":                 "ADD file:1234 in /",
		"/bin/sh -c # a comment\nmake":                          "RUN # a comment\nmake",
		strings.Repeat("|1 A=1 ", 1000) + "/bin/sh -c #(nop) x": strings.Repeat("|1 A=1 ", 1000) + "/bin/sh -c #(nop) x",
	} {
		if got := instruction(in); got != want {
			t.Errorf("%.100q: %.100q, want %.100q", in, got, want)
		}
	}
}
