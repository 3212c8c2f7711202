package oci

import (
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

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
		{image, `{"config":{"digest":` + zeros + `,"DIGEST":"x","SIZE":-1}}`, image, ""},
		{image, `{"config":{"\u0064igest":` + zeros + `}, "layers" : null , "manifests":null}`, image, ""},
		{index, `{"manifests":[],"config":null}`, index, ""},
		{"a/b", `{"manifests":[],` + config + `}`, "a/b", "application/x.config"}, // whatever that is
		{image, `{"artifactType":"a/` + strings.Repeat("b", MaxMediaType-2) + `",` + config + `}`, image, "a/" + strings.Repeat("b", MaxMediaType-2)},

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
		{image, `{"config":{"DIGEST":` + zeros + `}}`, "", ""},
		{image, `{"config":[]}`, "", ""},
		{image, `{"layers":[null],` + config + `}`, "", ""},
		{image, `{"manifests":[],` + config + `}`, "", ""}, // an image or an index: each client sees another one
		{image, `{"artifactType":"a/` + strings.Repeat("b", MaxMediaType-1) + `",` + config + `}`, "", ""},
		{image, `{"config":{"mediaType":"a/` + strings.Repeat("b", MaxMediaType-1) + `","digest":` + zeros + `}}`, "", ""},
		{image, `{"annotations":{"a":"` + "\xff" + `"},` + config + `}`, "", ""},
		{index, `{"manifests":[],` + config + `}`, "", ""},
		{MediaTypeDockerList, `{"manifests":[],` + layers + `}`, "", ""},
		{"", `{"manifests":[],` + config + `}`, "", ""},
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

// TestManifestErrorsAreShort: clients and logs get them.
func TestManifestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("9", 1<<20)
	for _, raw := range []string{`{"config":{"size":` + long + `}}`, `{"mediaType":` + long + `}`, `{"layers":[{"digest":"` + long + `"}]}`, `{"mediaType":"` + long + `"}`} {
		if _, err := ParseManifest("", []byte(raw)); err == nil || len(err.Error()) > 300 {
			t.Errorf("%.30s...: %d bytes of error: %.300v", raw, len(err.Error()), err)
		}
	}
}

// TestManifestCostsNoMoreThanItHas: a short way to write much would let a stranger take the memory.
func TestManifestCostsNoMoreThanItHas(t *testing.T) {
	fill := func(head, one, tail string) []byte {
		return []byte(head + strings.Repeat(one+",", (MaxManifest-len(head+one+tail))/(len(one)+1)) + one + tail)
	}
	for _, raw := range [][]byte{fill(`{"layers":[`, "{}", "]}"), fill(`{"manifests":[`, "null", "]}"), fill(`{`, `"a":0`, "}"), fill(`{"x":[`, `{"a":[]}`, "]}")} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ParseManifest(MediaTypeImageManifest, raw)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > MaxManifest {
			t.Errorf("%.30s...: %d bytes of memory", raw, took)
		}
	}
}

// FuzzWalk compares with encoding/json.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{`{}`, `{ "a" : 1 , "b":[{"c":"}"}] }`, `{"a":"\"","a":null,"\u0061\\":-1e5}`, ` {"a":{"b":[[],{}]} , "":true}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want map[string]json.RawMessage
		if json.Unmarshal(raw, &want) != nil || want == nil {
			return
		}
		got := map[string]json.RawMessage{}
		err := walk(raw, '{', func(key, value []byte) error {
			got[string(key)] = value
			return nil
		})
		if err != nil || utf8.Valid(raw) && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, %v, want %q", raw, got, err, want)
		}
	})
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
