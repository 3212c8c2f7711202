//go:build linux

package e2e

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitrine/explore/overlay"
	"vitrine/explore/overlay/overlaytest"
	"vitrine/explore/tarfs"
)

// editor is the only program in the image of TestOverlayBuilt: it changes files, one argument after another.
const editor = `package main

import (
	"os"
	"strings"
)

func main() {
	for _, arg := range os.Args[1:] {
		f := strings.Split(arg, ":")
		var err error
		switch f[0] {
		case "rm":
			err = os.RemoveAll(f[1])
		case "mkdir":
			err = os.MkdirAll(f[1], 0o750)
		case "write":
			err = os.WriteFile(f[1], []byte(f[2]), 0o640)
		case "link":
			err = os.Symlink(f[2], f[1])
		case "hard":
			err = os.Link(f[2], f[1])
		case "mv":
			err = os.Rename(f[1], f[2])
		case "chmod":
			err = os.Chmod(f[1], 0o511)
		}
		if err != nil {
			println(arg, err.Error())
			os.Exit(1)
		}
	}
}
`

// edits are the steps of its Dockerfile: docker writes whiteouts, opaque markers and copied-up links for them.
var edits = []string{
	"mkdir:/app/cache/deep write:/app/cache/deep/a:one write:/app/cache/b:one write:/app/run:one link:/app/now:run mkdir:/app/old write:/app/old/x:one",
	"hard:/app/linked:/app/run write:/app/twice:one hard:/app/same:/app/twice mkdir:/lib64 write:/lib64/so:one link:/lib:lib64",
	"rm:/app/cache write:/app/twice:two rm:/app/now link:/app/now:twice",
	"mkdir:/app/cache write:/app/cache/c:three rm:/app/same",
	"rm:/app/old write:/app/old:file chmod:/app",
	"rm:/app/old mkdir:/app/old write:/app/old/y:five rm:/lib mkdir:/lib write:/lib/so:five",
	"rm:/app/cache mkdir:/app/cache/deep write:/app/cache/deep/d:six",
	"mv:/app/run:/app/ran write:/app/run:seven rm:/lib64 link:/lib64:lib",
}

// TestOverlayBuilt builds an image of many layers with docker, pushes it to the server under test, and lays its layers over each other: what
// comes out is what docker export lists.
func TestOverlayBuilt(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), nil)
	c := newDocker(t, s)
	base, ref := s.host+"/editor:1", s.host+"/edited:1"
	write(t, c.file("editor.go"), []byte(editor))
	if err := goTool(nil, "build", "-o", c.file("edit"), c.file("editor.go")); err != nil {
		t.Fatal(err)
	}
	write(t, c.file("root.tar"), newTar(t, tar.Header{Name: "edit", Mode: 0o755}, []byte(read(t, c.file("edit")))))
	c.run(t, "import", c.file("root.tar"), base)
	file := "FROM " + base + "\n"
	for _, step := range edits {
		file += fmt.Sprintf("RUN [\"/edit\", \"%s\"]\n", strings.ReplaceAll(step, " ", `", "`))
	}
	write(t, c.file("context/Dockerfile"), []byte(file))
	c.run(t, "build", "-q", "--network", "none", "-t", ref, c.file("context"))
	defer c.forget(ref, base)
	c.run(t, "push", "-q", ref)
	img := layersOf(t, s, "edited")
	checkMarkers(t, img)
	got, err := overlaytest.List(img)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	all, err := c.exportOf(ref)
	if want := format(t, all, nil); err != nil || !slices.Equal(got, want) {
		t.Errorf("the layers laid over each other:\n\t%s\ndocker export:\n\t%s\n%v", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), err)
	}
}

// checkMarkers makes sure that there was something to get right: whiteouts and opaque directories of docker's own.
func checkMarkers(t *testing.T, img *overlay.FS) {
	t.Helper()
	whiteouts, opaque := 0, 0
	for n, err := range img.Walk(".") {
		if err != nil {
			t.Fatal(err)
		}
		if _, isOpaque, ok := n.Hides(); ok && isOpaque {
			opaque++
		} else if ok {
			whiteouts++
		}
	}
	if whiteouts < 2 || opaque < 1 {
		t.Errorf("docker wrote %d whiteouts and %d opaque markers: not what this test is for", whiteouts, opaque)
	}
}

// layersOf opens the layers of an image of the server.
func layersOf(t *testing.T, s *server, repo string) *overlay.FS {
	t.Helper()
	_, m := s.manifestOf(t, repo, "1")
	var layers []*tarfs.FS
	for _, d := range m.Layers {
		b, err := s.fetch(repo).get(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if b, err = unpacked(b); err != nil {
			t.Fatal(err)
		}
		table, err := tarfs.Index(bytes.NewReader(b), nil)
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, tarfs.New(bytes.NewReader(b), table))
	}
	if len(layers) != 1+len(edits) {
		t.Errorf("%d layers, want %d", len(layers), 1+len(edits))
	}
	return overlay.New(layers)
}

// exportOf returns what docker export lists of a container of an image.
func (c docker) exportOf(ref string) ([]exported, error) {
	id, err := c.try("create", ref, "/edit")
	if err != nil {
		return nil, err
	}
	id = strings.TrimSpace(id)
	defer c.try("rm", "-f", id)
	file := filepath.Join(tempDir(c.t), "export.tar")
	if _, err := c.try("export", "-o", file, id); err != nil {
		return nil, err
	}
	return listTar(file)
}
