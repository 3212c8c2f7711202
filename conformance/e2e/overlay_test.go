//go:build linux

package e2e

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/overlay/overlaytest"
)

const corpus = "../../testdata/overlay"

// TestOverlayDocker holds the cases of testdata/overlay to docker export.
func TestOverlayDocker(t *testing.T) {
	needE2E(t)
	needRoot(t)
	for _, driver := range []string{"overlay2", "vfs"} {
		t.Run(driver, func(t *testing.T) { checkDriver(t, driver, dockerWith(t, driver).export) })
	}
}

// checkDriver holds the cases of testdata/overlay to what a daemon lists of the same layers: as one image of all that it takes, and one by
// one where it refuses or an image has to be its own.
func checkDriver(t *testing.T, driver string, list func(layers [][]byte) ([]exported, error)) {
	var together []*overlaytest.Case
	for _, x := range overlaytest.Load(t, corpus) {
		switch {
		case x.Daemons[driver] == "refuses":
			if files, err := list(overlaytest.Tars(t, x.Layers)); err == nil {
				t.Errorf("%s: the daemon takes it: %d files", x.Name, len(files))
			}
		case x.Alone:
			files, err := list(overlaytest.Tars(t, x.Layers))
			checkListing(t, driver, x, files, err)
		default:
			together = append(together, x)
		}
	}
	files, err := list(overlaytest.Tars(t, overlaytest.Join(together)))
	for _, x := range together {
		checkListing(t, driver, x, inFolder(files, x.Name), err)
	}
}

// dockerWith starts a daemon with a storage driver, until t ends.
func dockerWith(t *testing.T, driver string) docker {
	t.Helper()
	needProgram(t, "containerd", "containerd")
	d, err := startDaemon(needProgram(t, "dockerd", "docker.io"), driver, "--storage-driver", driver)
	if err != nil && strings.Contains(err.Error(), "not supported") {
		missing(t, driver, "run it where the temporary directory is on ext4 or xfs")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	return docker{newProgram(t, needProgram(t, "docker", "docker.io"), "-H", d.host()), t, nil}
}

// checkListing compares what a daemon lists with what a case says is live.
func checkListing(t *testing.T, driver string, x *overlaytest.Case, got []exported, err error) {
	t.Helper()
	want := x.Live()
	lines := format(t, got, want)
	same, differs := slices.Equal(lines, want), x.Daemons[driver] == "differs"
	if err != nil || same == differs {
		t.Errorf("%s: the daemon lists\n\t%s\n%v; want (differs: %v)\n\t%s", x.Name, strings.Join(lines, "\n\t"), err, differs, strings.Join(want, "\n\t"))
	}
}

// exported is a file that docker lists, and its content.
type exported struct {
	overlaytest.File
	content []byte
}

// inFolder returns the files of a folder as if it were the root.
func inFolder(all []exported, folder string) (own []exported) {
	for _, e := range all {
		if rest, ok := strings.CutPrefix(e.Path, folder+"/"); ok {
			e.Path = rest
			own = append(own, e)
		}
	}
	return own
}

// format returns sorted lines. Directories that nobody gave a mode in what is wanted have none: each daemon makes up its own.
func format(t *testing.T, all []exported, want []string) (lines []string) {
	t.Helper()
	for _, e := range all {
		e.Implied = e.Mode.IsDir() && slices.Contains(want, "dir - "+overlaytest.Quote(e.Path))
		e.Body = bytes.NewReader(e.content)
		line, err := overlaytest.Format(e.File)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// export returns what docker export lists of a container of an image of some layers.
func (c docker) export(layers [][]byte) ([]exported, error) {
	ids := make([]digest.Digest, len(layers))
	for i, l := range layers {
		ids[i] = digest.FromBytes(l)
	}
	archive := dockerArchive(c.t, imageConfig(c.t, ids, runtime.GOARCH), layers)
	if _, err := c.try("load", "-q", "-i", archive); err != nil {
		return nil, err
	}
	defer c.forget("e2e/image:latest")
	return c.exportOf("e2e/image:latest")
}

// ofDocker is what every container has on top of its image.
var ofDocker = strings.Fields("dev dev/console dev/pts dev/shm etc etc/hostname etc/hosts etc/mtab etc/resolv.conf proc sys .dockerenv")

// listTar lists an archive. Hard links are listed as the files that they are.
func listTar(file string) (files []exported, err error) {
	archive, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	seen := map[string]exported{}
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		e := exported{File: overlaytest.File{Mode: h.FileInfo().Mode(), Size: h.Size, Link: h.Linkname}}
		if h.Typeflag == tar.TypeLink {
			e = seen[path.Clean(h.Linkname)]
		} else if e.content, err = io.ReadAll(r); err != nil {
			return nil, err
		}
		e.Path = path.Clean(h.Name)
		seen[e.Path] = e
		if !slices.Contains(ofDocker, e.Path) {
			files = append(files, e)
		}
	}
}
