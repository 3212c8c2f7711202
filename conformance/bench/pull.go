package main

import (
	"fmt"
	"io"
)

// pulled is an image as clients pull it: the tag is asked for by HEAD, the manifest by digest, then each blob.
type pulled struct {
	tag, manifest string // paths
	blobs         []string
	size          int64
}

// pulls makes the requests for an image that was pushed.
func (m *image) pulls(repo, tag string) pulled {
	p := pulled{tag: manifestPath(repo, tag), manifest: manifestPath(repo, digestOf(m.manifest)), size: int64(len(m.manifest))}
	for _, b := range m.blobs {
		p.blobs = append(p.blobs, blobPath(repo, b.digest))
		p.size += b.size
	}
	return p
}

// do pulls the image and returns its size.
func (p *pulled) do(c *conn) (int64, error) {
	if _, err := c.do(200, nil, "HEAD", p.tag, wantManifest); err != nil {
		return 0, err
	}
	a, err := c.do(200, nil, "GET", p.manifest, wantManifest)
	sum := a.length
	for _, path := range p.blobs {
		if err != nil {
			return sum, err
		}
		a, err = c.do(200, io.Writer(nil), "GET", path, "")
		sum += a.length
	}
	return sum, sizeIs(err, p.tag, sum, p.size)
}

// layers is how many layers the images have that are pulled as a whole.
const layers = 4

// bigImage makes an image whose layers are big bytes together.
func (b *bench) bigImage() *image {
	s, list := b.content.series(b.big/layers), make([]*blob, layers)
	for i := range list {
		list[i] = s.next()
	}
	return newImage(list, b.content.blob(1<<10))
}

// pullImage pulls one image again and again.
func pullImage(b *bench, c *conn, t *target) (*job, error) {
	m, repo := b.bigImage(), b.fresh("image")
	if err := m.push(c, repo, "v1"); err != nil {
		return nil, err
	}
	p := m.pulls(repo, "v1")
	return &job{do: func(c *conn, i int) (int64, error) { return p.do(c) }}, m.check(c, repo, "v1")
}

// pullMany pulls a few small images in turn.
func pullMany(b *bench, c *conn, t *target) (*job, error) {
	repo, list, err := fewImages(b, c)
	if err != nil {
		return nil, err
	}
	var all []pulled
	for i, m := range list {
		all = append(all, m.pulls(repo, tagName(i)))
	}
	return ready(c, &job{do: func(c *conn, i int) (int64, error) { return all[i%len(all)].do(c) }})
}

// pullCold pulls images of which none was pulled before, one after the other.
func pullCold(b *bench, c *conn, t *target) (*job, error) { return coldImages(b, c, "cold", b.bigs, 1) }

// herd is how many clients come at once for an image that none has pulled before.
const herd = 32

func pullHerd(b *bench, c *conn, t *target) (*job, error) { return coldImages(b, c, "herd", 1, herd) }

// coldImages is a job of n images in each round, each pulled by some clients at once.
func coldImages(b *bench, c *conn, name string, n, clients int) (*job, error) {
	repo := b.fresh(name)
	var all []pulled
	for i := range b.rounds * n {
		m := b.bigImage()
		if err := m.push(c, repo, tagName(i)); err != nil {
			return nil, err
		}
		all = append(all, m.pulls(repo, tagName(i)))
	}
	do := func(c *conn, i int) (int64, error) {
		if i/clients >= len(all) {
			return 0, fmt.Errorf("%w: no image is left", errContent)
		}
		return all[i/clients].do(c)
	}
	return &job{do: do, limit: n * clients}, nil
}
