//go:build linux

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// crane takes 127.0.0.1 for HTTP by itself where it does not get TLS.
type crane struct {
	*program
	t *testing.T
	s *server
}

func openCrane(t *testing.T, s *server) client { return newCrane(t, s) }

func newCrane(t *testing.T, s *server) crane {
	t.Helper()
	p := newProgram(t, needModule(t, "crane", craneModule))
	if s.ca != nil {
		p.env = append(p.env, "SSL_CERT_FILE="+s.ca.caFile)
	}
	return crane{p, t, s}
}

// login also asks the server, which crane's own login does not do.
func (c crane) login(user, password string) error {
	if _, err := c.try("auth", "login", "-u", user, "-p", password, c.s.host); err != nil {
		return err
	}
	_, err := c.try("catalog", c.s.host)
	return err
}

func (c crane) push(img *image, ref string) error {
	_, err := c.try("push", img.layout, ref)
	return err
}

func (c crane) pull(ref string) (identity, digest.Digest, error) {
	dir := filepath.Join(tempDir(c.t), "layout")
	if _, err := c.try("pull", "--format=oci", ref, dir); err != nil {
		return identity{}, "", err
	}
	return identifyLayout(dir)
}

func (c crane) tags(repository string) ([]string, error) { return lines(c.try("ls", repository)) }

// remove deletes the manifest: crane delete of a tag deletes the tag alone.
func (c crane) remove(ref string) error {
	d, err := c.try("digest", "--full-ref", ref)
	if err != nil {
		return err
	}
	_, err = c.try("delete", strings.TrimSpace(d))
	return err
}

// TestCraneIndex pushes an index, copies it to another repository and validates every byte of it.
func TestCraneIndex(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), nil)
	c := newCrane(t, s)
	dir, root, _ := newIndex(t, 140)
	back := filepath.Join(tempDir(t), "layout")
	newSkopeo(t, s).run(t, "copy", "--all", s.trust("dest-"), "oci:"+dir+":image", "docker://"+s.host+"/multi:1")
	c.run(t, "copy", s.host+"/multi:1", s.host+"/other/copy:1")
	if d := c.run(t, "digest", s.host+"/other/copy:1"); d != string(root.Digest) {
		t.Errorf("the copy is %s, want %s", d, root.Digest)
	}
	c.run(t, "validate", "--remote", s.host+"/other/copy:1")
	c.run(t, "tag", s.host+"/other/copy:1", "again")
	c.run(t, "pull", "--format=oci", s.host+"/other/copy:again", back)
	sameTree(t, dir, back)
	if got := c.run(t, "catalog", s.host); got != "multi\nother/copy" {
		t.Errorf("the catalog is %q", got)
	}
}
