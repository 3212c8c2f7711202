package explore

// mediaTypeDoc leads to the specification of a media type.
func mediaTypeDoc(mediaType string) link {
	return link{Href: mediaTypeDocs[mediaType], Doc: true}.orNone()
}

// purl leads to the page of a package.
func (l *linker) purl(s string) link { return link{} }

func (l link) orNone() link {
	if l.Href == "" {
		return link{}
	}
	return l
}

var mediaTypeDocs = map[string]string{
	"application/vnd.oci.image.manifest.v1+json":  "https://github.com/opencontainers/image-spec/blob/main/manifest.md",
	"application/vnd.oci.image.index.v1+json":     "https://github.com/opencontainers/image-spec/blob/main/image-index.md",
	"application/vnd.oci.image.config.v1+json":    "https://github.com/opencontainers/image-spec/blob/main/config.md",
	"application/vnd.oci.image.layer.v1.tar+gzip": "https://github.com/opencontainers/image-spec/blob/main/layer.md",
}
