package explore

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/inspect"
	"vitrine/storage/oci"
)

// The digests of tests: $d is any, $m that of the document, $i that of the image a config belongs to, $l its layer, $h the digits of $d.
var words = strings.NewReplacer("$d", "sha256:"+strings.Repeat("d1", 32), "$m", "sha256:"+strings.Repeat("3a", 32), "$i", "sha256:"+strings.Repeat("1e", 32),
	"$l", "sha256:"+strings.Repeat("7a", 32), "$h", strings.Repeat("d1", 32))

// show makes the view of a document of the repository "app" in the memory of a site that is called localhost:5000.
func showJSON(t *testing.T, o *Options, mediaType, doc string) *jsonView {
	t.Helper()
	root, err := inspect.ParseJSON([]byte(words.Replace(doc)), nil)
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	h, r := newSite(t, o).Handler.(*handler), testRequest(t, "/")
	c := jsonContext{page: "blob", mediaType: mediaType, kind: kindOf(mediaType), target: target{Name: "app", Digest: digest.Digest(words.Replace("$m"))}}
	switch c.kind {
	case docManifest, docIndex:
		c.page = "r"
	case docConfig:
		c.of, c.manifest, c.layers = digest.Digest(words.Replace("$i")), digest.Digest(words.Replace("$i")), []oci.Descriptor{{Digest: digest.Digest(words.Replace("$l"))}}
	}
	return h.jsonView(r, c, root)
}

func testRequest(tb testing.TB, url string) *request {
	tb.Helper()
	r, err := parseRequest(httptest.NewRequest("GET", "http://localhost:5000"+url, nil))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func (v *jsonView) text() string {
	var b strings.Builder
	for _, p := range v.Pieces {
		b.WriteString(p.Text)
	}
	return b.String()
}

func TestJSONText(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{`{"digest":"a","b":[1,2.50,true,null],"a":{},"c":[],"mediaType":"m","schemaVersion":2}`,
			"{\n  \"schemaVersion\": 2,\n  \"mediaType\": \"m\",\n  \"digest\": \"a\",\n  \"a\": {},\n  \"b\": [\n    1,\n    2.50,\n    true,\n    null\n  ],\n  \"c\": []\n}"},
		{`"x\u202ey\u200b\u0007\n\t\"\\\u2028\udb40\udc41é<"`, `"x\u202ey\u200b\u0007\n\t\"\\\u2028\udb40\udc41é<"`},
		{`{"a\"\u202e":1,"a\"\u202e":2}`, "{\n  \"a\\\"\\u202e\": 1,\n  \"a\\\"\\u202e\": 2\n}"},
		{`12345678901234567890.10`, `12345678901234567890.10`},
	} {
		v := showJSON(t, nil, "", c.doc)
		if got := v.text(); got != c.want || !json.Valid([]byte(got)) {
			t.Errorf("%s:\ngot  %s\nwant %s", c.doc, got, c.want)
		}
	}
}

func TestJSONBounds(t *testing.T) {
	long := "é" + strings.Repeat("ö", maxJSONString)
	for _, c := range []struct {
		name, doc string
		lines     int
		note      bool
	}{
		{"lines", "[" + strings.Repeat("1,", 3*maxJSONLines) + "1]", maxJSONLines, true},
		{"empty containers", "[" + strings.Repeat("[],", 3*maxJSONLines) + "1]", maxJSONLines, true},
		{"nested", strings.Repeat(`{"a":[1,`, 40) + "2" + strings.Repeat("]}", 40), 200, false},
		{"bytes", `["` + strings.Repeat(strings.Repeat("x", 8000)+`","`, 200) + `"]`, 133, true},
		{"one string", `["` + long + `"]`, 3, false},
	} {
		v := showJSON(t, nil, "", c.doc)
		text := v.text()
		if n := strings.Count(text, "\n"); n > c.lines || (v.Note != "") != c.note || (v.Raw != "") != c.note || len(text) > maxJSONText+3*maxJSONString {
			t.Errorf("%s: %d lines, %d bytes, note %q, raw %q", c.name, n, len(text), v.Note, v.Raw)
		}
		if strings.Contains(text, "\ufffd") {
			t.Errorf("%s: cut inside a character", c.name)
		}
	}
}

// TestJSONInjection has every place of a document say what a page must not.
func TestJSONInjection(t *testing.T) {
	for _, evil := range []string{`<script>alert(1)</script>`, `javascript:alert(1)`, `" onmouseover="alert(1)`, `'><img src=x onerror=alert(1)>`,
		`https://x/" onclick="y`, `https://x/'><script>`, "https://x/\u202e", `HTTPS://u:p@x/`, `data:text/html,<script>`, `pkg:npm/<script>@1"'`, `//evil.example`, `https:evil`} {
		q, _ := json.Marshal(evil)
		var b strings.Builder
		b.WriteString("{")
		for i, key := range allKeys() {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, "%q:%s", key, q)
		}
		fmt.Fprintf(&b, `,%s:%s,"annotations":{%s:%s},"urls":[%s]}`, q, q, q, q, q)
		page := templates().page("front")
		var out strings.Builder
		for _, mediaType := range []string{"", oci.MediaTypeImageManifest, mediaTypeConfig} {
			v := showJSON(t, &Options{Foreign: true}, mediaType, b.String())
			if err := page.ExecuteTemplate(&out, "json", v); err != nil {
				t.Fatal(err)
			}
			for _, p := range v.Pieces {
				if strings.HasPrefix(p.Href, "/") && !strings.HasPrefix(p.Href, "//") || p.Href == "" || webURL(p.Href) {
					continue
				}
				t.Errorf("%s: a link to %q", evil, p.Href)
			}
		}
		html := strings.ToLower(out.String())
		for _, bad := range []string{"<script", "<img", "href=\"javascript", "zgotmplz", "\" onmouseover", "\" onclick", "\u202e"} {
			if strings.Contains(html, bad) {
				t.Errorf("%s: %s in the page\n%s", evil, bad, html)
			}
		}
	}
}

// allKeys are those that some rule is for.
func allKeys() (keys []string) {
	for key := range rules().values {
		keys = append(keys, key)
	}
	return keys
}

func BenchmarkJSONView(b *testing.B) {
	layer := `{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"` + words.Replace("$d") + `","size":12345678}`
	root, err := inspect.ParseJSON([]byte(`{"schemaVersion":2,"mediaType":"`+oci.MediaTypeImageManifest+`","layers":[`+strings.Repeat(layer+",", 20)+layer+`]}`), nil)
	if err != nil {
		b.Fatal(err)
	}
	h := &handler{}
	r := testRequest(b, "/")
	c := jsonContext{page: "r", kind: docManifest, target: target{Name: "app", Digest: digest.Digest(words.Replace("$m"))}}
	for b.Loop() {
		var out strings.Builder
		if err := templates().page("front").ExecuteTemplate(&out, "json", h.jsonView(r, c, root)); err != nil {
			b.Fatal(err)
		}
	}
}
