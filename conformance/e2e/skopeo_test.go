//go:build linux

package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
)

// skopeo knows its registry by flags, which are called --src-... and --dest-... in copy.
type skopeo struct {
	*program
	t *testing.T
	s *server
}

func openSkopeo(t *testing.T, s *server) client { return newSkopeo(t, s) }

func newSkopeo(t *testing.T, s *server) skopeo {
	t.Helper()
	return skopeo{newProgram(t, needProgram(t, "skopeo", "skopeo")), t, s}
}

// trust is the flag for the server's scheme, in the programs of the containers project.
func (s *server) trust(prefix string) string {
	if s.ca != nil {
		return "--" + prefix + "cert-dir=" + s.ca.caDir()
	}
	return "--" + prefix + "tls-verify=false"
}

func (c skopeo) login(user, password string) error {
	_, err := c.try("login", c.s.trust(""), "-u", user, "-p", password, c.s.host)
	return err
}

func (c skopeo) push(img *image, ref string) error {
	_, err := c.try("copy", c.s.trust("dest-"), "oci:"+img.layout+":image", "docker://"+ref)
	return err
}

func (c skopeo) pull(ref string) (identity, digest.Digest, error) {
	dir := tempDir(c.t)
	if _, err := c.try("copy", c.s.trust("src-"), "docker://"+ref, "oci:"+dir+":image"); err != nil {
		return identity{}, "", err
	}
	return identifyLayout(dir)
}

func (c skopeo) tags(repository string) ([]string, error) {
	out, err := c.try("list-tags", c.s.trust(""), "docker://"+repository)
	if err != nil {
		return nil, err
	}
	var list struct{ Tags []string }
	err = json.Unmarshal([]byte(out), &list)
	slices.Sort(list.Tags)
	return list.Tags, err
}

func (c skopeo) remove(ref string) error {
	_, err := c.try("delete", c.s.trust(""), "docker://"+ref)
	return err
}

// TestSkopeoAll copies a whole multi-arch index into the server, within it, and out again.
func TestSkopeoAll(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), nil)
	c := newSkopeo(t, s)
	dir, root, _ := newIndex(t, 100)
	back := tempDir(t)
	from, to := s.trust("src-"), s.trust("dest-")
	c.run(t, "copy", "--all", to, "oci:"+dir+":image", "docker://"+s.host+"/multi:1")
	c.run(t, "copy", "--all", from, to, "docker://"+s.host+"/multi:1", "docker://"+s.host+"/other/multi:1") // by mounts
	c.run(t, "copy", "--all", from, "docker://"+s.host+"/other/multi@"+string(root.Digest), "oci:"+back+":image")
	sameTree(t, dir, back)
	raw := c.run(t, "inspect", s.trust(""), "--raw", "docker://"+s.host+"/multi:1")
	if d := digest.FromString(raw); d != root.Digest {
		t.Errorf("inspect --raw shows %s, want %s", d, root.Digest)
	}
}

// TestSkopeoStranger holds that the TLS tests test TLS: who does not know the authority is not served.
func TestSkopeoStranger(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), newAuthority(t))
	c := newSkopeo(t, s)
	if err := c.push(newImage(t, 110), s.host+"/app:1"); err != nil {
		t.Fatal(err)
	}
	if out, err := c.try("list-tags", "docker://"+s.host+"/app"); err == nil {
		t.Errorf("list-tags without the authority: no error, %s", out)
	}
}
