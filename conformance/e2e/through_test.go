//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestThrough lets every client pull through a Vitrine from a registry that wants tokens: cold, warm, with that registry gone, and when it is there again.
func TestThrough(t *testing.T) {
	needE2E(t)
	f := newFront(t, "")
	for i, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			p := throughput{front: f, open: c.open, repo: "private/" + c.name}
			old, moved := newImage(t, uint64(810+2*i)), newImage(t, uint64(811+2*i))
			f.up.push(t, old.layout, p.repo+":1")
			p.cold(t, old)
			p.warm(t, old)
			p.alone(t, old)
			f.up.push(t, moved.layout, p.repo+":1")
			p.anew(t, old, moved)
		})
	}
	f.sound(t)
}

// throughput is what one client does.
type throughput struct {
	*front
	open func(*testing.T, *server) client // has nothing yet
	repo string                           // upstream's
}

// pull pulls from a remote repository and returns what upstream was asked.
func (p *throughput) pull(t *testing.T, remote string, want *image) []string {
	t.Helper()
	p.up.forget()
	got, _, err := p.open(t, p.server).pull(p.host + "/" + remote + "/" + p.repo + ":1")
	if err != nil || !got.equal(want.identity) {
		t.Fatalf("pulled %v, %v, want %v", got, err, want.identity)
	}
	return p.up.asked()
}

// cold has nothing to go by: each blob is asked for once, and with one token.
func (p *throughput) cold(t *testing.T, img *image) {
	t.Helper()
	calls := p.pull(t, "hub", img)
	for _, d := range img.blobs(t) {
		if n := count(calls, "GET "+p.repo+"/blobs/"+string(d), " 200"); n != 1 {
			t.Errorf("cold: upstream is asked %d times for %s: %q", n, d, calls)
		}
	}
	if n := count(calls, "GET "+p.repo+"/manifests/", " 200"); n != 1 {
		t.Errorf("cold: upstream is asked %d times for the manifest: %q", n, calls)
	}
	if tokens := p.up.tokens.asked(); len(tokens) != 1 || tokens[0] != reader+" repository:"+p.repo+":pull" {
		t.Errorf("cold: tokens are asked for by %q", tokens)
	}
}

func (p *throughput) warm(t *testing.T, img *image) {
	t.Helper()
	if calls := p.pull(t, "hub", img); len(calls) != 0 {
		t.Errorf("warm: upstream is asked %q", calls)
	}
}

// alone goes on without upstream, also from a process that has never seen it.
func (p *throughput) alone(t *testing.T, img *image) {
	t.Helper()
	p.up.down()
	p.pull(t, "hub", img)
	p.again()
	p.pull(t, "hub", img)
	a := p.expect(t, 200, "GET", "/v2/hub/"+p.repo+"/manifests/1", nil, "Accept", acceptAll)
	if w := a.header.Get("Warning"); !strings.HasPrefix(w, "110 ") {
		t.Errorf("an answer that nobody could check has the Warning %q", w)
	}
	a = p.expect(t, 502, "GET", "/v2/hub/"+p.repo+"/manifests/2", nil, "Accept", acceptAll)
	if !bytes.Contains(a.body, []byte(`"errors"`)) {
		t.Errorf("a tag that was never here: %s", a.body)
	}
	p.up.line.up(t)
}

// anew finds upstream there again, and another image under the tag.
func (p *throughput) anew(t *testing.T, old, moved *image) {
	t.Helper()
	p.again() // which does not know when it asked last
	p.pull(t, "hub", moved)
	for _, d := range old.blobs(t) {
		if _, err := p.fetch("hub/" + p.repo).get(d); err != nil {
			t.Errorf("what the tag pointed at before: %v", err)
		}
	}
}

// TestThroughIndex pulls images for several architectures, as OCI and as Docker has them: all that there is, byte for byte, and this machine's by the index.
func TestThroughIndex(t *testing.T) {
	needE2E(t)
	f := newFront(t, "")
	dir, root, here := newIndex(t, 835)
	f.up.push(t, dir, "private/multi:1")
	s, back := newSkopeo(t, f.server), tempDir(t)
	s.run(t, "copy", "--all", f.trust("src-"), "docker://"+f.host+"/hub/private/multi:1", "oci:"+back+":image")
	sameTree(t, dir, back)
	for _, ref := range []string{":1", "@" + string(root.Digest)} {
		if got, _, err := newDocker(t, f.server).pull(f.host + "/hub/private/multi" + ref); err != nil || !got.equal(here) {
			t.Errorf("docker pull %s: %v, %v, want %v", ref, got, err, here)
		}
	}
	s.run(t, "copy", "--all", "--format", "v2s2", f.trust("dest-"), "--dest-creds", writer+":"+writerPassword, "oci:"+dir+":image", "docker://"+f.up.host+"/private/old:1")
	theirs := s.run(t, "inspect", "--raw", f.trust(""), "--creds", reader+":"+readerPassword, "docker://"+f.up.host+"/private/old:1")
	if ours := s.run(t, "inspect", "--raw", f.trust(""), "docker://"+f.host+"/hub/private/old:1"); ours != theirs || !strings.Contains(ours, "manifest.list.v2+json") {
		t.Errorf("through: %s, directly: %s", ours, theirs)
	}
	if got, _, err := newDocker(t, f.server).pull(f.host + "/hub/private/old:1"); err != nil || !slices.Equal(got.layers, here.layers) {
		t.Errorf("docker pull of a manifest list: %v, %v, want %v", got, err, here)
	}
}

