//go:build linux

package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// smallImage is an image of one layer that is pushed and read by hand.
type smallImage struct {
	s        *server
	layer    content
	config   content
	raw      []byte
	manifest digest.Digest
}

func small(t *testing.T, s *server, seed uint64) *smallImage {
	t.Helper()
	c := &smallImage{s: s, layer: content{seed, 200_000}, config: content{seed + 1, 3000}}
	config := descriptor{MediaType: typeConfig, Digest: c.config.digest(), Size: 3000}
	layer := descriptor{MediaType: typeLayer, Digest: c.layer.digest(), Size: 200_000}
	c.raw = marshal(t, manifest{SchemaVersion: 2, MediaType: typeManifest, Config: &config, Layers: []descriptor{layer}})
	c.manifest = digest.FromBytes(c.raw)
	return c
}

// push pushes all of it, whatever the server says that it has.
func (c *smallImage) push(t *testing.T) {
	t.Helper()
	for _, b := range []content{c.layer, c.config} {
		path := "/v2/small/blobs/uploads/?digest=" + string(b.digest())
		c.s.expect(t, 201, "POST", path, b.bytes(), "Content-Type", "application/octet-stream")
	}
	c.s.expect(t, 201, "PUT", "/v2/small/manifests/1", c.raw, "Content-Type", typeManifest)
}

// check fails t unless all of it reads right.
func (c *smallImage) check(t *testing.T) {
	t.Helper()
	for _, b := range []content{c.layer, c.config} {
		if _, err := c.s.fetch("small").get(b.digest()); err != nil {
			t.Error(err)
		}
		c.s.expect(t, 200, "HEAD", "/v2/small/blobs/"+string(b.digest()), nil)
	}
	for _, reference := range []string{"1", string(c.manifest)} {
		a := c.s.expect(t, 200, "GET", "/v2/small/manifests/"+reference, nil, "Accept", acceptAll)
		if !bytes.Equal(a.body, c.raw) {
			t.Errorf("manifest %s: other bytes", reference)
		}
	}
}

// damages are what disks and people do to a file.
var damages = []struct {
	name  string
	sized bool // the size shows it
	do    func(path string) error
}{
	{"flip", false, flipBit},
	{"half", true, func(path string) error {
		fi, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, fi.Size()/2)
	}},
	{"zero", true, func(path string) error { return os.Truncate(path, 0) }},
	{"removed", true, os.Remove},
}

func flipBit(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], 100); err != nil {
		return err
	}
	b[0] ^= 4
	_, err = f.WriteAt(b[:], 100)
	return err
}

// TestDamage damages a file of the store, with the server running and while it is down. Nothing wrong is served as if it
// were right, verify names the file, and pushing the same content again mends it.
func TestDamage(t *testing.T) {
	if testing.Short() && !e2e {
		t.Skip("-short")
	}
	moments := []string{"running"}
	if e2e {
		moments = append(moments, "down")
	}
	for _, d := range damages {
		for _, what := range []string{"blob", "manifest"} {
			for _, when := range moments {
				t.Run(d.name+"/"+what+"/"+when, func(t *testing.T) { damageAndHeal(t, d.do, d.sized, what, when == "down") })
			}
		}
	}
}

func damageAndHeal(t *testing.T, do func(string) error, sized bool, what string, down bool) {
	s := start(t, tempDir(t), nil)
	c := small(t, s, 1)
	c.push(t)
	c.check(t) // what was read once may be in memory
	file := c.file(t, what)
	if down {
		s.stop(t)
	}
	if err := do(file); err != nil {
		t.Fatal(err)
	}
	if down {
		c.s = start(t, s.root, nil)
	}
	c.damaged(t, what, sized)
	checkVerify(t, s.root, filepath.Base(file))
	c.push(t)
	c.check(t)
	checkVerify(t, s.root, "")
}

// file finds where the layer or the manifest is kept.
func (c *smallImage) file(t *testing.T, what string) (path string) {
	t.Helper()
	name := c.layer.digest().Encoded()
	if what == "manifest" {
		name = c.manifest.Encoded()
	}
	blobs := filepath.Join(c.s.root, "blobs")
	err := filepath.WalkDir(blobs, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Name() == name {
			path = p
		}
		return err
	})
	if err != nil || path == "" {
		t.Fatalf("no %s in %s: %v", name, blobs, err)
	}
	return path
}

// damaged holds the server to what it may still say of damaged content: its bytes where they are right, or an error, or an
// answer that breaks off. Bytes of a blob that were changed in place can't be told while they are sent; a manifest's can.
func (c *smallImage) damaged(t *testing.T, what string, sized bool) {
	t.Helper()
	if what == "manifest" {
		for _, reference := range []string{"1", string(c.manifest)} {
			a, err := c.s.send("GET", "/v2/small/manifests/"+reference, nil, "Accept", acceptAll)
			if err != nil || a.status >= 500 || a.status == 200 && !bytes.Equal(a.body, c.raw) {
				t.Errorf("damaged manifest %s: %v, status %d with %d bytes: %.200s", reference, err, a.status, len(a.body), a.body)
			}
		}
		return
	}
	path := "/v2/small/blobs/" + string(c.layer.digest())
	for _, rng := range []string{"bytes=0-", "bytes=150000-150099"} {
		a, err := c.s.send("GET", path, nil, "Range", rng)
		if sized && err == nil && (a.status < 400 || a.status >= 500) {
			t.Errorf("damaged blob, %s: status %d with %d bytes", rng, a.status, len(a.body))
		}
	}
	a, err := c.s.send("GET", path, nil)
	if err == nil && a.status == 200 && len(a.body) != c.layer.size {
		t.Errorf("damaged blob: status 200, ended cleanly after %d bytes of %d", len(a.body), c.layer.size)
	}
	// A client that is told 200 does not push, and only pushing mends.
	if a, err := c.s.send("HEAD", path, nil); err != nil || sized && a.status != 404 {
		t.Errorf("HEAD of the damaged blob: %v, status %d, want 404", err, a.status)
	}
}

// checkVerify runs verify, which has to find exactly the file of that name, or nothing if it is "".
func checkVerify(t *testing.T, root, name string) {
	t.Helper()
	out, code := verify(t, root)
	want := 0
	if name != "" {
		want = 3
	}
	if code != want || !strings.Contains(out, name) {
		t.Errorf("verify exits with %d, want %d, and prints, for %q:\n%s", code, want, name, out)
	}
}
