package inspect

import (
	"net/url"
	"strings"
	"testing"
)

func TestDocs(t *testing.T) {
	for _, c := range []struct {
		f        func(string) string
		in, want string // want is a part of the URL
	}{
		{MediaTypeDoc, "application/vnd.oci.image.manifest.v1+json", "image-spec/blob/main/manifest.md"},
		{MediaTypeDoc, "application/vnd.docker.distribution.manifest.v2+json; charset=utf-8", "manifest-v2-2"},
		{MediaTypeDoc, "Application/VND.OCI.image.index.v1+json", "image-index.md"},
		{MediaTypeDoc, "application/vnd.oci.image.layer.v1.tar+gzip", "layer.md"},
		{MediaTypeDoc, "application/vnd.dev.sigstore.bundle.v0.3+json", "docs.sigstore.dev/about/bundle"},
		{MediaTypeDoc, "application/vnd.dev.sigstore.bundle+json;version=0.2", "docs.sigstore.dev/about/bundle"},
		{MediaTypeDoc, "application/vnd.example.thing.v1+json", "rfc8259"},
		{MediaTypeDoc, "application/vnd.in-toto+json", "v1/statement.md"},
		{MediaTypeDoc, "application/jose+json", "jws"},
		{MediaTypeDoc, "no type", ""},
		{MediaTypeDoc, "", ""},
		{KeyDoc, "org.opencontainers.image.base.name", "annotations.md"},
		{KeyDoc, "org.opencontainers.image.ref.name", "image-layout.md"},
		{KeyDoc, "dev.cosignproject.cosign/signature", "SIGNATURE_SPEC.md#signature"},
		{KeyDoc, "vnd.docker.reference.digest", "attestation-storage"},
		{KeyDoc, "javascript:alert(1)", ""},
		{PredicateDoc, "https://slsa.dev/provenance/v1", "slsa.dev/spec/v1.1"},
		{PredicateDoc, "https://spdx.dev/Document/v2.3", "spdx2.md"},
		{PredicateDoc, "https://example.org/predicate", "https://example.org/predicate"},
		{PredicateDoc, "javascript:alert(1)", ""},
		{PredicateDoc, "https://user@example.org/", ""},
		{PredicateDoc, "https://example.org/a b", ""},
		{StatementDoc, "https://in-toto.io/Statement/v0.1", "v0.1.0"},
		{StatementDoc, "https://in-toto.io/Statement/v9", ""},
		{BuildTypeDoc, "https://mobyproject.org/buildkit@v1", "slsa-definitions"},
	} {
		if got := c.f(c.in); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("the page of %q is %q, want %q", c.in, got, c.want)
		}
	}
}

// TestDocTables looks for what would be a wrong link wherever it is shown.
func TestDocTables(t *testing.T) {
	check := func(key, page string) {
		u, err := url.Parse(page)
		if err != nil || u.Scheme != "https" || u.Host == "" || strings.Contains(page, " ") {
			t.Errorf("%s has the page %q", key, page)
		}
	}
	for mt, page := range mediaTypeDocs {
		check(mt, page)
		if mt != strings.ToLower(mt) {
			t.Errorf("%s is not in lower case, and never found", mt)
		}
	}
	for key, page := range keyDocs {
		check(key, page)
	}
	for _, f := range mediaTypeFamilies {
		check(f.prefix+f.suffix, f.doc)
	}
	for _, f := range keyFamilies {
		check(f.prefix, f.doc)
	}
	for i, f := range predicateDocs {
		check(f.prefix, f.doc)
		for _, g := range predicateDocs[:i] {
			if strings.HasPrefix(f.prefix, g.prefix) {
				t.Errorf("%s is hidden by %s", f.prefix, g.prefix)
			}
		}
	}
}
