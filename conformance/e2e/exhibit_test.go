//go:build linux

package e2e

import (
	"archive/tar"
	"encoding/json"
	"testing"

	"github.com/opencontainers/go-digest"
)

// exhibit is two images of which there is something to see, in one registry.
type exhibit struct {
	s      *server
	host   string
	first  shown
	second shown
}

// shown is an image by what the registry calls its parts.
type shown struct {
	manifest, config digest.Digest
	layers           []digest.Digest
}

// exhibitTars are the layers of the images: the second one has one more.
func exhibitTars(t *testing.T, second bool) [][]byte {
	t.Helper()
	script := []byte("#!/bin/sh\n# greets\necho 'hello <world> & all'\n")
	tars := [][]byte{
		newTar(t,
			tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil,
			tar.Header{Name: "bin/hello", Mode: 0o755}, script,
			tar.Header{Name: "bin/hi", Typeflag: tar.TypeSymlink, Linkname: "hello"}, nil,
			tar.Header{Name: "bin/hard", Typeflag: tar.TypeLink, Linkname: "bin/hello"}, nil,
			tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, nil,
			tar.Header{Name: "etc/conf", Mode: 0o600, Uid: 33, Gid: 33}, []byte("port = 80\nhost = localhost\nuser = web\n"),
			tar.Header{Name: "etc/it's a \"name\".json", Mode: 0o644}, []byte(`{"b": [1, {"c": null}], "a": "x"}`),
			tar.Header{Name: "secret", Mode: 0o600}, []byte("not so secret\n")),
		newTar(t,
			tar.Header{Name: "usr/share/noise", Mode: 0o644}, content{77, 200_000}.bytes(),
			tar.Header{Name: ".wh.secret", Mode: 0o644}, []byte{}),
	}
	if second {
		tars = append(tars, newTar(t,
			tar.Header{Name: "etc/conf", Mode: 0o600, Uid: 33, Gid: 33}, []byte("port = 8080\nhost = localhost\nuser = web\n"),
			tar.Header{Name: "usr/share/new", Mode: 0o644}, []byte("new\n")))
	}
	return tars
}

// exhibitConfig is the configuration of an image that a Dockerfile made.
func exhibitConfig(t *testing.T, layers []digest.Digest) []byte {
	t.Helper()
	type step struct {
		Created    string `json:"created"`
		CreatedBy  string `json:"created_by"`
		EmptyLayer bool   `json:"empty_layer,omitempty"`
	}
	const day = "2026-03-14T15:09:26Z"
	history := []step{
		{day, "COPY rootfs / # buildkit", false},
		{day, "ENV PATH=/bin", true},
		{day, "RUN /bin/sh -c make-noise > /usr/share/noise && rm /secret # buildkit", false},
		{day, "COPY conf /etc/conf # buildkit", false},
	}
	return marshal(t, map[string]any{
		"created": day, "architecture": "amd64", "os": "linux",
		"config": map[string]any{"Env": []string{"PATH=/bin", "LANG=C.UTF-8"}, "Cmd": []string{"/bin/hello"}, "WorkingDir": "/etc", "User": "33",
			"ExposedPorts": map[string]any{"8080/tcp": struct{}{}}, "Labels": map[string]string{"org.opencontainers.image.source": "https://example.com/team/app"}},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": layers},
		"history": history[:len(layers)+1],
	})
}

// newExhibit starts a registry, and pushes the images with docker.
func newExhibit(t *testing.T) *exhibit {
	t.Helper()
	s := start(t, t.TempDir(), nil)
	x := &exhibit{s: s, host: s.host}
	d := newDocker(t, s)
	for i, tag := range []string{"1", "2"} {
		tars := exhibitTars(t, i == 1)
		var id identity
		for _, content := range tars {
			id.layers = append(id.layers, digest.FromBytes(content))
		}
		config := exhibitConfig(t, id.layers)
		img := &image{identity: identity{config: digest.FromBytes(config)}, archive: dockerArchive(t, config, tars)}
		if err := d.push(img, s.host+"/team/app:"+tag); err != nil {
			t.Fatal(err)
		}
	}
	x.first, x.second = x.look(t, "1"), x.look(t, "2")
	return x
}

// look asks the registry for the parts of team/app:TAG.
func (x *exhibit) look(t *testing.T, tag string) (v shown) {
	t.Helper()
	a := x.s.expect(t, 200, "GET", "/v2/team/app/manifests/"+tag, nil, "Accept", acceptAll)
	var m manifest
	if err := json.Unmarshal(a.body, &m); err != nil {
		t.Fatal(err)
	}
	v.manifest, v.config = digest.FromBytes(a.body), m.Config.Digest
	for _, l := range m.Layers {
		v.layers = append(v.layers, l.Digest)
	}
	return v
}
