package registry_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/api"
	"vitrine/storage/oci"
)

// page is the JSON of any list.
type page struct {
	Name         string
	Tags         []string
	Repositories []string
	Manifests    []oci.Descriptor
	MediaType    string
	Schema       int `json:"schemaVersion"`
}

func (c *client) page(a answer) (p page, next string) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		c.t.Fatalf("%s: %v", a.call, err)
	}
	return p, api.ParseNextLink(a.header["Link"])
}

// pages follows the links from path to the end and returns the entries of each page.
func (c *client) pages(path string, entries func(page) []string) (pages [][]string) {
	c.t.Helper()
	for path != "" && len(pages) < 1000 {
		var p page
		p, path = c.page(c.do("GET "+path, "", "200"))
		pages = append(pages, entries(p))
	}
	return pages
}

func tagsOf(p page) []string  { return p.Tags }
func reposOf(p page) []string { return p.Repositories }

func TestTags(t *testing.T) {
	c := start(t, nil)
	for _, tag := range []string{"b", "a", "B", "c", "a.1", "_x"} {
		c.manifest("app/x", tag, "m", oci.MediaTypeImageIndex, emptyIndex)
	}
	for _, tt := range []struct{ query, want, link string }{
		{"", "B _x a a.1 b c", ""},
		{"?n=100", "B _x a a.1 b c", ""},
		{"?n=6", "B _x a a.1 b c", ""},
		{"?n=5", "B _x a a.1 b", `</v2/app/x/tags/list?n=5&last=b>; rel="next"`},
		{"?n=2&last=_x", "a a.1", `</v2/app/x/tags/list?n=2&last=a.1>; rel="next"`},
		{"?n=0", "", ""},
		{"?n=0&last=a", "", ""},
		{"?last=a", "a.1 b c", ""},
		{"?last=a.0", "a.1 b c", ""}, // absent
		{"?last=c", "", ""},
		{"?last=&n=1", "B", `</v2/app/x/tags/list?n=1&last=B>; rel="next"`},
		{"?n=99999999999999999999999", "B _x a a.1 b c", ""},
		{"?ns=docker.io", "B _x a a.1 b c", ""},
	} {
		a := c.do("GET /v2/app/x/tags/list"+tt.query, "", "200")
		want := `{"name":"app/x","tags":[]}`
		if tt.want != "" {
			want = `{"name":"app/x","tags":["` + strings.ReplaceAll(tt.want, " ", `","`) + `"]}`
		}
		if a.body != want {
			t.Errorf("%s = %s, want %s", tt.query, a.body, want)
		}
		c.has(a, "Content-Type: application/json", "Link: "+tt.link, "Content-Length: "+itoa(len(want)))
		c.has(c.do("HEAD /v2/app/x/tags/list"+tt.query, "", "200"), "Content-Length: "+itoa(len(want)), "Link: "+tt.link)
	}
	for _, q := range []string{"n=-1", "n=abc", "n=", "n=1.5", "n=%2b1", "n=1;2", "n=0x10"} {
		c.do("GET /v2/app/x/tags/list?"+q, "", "400 UNSUPPORTED")
	}
	c.do("GET /v2/app/x/tags/list?last=no%20tag", "", "400 MANIFEST_INVALID")
	c.do("GET /v2/none/tags/list", "", "404 NAME_UNKNOWN")
	c.do("GET /v2/none/tags/list?n=0", "", "404 NAME_UNKNOWN")
	c.blob("blobs/only", "d", "content")
	if got := c.do("GET /v2/blobs/only/tags/list", "", "200").body; got != `{"name":"blobs/only","tags":[]}` {
		t.Error(got)
	}
}

func TestTagPages(t *testing.T) {
	c := start(t, nil)
	var want []string
	for i := range 23 {
		tag := fmt.Sprintf("t%02d", i)
		want = append(want, tag)
		c.manifest("app", tag, "m", oci.MediaTypeImageIndex, emptyIndex)
	}
	for _, n := range []int{1, 5, 22, 23, 24} {
		got := c.pages(fmt.Sprintf("/v2/app/tags/list?n=%d", n), tagsOf)
		if !slices.Equal(slices.Concat(got...), want) || len(got) != (len(want)+n-1)/n {
			t.Errorf("n=%d: %v", n, got)
		}
	}
}

