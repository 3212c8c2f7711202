package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"strings"
	"sync/atomic"
)

const (
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
	typeEmpty    = "application/vnd.oci.empty.v1+json"
)

// content makes what a run pushes: random bytes, no two blobs alike and none like those of another run, so that no
// server can answer from what it has already.
type content struct {
	run    string // in every name that has to be new
	random []byte
	serial atomic.Int64
}

func newContent(size int) *content {
	var seed [32]byte
	rand.Read(seed[:]) // never fails
	c := &content{run: hex.EncodeToString(seed[:4]), random: make([]byte, size)}
	mathrand.NewChaCha8(seed).Read(c.random) // never fails
	return c
}

// blob is size bytes: base, over and over, and at the end tail.
type blob struct {
	size   int64
	base   []byte
	tail   []byte
	digest string
}

// series makes blobs of one size that differ in their tail, each for the price of hashing the tail.
type series struct {
	c     *content
	size  int64
	base  []byte
	state []byte // of a sha256 that has seen all but the tail
}

const tailSize = sha256.Size

// series needs a size above tailSize.
func (c *content) series(size int64) *series {
	s := &series{c: c, size: size, base: c.random[:min(size, int64(len(c.random)))]}
	h := sha256.New()
	b := blob{size: size, base: s.base}
	for _, p := range b.parts(0, size-tailSize) {
		h.Write(p)
	}
	s.state, _ = h.(encoding.BinaryMarshaler).MarshalBinary() // the standard library's sha256 always can
	return s
}

// next makes a blob that never was.
func (s *series) next() *blob {
	tail := sha256.Sum256(fmt.Append(nil, s.c.run, s.c.serial.Add(1)))
	h := sha256.New()
	h.(encoding.BinaryUnmarshaler).UnmarshalBinary(s.state) // what MarshalBinary made
	h.Write(tail[:])
	return &blob{size: s.size, base: s.base, tail: tail[:], digest: "sha256:" + hex.EncodeToString(h.Sum(nil))}
}

func (c *content) blob(size int64) *blob { return c.series(size).next() }

// literal is the blob with these bytes.
func literal(p []byte) *blob {
	return &blob{size: int64(len(p)), base: p, digest: digestOf(p)}
}

