//go:build linux

package e2e

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

type regctl struct {
	*program
	t *testing.T
	s *server
}

func openRegctl(t *testing.T, s *server) client { return newRegctl(t, s) }

func newRegctl(t *testing.T, s *server) regctl {
	t.Helper()
	p := newProgram(t, needModule(t, "regctl", regctlModule))
	if s.ca != nil {
		p.run(t, "registry", "set", "--skip-check", "--cacert", read(t, s.ca.caFile), s.host)
	} else {
		p.run(t, "registry", "set", "--skip-check", "--tls", "disabled", s.host)
	}
	return regctl{p, t, s}
}

func (c regctl) login(user, password string) error {
	_, err := c.try("registry", "login", "-u", user, "-p", password, c.s.host)
	return err
}

func (c regctl) push(img *image, ref string) error {
	_, err := c.try("image", "copy", "ocidir://"+img.layout+":image", ref)
	return err
}

func (c regctl) pull(ref string) (identity, digest.Digest, error) {
	dir := tempDir(c.t)
	if _, err := c.try("image", "copy", ref, "ocidir://"+dir+":image"); err != nil {
		return identity{}, "", err
	}
	return identifyLayout(dir)
}

func (c regctl) tags(repository string) ([]string, error) {
	return lines(c.try("tag", "ls", repository))
}

func (c regctl) remove(ref string) error {
	_, err := c.try("tag", "delete", ref)
	return err
}

// TestRegctlArtifact attaches an artifact to an image, lists it, reads it back and copies it along with the image.
func TestRegctlArtifact(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), nil)
	c := newRegctl(t, s)
	img := newImage(t, 150)
	ref, report := s.host+"/app:1", c.file("report.json")
	write(t, report, []byte(`{"findings":[]}`))
	if err := c.push(img, ref); err != nil {
		t.Fatal(err)
	}
	c.run(t, "artifact", "put", "--subject", ref, "--artifact-type", "application/vnd.example.report",
		"--file", report, "--file-media-type", "application/json")
	attached := c.run(t, "artifact", "list", ref, "--format", "{{range .Descriptors}}{{.Digest}} {{.ArtifactType}}{{end}}")
	d, kind, _ := strings.Cut(attached, " ")
	if kind != "application/vnd.example.report" {
		t.Fatalf("artifact list prints %q", attached)
	}
	if got := c.run(t, "artifact", "get", s.host+"/app@"+d); got != `{"findings":[]}` {
		t.Errorf("the artifact reads %q", got)
	}
	_, m := s.manifestOf(t, "app", d)
	if m.Subject == nil || m.Subject.Digest != img.root.Digest {
		t.Errorf("the artifact's subject is %v, want %s", m.Subject, img.root.Digest)
	}
	if tags, err := c.tags(s.host + "/app"); err != nil || len(tags) != 1 {
		t.Errorf("tags are %q, %v: the client fell back to a tag for the referrers", tags, err)
	}
	c.run(t, "image", "copy", "--referrers", ref, s.host+"/mirror/app:1")
	if again := c.run(t, "artifact", "list", s.host+"/mirror/app:1", "--format", "{{range .Descriptors}}{{.Digest}}{{end}}"); again != d {
		t.Errorf("after a copy with referrers there is %q, want %s", again, d)
	}
}
