//go:build linux

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// fetcher returns the bytes of a digest. Those who use it check that they hash to it.
type fetcher func(digest.Digest) ([]byte, error)

func (f fetcher) get(d digest.Digest) ([]byte, error) {
	b, err := f(d)
	if err == nil && d.Algorithm().FromBytes(b) != d {
		err = fmt.Errorf("%s: other bytes, %s", d, d.Algorithm().FromBytes(b))
	}
	return b, err
}

// identify reads the image of a manifest: its config, and each layer unpacked.
func (f fetcher) identify(m manifest) (identity, error) {
	if m.Config == nil {
		return identity{}, errors.New("a manifest without config")
	}
	id := identity{config: m.Config.Digest}
	if _, err := f.get(id.config); err != nil {
		return id, err
	}
	for _, l := range m.Layers {
		b, err := f.get(l.Digest)
		if err != nil {
			return id, err
		}
		if b, err = unpacked(b); err != nil {
			return id, fmt.Errorf("layer %s: %w", l.Digest, err)
		}
		id.layers = append(id.layers, digest.FromBytes(b))
	}
	return id, nil
}

func unpacked(b []byte) ([]byte, error) {
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// fetch returns how to read the blobs of a repository.
func (s *server) fetch(repo string) fetcher {
	return func(d digest.Digest) ([]byte, error) {
		a, err := s.send("GET", "/v2/"+repo+"/blobs/"+string(d), nil)
		if err == nil && a.status != 200 {
			err = fmt.Errorf("blob %s: status %d: %.200s", d, a.status, a.body)
		}
		return a.body, err
	}
}

// acceptAll is what a client of our days accepts.
const acceptAll = typeManifest + ", " + typeIndex + ", application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"

// manifestOf gets and checks the manifest that a tag or digest names.
func (s *server) manifestOf(t *testing.T, repo, reference string) (digest.Digest, manifest) {
	t.Helper()
	a := s.expect(t, 200, "GET", "/v2/"+repo+"/manifests/"+reference, nil, "Accept", acceptAll)
	d := digest.FromBytes(a.body)
	if got := a.header.Get("Docker-Content-Digest"); got != string(d) {
		t.Errorf("%s:%s has the digest %s in its header, %s in its bytes", repo, reference, got, d)
	}
	var m manifest
	if err := json.Unmarshal(a.body, &m); err != nil {
		t.Fatal(err)
	}
	return d, m
}

// checkStored fails t unless the server's image is want.
func (s *server) checkStored(t *testing.T, repo, reference string, want identity) {
	t.Helper()
	_, m := s.manifestOf(t, repo, reference)
	got, err := s.fetch(repo).identify(m)
	if err != nil {
		t.Errorf("%s:%s: %v", repo, reference, err)
	} else if !got.equal(want) {
		t.Errorf("%s:%s on the server is %v, want %v", repo, reference, got, want)
	}
}

// layoutBlobs returns how to read the blobs of an OCI layout.
func layoutBlobs(dir string) fetcher {
	return func(d digest.Digest) ([]byte, error) {
		return os.ReadFile(filepath.Join(dir, "blobs", d.Algorithm().String(), d.Encoded()))
	}
}

// layoutRoot returns the only entry of an OCI layout.
func layoutRoot(dir string) (descriptor, error) {
	var m manifest
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return descriptor{}, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return descriptor{}, err
	}
	if len(m.Manifests) != 1 {
		return descriptor{}, fmt.Errorf("%s has %d entries, want 1", dir, len(m.Manifests))
	}
	return m.Manifests[0], nil
}

// identifyLayout reads the image that a client left in an OCI layout, and its manifest's digest.
func identifyLayout(dir string) (identity, digest.Digest, error) {
	root, err := layoutRoot(dir)
	if err != nil {
		return identity{}, "", err
	}
	b, err := layoutBlobs(dir).get(root.Digest)
	if err != nil {
		return identity{}, "", err
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return identity{}, "", err
	}
	id, err := layoutBlobs(dir).identify(m)
	return id, root.Digest, err
}

// treeOf returns every blob that is reachable from root, by digest.
func (f fetcher) treeOf(t *testing.T, root descriptor) map[digest.Digest][]byte {
	t.Helper()
	b, err := f.get(root.Digest)
	if err != nil {
		t.Fatal(err)
	}
	all := map[digest.Digest][]byte{root.Digest: b}
	if root.MediaType != typeIndex && root.MediaType != typeManifest {
		return all
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, d := range slices.Concat(m.Manifests, m.Layers) {
		maps.Copy(all, f.treeOf(t, d))
	}
	if m.Config != nil {
		maps.Copy(all, f.treeOf(t, *m.Config))
	}
	return all
}

// sameTree fails t unless the layout that a client wrote holds, byte for byte, what is in want.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	wantRoot, err := layoutRoot(want)
	if err != nil {
		t.Fatal(err)
	}
	gotRoot, err := layoutRoot(got)
	if err != nil {
		t.Fatal(err)
	}
	a, b := layoutBlobs(want).treeOf(t, wantRoot), layoutBlobs(got).treeOf(t, gotRoot)
	if wantRoot.Digest != gotRoot.Digest || !maps.EqualFunc(a, b, bytes.Equal) {
		t.Errorf("pushed %s with %d blobs, got back %s with %d", wantRoot.Digest, len(a), gotRoot.Digest, len(b))
	}
}

// identifyArchive reads the image in what docker save wrote.
func identifyArchive(path string) (identity, error) {
	files, err := readTar(path)
	if err != nil {
		return identity{}, err
	}
	var list []archiveEntry
	if err := json.Unmarshal(files["manifest.json"], &list); err != nil || len(list) != 1 {
		return identity{}, fmt.Errorf("%s: %d images: %w", path, len(list), err)
	}
	id := identity{config: digest.FromBytes(files[list[0].Config])}
	for _, name := range list[0].Layers {
		b, err := unpacked(files[name])
		if err != nil {
			return id, fmt.Errorf("%s: %w", name, err)
		}
		id.layers = append(id.layers, digest.FromBytes(b))
	}
	return id, nil
}

// readTar returns the files in a tar by name. A link has the content of what it names: docker save links equal layers.
func readTar(path string) (map[string][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	files := make(map[string][]byte)
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeSymlink {
			b = files[strings.TrimPrefix(filepath.Join(filepath.Dir(h.Name), h.Linkname), "../")]
		}
		files[h.Name] = b
	}
}
