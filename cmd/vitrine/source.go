package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/explore"
	"vitrine/explore/archive"
	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/oci"
)

// opened is what a query has led to: an archive or, if the query does not say which layer, an image.
type opened struct {
	archive *archive.Archive
	image   *oci.Contents
	closers []io.Closer
}

// Close closes what was opened.
func (o *opened) Close() error {
	var errs []error
	for i := len(o.closers); i > 0; i-- {
		errs = append(errs, o.closers[i-1].Close())
	}
	return errors.Join(errs...)
}

// choose is the error for a query that should say more.
func (o *opened) choose() error {
	if len(o.image.Manifests) > 0 {
		return fmt.Errorf("this is an index of %d images; \"vitrine ls\" lists them: append @ and the digest of one", len(o.image.Manifests))
	}
	if len(o.image.Layers) == 0 {
		return errors.New("this has no layers")
	}
	return fmt.Errorf("this has %d layers; \"vitrine ls\" lists them: choose one with --layer N", len(o.image.Layers))
}

// open opens what q names: a file, an image in a layout or in the root of the registry, a layer of one.
func (q *query) open(ctx context.Context) (o *opened, err error) {
	fi, err := os.Stat(q.what)
	if err == nil && fi.Mode().IsRegular() {
		if q.layer > 0 {
			return nil, usagef("--layer goes with an image, not with a file")
		}
		return openLocal(ctx, q.what)
	}
	ref, err := parseReference(q.what)
	if err != nil {
		return nil, err
	}
	c, err := q.content(ref)
	if err != nil {
		return nil, err
	}
	o = &opened{closers: []io.Closer{c}}
	if err := q.openImage(ctx, o, c, ref); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// content is where images are.
type content interface {
	storage.BlobReader
	io.Closer
	// indexes returns those that are there already, or nil.
	indexes() explore.Cache
	resolve(ctx context.Context, tag string) (digest.Digest, error)
	// manifest returns nil if there is no manifest d.
	manifest(ctx context.Context, d digest.Digest) (*oci.Contents, error)
}

func (q *query) content(ref *reference) (content, error) {
	for _, dir := range []string{q.what, ref.name} { // a directory may have a colon in its name
		if _, err := os.Stat(filepath.Join(dir, layoutFile)); err == nil {
			if dir == q.what {
				*ref = reference{name: dir}
			}
			return openLayout(dir)
		}
	}
	name, err := oci.ParseName(ref.name)
	if err != nil {
		return nil, fmt.Errorf("no such file or layout, nor can it be a repository: %w", err)
	}
	r, err := disk.OpenReader(q.root, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no such file or layout, and no registry to look in: %w", err)
	}
	return &rootContent{r, name}, err
}

// openImage finds the layer that q means, if it does, and opens it.
func (q *query) openImage(ctx context.Context, o *opened, c content, ref *reference) (err error) {
	d := ref.digest
	if d == "" {
		if d, err = c.resolve(ctx, ref.tag); err != nil {
			return err
		}
	}
	if o.image, err = c.manifest(ctx, d); err == nil && o.image != nil && len(o.image.Manifests) == 1 {
		d = o.image.Manifests[0].Digest
		o.image, err = c.manifest(ctx, d)
	}
	if err != nil {
		return err
	}
	layer := oci.Descriptor{Digest: d}
	if o.image != nil {
		n := q.layer
		if n == 0 && q.path != "" && len(o.image.Layers) == 1 {
			n = 1
		}
		switch {
		case n == 0 || len(o.image.Manifests) > 0:
			return nil
		case n > len(o.image.Layers):
			return fmt.Errorf("there is no layer %d: %w", n, o.choose())
		}
		layer = o.image.Layers[n-1]
	}
	l, err := explore.NewIndexer(&explore.IndexerOptions{Cache: c.indexes()}).Open(ctx, c, oci.Name(ref.name), layer.Digest, layer.MediaType)
	if err != nil {
		return err
	}
	o.archive = l.Archive
	o.closers = append(o.closers, l)
	return nil
}

// reference is NAME[:TAG][@DIGEST]; NAME is a repository or the directory of a layout.
type reference struct {
	name, tag string
	digest    digest.Digest
}

func parseReference(s string) (*reference, error) {
	name, d, ok := strings.Cut(s, "@")
	r := &reference{name: name}
	if ok {
		var err error
		if r.digest, err = oci.ParseDigest(d); err != nil {
			return nil, usageError{err}
		}
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		r.name, r.tag = name[:i], name[i+1:]
	}
	return r, nil
}

// rootContent is a repository of the root of a registry, which may be running.
type rootContent struct {
	*disk.Reader
	name oci.Name
}

func (c *rootContent) indexes() explore.Cache { return c.Derived() }

func (c *rootContent) resolve(ctx context.Context, text string) (digest.Digest, error) {
	tag, err := oci.ParseTag(cmp.Or(text, "latest"))
	if err != nil {
		return "", usageError{err}
	}
	d, err := c.ResolveTag(ctx, c.name, tag)
	return d.Digest, err
}

func (c *rootContent) manifest(ctx context.Context, d digest.Digest) (*oci.Contents, error) {
	m, err := c.GetManifest(ctx, c.name, d)
	if errors.Is(err, storage.ErrManifestUnknown) && !errors.Is(err, storage.ErrDamaged) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return oci.ParseManifest(m.MediaType, m.Raw)
}
