package explore

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"vitrine/explore/inspect"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// blobView is the JSON of a blob's page.
type blobView struct {
	Of        string `json:"of"`
	MediaType string `json:"mediaType,omitempty"` // as whoever linked here said
	Raw       string `json:"raw"`                 // URL of the bytes
	Save      string `json:"-"`
	Picture   string `json:"-"` // URL of what browsers show inside <img>, empty for everything else
	*contentView
}

// blob shows one blob, whatever it is [/blob/NAME@DIGEST]. ?mt= says what it is where its bytes do not, ?manifest= which manifest it is of; ?jq=,
// ?render= and ?off= choose a part and a form, ?raw and ?dl the bytes.
func (h *handler) blob(w http.ResponseWriter, r *request) error {
	t, err := parseTarget(r.rest)
	switch {
	case err != nil:
		return err
	case t.Digest == "":
		return badRequest("a blob goes by its digest: /blob/NAME@DIGEST")
	case t.Path != "" && t.Path != ".":
		return h.redirect(w, r, t.href("fs"), true)
	}
	t.Tag, t.Path = "", ""
	b, err := h.store.OpenBlob(r.Context(), t.Name, t.Digest)
	if err != nil {
		return h.orManifest(w, r, t, err)
	}
	defer b.Close()
	c := jsonContext{page: "blob", target: t, mediaType: r.query.Get("mt")}
	if err := h.around(r, &c); err != nil {
		return err
	}
	switch {
	case r.query.Get("jq") != "" && b.Size() > maxDocument:
		return unprocessable(fmt.Sprintf("This has %s, and parts are taken out of up to %s.", iec(b.Size()), iec(maxDocument)), "It can be looked at as text or bytes.")
	case r.query.Get("jq") != "":
		raw, err := storage.ReadBlob(r.Context(), h.store, t.Name, t.Digest, maxDocument)
		if err != nil {
			return err
		}
		return h.part(w, r, c, raw, h.blobPage(r, c))
	case r.form() == asText || r.query.Has("raw") || r.query.Has("dl"):
		return h.sendBlob(w, r, t, b)
	}
	return h.showBlob(w, r, c, b)
}

// blobPage is what the pages of a blob and of its parts share.
func (h *handler) blobPage(r *request, c jsonContext) *page {
	t := c.target
	p := &page{name: "blob", forever: true, Title: "Blob " + short(t.Digest), Command: line(h.fetch(r, t))}
	p.Crumbs = []crumb{{h.called(r, t.Name), target{Name: t.Name}.href("r")}, {short(t.Digest), ""}}
	if c.manifest != "" {
		p.Crumbs = []crumb{p.Crumbs[0], {short(c.manifest), target{Name: t.Name, Digest: c.manifest}.href("r")}, p.Crumbs[1]}
	}
	return p
}

func (h *handler) showBlob(w http.ResponseWriter, r *request, c jsonContext, b storage.Blob) error {
	view, err := h.contentView(r, c, c.mediaType, b, b.Size())
	if err != nil {
		return err
	}
	p := h.blobPage(r, c)
	bytes := c.target.href("blob")
	v := blobView{Of: c.target.ref(), MediaType: c.mediaType, Raw: withQuery(bytes, "raw", "1"), Save: withQuery(bytes, "dl", "1"), contentView: view}
	if view.Kind.IsImage() {
		v.Picture = v.Raw
	}
	p.View, p.Command, p.Tabs = v, p.Command.pipe(view.tail), view.Forms
	if view.Kind == inspect.KindArchive {
		p.Tabs = append(p.Tabs, tab{Text: "files", Href: c.target.with(".", true).href("fs")})
	}
	return h.show(w, r, p)
}

// orManifest goes to the manifest's page where the digest is that of a manifest; err is what the store said of the blob.
func (h *handler) orManifest(w http.ResponseWriter, r *request, t target, err error) error {
	if !errors.Is(err, storage.ErrBlobUnknown) || errors.Is(err, storage.ErrDamaged) {
		return err
	}
	if _, manifestErr := h.store.GetManifest(r.Context(), t.Name, t.Digest); manifestErr != nil {
		return err
	}
	return h.redirect(w, r, withQuery(t.href("r"), r.pairs("jq", "render")...), false)
}

// around tells what the blob belongs to, where ?manifest= says so: the image that a config or something attached to an image is about.
func (h *handler) around(r *request, c *jsonContext) error {
	s := r.query.Get("manifest")
	if s == "" {
		return nil
	}
	d, ok := asDigest("", s[strings.LastIndexByte(s, '@')+1:])
	if !ok {
		return badRequest("manifest= wants a digest, or a reference that ends in one")
	}
	m, err := h.store.GetManifest(r.Context(), c.target.Name, d)
	if errors.Is(err, storage.ErrManifestUnknown) || errors.Is(err, storage.ErrRepoUnknown) {
		return nil // the blob is there without it
	}
	if err != nil {
		return err
	}
	contents, err := oci.ParseManifest(m.MediaType, m.Raw)
	if err != nil {
		return nil
	}
	c.manifest, c.of = d, d
	for _, b := range contents.Blobs() {
		if b.Digest == c.target.Digest {
			c.annotations = b.Annotations
		}
	}
	switch {
	case contents.Config != nil && contents.Config.Digest == c.target.Digest:
		c.layers = contents.Layers
	case contents.Subject != nil:
		c.of = contents.Subject.Digest
	}
	return nil
}

// sandbox is the policy of strangers' bytes: a browser that opens them runs nothing and loads nothing, and they are not of our origin.
const sandbox = "sandbox; default-src 'none'; frame-ancestors 'none'"

// sendBlob sends the bytes, whole or in ranges.
func (h *handler) sendBlob(w http.ResponseWriter, r *request, t target, b storage.Blob) error {
	head := make([]byte, min(b.Size(), inspect.HeadSize))
	if n, err := b.ReadAt(head, 0); n < len(head) {
		return err
	}
	return h.sendRaw(w, r, &rawFile{content: b, size: b.Size(), name: t.Digest.Encoded()[:12], kind: inspect.Detect(r.query.Get("mt"), head), etag: `"` + string(t.Digest) + `"`,
		attach: r.query.Has("dl"), report: func(err error) error { return err }})
}
