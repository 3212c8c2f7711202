//go:build linux

package e2e

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// client is what a command line client can do with one server. ref is HOST/NAME:TAG.
// What a client has no command for is errors.ErrUnsupported.
type client interface {
	login(user, password string) error
	push(img *image, ref string) error
	// pull returns what arrived, and the digest of its manifest, or "" for a client that does not keep it.
	pull(ref string) (identity, digest.Digest, error)
	tags(repository string) ([]string, error) // of HOST/NAME
	remove(ref string) error
}

// clients are opened with a fresh home, not logged in.
var clients = []struct {
	name  string
	open  func(*testing.T, *server) client
	exact bool // pushes the manifest of an image byte for byte
}{
	{"docker", openDocker, false},
	{"skopeo", openSkopeo, true},
	{"podman", openPodman, false},
	{"buildah", openBuildah, false},
	{"crane", openCrane, true},
	{"regctl", openRegctl, true},
}

// TestClients lets every client do its daily work: anonymous pull, authenticated push, over HTTP and TLS.
func TestClients(t *testing.T) {
	needE2E(t)
	for i, c := range clients {
		for _, scheme := range []string{"http", "tls"} {
			t.Run(c.name+"/"+scheme, func(t *testing.T) {
				var ca *authority
				if scheme == "tls" {
					ca = newAuthority(t)
				}
				s := start(t, tempDir(t), ca, "--htpasswd", apacheFile(t), "--anonymous-pull")
				w := work{s: s, open: c.open, exact: c.exact, seed: uint64(10 * i)}
				w.do(t)
			})
		}
	}
}

// work is what one client does on one server.
type work struct {
	s     *server
	open  func(*testing.T, *server) client
	exact bool
	seed  uint64
}

func (w work) do(t *testing.T) {
	known, stranger := w.open(t, w.s), w.open(t, w.s)
	ref := w.s.host + "/team/app"
	first, second := newImage(t, w.seed), newImage(t, w.seed+1)
	if err := known.login("bcrypt", "wrong"); err == nil {
		t.Error("login with a wrong password: no error")
	}
	if err := stranger.push(first, ref+":1"); err == nil {
		t.Error("push without login: no error")
	}
	if err := known.login("bcrypt", password("bcrypt")); err != nil {
		t.Fatalf("login: %v", err)
	}
	for tag, img := range map[string]*image{"1": first, "2": second} {
		if err := known.push(img, ref+":"+tag); err != nil {
			t.Fatalf("push: %v", err)
		}
		w.s.checkStored(t, "team/app", tag, img.identity)
		if d, _ := w.s.manifestOf(t, "team/app", tag); w.exact && d != img.root.Digest {
			t.Errorf("pushed the manifest %s, the server has %s", img.root.Digest, d)
		}
		w.pull(t, stranger, ref+":"+tag, img)
	}
	w.list(t, stranger, ref, "1", "2")
	w.remove(t, known, stranger, ref)
}

func (w work) pull(t *testing.T, c client, ref string, img *image) {
	t.Helper()
	got, d, err := c.pull(ref)
	if err != nil {
		t.Errorf("anonymous pull: %v", err)
	} else if !got.equal(img.identity) || w.exact && d != img.root.Digest {
		t.Errorf("pulled %v with the manifest %s, want %v with %s", got, d, img.identity, img.root.Digest)
	}
}

func (w work) list(t *testing.T, c client, repository string, want ...string) {
	t.Helper()
	got, err := c.tags(repository)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Log("the client has no command that lists tags")
	} else if err != nil || !slices.Equal(got, want) {
		t.Errorf("tags are %q, %v, want %q", got, err, want)
	}
}

func (w work) remove(t *testing.T, known, stranger client, ref string) {
	t.Helper()
	err := stranger.remove(ref + ":2")
	if errors.Is(err, errors.ErrUnsupported) {
		t.Log("the client has no command that deletes")
		return
	}
	if err == nil {
		t.Error("delete without login: no error")
	}
	if err := known.remove(ref + ":2"); err != nil {
		t.Fatalf("delete: %v", err)
	}
	w.list(t, stranger, ref, "1")
	w.s.expect(t, 404, "GET", "/v2/team/app/manifests/2", nil, "Accept", acceptAll)
	w.s.expect(t, 200, "GET", "/v2/team/app/manifests/1", nil, "Accept", acceptAll)
}

// lines splits what a client printed into its sorted lines.
func lines(out string, err error) ([]string, error) {
	l := strings.Fields(out)
	slices.Sort(l)
	return l, err
}
