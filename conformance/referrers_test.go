package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestReferrers(t *testing.T) { // end-12
	runScripts(t, []scriptCase{
		{"none", "", `
			LET none = {"schemaVersion":2,"mediaType":"$index","manifests":[]}
			GET /v2/$r/referrers/$absent                   => 200 | Content-Type: $index | Body: $none
			GET /v2/$r/referrers/$sha512(absent)           => 200 | Content-Type: $index | Body: $none
			BLOBS $r
			GET /v2/$r/referrers/$absent                   => 200 | Content-Type: $index | Body: $none
			GET /v2/$r/referrers/$absent?artifactType=a/b  => 200 | Body: $none`},
		{"bad digest", "", `
			GET /v2/$r/referrers/sha256:abc                => 400 DIGEST_INVALID
			GET /v2/$r/referrers/sha256:$rep(A,64)         => 400 DIGEST_INVALID
			GET /v2/$r/referrers/md5:$rep(a,32)            => 400 DIGEST_INVALID
			GET /v2/$r/referrers/latest                    => 400 DIGEST_INVALID`},
		{"descriptors", "", `
			BLOBS $r
			LET s = "subject":{"mediaType":"$image","digest":"$sha256($img())","size":3}
			# pushed before its subject, with the config's media type for want of an artifactType
			LET a = $img(,"annotations":{"k":"v","org.example":"é"},$s)
			PUT /v2/$r/manifests/$sha256($a) | Body: $a    => 201 | OCI-Subject: $sha256($img())
			PUT /v2/$r/manifests/subject | Body: $img()    => 201
			GET /v2/$r/referrers/$sha256($img()) => 200 | Content-Type: $index | Body: ~"artifactType":"application/vnd.oci.image.config.v1\+json"
			LET b = $img(,"artifactType":"application/vnd.example.sbom",$s)
			PUT /v2/$r/manifests/b | Body: $b              => 201 | OCI-Subject: $sha256($img())
			LET i = $idx(,"annotations":{"i":"1"},$s)
			PUT /v2/$r/manifests/i | Body: $i              => 201 | OCI-Subject: $sha256($img())
			GET /v2/$r/referrers/$sha256($img())           => 200 | OCI-Filters-Applied: !
			GET /v2/$r/referrers/$sha256($img())?artifactType=application/vnd.example.sbom => 200 | OCI-Filters-Applied: artifactType | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[{"mediaType":"$image","digest":"$sha256($b)","size":$len($b),"artifactType":"application/vnd.example.sbom"}]}
			GET /v2/$r/referrers/$sha256($img())?artifactType=application%2fvnd.oci.image.config.v1%2bjson => 200 | OCI-Filters-Applied: artifactType | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[{"mediaType":"$image","digest":"$sha256($a)","size":$len($a),"artifactType":"application/vnd.oci.image.config.v1+json","annotations":{"k":"v","org.example":"é"}}]}
			GET /v2/$r/referrers/$sha256($img())?artifactType=a/b => 200 | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[]}
			# what refers in one repository does not in another
			GET /v2/$r2/referrers/$sha256($img())          => 200 | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[]}`},
		{"an index without artifactType", "", `
			LET i = $idx(,"annotations":{"i":"1"},"subject":{"mediaType":"$image","digest":"$absent","size":3})
			PUT /v2/$r/manifests/i | Body: $i              => 201 | OCI-Subject: $absent
			GET /v2/$r/referrers/$absent                   => 200 | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[{"mediaType":"$index","digest":"$sha256($i)","size":$len($i),"annotations":{"i":"1"}}]}`},
		{"sha512", "", `
			BLOBS $r
			LET a = $img(,"subject":{"mediaType":"$image","digest":"$sha512($img())","size":3})
			PUT /v2/$r/manifests/$sha512($a) | Body: $a    => 201 | OCI-Subject: $sha512($img())
			PUT /v2/$r/manifests/$sha512($img()) | Body: $img() => 201
			GET /v2/$r/referrers/$sha512($img())           => 200 | Body: ~$sha512($a)
			GET /v2/$r/referrers/$sha256($img())           => 200 | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[]}`},
		{"pushed twice", "", `
			LET i = $idx(,"subject":{"mediaType":"$image","digest":"$absent","size":3})
			PUT /v2/$r/manifests/a | Body: $i              => 201
			PUT /v2/$r/manifests/b | Body: $i              => 201
			PUT /v2/$r/manifests/$sha256($i) | Body: $i    => 201
			GET /v2/$r/referrers/$absent                   => 200 | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[$desc($index,$i)]}`},
		{"delete", "delete", `
			BLOBS $r
			LET a = $idx(,"annotations":{"n":"a"},"subject":{"mediaType":"$image","digest":"$sha256($img())","size":3})
			LET b = $idx(,"annotations":{"n":"b"},"subject":{"mediaType":"$image","digest":"$sha256($img())","size":3})
			PUT /v2/$r/manifests/subject | Body: $img()    => 201
			PUT /v2/$r/manifests/a | Body: $a              => 201
			PUT /v2/$r/manifests/b | Body: $b              => 201
			DELETE /v2/$r/manifests/$sha256($a)            => 202
			GET /v2/$r/referrers/$sha256($img())           => 200 | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[{"mediaType":"$index","digest":"$sha256($b)","size":$len($b),"annotations":{"n":"b"}}]}
			# the tag goes, the referrer stays
			DELETE /v2/$r/manifests/b                      => 202
			GET /v2/$r/referrers/$sha256($img())           => 200 | Body: ~$sha256($b)
			# the subject goes, the referrer stays
			DELETE /v2/$r/manifests/$sha256($img())        => 202
			GET /v2/$r/referrers/$sha256($img())           => 200 | Body: ~$sha256($b)
			DELETE /v2/$r/manifests/$sha256($b)            => 202
			GET /v2/$r/referrers/$sha256($img())           => 200 | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[]}`},
		{"a fallback tag that a client kept", "", `
			BLOBS $r
			PUT /v2/$r/manifests/subject | Body: $img()    => 201
			LET a = $idx(,"annotations":{"n":"a"},"subject":{"mediaType":"$image","digest":"$sha256($img())","size":3})
			LET b = $idx(,"annotations":{"n":"b"},"subject":{"mediaType":"$image","digest":"$sha256($img())","size":3})
			PUT /v2/$r/manifests/$sha256($a) | Body: $a    => 201
			LET f = {"schemaVersion":2,"mediaType":"$index","manifests":[{"mediaType":"$index","digest":"$sha256($a)","size":$len($a),"annotations":{"n":"a"}}]}
			PUT /v2/$r/manifests/$tag($img()) | Body: $f   => 201
			PUT /v2/$r/manifests/$sha256($b) | Body: $b    => 201
			GET /v2/$r/manifests/$tag($img())              => 200 | Body: $f
			GET /v2/$r/referrers/$sha256($img())           => 200 | Body: ~$sha256($a)
			GET /v2/$r/referrers/$sha256($img())           => 200 | Body: ~$sha256($b)
			GET /v2/$r/referrers/$sha256($img())?artifactType=x/y => 200 | Body: {"schemaVersion":2,"mediaType":"$index","manifests":[]}`},
	})
}

