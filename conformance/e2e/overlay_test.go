//go:build linux

package e2e

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/overlay/overlaytest"
)

// export returns what docker export lists of a container of an image of some layers.
func (c docker) export(layers [][]byte) ([]string, error) {
	ids := make([]digest.Digest, len(layers))
	for i, l := range layers {
		ids[i] = digest.FromBytes(l)
	}
	archive := dockerArchive(c.t, imageConfig(c.t, ids, runtime.GOARCH), layers)
	defer os.Remove(archive)
	if _, err := c.try("load", "-q", "-i", archive); err != nil {
		return nil, err
	}
	defer c.forget("e2e/image:latest")
	id, err := c.try("create", "e2e/image:latest")
	if err != nil {
		return nil, err
	}
	id = strings.TrimSpace(id)
	defer c.try("rm", "-f", id)
	file := filepath.Join(tempDir(c.t), "export.tar")
	if _, err := c.try("export", "-o", file, id); err != nil {
		return nil, err
	}
	return listTar(c.t, file), nil
}

// listTar returns the entries of an archive as lines of overlaytest. Hard links are shown as what they mean.
func listTar(t *testing.T, file string) (lines []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	shown := map[string]overlaytest.File{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		name := path.Clean(h.Name)
		file := overlaytest.File{Path: name, Mode: h.FileInfo().Mode(), Size: h.Size, Link: h.Linkname, Body: r}
		_ = shown
		line, err := overlaytest.Format(file)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

func TestOverlayTry(t *testing.T) {
	needE2E(t)
	needRoot(t)
	driver := os.Getenv("DRIVER")
	d, err := startDaemon(needProgram(t, "dockerd", "docker.io"), "d"+driver, "--storage-driver", driver)
	if err != nil {
		t.Fatal(err)
	}
	defer d.stop()
	p := newProgram(t, needProgram(t, "docker", "docker.io"), "-H", d.host())
	c := docker{p, t, nil}
	for _, x := range overlaytest.Load(t, "../../testdata/overlay") {
		lines, err := c.export(x.Tars(t))
		slices.Sort(lines)
		t.Logf("CASE %s\n%s\n%v", x.Name, strings.Join(lines, "\n"), err)
	}
}
