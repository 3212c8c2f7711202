//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// podman and buildah keep images in a store of their own; the vfs driver needs nothing of the kernel.
type podman struct {
	*program
	t *testing.T
	s *server
}

func openPodman(t *testing.T, s *server) client { return newPodman(t, s) }

func newPodman(t *testing.T, s *server) podman {
	t.Helper()
	p := newProgram(t, needProgram(t, "podman", "podman"))
	p.args = []string{
		"--root", p.file("root"), "--runroot", p.file("runroot"), "--tmpdir", p.file("tmp"), "--storage-driver", "vfs",
		"--cgroup-manager", "cgroupfs", "--events-backend", "none",
	}
	if out, err := p.try("info"); err != nil {
		missing(t, "a podman that works", "be root, or give the user subordinate IDs: "+out+err.Error())
	}
	if s.ca != nil {
		p.env = append(p.env, "SSL_CERT_FILE="+s.ca.caFile) // for search, which has no --cert-dir
	} else {
		registries := p.file("registries.conf") // for manifest create, which forgets --tls-verify
		write(t, registries, fmt.Appendf(nil, "[[registry]]\nlocation = %q\ninsecure = true\n", s.host))
		p.env = append(p.env, "CONTAINERS_REGISTRIES_CONF="+registries)
	}
	return podman{p, t, s}
}

func (s *server) verify() string { return fmt.Sprintf("--tls-verify=%t", s.ca != nil) }

func (c podman) login(user, password string) error {
	_, err := c.try("login", c.s.trust(""), "-u", user, "-p", password, c.s.host)
	return err
}

func (c podman) push(img *image, ref string) error {
	id := img.config.Encoded()
	if _, err := c.try("image", "exists", id); err != nil {
		if _, err := c.try("load", "-q", "-i", img.archive); err != nil {
			return err
		}
	}
	_, err := c.try("push", c.s.trust(""), id, ref)
	return err
}

func (c podman) pull(ref string) (identity, digest.Digest, error) {
	if _, err := c.try("pull", c.s.trust(""), ref); err != nil {
		return identity{}, "", err
	}
	file := filepath.Join(tempDir(c.t), "saved.tar")
	if _, err := c.try("save", "-q", "-o", file, ref); err != nil {
		return identity{}, "", err
	}
	id, err := identifyArchive(file)
	return id, "", err
}

func (c podman) tags(repository string) ([]string, error) {
	out, err := c.try("search", c.s.verify(), "--list-tags", "--format", "json", repository)
	if err != nil {
		return nil, err
	}
	var list []struct{ Tags []string }
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 {
		return nil, fmt.Errorf("%s: %w", out, err)
	}
	slices.Sort(list[0].Tags)
	return list[0].Tags, nil
}

func (c podman) remove(string) error { return errors.ErrUnsupported }

// TestPodmanManifest makes a manifest list of two architectures in podman's store, pushes it and reads it with skopeo.
func TestPodmanManifest(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), nil)
	c, reader := newPodman(t, s), newSkopeo(t, s)
	dir, _, here := newIndex(t, 120)
	source, list := s.host+"/multi/source:1", s.host+"/multi/list:1"
	reader.run(t, "copy", "--all", s.trust("dest-"), "oci:"+dir+":image", "docker://"+source)
	c.run(t, "manifest", "create", s.trust(""), "--all", list, "docker://"+source)
	c.run(t, "manifest", "push", s.trust(""), "--all", list, "docker://"+list)
	_, m := s.manifestOf(t, "multi/list", "1")
	if len(m.Manifests) != 2 {
		t.Errorf("the list has %d manifests, want 2", len(m.Manifests))
	}
	got, _, err := c.pull(list)
	if err != nil || !got.equal(here) {
		t.Errorf("podman pulled %v, %v, want %v", got, err, here)
	}
}

type buildah struct {
	*program
	t *testing.T
	s *server
}

func openBuildah(t *testing.T, s *server) client { return newBuildah(t, s) }

func newBuildah(t *testing.T, s *server) buildah {
	t.Helper()
	p := newProgram(t, needProgram(t, "buildah", "buildah"))
	p.args = []string{"--root", p.file("root"), "--runroot", p.file("runroot"), "--storage-driver", "vfs"}
	return buildah{p, t, s}
}

func (c buildah) login(user, password string) error {
	_, err := c.try("login", c.s.trust(""), "-u", user, "-p", password, c.s.host)
	return err
}

func (c buildah) push(img *image, ref string) error {
	out, err := c.try("pull", "-q", "docker-archive:"+img.archive)
	if err != nil {
		return err
	}
	_, err = c.try("push", c.s.trust(""), strings.TrimSpace(out), "docker://"+ref)
	return err
}

func (c buildah) pull(ref string) (identity, digest.Digest, error) {
	if _, err := c.try("pull", c.s.trust(""), "docker://"+ref); err != nil {
		return identity{}, "", err
	}
	file := filepath.Join(tempDir(c.t), "saved.tar")
	if _, err := c.try("push", ref, "docker-archive:"+file); err != nil {
		return identity{}, "", err
	}
	id, err := identifyArchive(file)
	return id, "", err
}

func (c buildah) tags(string) ([]string, error) { return nil, errors.ErrUnsupported }

func (c buildah) remove(string) error { return errors.ErrUnsupported }

// TestBuildahScratch builds an image from scratch, as a CI job does, and pulls it with another client.
func TestBuildahScratch(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), nil)
	c := newBuildah(t, s)
	write(t, c.file("context/data"), content{130, 300_000}.bytes())
	write(t, c.file("context/Dockerfile"), []byte("FROM scratch\nCOPY data /data\nLABEL who=e2e\n"))
	ref := s.host + "/built/scratch:1"
	c.run(t, "bud", "--isolation", "chroot", "-t", ref, c.file("context"))
	c.run(t, "push", s.trust(""), ref, "docker://"+ref)
	want := c.file("saved.tar")
	c.run(t, "push", ref, "docker-archive:"+want)
	built, err := identifyArchive(want)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := newSkopeo(t, s).pull(ref)
	if err != nil || len(got.layers) != 1 || got.layers[0] != built.layers[0] {
		t.Errorf("skopeo pulled %v, %v, buildah built %v", got, err, built)
	}
}