func TestPageIsCapped(t *testing.T) {
	c := start(t, nil)
	var calls []string
	for i := range 10_001 {
		calls = append(calls, fmt.Sprintf("t%05d", i))
	}
	c.set("m", digest.FromString(emptyIndex).String())
	for chunk := range slices.Chunk(calls, 128) {
		c.do("PUT /v2/app/manifests/$m?tag="+strings.Join(chunk, "&tag="), emptyIndex, "201")
	}
	for _, q := range []string{"", "?n=1000000"} {
		got := c.pages("/v2/app/tags/list"+q, tagsOf)
		if len(got) != 2 || len(got[0]) != 10_000 || len(got[1]) != 1 {
			t.Errorf("%q: %d pages", q, len(got))
		}
	}
}

func TestCatalog(t *testing.T) {
	c := start(t, nil)
	if got := c.do("GET /v2/_catalog", "", "200").body; got != `{"repositories":[]}` {
		t.Error(got)
	}
	want := []string{"a", "a-b/c", "a/b", "a/b/c", "b", "x/y"}
	for _, repo := range want {
		c.manifest(repo, "1", "m", oci.MediaTypeImageIndex, emptyIndex)
	}
	for n := 1; n <= 7; n++ {
		got := c.pages(fmt.Sprintf("/v2/_catalog?n=%d", n), reposOf)
		if !slices.Equal(slices.Concat(got...), want) {
			t.Errorf("n=%d: %v", n, got)
		}
	}
	c.has(c.do("GET /v2/_catalog?n=3", "", "200"), `Link: </v2/_catalog?n=3&last=a%2Fb>; rel="next"`, "Content-Type: application/json")
	if got, _ := c.page(c.do("GET /v2/_catalog?last=a%2Fa", "", "200")); !slices.Equal(got.Repositories, want[2:]) {
		t.Errorf("last=a/a: %v", got.Repositories)
	}
	c.do("GET /v2/_catalog?n=x", "", "400 UNSUPPORTED")
	c.do("GET /v2/_catalog?last=X", "", "400 NAME_INVALID")
	if got := c.do("GET /v2/_catalog?n=0", "", "200").body; got != `{"repositories":[]}` {
		t.Error(got)
	}
}

const (
	subject  = `"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"$subject","size":7}`
	signed   = `{"artifactType":"a/signature","config":{"mediaType":"a/config","digest":"$config","size":2},"layers":[],` + subject + `,"annotations":{"k":"v"}}`
	byConfig = `{"config":{"mediaType":"a/config","digest":"$config","size":2},"layers":[],` + subject + `}`
	untyped  = `{"manifests":[],` + subject + `}`
)

func TestReferrers(t *testing.T) {
	for _, alg := range oci.Algorithms {
		t.Run(string(alg), func(t *testing.T) {
			c := start(t, nil)
			c.set("subject", alg.FromString(emptyIndex).String())
			testReferrers(t, c)
		})
	}
}

func testReferrers(t *testing.T, c *client) {
	const path = "/v2/app/referrers/$subject"
	for _, p := range []string{path, "/v2/none/referrers/$subject"} { // none of them, and no such repository
		a := c.do("GET "+p, "", "200")
		c.has(a, "Content-Type: "+oci.MediaTypeImageIndex, "Oci-Filters-Applied:", "Link:")
		if a.body != `{"schemaVersion":2,"mediaType":"`+oci.MediaTypeImageIndex+`","manifests":[]}` {
			t.Errorf("empty: %s", a.body)
		}
	}
	c.blob("app", "config", "{}")
	for i, m := range []struct{ name, mediaType, body string }{
		{"sig", oci.MediaTypeImageManifest, signed}, {"typ", oci.MediaTypeImageManifest, byConfig}, {"idx", oci.MediaTypeImageIndex, untyped},
	} {
		c.has(c.manifest("app", itoa(i), m.name, m.mediaType, m.body), "Oci-Subject: $subject")
	}
	want := map[string]string{
		"$sig": `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"$sig","size":%d,"artifactType":"a/signature","annotations":{"k":"v"}}`,
		"$typ": `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"$typ","size":%d,"artifactType":"a/config"}`,
		"$idx": `{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"$idx","size":%d}`,
	}
	sizes := map[string]int{"$sig": len(c.expand(signed)), "$typ": len(c.expand(byConfig)), "$idx": len(c.expand(untyped))}
	expect := func(a answer, refs ...string) {
		t.Helper()
		p, _ := c.page(a)
		if len(p.Manifests) != len(refs) || p.MediaType != oci.MediaTypeImageIndex || p.Schema != 2 {
			t.Fatalf("%s: %s", a.call, a.body)
		}
		for _, ref := range refs {
			if one := fmt.Sprintf(c.expand(want[ref]), sizes[ref]); !strings.Contains(a.body, one) {
				t.Errorf("%s: %s not in %s", a.call, one, a.body)
			}
		}
	}
	expect(c.do("GET "+path, "", "200"), "$sig", "$typ", "$idx")
	c.do("PUT /v2/app/manifests/subject", emptyIndex, "201") // the subject may come after them
	expect(c.do("GET "+path, "", "200"), "$sig", "$typ", "$idx")
	a := c.do("GET "+path+"?artifactType=a/config", "", "200")
	c.has(a, "Oci-Filters-Applied: artifactType")
	expect(a, "$typ")
	expect(c.do("GET "+path+"?artifactType=none", "", "200"))
	expect(c.do("GET "+path+"?artifactType=", "", "200"), "$sig", "$typ", "$idx")
	c.do("DELETE /v2/app/manifests/$typ", "", "202")
	expect(c.do("GET "+path, "", "200"), "$sig", "$idx")
	c.do("GET "+path+"?last=x", "", "400 DIGEST_INVALID")
}

