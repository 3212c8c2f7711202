//go:build linux

package e2e

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// docker is the command line with a home of its own and the daemon of this run. The daemon takes registries on 127.0.0.0/8
// over HTTP, and over TLS without asking whose certificate it is: other certificates than those in /etc it does not read.
type docker struct {
	*program
	t *testing.T
	s *server
}

func openDocker(t *testing.T, s *server) client { return newDocker(t, s) }

func newDocker(t *testing.T, s *server) docker {
	t.Helper()
	d := needDaemon(t)
	p := newProgram(t, needProgram(t, "docker", "docker.io"), "-H", d.host())
	p.env = append(p.env, "DOCKER_BUILDKIT=0")
	return docker{p, t, s}
}

func (c docker) login(user, password string) error {
	_, err := c.try("login", "-u", user, "-p", password, c.s.host)
	return err
}

func (c docker) push(img *image, ref string) error {
	if _, err := c.try("load", "-q", "-i", img.archive); err != nil {
		return err
	}
	defer c.forget(string(img.config), ref)
	if _, err := c.try("tag", string(img.config), ref); err != nil {
		return err
	}
	_, err := c.try("push", "-q", ref)
	return err
}

// forget removes an image from the daemon, so that a pull has to bring it anew.
func (c docker) forget(refs ...string) {
	for _, ref := range refs {
		c.try("image", "rm", "-f", ref)
	}
}

func (c docker) pull(ref string) (identity, digest.Digest, error) {
	if _, err := c.try("pull", "-q", ref); err != nil {
		return identity{}, "", err
	}
	defer c.forget(ref)
	file := filepath.Join(tempDir(c.t), "saved.tar")
	if _, err := c.try("save", "-o", file, ref); err != nil {
		return identity{}, "", err
	}
	id, err := identifyArchive(file)
	return id, "", err
}

func (c docker) tags(string) ([]string, error) { return nil, errors.ErrUnsupported }

func (c docker) remove(string) error { return errors.ErrUnsupported }

// TestDockerBuild builds an image on an imported one, pushes both, and pulls after the daemon forgot them.
func TestDockerBuild(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), nil)
	c := newDocker(t, s)
	base, ref := s.host+"/base:1", s.host+"/built:1"
	write(t, c.file("root.tar"), layerTars(t, 160)[0])
	write(t, c.file("context/data"), content{161, 300_000}.bytes())
	write(t, c.file("context/Dockerfile"), []byte("FROM "+base+"\nCOPY data /data\nLABEL who=e2e\n"))
	c.run(t, "import", c.file("root.tar"), base)
	c.run(t, "push", "-q", base)
	c.run(t, "build", "-q", "-t", ref, c.file("context"))
	c.run(t, "push", "-q", ref) // mounts the layers of base
	id := c.run(t, "image", "inspect", "-f", "{{.Id}}", ref)
	c.forget(ref, base)
	got, _, err := c.pull(ref)
	if err != nil || string(got.config) != id || len(got.layers) != 2 {
		t.Errorf("built %s, pulled %v, %v", id, got, err)
	}
	if _, m := s.manifestOf(t, "base", "1"); len(m.Layers) != 1 {
		t.Errorf("the base has %d layers, want 1", len(m.Layers))
	}
}

// TestDockerIndex pulls this machine's image out of an index, by tag and by digest, and pushes a manifest list.
func TestDockerIndex(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), nil)
	c := newDocker(t, s)
	dir, root, here := newIndex(t, 170)
	ref := s.host + "/multi"
	newSkopeo(t, s).run(t, "copy", "--all", s.trust("dest-"), "oci:"+dir+":image", "docker://"+ref+":1")
	for _, r := range []string{ref + ":1", ref + "@" + string(root.Digest)} {
		if got, _, err := c.pull(r); err != nil || !got.equal(here) {
			t.Errorf("docker pull %s: %v, %v, want %v", r, got, err, here)
		}
	}
	out := c.run(t, "manifest", "inspect", "--insecure", ref+":1")
	for _, arch := range []string{"amd64", "arm64"} {
		if !strings.Contains(out, arch) {
			t.Errorf("docker manifest inspect shows no %s: %s", arch, out)
		}
	}
}
