package explore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/overlay"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// layers shows an image as one file system.
func (h *handler) layers(w http.ResponseWriter, r *request) error {
	t, err := parseTarget(r.rest)
	if err != nil {
		return err
	}
	if t.Path == "" {
		t = t.with(".", true)
	}
	if t.Digest == "" {
		return h.pin(w, r, t)
	}
	l, err := h.lookIntoImage(w, r, t)
	if l == nil || err != nil {
		return err
	}
	defer l.Close()
	return l.show(w)
}

// lookIntoImage opens the image t, as it was after ?layer=. It returns nil where it has sent a page to choose one of an index.
func (h *handler) lookIntoImage(w http.ResponseWriter, r *request, t target) (*look, error) {
	c, err := h.contents(r.Context(), t.Name, t.Digest)
	if err != nil {
		return nil, err
	}
	if len(c.Manifests) > 0 {
		return nil, h.choosePlatform(w, r, t, c.Manifests)
	}
	f, err := h.layOut(r.Context(), t.Name, t.Digest, c)
	if err != nil {
		return nil, err
	}
	l := &look{h: h, r: r, t: t, base: t.Digest, seat: &seat{ctx: r.Context()}, image: f, keep: r.pairs("layer")}
	l.open = append(l.open, f, l.seat)
	l.source = line("crane export", h.word(r, t), "-")
	if v := r.query.Get("layer"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n >= len(f.layers) {
			return nil, errors.Join(badRequest("?layer= is a number from 0 to %d, not %.20q", len(f.layers)-1, v), l.Close())
		}
		f.FS = f.Upto(n)
	}
	l.tree = imageTree{f.FS}
	return l, nil
}

// platformsView is the JSON of the choice that an index offers.
type platformsView struct {
	target
	Images []platformView `json:"images"`
}

// platformView is an image of an index.
type platformView struct {
	Platform string        `json:"platform"`
	Digest   digest.Digest `json:"digest"`
	Href     string        `json:"href"`
}

// choosePlatform sends whoever asks for a path in an index to the image for ?platform=, or to the only one that there is; otherwise the page has all
// of them.
func (h *handler) choosePlatform(w http.ResponseWriter, r *request, t target, all []oci.Descriptor) error {
	v := platformsView{target: t}
	rest := ""
	if q := r.URL.Query(); len(q) > 0 {
		q.Del("platform")
		rest = "?" + q.Encode()
	}
	for _, d := range all {
		name := platformName(d.Platform)
		if d.Annotations["vnd.docker.reference.type"] != "" || name == "unknown/unknown" { // what is said about an image
			continue
		}
		if asked := r.query.Get("platform"); asked == "" || asked == name {
			v.Images = append(v.Images, platformView{shown(name), d.Digest, t.at(d.Digest).href(r.page) + rest})
		}
	}
	switch {
	case len(v.Images) == 0:
		return notFound("The index has no such image.")
	case len(v.Images) == 1:
		return h.redirect(w, r, v.Images[0].Href, false)
	}
	text := func() []byte {
		var b strings.Builder
		for _, i := range v.Images {
			b.WriteString(i.Platform + "\t" + h.base(r) + i.Href + "\n")
		}
		return []byte(b.String())
	}
	return h.show(w, r, &page{name: "platforms", status: http.StatusMultipleChoices, Title: "Files of which image?", View: v, text: text,
		Crumbs:  []crumb{{h.called(r, t.Name), target{Name: t.Name}.href("r")}, {short(t.Digest), ""}},
		Command: line("crane manifest", h.word(r, t), "| jq .manifests")})
}

// stackView says what layers the image of a page has.
type stackView struct {
	Digest digest.Digest `json:"digest"`
	Layers []stepView    `json:"layers"`
	Upto   *int          `json:"upto,omitempty"` // the last layer that counts, where not all do
	All    string        `json:"-"`              // URL of the page with all of them
}

// stepView is a layer of an image.
type stepView struct {
	Number    int           `json:"number"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
	CreatedBy string        `json:"createdBy,omitempty"`
	Missing   bool          `json:"missing,omitempty"`
	Href      string        `json:"-"` // of the image after it
	Files     string        `json:"-"`
	Last      bool          `json:"-"`
}

// describeImage lists the layers, each with the URL of the same list after it.
func (l *look) describeImage(s listing) *stackView {
	v := &stackView{Digest: l.t.Digest}
	config := l.h.readLayerConfig(l.r.Context(), l.t.Name, l.image.config)
	for i, d := range l.image.layers {
		step := stepView{Number: i, Digest: d.Digest, Size: d.Size, CreatedBy: config.createdBy(i), Missing: l.image.why[i] != nil,
			Last: i == l.image.Layers()-1, Files: l.inLayer(i, ".", true)}
		step.Href = l.t.with(s.root, true).href(l.r.page) + "?layer=" + strconv.Itoa(i)
		v.Layers = append(v.Layers, step)
	}
	if n := l.image.Layers() - 1; n < len(l.image.layers)-1 {
		v.Upto, v.All = &n, l.t.with(s.root, true).href(l.r.page)
	}
	return v
}

// readLayerConfig returns an image's configuration, or what can be read of it: an artifact's is anything.
func (h *handler) readLayerConfig(ctx context.Context, name oci.Name, d oci.Descriptor) (c layerConfig) {
	if d.Digest == "" {
		return c
	}
	raw, err := storage.ReadBlob(ctx, h.store, name, d.Digest, oci.MaxManifest)
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return layerConfig{}
	}
	return c
}

// goneView is the JSON of a path that is not in the image, though layers have something there.
type goneView struct {
	errorView
	Versions []*entryRow `json:"versions"`
}

// gone says that there is nothing at the path of the page, and what layers have there all the same.
func (l *look) gone(w http.ResponseWriter) error {
	notThere := statusError{http.StatusNotFound, fmt.Sprintf("There is no %s in this image.", shown(l.t.Path)), "The directory above it may tell."}
	var rows []*entryRow
	for p := l.t.Path; p != "." && len(rows) == 0; p = path.Dir(p) {
		versions, err := l.versions(p)
		if err != nil {
			return l.report(err)
		}
		for _, n := range versions {
			if n.State == overlay.Deleted || n.State == overlay.Overwritten {
				rows = append(rows, l.row(n, "", false))
			}
		}
		if len(versions) > len(rows) { // something else is there by now
			break
		}
	}
	if len(rows) == 0 {
		return notThere
	}
	v := goneView{errorView{Status: http.StatusNotFound, Text: http.StatusText(http.StatusNotFound), Error: notThere.what, Hint: "Layers still have it."}, rows}
	return l.h.show(w, l.r, &page{name: "gone", status: http.StatusNotFound, Title: "Gone: " + shown(l.t.Path), View: v, Crumbs: l.crumbs(l.t.Path)})
}
