//go:build linux

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

const (
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// descriptor is what the tests write and read of the spec's descriptor.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      digest.Digest     `json:"digest"`
	Size        int64             `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// manifest is an image manifest or an index.
type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType,omitempty"`
	ArtifactType  string       `json:"artifactType,omitempty"`
	Config        *descriptor  `json:"config,omitempty"`
	Layers        []descriptor `json:"layers,omitempty"`
	Manifests     []descriptor `json:"manifests,omitempty"`
	Subject       *descriptor  `json:"subject,omitempty"`
}

// identity is what has to survive every way through a registry.
type identity struct {
	config digest.Digest
	layers []digest.Digest // of the layers' uncompressed tars
}

func (a identity) equal(b identity) bool {
	return a.config == b.config && slices.Equal(a.layers, b.layers)
}

// image is a real image of three layers in the two forms that the clients read.
type image struct {
	identity
	root    descriptor // of the manifest
	layout  string     // folder: an OCI layout in which the image is called "image"
	archive string     // file: what docker save writes, called e2e/image:latest
}

// newImage makes an image that no other seed makes.
func newImage(t *testing.T, seed uint64) *image {
	t.Helper()
	l := newLayout(t)
	tars := layerTars(t, seed)
	root, id := l.addImage(t, tars, runtime.GOARCH)
	l.finish(t, root)
	return &image{identity: id, root: root, layout: l.dir, archive: dockerArchive(t, l.blobs[id.config], tars)}
}

// newBigImage makes an image of layers that no archive is in and that are not worth compressing, which takes no time, and returns their digests.
func newBigImage(t *testing.T, layers ...content) (*image, []digest.Digest) {
	t.Helper()
	l := newLayout(t)
	var id identity
	var packed []digest.Digest
	m := manifest{SchemaVersion: 2, MediaType: typeManifest}
	for _, c := range layers {
		b := c.bytes()
		d := l.add(typeLayer, gzippedAt(t, b, gzip.NoCompression))
		m.Layers, packed, id.layers = append(m.Layers, d), append(packed, d.Digest), append(id.layers, digest.FromBytes(b))
	}
	c := l.add(typeConfig, imageConfig(t, id.layers, runtime.GOARCH))
	m.Config, id.config = &c, c.Digest
	root := l.add(typeManifest, marshal(t, m))
	l.finish(t, root)
	return &image{identity: id, root: root, layout: l.dir}, packed
}

// newIndex makes an OCI layout of an index called "image" with images for two architectures that share a layer,
// and returns its folder, the index and what this machine's image is.
func newIndex(t *testing.T, seed uint64) (dir string, root descriptor, here identity) {
	t.Helper()
	l := newLayout(t)
	tars := layerTars(t, seed)
	m := manifest{SchemaVersion: 2, MediaType: typeIndex}
	for i, arch := range []string{"amd64", "arm64"} {
		d, id := l.addImage(t, tars[i:], arch)
		d.Platform = &platform{arch, "linux"}
		m.Manifests = append(m.Manifests, d)
		if arch == runtime.GOARCH {
			here = id
		}
	}
	root = l.add(typeIndex, marshal(t, m))
	l.finish(t, root)
	return l.dir, root, here
}

// layout is an OCI image layout that is being written.
type layout struct {
	dir   string
	blobs map[digest.Digest][]byte
}

func newLayout(t *testing.T) *layout {
	return &layout{dir: filepath.Join(tempDir(t), "layout"), blobs: make(map[digest.Digest][]byte)}
}

func (l *layout) add(mediaType string, content []byte) descriptor {
	d := digest.FromBytes(content)
	l.blobs[d] = content
	return descriptor{MediaType: mediaType, Digest: d, Size: int64(len(content))}
}

func (l *layout) addImage(t *testing.T, tars [][]byte, arch string) (descriptor, identity) {
	t.Helper()
	var id identity
	m := manifest{SchemaVersion: 2, MediaType: typeManifest}
	for _, content := range tars {
		id.layers = append(id.layers, digest.FromBytes(content))
		m.Layers = append(m.Layers, l.add(typeLayer, gzipped(t, content)))
	}
	c := l.add(typeConfig, imageConfig(t, id.layers, arch))
	m.Config, id.config = &c, c.Digest
	return l.add(typeManifest, marshal(t, m)), id
}

