package registry

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

var oddStrings = []string{
	"", "plain", `"quoted"`, `back\slash`, "tab\tnew\nline\rbell\a\b\f", "\x00\x01\x1f\x7f", "\u2028\u2029", "<a href='x'>&amp;</a>",
	"\xff", "\xff\xfe", "a\xc3", "\xed\xa0\x80", "\ufffd", "é日本🙂", "\xf0\x9f\x99", "end\\", "/",
}

func descriptors() []oci.Descriptor {
	all := []oci.Descriptor{{}, {MediaType: "a/b", Digest: digest.FromString(""), Size: 1 << 40, ArtifactType: "c/d"}}
	m := map[string]string{}
	for _, s := range oddStrings {
		m[s+"key"] = s
		all = append(all, oci.Descriptor{MediaType: s, ArtifactType: s, Annotations: map[string]string{s: s}}, oci.Descriptor{Annotations: maps.Clone(m)})
	}
	return all
}

// sameJSON fails unless got is the same JSON value as encoding/json makes of v.
func sameJSON(t *testing.T, got []byte, v any) {
	t.Helper()
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%q: %v", got, err)
	}
	if err := json.Unmarshal(want, &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAppendDescriptor(t *testing.T) {
	for _, d := range descriptors() {
		sameJSON(t, appendDescriptor(nil, d), d)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range oddStrings {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { sameJSON(t, appendString(nil, s), s) })
}

func BenchmarkAppendDescriptor(b *testing.B) {
	d := oci.Descriptor{MediaType: oci.MediaTypeImageManifest, Digest: digest.FromString(""), Size: 1234, ArtifactType: "application/vnd.example.sbom.v1",
		Annotations: map[string]string{"org.opencontainers.image.created": "2026-01-01T00:00:00Z", "org.example.format": "json"}}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendDescriptor(buf[:0], d)
	}
}

// TestReferrersKeepTheirBound: also for what a store has had since before types had one.
func TestReferrersKeepTheirBound(t *testing.T) {
	long := strings.Repeat("a", oci.MaxManifest)
	for _, d := range []oci.Descriptor{{MediaType: long}, {ArtifactType: long}, {Annotations: map[string]string{long: ""}}} {
		list := func(yield func(oci.Descriptor, error) bool) {
			for _, digest := range []digest.Digest{"1", "2"} {
				if d.Digest = digest; !yield(d, nil) {
					return
				}
			}
		}
		b, _, err := appendReferrers([]byte(referrersHead), list)
		if b = append(b, referrersTail...); err != nil || len(b) > maxReferrers || !json.Valid(b) {
			t.Errorf("a page of %d bytes, %v", len(b), err)
		}
	}
}