// A client that pushed its referrers list under the fallback tag, for lack of this endpoint, finds them here too, once each.
func TestReferrersBesideFallbackTag(t *testing.T) {
	c := start(t, nil)
	c.set("subject", digest.FromString("subject").String())
	c.blob("app", "config", "{}")
	c.manifest("app", "1", "sig", oci.MediaTypeImageManifest, signed)
	tag := oci.ReferrersTag(digest.FromString("subject"))
	c.manifest("app", string(tag), "index", oci.MediaTypeImageIndex, `{"manifests":[{"mediaType":"`+oci.MediaTypeImageManifest+`","digest":"$sig","size":1}]}`)
	if p, _ := c.page(c.do("GET /v2/app/referrers/$subject", "", "200")); len(p.Manifests) != 1 || string(p.Manifests[0].Digest) != c.expand("$sig") {
		t.Errorf("%v", p.Manifests)
	}
}

func TestReferrersPages(t *testing.T) {
	c := start(t, nil)
	c.set("subject", digest.FromString("subject").String())
	want := map[string]bool{}
	for i := range 250 {
		kind := fmt.Sprintf("a/%d", i%2)
		body := c.expand(fmt.Sprintf(`{"artifactType":%q,"manifests":[],%s,"annotations":{"i":"%d","x":"%s"}}`, kind, subject, i, strings.Repeat("x", 40_000)))
		c.do("PUT /v2/app/manifests/m -H Content-Type: "+oci.MediaTypeImageIndex, body, "201")
		want[digest.FromString(body).String()+kind] = true
	}
	for _, tt := range []struct {
		query  string
		kinds  []string
		want   int
		atMost int // pages
	}{{"", []string{"a/0", "a/1"}, 250, 3}, {"?artifactType=a%2F1", []string{"a/1"}, 125, 2}} {
		path, got, count := "/v2/app/referrers/$subject"+tt.query, map[string]bool{}, 0
		for ; path != "" && count < 10; count++ {
			a := c.do("GET "+path, "", "200")
			if len(a.body) >= oci.MaxManifest {
				t.Errorf("%s: a page of %d bytes", path, len(a.body))
			}
			var p page
			p, path = c.page(a)
			for _, d := range p.Manifests {
				if key := string(d.Digest) + d.ArtifactType; want[key] && slices.Contains(tt.kinds, d.ArtifactType) {
					got[key] = true
				}
			}
		}
		if len(got) != tt.want || count != tt.atMost {
			t.Errorf("%q: %d of %d in %d pages", tt.query, len(got), tt.want, count)
		}
	}
}

func TestReferrerTooLargeForAPage(t *testing.T) {
	c := start(t, nil)
	c.set("subject", digest.FromString("subject").String())
	head, tail := c.expand(`{"subject":{"digest":"$subject","size":0,"mediaType":""},"annotations":{"x":"`), `"}}`
	huge := head + strings.Repeat("x", oci.MaxManifest-len(head)-len(tail)) + tail
	for _, body := range []string{huge, head + tail} { // the type is longer than what the list leaves out
		c.do("PUT /v2/app/manifests/1 -H Content-Type: a/"+strings.Repeat("b", oci.MaxMediaType-2), body, "201")
	}
	got := 0
	for path := "/v2/app/referrers/$subject"; path != ""; {
		a := c.do("GET "+path, "", "200")
		if len(a.body) >= oci.MaxManifest {
			t.Errorf("a page of %d bytes", len(a.body))
		}
		var p page
		p, path = c.page(a)
		got += len(p.Manifests)
	}
	if got != 2 {
		t.Errorf("%d referrers, want 2", got)
	}
}
