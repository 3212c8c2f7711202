package explore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
	"vitrine/storage/oci"
)

// maxLayers bounds the layers of an image that are opened for one page: clients stop at 127.
const maxLayers = 1024

// flat is an image as one file system, open. Who opens one closes it.
type flat struct {
	*overlay.FS
	name   oci.Name
	digest digest.Digest    // of the manifest
	config oci.Descriptor   // zero if there is none
	layers []oci.Descriptor // the lowest first
	why    []error          // by layer: why it cannot be looked into, nil for the others
	open   []*Layer         // by layer: nil for those that cannot be
}

// contents reads a manifest. One that has no contents that we know is a bad request.
func (h *handler) contents(ctx context.Context, name oci.Name, d digest.Digest) (*oci.Contents, error) {
	m, err := h.store.GetManifest(ctx, name, d)
	if err != nil {
		return nil, err
	}
	c, err := oci.ParseManifest(m.MediaType, m.Raw)
	return c, wrapBad(err)
}

// openFlat opens an image by the digest of its manifest.
func (h *handler) openFlat(ctx context.Context, name oci.Name, d digest.Digest) (*flat, error) {
	c, err := h.contents(ctx, name, d)
	if err != nil {
		return nil, err
	}
	return h.layOut(ctx, name, d, c)
}

// layOut opens an image whose manifest was read. A layer that cannot be opened because of what it is, or that is not here, is missing and has a
// reason; that it is no image is an error.
func (h *handler) layOut(ctx context.Context, name oci.Name, d digest.Digest, c *oci.Contents) (*flat, error) {
	switch {
	case len(c.Manifests) > 0:
		return nil, statusError{400, "This is an index: choose one of its images.", ""}
	case len(c.Layers) > maxLayers:
		return nil, statusError{422, fmt.Sprintf("The image has %d layers; %d can be laid over each other.", len(c.Layers), maxLayers), ""}
	}
	f := &flat{name: name, digest: d, layers: c.Layers, why: make([]error, len(c.Layers)), open: make([]*Layer, len(c.Layers))}
	if c.Config != nil {
		f.config = *c.Config
	}
	files := make([]*tarfs.FS, len(c.Layers))
	var wg sync.WaitGroup
	turns := make(chan struct{}, maxOpening)
	for i := range c.Layers {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			files[i], f.why[i] = f.openLayer(ctx, h, i)
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	f.FS = overlay.New(files)
	return f, nil
}

// maxOpening is how many layers are opened at once: some may have to be read first.
const maxOpening = 8

func (f *flat) openLayer(ctx context.Context, h *handler, i int) (*tarfs.FS, error) {
	d := f.layers[i]
	l, err := h.indexer(ctx, f.name).Open(ctx, h.store, f.name, d.Digest, d.MediaType)
	if err != nil {
		return nil, err
	}
	files, ok := l.WithContext(ctx).(*tarfs.FS)
	if !ok || l.Format == archive.Plain || l.Format == archive.Gzip {
		return nil, errors.Join(notLayer(l.Format), l.Close())
	}
	f.open[i] = l
	return files, nil
}

// notLayer is why a blob is none of an image, though its manifest may list it.
func notLayer(f archive.Format) error {
	return statusError{422, fmt.Sprintf("It is no tar archive (%s).", f), ""}
}

// Close closes the layers.
func (f *flat) Close() error {
	var errs []error
	for _, l := range f.open {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

// problems says of each layer that cannot be looked into why.
func (f *flat) problems() []string {
	var all []string
	for i, err := range f.why {
		if err != nil {
			s, _ := asStatus(err)
			all = append(all, fmt.Sprintf("Layer %d (%s) cannot be looked into: %s", i, short(f.layers[i].Digest), s.what))
		}
	}
	return all
}
