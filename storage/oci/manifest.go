package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
)

// MaxManifest is the largest manifest in bytes: clients and registries agree on 4 MiB
// (distribution-spec, "Pushing Manifests").
const MaxManifest = 4 << 20

// ErrManifest says that bytes are no manifest.
var ErrManifest = errors.New("invalid manifest")

// Contents is what a registry reads out of a manifest of any kind: an image, an index, an artifact.
// Fields that the manifest does not have are zero.
type Contents struct {
	MediaType    string
	ArtifactType string            // of the manifest; for an image without one, the media type of its config
	Annotations  map[string]string //
	Subject      *Descriptor       // what this manifest refers to
	Config       *Descriptor       //
	Layers       []Descriptor      // of an image; "blobs" of an artifact manifest
	Manifests    []Descriptor      // of an index
}

// ParseManifest reads raw, which must be one JSON object whose fields have the shapes of the image spec.
// contentType is what the pusher called it, without parameters, "" if it did not say; a mediaType inside raw that
// contradicts it is an error. Keys are matched exactly, unknown ones are allowed. Descriptors have a digest, and media types of at
// most MaxMediaType bytes. Errors wrap ErrManifest and have no more than some 200 bytes of raw in them.
func ParseManifest(contentType string, raw []byte) (*Contents, error) {
	m, err := parseFields(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %.200s", ErrManifest, err.Error()) // it may quote a number of any length
	}
	if m.MediaType, err = mediaType(contentType, m); err != nil {
		return nil, err
	}
	if m.ArtifactType == "" && m.Config != nil && len(m.Manifests) == 0 {
		m.ArtifactType = m.Config.MediaType
	}
	return m, m.check()
}

// parseFields takes no text that is not UTF-8, which JSON has to be (RFC 8259, 8.1): encoding/json would make three bytes of each
// that is wrong.
func parseFields(raw []byte) (*Contents, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	if raw = trim(raw); len(raw) == 0 || raw[0] != '{' {
		return nil, errors.New("not a JSON object")
	}
	if err := json.Unmarshal(raw, new(struct{})); err != nil {
		return nil, err
	}
	var m Contents
	var blobs []Descriptor
	err := decodeFields(raw, []field{
		{"mediaType", &m.MediaType}, {"artifactType", &m.ArtifactType}, {"annotations", &m.Annotations},
		{"subject", &m.Subject}, {"config", &m.Config}, {"layers", &m.Layers}, {"blobs", &blobs}, {"manifests", &m.Manifests},
	})
	m.Layers = append(m.Layers, blobs...)
	return &m, err
}

// mediaType settles what the manifest is: what the pusher said and what it says of itself have to agree;
// a manifest of neither is known by its shape.
func mediaType(contentType string, m *Contents) (string, error) {
	switch {
	case strings.HasPrefix(contentType, "application/vnd.docker.distribution.manifest.v1+"):
		return "", fmt.Errorf("%w: Docker's schema 1 is not supported", ErrManifest)
	case contentType != "" && m.MediaType != "" && contentType != m.MediaType:
		return "", fmt.Errorf("%w: Content-Type %.80q but mediaType %.80q", ErrManifest, contentType, m.MediaType)
	case contentType != "":
		return contentType, nil
	case m.MediaType != "":
		return m.MediaType, nil
	case m.Manifests != nil:
		return MediaTypeImageIndex, nil
	case m.Config != nil:
		return MediaTypeImageManifest, nil
	}
	return "", fmt.Errorf("%w: neither a Content-Type nor a mediaType", ErrManifest)
}

// MaxMediaType is the longest media type in bytes: RFC 6838, 4.2 allows 127 on each side of the slash.
const MaxMediaType = 255

// check refuses what no client could follow. An image that is an index besides is one thing to one client and another thing to
// the next (CVE-2021-41190).
func (m *Contents) check() error {
	if len(m.MediaType) > MaxMediaType || strings.ContainsFunc(m.MediaType, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%w: media type %.80q", ErrManifest, m.MediaType)
	}
	if len(m.ArtifactType) > MaxMediaType {
		return fmt.Errorf("%w: artifact type %.80q", ErrManifest, m.ArtifactType)
	}
	switch m.MediaType {
	case MediaTypeImageManifest, MediaTypeDockerManifest:
		if m.Config == nil {
			return fmt.Errorf("%w: an image without config", ErrManifest)
		}
		if m.Manifests != nil {
			return fmt.Errorf("%w: an image with manifests", ErrManifest)
		}
	case MediaTypeImageIndex, MediaTypeDockerList:
		if m.Config != nil || m.Layers != nil {
			return fmt.Errorf("%w: an index with config or layers", ErrManifest)
		}
	}
	return nil
}

// Blobs returns the config, where there is one, and the layers.
func (m *Contents) Blobs() []Descriptor {
	var all []Descriptor
	if m.Config != nil {
		all = append(all, *m.Config)
	}
	return append(all, m.Layers...)
}

// SubjectDigest returns the digest of the subject, "" if there is none.
func (m *Contents) SubjectDigest() digest.Digest {
	if m.Subject == nil {
		return ""
	}
	return m.Subject.Digest
}

// Distributable reports whether a registry must hold the content of the layer d: not when it is fetched
// from elsewhere (image-spec, layer.md, "Non-Distributable Layers"; Docker's foreign layers).
func (d Descriptor) Distributable() bool {
	return len(d.URLs) == 0 && !strings.Contains(d.MediaType, "nondistributable") && !strings.Contains(d.MediaType, ".foreign.")
}

// ReferrersTag returns the tag under which clients keep the referrers of d with registries that have no
// referrers API (distribution-spec, "Referrers Tag Schema").
func ReferrersTag(d digest.Digest) Tag {
	clean := func(s string, n int) string {
		b := []byte(s[:min(len(s), n)])
		for i, c := range b {
			if !isTagByte(c) {
				b[i] = '-'
			}
		}
		return string(b)
	}
	alg, enc, _ := strings.Cut(string(d), ":")
	return Tag(clean(alg, 32) + "-" + clean(enc, 64))
}
