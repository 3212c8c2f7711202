package oci

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// The grammars as the spec writes them are the oracle of the hand-written parsers.
var (
	specName = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	specTag  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

var nameSeeds = []string{
	"a", "library/alpine", "a.b_c__d-e---f", "a/b/c", "0", "", "/", "a/", "/a", "a//b", "A", "a.", ".a", "a..b", "a___b", "a_-b", "-a", "a-",
	"..", "a/../b", "a/%2e", "a\x00b", "a b", "é", "a/_blobs", "a\n", strings.Repeat("a", MaxName), strings.Repeat("a", MaxName+1),
}

func FuzzName(f *testing.F) {
	for _, s := range nameSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseName(s)
		if want := len(s) <= MaxName && specName.MatchString(s) && !strings.HasSuffix(s, "\n"); (err == nil) != want {
			t.Errorf("ParseName(%q) = %v, the spec's expression says %v", s, err, want)
		}
		if err != nil && !errors.Is(err, ErrName) || err == nil && string(got) != s {
			t.Errorf("ParseName(%q) = %q, %v", s, got, err)
		}
	})
}

func FuzzTag(f *testing.F) {
	for _, s := range []string{"latest", "v1.2.3", "_", "-", ".", "", "a:b", "a/b", "é", strings.Repeat("t", MaxTag), strings.Repeat("t", MaxTag+1)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTag(s)
		if want := specTag.MatchString(s) && !strings.HasSuffix(s, "\n"); (err == nil) != want {
			t.Errorf("ParseTag(%q) = %v, the spec's expression says %v", s, err, want)
		}
		if err != nil && !errors.Is(err, ErrTag) || err == nil && string(got) != s {
			t.Errorf("ParseTag(%q) = %q, %v", s, got, err)
		}
	})
}

func TestParseDigest(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 8)
	for s, ok := range map[string]bool{
		"sha256:" + hex[:64]: true, "sha512:" + hex: true,
		"sha256:" + hex[:63]: false, "sha256:" + hex[:65]: false, "sha512:" + hex[:64]: false, "sha384:" + hex[:96]: false,
		"sha256:" + strings.ToUpper(hex[:64]): false, "SHA256:" + hex[:64]: false, "md5:" + hex[:32]: false, "sha256": false, "": false,
		"sha256:": false, ":" + hex[:64]: false, "sha256:../" + hex[:61]: false, "sha256+b64:" + hex[:64]: false,
	} {
		d, err := ParseDigest(s)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrDigest) || ok && string(d) != s {
			t.Errorf("ParseDigest(%q) = %q, %v", s, d, err)
		}
	}
}

func TestReferrersTag(t *testing.T) {
	for d, want := range map[string]Tag{
		"sha256:" + strings.Repeat("a", 64):  Tag("sha256-" + strings.Repeat("a", 64)),
		"sha512:" + strings.Repeat("a", 128): Tag("sha512-" + strings.Repeat("a", 64)),
	} {
		got := ReferrersTag(mustDigest(t, d))
		if _, err := ParseTag(string(got)); got != want || err != nil {
			t.Errorf("ReferrersTag(%s) = %s, %v, want %s", d, got, err, want)
		}
	}
}
