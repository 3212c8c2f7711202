//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// front is a Vitrine that stands before a registry that is none.
type front struct {
	*server
	t      *testing.T // until it ends, the servers run
	up     *upstream
	config string // file
}

// newFront starts both. The registry is hub, and asked is the same one without a time for which tags are taken to be as they were; team is
// local, and all is made of team and hub. more is JSON that hub has besides, with a comma before it.
func newFront(t *testing.T, more string) *front {
	t.Helper()
	f := &front{t: t, up: newUpstream(t)}
	dir := tempDir(t)
	f.config = filepath.Join(dir, "vitrine.json")
	secret := filepath.Join(dir, "password")
	write(t, secret, []byte(readerPassword+"\n"))
	remote := fmt.Sprintf(`"type": "remote", "package": "docker", "base_url": "http://%s", "username": %q, "password_file": %q`, f.up.host, reader, secret)
	write(t, f.config, fmt.Appendf(nil, `{"repositories": {
	"hub": {%s%s},
	"asked": {%s, "index_ttl": "0"},
	"team": {"type": "local", "package": "docker"},
	"all": {"type": "virtual", "package": "docker", "members": ["team", "hub"]},
}}`, remote, more, remote))
	f.server = start(t, tempDir(t), nil, "--config", f.config)
	return f
}

// again ends the server by SIGKILL and starts another one on what it left.
func (f *front) again() {
	f.t.Helper()
	f.kill()
	f.server = start(f.t, f.root, nil, "--config", f.config)
}

// sound fails t unless everything that is kept is what its digest says.
func (f *front) sound(t *testing.T) {
	t.Helper()
	if out, code := verify(t, f.root); code != 0 {
		t.Errorf("verify exits with %d:\n%s", code, out)
	}
}

// blobs returns the digests of what the manifest in an OCI layout lists.
func (img *image) blobs(t *testing.T) (all []digest.Digest) {
	t.Helper()
	for d := range layoutBlobs(img.layout).treeOf(t, img.root) {
		if d != img.root.Digest {
			all = append(all, d)
		}
	}
	return all
}

// count returns how many of calls have all of the words.
func count(calls []string, words ...string) (n int) {
	for _, c := range calls {
		all := true
		for _, w := range words {
			all = all && strings.Contains(c, w)
		}
		if all {
			n++
		}
	}
	return n
}
