package oci

import (
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func mustDigest(t *testing.T, s string) digest.Digest {
	t.Helper()
	d, err := ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	zeros  = `"sha256:0000000000000000000000000000000000000000000000000000000000000000"`
	config = `"config":{"mediaType":"application/x.config","size":2,"digest":` + zeros + `}`
	layers = `"layers":[{"mediaType":"application/x.layer","size":3,"digest":` + zeros + `}]`
)

func TestParseManifest(t *testing.T) {
	const image, index = MediaTypeImageManifest, MediaTypeImageIndex
	for _, c := range []struct{ contentType, raw, mediaType, artifactType string }{ // a mediaType of "" wants an error
		{image, `{` + config + `,` + layers + `}`, image, "application/x.config"},
		{image, ` {"mediaType":"` + image + `",` + config + `}`, image, "application/x.config"},
		{image, `{"artifactType":"a/b",` + config + `}`, image, "a/b"},
		{"", `{"mediaType":"` + index + `","manifests":[]}`, index, ""},
		{"", `{"manifests":[]}`, index, ""},
		{"", `{` + config + `}`, image, "application/x.config"},
		{"application/x.any+json", `{"anything":[1,{"deep":null}]}`, "application/x.any+json", ""},
		{MediaTypeDockerList, `{"schemaVersion":2,"manifests":null}`, MediaTypeDockerList, ""},
		{MediaTypeArtifactManifest, `{"artifactType":"a/b","blobs":[]}`, MediaTypeArtifactManifest, "a/b"},
		{index, `{"artifactType":"a/b","manifests":[]}`, index, "a/b"},
		{image, `{"SUBJECT":{"digest":"x"},` + config + `}`, image, "application/x.config"}, // another key than subject

		{"", `{}`, "", ""},
		{image, ``, "", ""},
		{image, `null`, "", ""},
		{image, `[]`, "", ""},
		{image, `{`, "", ""},
		{image, `{} {}`, "", ""},
		{image, `{}`, "", ""}, // an image has a config
		{image, `{"config":null}`, "", ""},
		{image, `{"mediaType":"` + index + `",` + config + `}`, "", ""},
		{image, `{"mediaType":1,` + config + `}`, "", ""},
		{image, `{"layers":{},` + config + `}`, "", ""},
		{image, `{"config":{"digest":"sha256:bad"}}`, "", ""},
		{image, `{"config":{"digest":` + zeros + `,"size":-1}}`, "", ""},
		{image, `{"config":{"digest":` + zeros + `,"size":99999999999999999999}}`, "", ""},
		{image, `{"subject":{"digest":"md5:00"},` + config + `}`, "", ""},
		{"a b", `{}`, "", ""},
		{"a/\x01", `{}`, "", ""},
		{"a/" + strings.Repeat("b", MaxMediaType), `{}`, "", ""},
		{"application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1}`, "", ""},
		{image, `{"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `,` + config + `}`, "", ""},
	} {
		m, err := ParseManifest(c.contentType, []byte(c.raw))
		if c.mediaType == "" {
			if !errors.Is(err, ErrManifest) {
				t.Errorf("ParseManifest(%q, %.90s) = %v, want ErrManifest", c.contentType, c.raw, err)
			}
			continue
		}
		if err != nil || m.MediaType != c.mediaType || m.ArtifactType != c.artifactType {
			t.Errorf("ParseManifest(%q, %.90s) = %+v, %v", c.contentType, c.raw, m, err)
		}
	}
}

func TestDistributable(t *testing.T) {
	for _, c := range []struct {
		d    Descriptor
		want bool
	}{
		{Descriptor{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip"}, true},
		{Descriptor{MediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"}, false},
		{Descriptor{MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}, false},
		{Descriptor{MediaType: "application/vnd.oci.image.layer.v1.tar", URLs: []string{"https://example.com/layer"}}, false},
	} {
		if got := c.d.Distributable(); got != c.want {
			t.Errorf("%+v.Distributable() = %v", c.d, got)
		}
	}
}

// FuzzManifest holds that what is accepted can be followed, and that nothing panics.
func FuzzManifest(f *testing.F) {
	f.Add("", []byte(`{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"digest":`+zeros+`}]}`))
	f.Add(MediaTypeImageManifest, []byte(`{`+config+`,`+layers+`,"subject":{"digest":`+zeros+`},"annotations":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, contentType string, raw []byte) {
		m, err := ParseManifest(contentType, raw)
		if err != nil {
			if !errors.Is(err, ErrManifest) {
				t.Errorf("%v does not wrap ErrManifest", err)
			}
			return
		}
		for _, d := range append(m.Blobs(), m.Manifests...) {
			if _, err := ParseDigest(string(d.Digest)); err != nil || d.Size < 0 {
				t.Errorf("accepted a descriptor %+v", d)
			}
		}
		if m.MediaType == "" {
			t.Error("accepted without a media type")
		}
	})
}