// finish writes the layout with root as its only entry.
func (l *layout) finish(t *testing.T, root descriptor) {
	t.Helper()
	for d, content := range l.blobs {
		write(t, filepath.Join(l.dir, "blobs", "sha256", d.Encoded()), content)
	}
	root.Annotations = map[string]string{"org.opencontainers.image.ref.name": "image"}
	index := marshal(t, manifest{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{root}})
	write(t, filepath.Join(l.dir, "index.json"), index)
	write(t, filepath.Join(l.dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
}

func imageConfig(t *testing.T, layers []digest.Digest, arch string) []byte {
	t.Helper()
	type step struct {
		Created   string `json:"created"`
		CreatedBy string `json:"created_by"`
	}
	history := make([]step, len(layers))
	for i := range history {
		history[i] = step{"2024-01-02T03:04:05Z", "made by hand"}
	}
	return marshal(t, map[string]any{
		"created": "2024-01-02T03:04:05Z", "architecture": arch, "os": "linux",
		"config":  map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": []string{"/bin/hello"}},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": layers},
		"history": history,
	})
}

// layerTars makes three layers: text and links, a megabyte that does not compress, and one that replaces and hides.
func layerTars(t *testing.T, seed uint64) [][]byte {
	t.Helper()
	noise := content{seed, 1 << 20}.bytes()
	return [][]byte{
		newTar(t,
			tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil,
			tar.Header{Name: "bin/hello", Mode: 0o755}, []byte("#!/bin/sh\necho hello\n"),
			tar.Header{Name: "bin/hi", Typeflag: tar.TypeSymlink, Linkname: "hello"}, nil,
			tar.Header{Name: "etc/seed", Mode: 0o644}, noise[:64]),
		newTar(t, tar.Header{Name: "usr/share/noise", Mode: 0o600}, noise),
		newTar(t,
			tar.Header{Name: "etc/seed", Mode: 0o644}, noise[64:100],
			tar.Header{Name: "bin/.wh.hi", Mode: 0o644}, []byte{}),
	}
}

// newTar makes a tar of headers and contents in turn.
func newTar(t *testing.T, entries ...any) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i < len(entries); i += 2 {
		h := entries[i].(tar.Header)
		body, _ := entries[i+1].([]byte)
		h.Size, h.ModTime = int64(len(body)), time.Unix(1700000000, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		w.Write(body)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	return gzippedAt(t, content, gzip.DefaultCompression)
}

func gzippedAt(t *testing.T, content []byte, level int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, level)
	if err == nil {
		_, err = w.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// dockerArchive writes what docker load reads.
func dockerArchive(t *testing.T, config []byte, tars [][]byte) string {
	t.Helper()
	name := digest.FromBytes(config).Encoded() + ".json"
	entries := []any{tar.Header{Name: name, Mode: 0o644}, config}
	var layers []string
	for _, content := range tars {
		layers = append(layers, digest.FromBytes(content).Encoded()+"/layer.tar")
		entries = append(entries, tar.Header{Name: layers[len(layers)-1], Mode: 0o644}, content)
	}
	list := marshal(t, []archiveEntry{{Config: name, RepoTags: []string{"e2e/image:latest"}, Layers: layers}})
	entries = append(entries, tar.Header{Name: "manifest.json", Mode: 0o644}, list)
	path := filepath.Join(tempDir(t), "image.tar")
	write(t, path, newTar(t, entries...))
	return path
}

// archiveEntry is an image in the manifest.json of docker save.
type archiveEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// content is bytes that can be made again: those of a seed.
type content struct {
	seed uint64
	size int
}

func (c content) bytes() []byte {
	b := make([]byte, c.size)
	var key [32]byte
	for i := range 8 {
		key[i] = byte(c.seed >> (8 * i))
	}
	rand.NewChaCha8(key).Read(b)
	return b
}

func (c content) digest() digest.Digest { return digest.FromBytes(c.bytes()) }
