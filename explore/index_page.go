package explore

import (
	"net/http"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// indexRows is how many manifests of an index one page shows.
const indexRows = 100

// indexView is what the page of an index tells besides its document.
type indexView struct {
	Manifests int        `json:"manifests"`
	Rows      []childRow `json:"rows"`
	Links     pageLinks  `json:"pages"`
}

// childRow is a manifest of an index.
type childRow struct {
	Digest   digest.Digest `json:"digest"`
	Platform string        `json:"platform,omitempty"`
	OS       string        `json:"osVersion,omitempty"`
	Kind     manifestKind  `json:"kind"`
	Type     string        `json:"type,omitempty"` // of what is no image
	Total    int64         `json:"totalSize"`      // config and layers
	Layers   int           `json:"layers,omitempty"`
	Created  time.Time     `json:"created,omitzero"`
	Missing  bool          `json:"missing,omitempty"` // not in this repository
	Href     string        `json:"-"`
	Title    string        `json:"title,omitempty"`
	About    []aboutRef    `json:"about,omitempty"` // attestations of the same index
	Sum      *summary      `json:"-"`
}

func (h *handler) indexView(r *request, m *manifestPage) (*indexView, error) {
	images, about := splitIndex(m.t, m.contents.Manifests)
	v := &indexView{Manifests: len(images)}
	from, to, links, err := paged(r, len(images), indexRows, m.t.href("r"))
	if err != nil {
		return nil, err
	}
	v.Links = links
	for _, d := range images[from:to] {
		row, err := h.childRow(r, m.t, d)
		if err != nil {
			return nil, err
		}
		row.About = about[d.Digest]
		v.Rows = append(v.Rows, row)
	}
	return v, nil
}

// splitIndex takes the attestations of BuildKit out of an index, and puts them to the images that they are about. One whose image is not in the index
// stays.
func splitIndex(t target, all []oci.Descriptor) (images []oci.Descriptor, about map[digest.Digest][]aboutRef) {
	about = map[digest.Digest][]aboutRef{}
	there := map[digest.Digest]bool{}
	for _, d := range all {
		there[d.Digest] = true
	}
	for _, d := range all {
		of := digest.Digest(d.Annotations["vnd.docker.reference.digest"])
		if !isAttestation(d) || !there[of] || of == d.Digest {
			images = append(images, d)
			continue
		}
		if len(about[of]) < maxAbout {
			about[of] = append(about[of], aboutRef{"attestation", t.at(d.Digest).href("r")})
		}
	}
	return images, about
}

// childRow tells of a manifest of an index: what the index says of it, and what it says itself if it is here.
func (h *handler) childRow(r *request, t target, d oci.Descriptor) (childRow, error) {
	row := childRow{Digest: d.Digest, Kind: kindOther, Href: t.at(d.Digest).href("r"), Title: clipText(d.Annotations[annotationTitle], maxValue)}
	if d.Platform != nil {
		row.Platform, row.OS = clipText(platformName(d.Platform), maxPlatform), clipText(d.Platform.OSVersion, maxPlatform)
	}
	if _, err := h.store.GetManifest(storage.KeptOnly(r.Context()), t.Name, d.Digest); err != nil {
		row.Missing = isUnknown(err)
		if !isManifest(d.MediaType) {
			row.Type = d.MediaType
		}
		return row, unlessUnknown(err)
	}
	s, err := h.summarize(r.Context(), t.Name, d.Digest)
	row.Kind, row.Total, row.Layers, row.Created = s.Kind, s.Size, s.Layers, s.Created
	if row.Platform == "" && len(s.Platforms) == 1 {
		row.Platform = s.Platforms[0]
	}
	if s.Kind != kindImage {
		row.Type = s.ArtifactType
	}
	return row, err
}

const annotationTitle = "org.opencontainers.image.title"

// toPlatform leads to the image of an index that is for a platform. Who asks for "linux/arm64" gets "linux/arm64/v8" where there is no other.
func (h *handler) toPlatform(w http.ResponseWriter, r *request, m *manifestPage) error {
	want := r.query.Get("platform")
	if m.kind != kindIndex {
		return statusError{http.StatusNotFound, "This is one manifest, not an index of several.", "Without a platform it is shown."}
	}
	var found digest.Digest
	var names []string
	for _, d := range m.contents.Manifests {
		name := platformName(d.Platform)
		switch {
		case name == want:
			return h.redirect(w, r, m.t.at(d.Digest).href("r"), !m.byTag)
		case strings.HasPrefix(name, want+"/") && found == "":
			found = d.Digest
		}
		if name != "" && len(names) < maxPlatforms {
			names = append(names, clipText(name, maxPlatform))
		}
	}
	if found == "" {
		return statusError{http.StatusNotFound, "There is no image for this platform.", "There are: " + strings.Join(names, ", ") + "."}
	}
	return h.redirect(w, r, m.t.at(found).href("r"), !m.byTag)
}