func digestOf(p []byte) string {
	sum := sha256.Sum256(p)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// parts returns the bytes from up to to, without copying them.
func (b *blob) parts(from, to int64) [][]byte {
	var list [][]byte
	body, period := b.size-int64(len(b.tail)), int64(len(b.base))
	for from < min(to, body) {
		at := from % period
		n := min(period-at, min(to, body)-from)
		list = append(list, b.base[at:at+n])
		from += n
	}
	if from < to {
		list = append(list, b.tail[from-body:to-body])
	}
	return list
}

func (b *blob) all() [][]byte { return b.parts(0, b.size) }

// push uploads b with a POST and one PUT [end-4a, end-6].
func (b *blob) push(c *conn, repo string) error {
	a, err := c.do(202, nil, "POST", uploadsPath(repo), "")
	if err != nil {
		return err
	}
	return b.finish(c, a.location, b.all()...)
}

// finish is the PUT that ends an upload.
func (b *blob) finish(c *conn, location string, body ...[]byte) error {
	path := c.path(location)
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	_, err := c.do(201, nil, "PUT", path+mark+"digest="+b.digest, "Content-Type: application/octet-stream\r\n", body...)
	return err
}

// pushChunked uploads b in PATCHes of chunk bytes and an empty PUT [end-5].
func (b *blob) pushChunked(c *conn, repo string, chunk int64) error {
	a, err := c.do(202, nil, "POST", uploadsPath(repo), "")
	for at := int64(0); err == nil && at < b.size; at += chunk {
		end := min(at+chunk, b.size)
		header := fmt.Sprintf("Content-Type: application/octet-stream\r\nContent-Range: %d-%d\r\n", at, end-1)
		a, err = c.do(202, nil, "PATCH", c.path(a.location), header, b.parts(at, end)...)
	}
	if err != nil {
		return err
	}
	return b.finish(c, a.location)
}

// check reads the blob back and hashes it.
func (b *blob) check(c *conn, repo string) error {
	h := sha256.New()
	path := blobPath(repo, b.digest)
	if _, err := c.do(200, h, "GET", path, ""); err != nil {
		return err
	}
	if got := "sha256:" + hex.EncodeToString(h.Sum(nil)); got != b.digest {
		return fmt.Errorf("%w: %s has the bytes of %s", errContent, path, got)
	}
	return nil
}

// image is what push-many pushes: a config of 1 KiB, two layers of 4, 8, 12 or 16 KiB, and a manifest by tag.
type image struct {
	blobs    []*blob // the layers, then the config
	manifest []byte
}

// imageSeries makes images.
type imageSeries struct {
	config *series
	layers [4]*series
	n      int
}

func (c *content) images() *imageSeries {
	s := &imageSeries{config: c.series(1 << 10)}
	for i := range s.layers {
		s.layers[i] = c.series(int64(i+1) * 4 << 10)
	}
	return s
}

func (s *imageSeries) next() *image {
	s.n++
	return newImage([]*blob{s.layers[s.n%4].next(), s.layers[(s.n+1)%4].next()}, s.config.next())
}

func newImage(layers []*blob, config *blob) *image {
	m := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[`, typeManifest, config.descriptor(typeConfig))
	for i, l := range layers {
		if i > 0 {
			m = append(m, ',')
		}
		m = append(m, l.descriptor(typeLayer)...)
	}
	return &image{append(layers[:len(layers):len(layers)], config), append(m, "]}"...)}
}

func (b *blob) descriptor(mediaType string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, b.digest, b.size)
}

func (m *image) config() *blob { return m.blobs[len(m.blobs)-1] }

func (m *image) push(c *conn, repo, tag string) error {
	for _, b := range m.blobs {
		if err := b.push(c, repo); err != nil {
			return err
		}
	}
	return putManifest(c, repo, tag, m.manifest)
}

// check reads the image back, as clients do: there are registries before others that know of a blob only when its manifest has been asked for.
func (m *image) check(c *conn, repo, tag string) error {
	if err := checkManifest(c, repo, tag, m.manifest); err != nil {
		return err
	}
	for _, b := range m.blobs {
		if err := b.check(c, repo); err != nil {
			return err
		}
	}
	return nil
}

// artifact is the i-th manifest that refers to subject; its config and its layer are the empty blob.
func artifact(i int, subject []byte) []byte {
	empty := emptyBlob().descriptor(typeEmpty)
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.example.signature.v1","config":%s,"layers":[%s],`+
		`"subject":%s,"annotations":{"org.example.signature":"number %d"}}`, typeManifest, empty, empty, literal(subject).descriptor(typeManifest), i)
}

func emptyBlob() *blob { return literal([]byte("{}")) }

const (
	sendManifest = "Content-Type: " + typeManifest + "\r\n"
	wantManifest = "Accept: " + typeManifest + "\r\n"
)

func putManifest(c *conn, repo, ref string, m []byte) error {
	_, err := c.do(201, nil, "PUT", manifestPath(repo, ref), sendManifest, m)
	return err
}

func checkManifest(c *conn, repo, ref string, want []byte) error {
	var got bytes.Buffer
	path := manifestPath(repo, ref)
	if _, err := c.do(200, &got, "GET", path, wantManifest); err != nil {
		return err
	}
	if !bytes.Equal(got.Bytes(), want) {
		return fmt.Errorf("%w: %s is another manifest: %.64q", errContent, path, got.Bytes())
	}
	return nil
}

func uploadsPath(repo string) string       { return "/v2/" + repo + "/blobs/uploads/" }
func blobPath(repo, digest string) string  { return "/v2/" + repo + "/blobs/" + digest }
func manifestPath(repo, ref string) string { return "/v2/" + repo + "/manifests/" + ref }

// readRange reads the bytes from up to to of a blob into w, which may be nil.
func readRange(c *conn, w io.Writer, path string, from, to int64) (int64, error) {
	a, err := c.do(206, w, "GET", path, fmt.Sprintf("Range: bytes=%d-%d\r\n", from, to-1))
	return a.length, err
}
