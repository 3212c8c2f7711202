package explore

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// side is one of two things that are compared: an image or a layer, open.
type side struct {
	sideView
	t      target // by digest
	page   string // of its files: "layers" or "fs"
	files  *overlay.FS
	config oci.Descriptor
	layers []oci.Descriptor
	close  func() error
}

// sideView is what the page says about a side.
type sideView struct {
	Ref      string        `json:"ref"` // as it was asked for
	Name     oci.Name      `json:"name"`
	Digest   digest.Digest `json:"digest"` // of the image's manifest, or of the layer
	Kind     string        `json:"kind"`   // "image" or "layer"
	Platform string        `json:"platform,omitempty"`
	Problems []string      `json:"problems,omitempty"`
	Href     string        `json:"-"`
}

// openSide opens what ref names. Of an index it takes the image for platform or, if that is empty, the one for linux/amd64, or else the first.
func (h *handler) openSide(ctx context.Context, r *request, ref, platform string) (*side, error) {
	t, err := h.refer(ctx, r, h.ourOwn(r, ref))
	if err != nil {
		return nil, err
	}
	s := &side{sideView: sideView{Ref: ref, Name: t.Name}}
	if t.Digest == "" {
		d, err := h.store.ResolveTag(ctx, t.Name, cmp.Or(t.Tag, "latest"))
		if err != nil {
			return nil, err
		}
		t = t.at(d.Digest)
	}
	c, err := h.contents(ctx, t.Name, t.Digest)
	if errors.Is(err, storage.ErrManifestUnknown) && !errors.Is(err, storage.ErrDamaged) {
		return s, h.openLayerSide(ctx, s, t)
	}
	if err != nil {
		return nil, err
	}
	if len(c.Manifests) > 0 {
		child, err := choosePlatform(c.Manifests, platform)
		if err != nil {
			return nil, err
		}
		t, s.Platform = t.at(child.Digest), platformName(child.Platform)
		if c, err = h.contents(ctx, t.Name, t.Digest); err != nil {
			return nil, err
		}
	}
	return s, h.openImageSide(ctx, s, t, c)
}

func (h *handler) openImageSide(ctx context.Context, s *side, t target, c *oci.Contents) error {
	f, err := h.layOut(ctx, t.Name, t.Digest, c)
	if err != nil {
		return err
	}
	s.t, s.page, s.files, s.close = t.with("", false), "layers", f.FS, f.Close
	s.Digest, s.Kind, s.Problems, s.Href = t.Digest, "image", f.problems(), s.t.href("r")
	s.config, s.layers = f.config, f.layers
	return nil
}

func (h *handler) openLayerSide(ctx context.Context, s *side, t target) error {
	l, err := h.indexer(ctx, t.Name).Open(ctx, h.store, t.Name, t.Digest, "")
	if err != nil {
		return err
	}
	files, ok := l.WithContext(ctx).(*tarfs.FS)
	if !ok {
		return errors.Join(badRequest("%s is neither an image nor a layer", s.Ref), l.Close())
	}
	s.t, s.page, s.files, s.close = t.with("", false), "fs", overlay.New([]*tarfs.FS{files}), l.Close
	s.Digest, s.Kind, s.Href = t.Digest, "layer", s.t.with(".", true).href("fs")
	return nil
}

// ourOwn takes this registry's address off a reference.
func (h *handler) ourOwn(r *request, ref string) string {
	ref = strings.TrimSpace(ref)
	for _, host := range []string{h.base(r) + "/", h.host(r) + "/", r.Host + "/"} {
		ref = strings.TrimPrefix(ref, host)
	}
	return ref
}

// choosePlatform returns the image of an index for a platform as platformName writes it.
func choosePlatform(of []oci.Descriptor, platform string) (oci.Descriptor, error) {
	best := of[0]
	for _, d := range of {
		name := platformName(d.Platform)
		switch {
		case platform != "" && name == platform:
			return d, nil
		case platform == "" && name == "linux/amd64":
			best = d
		}
	}
	if platform != "" {
		return best, badRequest("the index has no image for %.80q", platform)
	}
	return best, nil
}
