package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/opencontainers/go-digest"

	"vitrine/explore"
	"vitrine/storage"
	"vitrine/storage/oci"
)

const (
	layoutFile = "oci-layout"
	indexFile  = "index.json"
	refName    = "org.opencontainers.image.ref.name" // the annotation that a tag is in an index.json
)

// layoutContent is an OCI image layout: a directory with oci-layout, index.json and blobs/ALGORITHM/HEX (image-spec, image-layout.md).
type layoutContent struct {
	root  *os.Root
	index *oci.Contents
}

func openLayout(dir string) (*layoutContent, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	c := &layoutContent{root: root}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return c, nil
}

func (c *layoutContent) open() error {
	raw, err := c.root.ReadFile(layoutFile)
	if err != nil {
		return err
	}
	var layout struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(raw, &layout); err != nil {
		return fmt.Errorf("%s: %w", layoutFile, err)
	}
	if layout.Version != "1.0.0" {
		return fmt.Errorf("%s: version %.64q, want 1.0.0", layoutFile, layout.Version)
	}
	if raw, err = c.root.ReadFile(indexFile); err != nil {
		return err
	}
	c.index, err = oci.ParseManifest("", raw)
	return err
}

// Close closes the directory.
func (c *layoutContent) Close() error { return c.root.Close() }

func (c *layoutContent) indexes() explore.Cache { return nil }

// resolve returns the digest of the manifest with that tag; without one, of the only manifest.
func (c *layoutContent) resolve(_ context.Context, tag string) (digest.Digest, error) {
	var tags []string
	for _, d := range c.index.Manifests {
		if tag != "" && d.Annotations[refName] == tag || tag == "" && len(c.index.Manifests) == 1 {
			return d.Digest, nil
		}
		tags = append(tags, visible(d.Annotations[refName])+"@"+string(d.Digest))
	}
	return "", fmt.Errorf("%w: the layout has %q", storage.ErrManifestUnknown, tags)
}

// manifest reads a blob that looks like a manifest: a layout does not say which are.
func (c *layoutContent) manifest(ctx context.Context, d digest.Digest) (*oci.Contents, error) {
	size, err := c.StatBlob(ctx, "", d)
	if err != nil || size > oci.MaxManifest {
		return nil, err
	}
	raw, err := storage.ReadBlob(ctx, c, "", d, oci.MaxManifest)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
		return nil, nil
	}
	if got := d.Algorithm().FromBytes(raw); got != d {
		return nil, fmt.Errorf("%w: %s: read as %s", storage.ErrDamaged, d, got)
	}
	m, err := oci.ParseManifest("", raw)
	if err != nil || m.Config == nil && m.Layers == nil && m.Manifests == nil {
		return nil, nil // another kind of JSON
	}
	return m, nil
}

func blobFile(d digest.Digest) string { return "blobs/" + string(d.Algorithm()) + "/" + d.Encoded() }

// StatBlob implements storage.BlobReader.
func (c *layoutContent) StatBlob(_ context.Context, _ oci.Name, d digest.Digest) (int64, error) {
	fi, err := c.root.Stat(blobFile(d))
	if err != nil {
		return 0, unknownBlob(err, d)
	}
	return fi.Size(), nil
}

// OpenBlob implements storage.BlobReader.
func (c *layoutContent) OpenBlob(_ context.Context, _ oci.Name, d digest.Digest) (storage.Blob, error) {
	f, err := c.root.Open(blobFile(d))
	if err != nil {
		return nil, unknownBlob(err, d)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", f.Name())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &fileBlob{f, fi.Size()}, nil
}

func unknownBlob(err error, d digest.Digest) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", storage.ErrBlobUnknown, d)
	}
	return err
}

// fileBlob is a file with its size.
type fileBlob struct {
	*os.File
	size int64
}

// Size returns the size in bytes.
func (b *fileBlob) Size() int64 { return b.size }
