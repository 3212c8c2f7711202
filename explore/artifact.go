package explore

import (
	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// fileRows is how many files of an artifact one page shows.
const fileRows = 100

// artifactView is what the page of an artifact tells besides its manifest.
type artifactView struct {
	Total  int64     `json:"totalSize"`
	Config *blobRow  `json:"config,omitempty"` // nil where it is empty
	Files  []blobRow `json:"files"`
	Links  pageLinks `json:"pages"`
}

// blobRow is a blob, or a manifest, that a manifest names.
type blobRow struct {
	Title     string        `json:"title,omitempty"`
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
	Missing   bool          `json:"missing,omitempty"`
	Href      string        `json:"href"`
	Download  string        `json:"download,omitempty"`
}

// newBlobRow makes a row of a descriptor of m, with a link to what can look into it.
func newBlobRow(m *manifestPage, d oci.Descriptor) blobRow {
	t := m.t.at(d.Digest)
	f := blobRow{Title: clipText(d.Annotations[annotationTitle], maxValue), MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}
	switch {
	case isManifest(d.MediaType):
		f.Href = t.href("r")
		return f
	case isLayer(d.MediaType):
		f.Href = t.with(".", true).href("fs")
	default:
		f.Href = withQuery(t.href("blob"), "mt", d.MediaType, "manifest", string(m.t.Digest))
	}
	f.Download = withQuery(t.href("blob"), "dl", "1")
	return f
}

func (h *handler) artifactView(r *request, m *manifestPage) (*artifactView, error) {
	v := &artifactView{Files: []blobRow{}}
	for _, b := range m.contents.Blobs() {
		v.Total = addSize(v.Total, b.Size)
	}
	if c := m.contents.Config; c != nil && c.MediaType != mediaTypeEmpty {
		row, err := h.blobRow(r, m, *c)
		if err != nil {
			return nil, err
		}
		v.Config = &row
	}
	from, to, links, err := paged(r, len(m.contents.Layers), fileRows, m.t.href("r"))
	if err != nil {
		return nil, err
	}
	v.Links = links
	for _, d := range m.contents.Layers[from:to] {
		row, err := h.blobRow(r, m, d)
		if err != nil {
			return nil, err
		}
		v.Files = append(v.Files, row)
	}
	return v, nil
}

// blobRow is newBlobRow with a look whether the repository has the blob.
func (h *handler) blobRow(r *request, m *manifestPage, d oci.Descriptor) (blobRow, error) {
	f := newBlobRow(m, d)
	_, err := h.store.StatBlob(storage.KeptOnly(r.Context()), m.t.Name, d.Digest)
	f.Missing = isUnknown(err)
	return f, unlessUnknown(err)
}