type indexPage struct {
	SchemaVersion int
	MediaType     string
	Manifests     []struct {
		MediaType, Digest, ArtifactType string
		Size                            int
		Annotations                     map[string]string
	}
}

// TestReferrersPaging lists 150 referrers with 40 kB of annotations each: pages under 4 MiB, each referrer once,
// and the filter, which 120 of them pass, holds on all pages.
func TestReferrersPaging(t *testing.T) {
	onEach(t, func(t *testing.T, tg *target) {
		s := newScript(t, tg)
		note := strings.Repeat("n", 40_000)
		want := map[string]int{}
		for i := range 150 {
			s.vars["m"] = fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"artifactType":"application/x-%d","manifests":[],`+
				`"annotations":{"i":"%d","n":"%s"},"subject":{"mediaType":%q,"digest":%q,"size":3}}`, mtIndex, min(i%5, 1), i, note, mtImage, s.vars["absent"])
			want[digestOf("sha256", s.vars["m"])] = len(s.vars["m"])
			s.run("PUT /v2/$r/manifests/$sha256($m) | Body: $m => 201 | OCI-Subject: $absent")
		}
		for query, count := range map[string]int{"": 150, "?artifactType=application/x-1": 120} {
			got := map[string]int{}
			s.pages("/v2/$r/referrers/$absent"+query, func(a *answer) int { return s.referrersPage(a, query != "", note, got) })
			for d, size := range got {
				if want[d] != size {
					t.Errorf("%s: got %s of %d bytes, want %d", query, d, size, want[d])
				}
			}
			if len(got) != count {
				t.Errorf("%s: got %d referrers, want %d", query, len(got), count)
			}
		}
	})
}

// referrersPage checks one page and adds its digests and sizes to got.
func (s *script) referrersPage(a *answer, filtered bool, note string, got map[string]int) int {
	s.t.Helper()
	var p indexPage
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.SchemaVersion != 2 || p.MediaType != mtIndex {
		s.t.Fatalf("got %s (%v), want an index", a, err)
	}
	if ct := a.header.Get("Content-Type"); ct != mtIndex || len(a.body) > 4<<20 {
		s.t.Errorf("got a page of %d bytes as %q, want at most 4 MiB as %s", len(a.body), ct, mtIndex)
	}
	if f := a.header.Get("OCI-Filters-Applied"); (f == "artifactType") != filtered {
		s.t.Errorf("got OCI-Filters-Applied %q, filtered %v", f, filtered)
	}
	for _, d := range p.Manifests {
		if _, twice := got[d.Digest]; twice || d.Annotations["n"] != note || d.MediaType != mtIndex {
			s.t.Errorf("got %s twice (%v) or without its annotations", d.Digest, twice)
		}
		if filtered && d.ArtifactType != "application/x-1" {
			s.t.Errorf("got artifactType %s in a filtered list", d.ArtifactType)
		}
		got[d.Digest] = d.Size
	}
	return len(p.Manifests)
}
