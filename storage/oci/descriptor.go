package oci

import "github.com/opencontainers/go-digest"

// Media types that a registry has to know. All others are opaque.
const (
	MediaTypeImageManifest    = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeImageIndex       = "application/vnd.oci.image.index.v1+json"
	MediaTypeArtifactManifest = "application/vnd.oci.artifact.manifest.v1+json" // of a release candidate of OCI 1.1; still met
	MediaTypeDockerManifest   = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerList       = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// Descriptor describes content: what it is, its digest and its size in bytes (image-spec, descriptor.md).
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       digest.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Data         []byte            `json:"data,omitempty"`
	Platform     *Platform         `json:"platform,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
}

// Platform is what an image runs on (image-spec, image-index.md).
type Platform struct {
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	OSVersion    string   `json:"os.version,omitempty"`
	OSFeatures   []string `json:"os.features,omitempty"`
	Variant      string   `json:"variant,omitempty"`
}