// TestThroughCounted counts what a registry with tokens is asked for by each request.
func TestThroughCounted(t *testing.T) {
	needE2E(t)
	f := newFront(t, "")
	img := newImage(t, 830)
	f.up.push(t, img.layout, "private/app:1")
	f.up.push(t, img.layout, "private/other:1")
	blobs := img.blobs(t)
	f.expect(t, 200, "GET", "/v2/asked/private/other/manifests/1", nil, "Accept", acceptAll) // from now on it is known how it wants to be asked
	f.up.forget()
	m, b := string(img.root.Digest), string(blobs[0])
	for _, tt := range []struct {
		step, path string
		calls      []string
		tokens     int
	}{
		{"first blob", "hub/private/app/blobs/" + b, []string{"GET private/app/blobs/" + b + " 200"}, 1},
		{"second blob", "hub/private/app/blobs/" + string(blobs[1]), []string{"GET private/app/blobs/" + string(blobs[1]) + " 200"}, 0},
		{"first tag", "hub/private/app/manifests/1", []string{"HEAD private/app/manifests/1 200", "GET private/app/manifests/" + m + " 200"}, 0},
		{"tag within its time", "hub/private/app/manifests/1", nil, 0},
		{"digest", "hub/private/app/manifests/" + m, nil, 0},
		{"blob", "hub/private/app/blobs/" + b, nil, 0},
		{"tag behind its time", "asked/private/other/manifests/1", []string{"HEAD private/other/manifests/1 200"}, 0},
		{"digest of it", "asked/private/other/manifests/" + m, nil, 0},
		{"blob that is here under another name", "asked/private/other/blobs/" + b, []string{"HEAD private/other/blobs/" + b + " 200"}, 0},
	} {
		f.expect(t, 200, "GET", "/v2/"+tt.path, nil, "Accept", acceptAll)
		if got := f.up.asked(); !slices.Equal(got, tt.calls) {
			t.Errorf("%s: upstream is asked %q, want %q", tt.step, got, tt.calls)
		}
		if got := f.up.tokens.asked(); len(got) != tt.tokens {
			t.Errorf("%s: tokens %q, want %d", tt.step, got, tt.tokens)
		}
	}
}

// streaming is a client that reads a blob, from another goroutine.
type streaming struct {
	first chan struct{} // closed when the first byte is there
	done  chan result
}

type result struct {
	digest digest.Digest
	err    error
}

func (s *server) stream(path string) streaming {
	c := streaming{make(chan struct{}), make(chan result, 1)}
	go func() {
		var r result
		r.digest, r.err = s.read(path, func() { close(c.first) })
		c.done <- r
	}()
	return c
}

// read gets a path to its end; first is called when a byte has come.
func (s *server) read(path string, first func()) (digest.Digest, error) {
	res, err := s.client.Get(s.base + path)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", res.StatusCode)
	}
	sum := digest.Canonical.Digester()
	if _, err := io.CopyN(sum.Hash(), res.Body, 1); err != nil {
		return "", err
	}
	first()
	_, err = io.Copy(sum.Hash(), res.Body)
	return sum.Digest(), err
}

// bigBlob pushes an image upstream whose only layer has so many bytes, and returns it and the layer.
func (u *upstream) bigBlob(t *testing.T, seed uint64, size int, ref string) (*image, digest.Digest) {
	t.Helper()
	img, layers := newBigImage(t, content{seed, size})
	u.push(t, img.layout, ref)
	return img, layers[0]
}

// TestThroughUpstreamKilled kills the registry behind in the middle of a blob and starts it again: the pull comes to its right end, or breaks, and what is kept is right.
func TestThroughUpstreamKilled(t *testing.T) {
	needE2E(t)
	f := newFront(t, "")
	const size = 12 << 20
	for i, after := range []int{1, 5 << 20, size - 1<<20} {
		repo := fmt.Sprintf("private/cut%d", i)
		_, d := f.up.bigBlob(t, uint64(840+i), size, repo+":1")
		path := "/v2/hub/" + repo + "/blobs/" + string(d)
		stop := f.up.stopAt(string(d), after)
		c := f.stream(path)
		stop.wait(t)
		f.up.kill()
		stop.open()
		f.up.start(t)
		r := <-c.done
		t.Logf("killed after %d bytes: %v; upstream was asked %q", after, r.err, f.up.asked())
		if r.err == nil && r.digest != d {
			t.Errorf("killed after %d bytes: a clean end of %s, want %s", after, r.digest, d)
		}
		f.sound(t)
		if _, err := f.fetch("hub/" + repo).get(d); err != nil {
			t.Errorf("killed after %d bytes, the next pull: %v", after, err)
		}
	}
}

// TestThroughKilled kills the server while blobs come through it, and starts it again.
func TestThroughKilled(t *testing.T) {
	needE2E(t)
	f := newFront(t, "")
	const size = 12 << 20
	for i, after := range []int{1, 5 << 20, size - 1<<20} {
		repo := fmt.Sprintf("private/dies%d", i)
		img, d := f.up.bigBlob(t, uint64(850+i), size, repo+":1")
		stop := f.up.stopAt(string(d), after)
		c := f.stream("/v2/hub/" + repo + "/blobs/" + string(d))
		stop.wait(t)
		f.again()
		stop.open()
		if r := <-c.done; r.err == nil {
			t.Errorf("killed after %d bytes: a clean end of %s", after, r.digest)
		}
		f.sound(t)
		f.checkStored(t, "hub/"+repo, "1", img.identity)
	}
	f.up.down()
	f.sound(t)
}
