package explore

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"slices"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/explore/inspect"
	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// fs shows one layer as a file system: a directory of it, or a file.
func (h *handler) fs(w http.ResponseWriter, r *request) error {
	t, err := parseTarget(r.rest)
	if err != nil {
		return err
	}
	if t.Digest == "" || h.isManifest(r.Context(), t) {
		return h.toLayers(w, r, t)
	}
	if t.Path == "" {
		t = t.with(".", true)
	}
	if f, ok := h.streams(r, t); ok {
		return h.stream(w, r, t, f)
	}
	l, err := h.lookInto(r, t)
	if err != nil {
		return err
	}
	defer l.Close()
	return l.show(w)
}

// isManifest reports whether t is an image: somebody may have taken its digest for that of a layer.
func (h *handler) isManifest(ctx context.Context, t target) bool {
	if _, err := h.store.StatBlob(ctx, t.Name, t.Digest); !errors.Is(err, storage.ErrBlobUnknown) {
		return false
	}
	_, err := h.store.GetManifest(ctx, t.Name, t.Digest)
	return err == nil
}

// toLayers sends whoever asks for a path in an image to where that is.
func (h *handler) toLayers(w http.ResponseWriter, r *request, t target) error {
	if t.Tag == "" && t.Digest == "" {
		return badRequest("%s needs the digest of a layer, or a tag", t.Name)
	}
	if t.Path == "" {
		t = t.with(".", true)
	}
	to := t.href("layers")
	if len(r.query) > 0 {
		to += "?" + r.query.Encode()
	}
	return h.redirect(w, r, to, false)
}

// show shows what the path of the page leads to.
func (l *look) show(w http.ResponseWriter) error {
	n, err := l.find(l.t.Path)
	if v := l.r.query.Get("version"); v != "" && err == nil && l.layer != nil {
		n, err = l.version(n.Path, v)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, tarfs.ErrLoop), errors.Is(err, overlay.ErrLoop):
		return l.absent(w, err)
	case err != nil:
		return err
	case n.Path == "." && l.onlyFile() != nil:
		return l.showFile(w, l.onlyFile())
	case !n.IsDir():
		return l.showFile(w, n)
	}
	switch kind := exportKind(l.r); {
	case kind != "":
		return l.export(w, n, kind)
	case asksRaw(l.r):
		return badRequest("%s is a directory: ?tar or ?zip has all of it", shown(n.Path))
	}
	return l.showDir(w, n)
}

// onlyFile returns the file of a blob that is no archive, nil if it is one.
func (l *look) onlyFile() *overlay.Node {
	if l.layer == nil || !slices.Contains([]archive.Format{archive.Plain, archive.Gzip, archive.Plain + "+" + archive.Bzip2}, l.layer.Format) {
		return nil
	}
	for n, err := range l.dir(".", "") {
		if err != nil {
			return nil
		}
		return n
	}
	return nil
}

// layerView says what the blob of a page is.
type layerView struct {
	Digest    digest.Digest  `json:"digest"`
	Format    archive.Format `json:"format"`
	Variant   string         `json:"variant,omitempty"`
	Size      int64          `json:"size"`               // of the blob
	Unpacked  int64          `json:"unpacked,omitempty"` // 0 if that is not known
	DiffID    digest.Digest  `json:"diffID,omitempty"`
	Entries   int            `json:"entries"`
	Image     digest.Digest  `json:"image,omitempty"`     // of which ?image= says that it is a layer
	Number    int            `json:"number"`              // among the image's, from 0
	Claimed   digest.Digest  `json:"claimed,omitempty"`   // the diff ID as the image's configuration has it
	CreatedBy string         `json:"createdBy,omitempty"` // the instruction that made it
	ImageHref string         `json:"-"`
}

// describe says what the layer of the page is.
func (l *look) describe() (*layerView, error) {
	size, err := l.h.store.StatBlob(l.r.Context(), l.t.Name, l.t.Digest)
	if err != nil {
		return nil, err
	}
	v := &layerView{Digest: l.t.Digest, Format: l.layer.Format, Variant: l.layer.Variant, Size: size}
	if t, ok := l.tree.(*layerTree); ok {
		v.Entries = t.files.Table().Len()
	}
	if l.layer.Index != nil {
		info := l.layer.Index.Table().Info()
		v.Unpacked = info.Size
		if _, isTar := tarLetters[v.Format]; isTar {
			v.DiffID = digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(info.SHA256[:]))
		}
	}
	image := l.r.query.Get("image")
	if image == "" {
		return v, nil
	}
	if v.Image, err = oci.ParseDigest(image); err != nil {
		return nil, wrapBad(err)
	}
	return v, l.h.placeInImage(l.r.Context(), l.t, v)
}

// layerConfig is what pages about layers read of an image's configuration.
type layerConfig struct {
	RootFS struct {
		DiffIDs []digest.Digest `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		CreatedBy string `json:"created_by"`
		Empty     bool   `json:"empty_layer"`
	} `json:"history"`
}

// placeInImage finds the layer t in the image that v names.
func (h *handler) placeInImage(ctx context.Context, t target, v *layerView) error {
	m, err := h.store.GetManifest(ctx, t.Name, v.Image)
	if err != nil {
		return err
	}
	c, err := oci.ParseManifest(m.MediaType, m.Raw)
	if err != nil {
		return wrapBad(err)
	}
	v.Number = slices.IndexFunc(c.Layers, func(d oci.Descriptor) bool { return d.Digest == t.Digest })
	if v.Number < 0 {
		return badRequest("%s is no layer of %s", short(t.Digest), short(v.Image))
	}
	v.ImageHref = t.at(v.Image).with(".", true).href("layers")
	if c.Config == nil {
		return nil
	}
	config := h.readLayerConfig(ctx, t.Name, *c.Config)
	if v.Number < len(config.RootFS.DiffIDs) {
		v.Claimed = config.RootFS.DiffIDs[v.Number]
	}
	v.CreatedBy = config.createdBy(v.Number)
	return nil
}

// createdBy is the instruction that made a layer.
func (c *layerConfig) createdBy(layer int) string {
	for _, step := range c.History {
		if step.Empty {
			continue
		}
		if layer == 0 {
			return inspect.Visible(instruction(step.CreatedBy), maxBrief)
		}
		layer--
	}
	return ""
}

// absent says that the path of the page leads to nothing: a 404 that has the reason, or the link itself if that is all that there is.
func (l *look) absent(w http.ResponseWriter, err error) error {
	all, versionsErr := l.versions(l.lastPath())
	if versionsErr != nil {
		return l.report(versionsErr)
	}
	if len(all) > 0 && all[0].State == overlay.Live && all[0].Entry.Type == tarfs.TypeSymlink && !asksBytes(l.r) {
		return l.showEntry(w, all[0], err)
	}
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case l.layer == nil:
		return l.gone(w)
	}
	return notFound("There is no %s in this layer.", shown(l.t.Path))
}
