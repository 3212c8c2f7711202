package explore

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"vitrine/storage/oci"
)

func TestBlobPage(t *testing.T) {
	s := newSite(t, nil)
	image, layers := s.image("app", map[string]any{"config": map[string]any{"Env": []string{"PATH=/usr/bin:/bin"}, "WorkingDir": "/srv"}, "history": []map[string]any{
		{"created": "2026-01-02T03:04:05Z", "created_by": "/bin/sh -c #(nop) ADD file:1 in / "}, {"created_by": "/bin/sh -c #(nop)  CMD [\"sh\"]", "empty_layer": true},
	}}, []string{tarGzip(t, "etc/", "etc/x=1")}, "1")
	config := manifestOf(s, "app", image).Config.Digest
	inner := `{"a":{"b":[1,2,"three"]},"x":"` + base64.StdEncoding.EncodeToString([]byte(`{"deep":true}`)) + `"}`
	doc := s.blob("app", `{"payloadType":"application/vnd.in-toto+json","payload":"`+base64.StdEncoding.EncodeToString([]byte(inner))+`"}`)
	text := s.blob("app", "\nfirst <b>\nsec\u202eond\n"+strings.Repeat("line\n", 40000))
	bytes := s.blob("app", "\x00\x01\x02"+strings.Repeat("\xff", 40000))
	bad := s.blob("app", `{"a":"`+strings.Repeat("x", 5000))
	at := func(d any) string { return "/blob/app@" + string(d.(interface{ String() string }).String()) }
	for _, c := range []struct {
		url    string
		status int
		want   string // in the page
	}{
		{at(doc), 200, `crane blob localhost:5000/app@` + string(doc) + ` | jq .</code>`},
		{at(doc), 200, `href="/blob/app@` + string(doc) + `?jq=.payload&#43;%7C&#43;base64&#43;-d"`},
		{at(doc) + "?jq=.payload+|+base64+-d", 200, `| jq -r .payload | base64 -d | jq .</code>`},
		{at(doc) + "?jq=.payload&jq=base64+-d&jq=.a.b[2]", 200, "three\n"},
		{at(doc) + "?jq=.payload&jq=base64+-d&jq=.x|base64+-d", 200, "&#34;deep&#34;"},
		{at(doc) + "?jq=.payload&render=xxd", 200, "6579 4a68"},
		{at(doc) + "?jq=.nope", 404, "there is no such"},
		{at(doc) + "?jq=.payload[0]", 404, "a value of kind string"},
		{at(doc) + "?jq=rm+-rf", 400, "is none of"},
		{at(doc) + "?render=nope", 400, "no way to show"},
		{at(doc) + "?render=x509", 422, "not of the form"},
		{at(doc) + "?render=history", 422, "no history"},
		{at(config) + "?mt=" + mediaTypeConfig + "&manifest=" + string(image), 200, `<a href="/layers/app@` + string(image) + `/?env=PATH&amp;path=%2Fusr%2Fbin%3A%2Fbin"`},
		{at(config) + "?mt=" + mediaTypeConfig + "&manifest=" + string(image), 200, `<a href="/layers/app@` + string(image) + `/srv"`},
		{at(config) + "?mt=" + mediaTypeConfig + "&manifest=" + string(image), 200, `<a href="/fs/app@` + string(layers[0]) + `/" title="Layer`},
		{at(config) + "?render=history&manifest=" + string(image), 200, `CMD [&#34;sh&#34;]`},
		{at(config) + "?render=history&manifest=" + string(image), 200, `<a href="/fs/app@` + string(layers[0]) + `/">`},
		{at(config) + "?render=history", 200, `ADD file:1 in /`},
		{at(config) + "?jq=.history[1].created_by&render=created_by", 200, "CMD ["},
		{at(config) + "?manifest=x", 400, "digest"},
		{at(text), 200, "<pre>\n\nfirst &lt;b&gt;\nsec<span class=\"unseen\" title=\"right-to-left override\">&lt;U&#43;202E&gt;</span>ond\n"},
		{at(text), 200, `| head -c `},
		{at(text), 200, `rel="next"`},
		{at(text) + "?off=70000", 200, `| tail -c &#43;`},
		{at(bytes), 200, "| xxd -l 16384"},
		{at(bytes) + "?off=16384", 200, "| xxd -s 16384 -l 16384"},
		{at(bytes) + "?off=-5", 200, "00000000: 0001 02ff"},
		{at(bytes) + "?render=text", 200, `title="control character"`},
		{at(bad), 200, "begins like JSON"},
		{at(bad) + "?render=json", 422, "JSON at byte 5: a string without"},
		{at(layers[0]), 200, `href="/fs/app@` + string(layers[0]) + `/">files</a>`},
		{at(layers[0]) + "/etc/x", 301, ""},
		{at(image), 302, ""},
		{"/blob/other@" + string(doc), 404, ""},
		{"/blob/app@sha256:" + strings.Repeat("0", 64), 404, ""},
		{"/blob/app:1", 400, ""},
		{"/blob/app", 400, ""},
	} {
		w := s.get(c.url)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("GET %s: %d, want %d with %s\n%s", c.url, w.Code, c.status, c.want, mainPart(w.Body.String()))
		}
	}
	if to := s.get(at(image) + "?jq=.config&x=1").Header().Get("Location"); to != "/r/app@"+string(image)+"?jq=.config" {
		t.Errorf("a manifest as a blob: to %s", to)
	}
	if to := s.get(at(layers[0]) + "/etc/x%3Fy").Header().Get("Location"); to != "/fs/app@"+string(layers[0])+"/etc/x%3Fy" {
		t.Errorf("a path in a blob: to %s", to)
	}
	w := s.get("/blob/app@" + string(config) + "?mt=" + mediaTypeConfig + "&manifest=" + string(image) + "&format=json")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"architecture": "amd64"`) {
		t.Errorf("as JSON: %d\n%s", w.Code, w.Body)
	}
}

func manifestOf(s *site, repo string, d interface{ String() string }) *oci.Contents {
	s.t.Helper()
	parsed, err := oci.ParseDigest(d.String())
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := s.store.GetManifest(s.t.Context(), oci.Name(repo), parsed)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := oci.ParseManifest(m.MediaType, m.Raw)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func mainPart(html string) string {
	_, main, _ := strings.Cut(html, `<main id="main">`)
	return main[:min(len(main), 1500)]
}

// TestBlobBytes asks as programs do: what a stranger stored never comes as a page.
func TestBlobBytes(t *testing.T) {
	s := newSite(t, nil)
	evil := `<!doctype html><script>alert(1)</script>`
	d := s.blob("app", evil)
	svg := s.blob("app", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	for _, c := range []struct {
		url     string
		headers []string
		status  int
		body    string
		head    string // a header and its value
	}{
		{"/blob/app@" + string(d), []string{"Accept", "*/*"}, 200, evil, "Content-Type: text/plain; charset=utf-8"},
		{"/blob/app@" + string(d) + "?raw", nil, 200, evil, "Content-Security-Policy: " + sandbox},
		{"/blob/app@" + string(d) + "?dl=1&mt=text/html", nil, 200, evil, `Content-Disposition: attachment; filename="` + d.Encoded()[:12] + `"`},
		{"/blob/app@" + string(d) + "?raw&mt=text/html", nil, 200, evil, "Content-Type: text/plain; charset=utf-8"},
		{"/blob/app@" + string(d) + "?raw", []string{"Range", "bytes=2-8"}, 206, "doctype", `Etag: "` + string(d) + `"`},
		{"/blob/app@" + string(d) + "?raw", []string{"Range", "bytes=900-"}, 416, "", ""},
		{"/blob/app@" + string(d) + "?raw", []string{"If-None-Match", `"` + string(d) + `"`}, 304, "", ""},
		{"/blob/app@" + string(svg) + "?raw", nil, 200, "<svg", "Content-Security-Policy: " + sandbox},
	} {
		w := s.get(c.url, c.headers...)
		key, value, _ := strings.Cut(c.head, ": ")
		if w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.body) || w.Header().Get(key) != value || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s %v: %d %q, want %d %q and %s\n%v", c.url, c.headers, w.Code, w.Body, c.status, c.body, c.head, w.Header())
		}
	}
	if w := s.get("/blob/app@"+string(d), "Accept", "text/html"); strings.Contains(w.Body.String(), "<script") || w.Code != http.StatusOK {
		t.Errorf("on a page: %d\n%s", w.Code, w.Body)
	}
}

func TestBlobGolden(t *testing.T) {
	s := newSite(t, nil)
	image, _ := s.image("team/app", map[string]any{"config": map[string]any{"Env": []string{"PATH=/usr/bin:/bin"}, "WorkingDir": "/srv",
		"Labels": map[string]string{"org.opencontainers.image.source": "https://github.com/a/b", "<label>": "\u202e"}},
		"history": []map[string]any{{"created": "2026-01-02T03:04:05Z", "created_by": "/bin/sh -c #(nop) ADD file:1 in / "}}}, []string{tarGzip(t, "etc/x=1")}, "1")
	config := target{Name: "team/app", Digest: manifestOf(s, "team/app", image).Config.Digest}.href("blob")
	for name, pairs := range map[string][]string{"blob": nil, "blob-part": {"jq", ".config"}, "blob-history": {"render", "history"}, "blob-absent": {"jq", ".nothing"}, "blob-bytes": {"render", "xxd"}} {
		url := withQuery(config, append([]string{"mt", mediaTypeConfig, "manifest", string(image)}, pairs...)...)
		w := s.get(url)
		checkHTML(t, url, w.Body.String())
		golden(t, name, w)
	}
}

// BenchmarkBlobPage is what the page of a configuration costs.
func BenchmarkBlobPage(b *testing.B) {
	s := newSite(b, nil)
	var history []map[string]any
	for range 20 {
		history = append(history, map[string]any{"created": "2026-01-02T03:04:05Z", "created_by": "/bin/sh -c apt-get update && apt-get install -y something"})
	}
	image, _ := s.image("app", map[string]any{"history": history}, []string{tarGzip(b, "etc/x=1")}, "1")
	url := withQuery(target{Name: "app", Digest: manifestOf(s, "app", image).Config.Digest}.href("blob"), "mt", mediaTypeConfig, "manifest", string(image))
	bench(b, s, url)
}
