package explore

import (
	"strings"

	"vitrine/explore/inspect"
	"vitrine/storage/oci"
)

// Media types that links depend on, besides those that a registry has to know.
const (
	mediaTypeConfig        = "application/vnd.oci.image.config.v1+json"
	mediaTypeDockerConfig  = "application/vnd.docker.container.image.v1+json"
	mediaTypeSchema1       = "application/vnd.docker.distribution.manifest.v1+json"
	mediaTypeSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	mediaTypeEmpty         = "application/vnd.oci.empty.v1+json"
)

// descriptorRules are those of descriptors, wherever they are (image-spec, descriptor.md).
var descriptorRules = []rule{
	{"mediaType", nil, documented(inspect.MediaTypeDoc)},
	{"payloadType", nil, documented(inspect.MediaTypeDoc)},
	{"artifactType", nil, documented(inspect.MediaTypeDoc)},
	{"digest", nil, digestLink},
	{"size", nil, sizeLink},
	{"Size", nil, sizeLink},
	{"imageSizeBytes", nil, sizeLink},
	{"urls", nil, foreignLink},
	{"data", nil, dataLink},
	{"blobSum", nil, func(s spot) link { return s.digestTo("fs", "") }},
}

// keyRules are those of keys.
var keyRules = []rule{
	{"^ layers", []docKind{docManifest}, func(s spot) link {
		return link{Href: s.to("layers", s.c.target.Digest), Tip: "All layers as one file system"}
	}},
	{"^ history", []docKind{docConfig, docManifest}, func(s spot) link {
		return link{Href: s.part("render", "history"), Tip: "As a Dockerfile"}
	}},
}

// isLayer reports whether blobs of a media type are file systems as layers are.
func isLayer(mediaType string) bool {
	return strings.Contains(mediaType, ".tar") || strings.Contains(mediaType, "/tar") || strings.HasSuffix(mediaType, "+tar") || mediaType == "application/x-tar"
}

// isManifest reports whether a media type is that of something with a page of its own.
func isManifest(mediaType string) bool {
	switch mediaType {
	case oci.MediaTypeImageManifest, oci.MediaTypeImageIndex, oci.MediaTypeArtifactManifest, oci.MediaTypeDockerManifest, oci.MediaTypeDockerList,
		mediaTypeSchema1, mediaTypeSchema1Signed:
		return true
	}
	return false
}

// digestLink goes where the media type of the descriptor says.
func digestLink(s spot) link {
	mediaType := s.n.Parent.Str("mediaType")
	switch {
	case isManifest(mediaType):
		return s.digestTo("r", "")
	case isLayer(mediaType):
		l := s.digestTo("fs", "")
		if emptyLayers[s.n.Text] {
			l.Tip = "The layer that has nothing in it"
		}
		return l
	case mediaType == mediaTypeEmpty:
		l := s.digestTo("blob", mediaType)
		l.Tip = "An empty JSON object: there is nothing to configure"
		return l
	}
	return s.digestTo("blob", mediaType)
}

// emptyLayers are the well-known ones: the compressed tar file without entries that Docker made for instructions that change no file, and another
// spelling of it.
var emptyLayers = map[string]bool{
	"sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4": true,
	"sha256:4f4fb700ef54461cfa02571ae0db9a0dc1e0cdb5577484a6d75e68dc38e8acc1": true,
}

// digestTo links a digest to a page about it. Whether the repository has it is found out there.
func (s spot) digestTo(page, mediaType string) link {
	d, ok := asDigest("sha256", s.n.String())
	if !ok {
		return link{}
	}
	pairs := []string{}
	if page == "blob" {
		pairs = append(pairs, "mt", mediaType)
		if s.c.kind == docManifest {
			pairs = append(pairs, "manifest", string(s.c.target.Digest))
		}
	}
	return link{Href: s.to(page, d, pairs...)}
}

// sizeLink says how much it is, and of a layer leads to where its bytes are.
func sizeLink(s spot) link {
	n, ok := s.n.Int()
	if !ok || n < 0 {
		return link{}
	}
	l := link{Tip: iec(n)}
	if d, ok := asDigest("", s.n.Parent.Str("digest")); ok && isLayer(s.n.Parent.Str("mediaType")) {
		l.Href = s.to("size", d)
	}
	return l
}

// foreignLink leads to content that is kept elsewhere through a page that fetches and verifies it, where that is allowed.
func foreignLink(s spot) link {
	d, ok := asDigest("", s.descriptor().Str("digest"))
	scheme, rest, cut := strings.Cut(s.n.String(), "://")
	if !ok || !cut || !webURL(s.n.Text) {
		return link{}
	}
	if !s.h.o.Foreign {
		return docURL(s.n.Text)
	}
	return link{Href: withQuery("/"+strings.ToLower(scheme)+"/"+escapePath(rest)+"@"+string(d), "repo", string(s.c.target.Name), "manifest", string(s.c.target.Digest)), Tip: "Fetched from there, and verified"}
}

// descriptor is the object that a value in an array of a descriptor belongs to.
func (s spot) descriptor() *inspect.Node {
	if at := owner(s.n); at != nil {
		return at.Parent
	}
	return nil
}

// dataLink shows what is embedded in a descriptor.
func dataLink(s spot) link {
	if !s.n.Is(inspect.String) || s.n.Text == "" || s.n.Parent.Get("digest") == nil {
		return link{}
	}
	return link{Href: s.part("jq", s.n.Path()+" | base64 -d"), Tip: "Decoded"}
}
