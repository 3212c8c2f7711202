//go:build linux

package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/overlay/overlaytest"
)

// ctr is the client of the containerd that dockerd starts.
type ctr struct {
	*program
	t *testing.T
}

func newCtr(t *testing.T) ctr {
	t.Helper()
	d := needDaemon(t)
	socket := filepath.Join(d.dir, "exec", "containerd", "containerd.sock")
	return ctr{newProgram(t, needProgram(t, "ctr", "containerd"), "-a", socket, "-n", "e2e"), t}
}

// TestOverlayContainerd holds the cases of testdata/overlay to what containerd mounts, with overlayfs.
func TestOverlayContainerd(t *testing.T) {
	needE2E(t)
	c := newCtr(t)
	checkDriver(t, "containerd", c.list)
}

// list returns the files of the mounted image of some layers.
func (c ctr) list(layers [][]byte) (files []exported, err error) {
	const ref = "docker.io/e2e/image:latest"
	ids := make([]digest.Digest, len(layers))
	for i, l := range layers {
		ids[i] = digest.FromBytes(l)
	}
	archive := dockerArchive(c.t, imageConfig(c.t, ids, runtime.GOARCH), layers)
	if _, err := c.try("images", "import", "--no-unpack", archive); err != nil {
		return nil, err
	}
	defer c.try("images", "rm", "--sync", ref)
	dir := tempDir(c.t)
	if _, err := c.try("images", "mount", "--snapshotter", "overlayfs", ref, dir); err != nil {
		return nil, err
	}
	defer c.try("images", "unmount", "--rm", dir)
	return listDir(dir)
}

// listDir lists a directory of the disk. A name that cannot be looked up, as overlayfs shows some whiteouts, is not there.
func listDir(dir string) (files []exported, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		e := exported{File: overlaytest.File{Path: rel, Mode: info.Mode(), Size: info.Size()}}
		switch {
		case err != nil:
		case e.Mode&fs.ModeSymlink != 0:
			e.Link, err = os.Readlink(path)
		case e.Mode.IsRegular():
			e.content, err = os.ReadFile(path)
		}
		files = append(files, e)
		return err
	})
	return files, err
}
