package explore

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// debian is the configuration of an image with most of what images have.
var debian = map[string]any{
	"author": "Somebody <a@example.com>",
	"config": map[string]any{
		"Env": []string{"PATH=/usr/local/bin:/usr/bin", "LANG=C.UTF-8", "EMPTY="}, "Entrypoint": []string{"/entry point", "-x"}, "Cmd": []string{"serve"},
		"WorkingDir": "/srv/app", "User": "1000:1000", "ExposedPorts": map[string]any{"8080/tcp": struct{}{}}, "Volumes": map[string]any{"/data": struct{}{}},
		"StopSignal": "SIGQUIT", "Healthcheck": map[string]any{"Test": []string{"CMD", "curl", "-f", "http://localhost/"}, "Interval": 30_000_000_000, "Retries": 3},
		"Labels": map[string]string{"org.opencontainers.image.source": "https://github.com/example/app", "org.opencontainers.image.revision": "abc123", "note": "<b>bold</b>"},
	},
	"history": []map[string]any{
		{"created": "2026-01-01T00:00:00Z", "created_by": "/bin/sh -c #(nop) ADD file:0123 in / "},
		{"created": "2026-01-01T00:00:01Z", "created_by": "/bin/sh -c #(nop)  CMD [\"bash\"]", "empty_layer": true},
		{"created": "2026-01-02T00:00:00Z", "created_by": "RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit", "comment": "buildkit.dockerfile.v0"},
	},
}

func TestImagePage(t *testing.T) {
	s := newSite(t, nil)
	layers := []string{tarGzip(t, "etc/", "etc/os-release=ID=debian"), tarGzip(t, "usr/", "usr/bin/", "usr/bin/curl=ELF")}
	d, digests := s.image("team/app", debian, layers, "1", "latest")
	page := "/r/team/app:1"
	s.has(page, `<a href="/r/team/app" title="The repository">localhost:5000/team/app:1</a> | jq .`,
		`href="/layers/team/app@`+string(d)+`/srv/app">/srv/app</a>`, `href="/layers/team/app@`+string(d)+`/usr/local/bin"`,
		`href="/fs/team/app@`+string(digests[0])+`/"`, `href="/size/team/app@`+string(digests[1])+`/"`, `ADD file:0123 in /`,
		"RUN apt-get update \\\n &amp;&amp; apt-get install -y curl", `docker pull localhost:5000/team/app@`+string(d), `href="https://github.com/example/app"`,
		`href="https://github.com/example/app/commit/abc123"`, `&lt;b&gt;bold&lt;/b&gt;`, `--interval=30s --retries=3 curl -f http://localhost/`,
		`&#39;/entry point&#39;`, `linux/amd64`, `<a class="tag" href="/r/team/app:latest">latest</a>`, `Docker-Content-Digest: `+string(d))
	golden(t, "image", s.get(page))
	golden(t, "history", s.get(page+"?render=history"))
	for _, url := range []string{"/r/team/app@" + string(d), "/r/team/app:1@" + string(d)} {
		s.has(url, "linux/amd64")
	}
	for _, c := range []struct {
		url, accept string
		status      int
		want        string
	}{
		{page, "*/*", 200, "{\n  \"config\": {"},
		{page, "application/json", 200, `"instruction": "CMD [\"bash\"]"`},
		{page + "?render=history", "*/*", 200, "ADD file:0123 in /\nCMD [\"bash\"]\nRUN apt-get update \\\n && apt-get install -y curl\n"},
		{page + "?jq=.config.digest", "text/html", 200, "sha256:"},
		{page + "?platform=linux/arm64", "text/html", 404, ""},
		{page + "/etc/passwd", "text/html", 404, "/layers/"},
		{"/r/team/app:2", "text/html", 404, ""},
		{"/r/team/app@sha256:" + strings.Repeat("0", 64), "text/html", 404, ""},
		{"/r/team/app:", "text/html", 400, ""},
		{"/r/nope:1", "text/html", 404, ""},
	} {
		w := s.get(c.url, "Accept", c.accept)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("GET %s as %s: %d %s, want %d %q", c.url, c.accept, w.Code, w.Body, c.status, c.want)
		}
	}
}

// TestManifestCaching: what refers to a manifest and its tags change, so that its page does; a part of what a digest names does not.
func TestManifestCaching(t *testing.T) {
	s := newSite(t, nil)
	d, _ := s.image("app", debian, []string{tarGzip(t, "a=1")}, "1")
	for url, forever := range map[string]bool{"/r/app:1": false, "/r/app@" + string(d): false, "/r/app:1?jq=.config": false, "/r/app@" + string(d) + "?jq=.config": true} {
		w := s.get(url)
		if got := strings.Contains(w.Header().Get("Cache-Control"), "immutable"); w.Code != 200 || got != forever || w.Header().Get("ETag") == "" {
			t.Errorf("GET %s: %d %v", url, w.Code, w.Header())
		}
	}
	tag := s.get("/r/app@" + string(d)).Header().Get("ETag")
	s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []any{}, "artifactType": "application/x.note",
		"subject": oci.Descriptor{MediaType: oci.MediaTypeImageManifest, Digest: d, Size: 1}})
	if w := s.get("/r/app@"+string(d), "If-None-Match", tag); w.Code != 200 {
		t.Errorf("after something refers to it: %d", w.Code)
	}
}

// TestKeptFragments deletes what a page was made of after it was shown.
func TestKeptFragments(t *testing.T) {
	s := newSite(t, nil)
	d, layers := s.image("app", debian, []string{tarGzip(t, "a=1")}, "1")
	s.has("/r/app:1", "apt-get install", `href="/fs/app@`+string(layers[0]))
	config := manifestOf(s, "app", d).Config.Digest
	for _, gone := range []digest.Digest{layers[0], config} {
		if err := s.store.DeleteBlob(t.Context(), "app", gone); err != nil {
			t.Fatal(err)
		}
		body := s.has("/r/app:1", "not in this repository")
		if shown := strings.Contains(body, "apt-get install"); shown != (gone == layers[0]) {
			t.Errorf("without %s the instructions are shown: %v", gone, shown)
		}
	}
}

// TestSparseImage has an image of which nothing else was pushed.
func TestSparseImage(t *testing.T) {
	s := newSite(t, nil)
	absent := digest.FromString("absent")
	m := s.manifest("app", oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2,
		"config": oci.Descriptor{MediaType: mediaTypeConfig, Digest: absent, Size: 10},
		"layers": []oci.Descriptor{{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Digest: absent, Size: 1 << 62},
			{MediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Digest: absent, Size: 1 << 62, URLs: []string{"https://example.com/"}}}}, "1")
	s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []oci.Descriptor{
		{MediaType: oci.MediaTypeImageManifest, Digest: absent, Size: 1, Platform: &oci.Platform{OS: "linux", Architecture: "arm64"}},
		{MediaType: oci.MediaTypeImageManifest, Digest: m, Size: 1, Platform: &oci.Platform{OS: "linux", Architecture: "amd64"}}}}, "index")
	s.has("/r/app:1", "The configuration is not in this repository", "not in this repository</span>", "fetched from elsewhere", "4.00 EiB")
	s.has("/r/app:index", "linux/arm64", "not here")
}

func TestIndexPage(t *testing.T) {
	s := newSite(t, nil)
	arm, _ := s.image("app", map[string]any{"architecture": "arm64", "variant": "v8"}, []string{tarGzip(t, "a=1")})
	amd, _ := s.image("app", nil, []string{tarGzip(t, "a=2")})
	att := s.manifest("app", oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2,
		"config": oci.Descriptor{MediaType: mediaTypeConfig, Digest: s.blob("app", "{}"), Size: 2},
		"layers": []oci.Descriptor{{MediaType: "application/vnd.in-toto+json", Digest: s.blob("app", "{ }"), Size: 3}}})
	d := s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []oci.Descriptor{
		{MediaType: oci.MediaTypeImageManifest, Digest: amd, Size: 1, Platform: &oci.Platform{OS: "linux", Architecture: "amd64"}},
		{MediaType: oci.MediaTypeImageManifest, Digest: arm, Size: 1, Platform: &oci.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}},
		{MediaType: oci.MediaTypeImageManifest, Digest: att, Size: 1, Platform: &oci.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": string(amd)}},
	}}, "1")
	var v manifestView
	s.from("/r/app:1", &v)
	if rows := v.Index.Rows; len(rows) != 2 || rows[0].Platform != "linux/amd64" || rows[1].Platform != "linux/arm64/v8" || rows[0].Layers != 1 || !rows[0].Created.Equal(built) ||
		len(rows[0].About) != 1 || rows[0].About[0].Href != "/r/app@"+string(att) || len(rows[1].About) != 0 {
		t.Errorf("rows: %+v", rows)
	}
	for url, to := range map[string]string{"/r/app:1?platform=linux/arm64": string(arm), "/r/app:1?platform=linux/arm64/v8": string(arm), "/r/app@" + string(d) + "?platform=linux/amd64": string(amd),
		"/r/app:1?platform=linux/arm": "", "/r/app:1?platform=unknown/unknown": ""} {
		w := s.get(url)
		if want := "/r/app@" + to; to != "" && (w.Code/100 != 3 || w.Header().Get("Location") != want) || to == "" && w.Code != 404 {
			t.Errorf("GET %s: %d to %q, want %s", url, w.Code, w.Header().Get("Location"), want)
		}
	}
	golden(t, "index", s.get("/r/app:1"))
	if body := s.has("/r/app@"+string(att), "application/vnd.in-toto&#43;json"); !strings.Contains(body, "<dd>artifact") {
		t.Errorf("an attestation is taken for an image:\n%s", body)
	}
}

func TestArtifactPage(t *testing.T) {
	s := newSite(t, nil)
	chart := tarGzip(t, "chart/Chart.yaml=name: chart")
	s.manifest("chart", oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2,
		"config": oci.Descriptor{MediaType: "application/vnd.cncf.helm.config.v1+json", Digest: s.blob("chart", `{"name":"chart"}`), Size: 16},
		"layers": []oci.Descriptor{
			{MediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip", Digest: s.blob("chart", chart), Size: int64(len(chart))},
			{MediaType: "text/plain", Digest: s.blob("chart", "text"), Size: 4, Annotations: map[string]string{annotationTitle: `"><script>alert(1)</script>`}},
			{MediaType: "text/plain", Digest: digest.FromString("absent"), Size: 4, Annotations: map[string]string{annotationTitle: "gone.txt"}},
		}}, "1")
	body := s.has("/r/chart:1", `<dd>artifact: application/vnd.cncf.helm.config.v1&#43;json`, `href="/fs/chart@`+string(digest.FromString(chart))+`/"`,
		`href="/blob/chart@`+string(digest.FromString("text"))+`?mt=text%2Fplain`, `<del>gone.txt</del>`, `?dl=1">download</a>`, "oras pull localhost:5000/chart:1")
	if strings.Contains(body, "<script") {
		t.Error("a script")
	}
	golden(t, "artifact", s.get("/r/chart:1"))
	s.manifest("odd", "application/vnd.example.odd+json", `{"a":1,"b":{"c":[true,null]}}`, "1")
	s.has("/r/odd:1", `<dd>manifest`, "application/vnd.example.odd&#43;json")
}

func TestReferrers(t *testing.T) {
	s := newSite(t, nil)
	d, _ := s.image("app", nil, []string{tarGzip(t, "a=1")}, "1")
	refer := func(kind string, n int) digest.Digest {
		return s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []any{}, "artifactType": kind,
			"annotations": map[string]string{"n": fmt.Sprint(n), annotationCreated: "2026-05-06T07:08:09Z", "<script>": "javascript:alert(1)"},
			"subject":     oci.Descriptor{MediaType: oci.MediaTypeImageManifest, Digest: d, Size: 1}})
	}
	for i := range 150 {
		refer("application/x.note", i)
	}
	sig := refer("application/vnd.dev.cosign.artifact.sig.v1+json", 0)
	other := s.manifest("app", oci.MediaTypeImageIndex, `{"schemaVersion":2,"manifests":[],"artifactType":"application/by.list"}`)
	s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []oci.Descriptor{
		{MediaType: oci.MediaTypeImageIndex, Digest: other, Size: 5, ArtifactType: "application/by.list"}, {MediaType: oci.MediaTypeImageIndex, Digest: sig, Size: 5}}}, string(oci.ReferrersTag(d)))
	s.manifest("app", oci.MediaTypeImageIndex, `{"schemaVersion":2,"manifests":[],"artifactType":"application/by.tag"}`, string(oci.ReferrersTag(d))+".att")
	at := "/referrers/app@" + string(d)
	for _, c := range []struct {
		url               string
		found, rows, page int
	}{
		{at, 153, 100, 1}, {at + "?page=2", 153, 53, 2}, {at + "?page=9", 153, 53, 2}, {at + "?artifactType=application/x.note", 150, 100, 1},
		{at + "?artifactType=application/x.note&page=2", 150, 50, 2}, {at + "?artifactType=none", 0, 0, 1},
		{"/referrers/app@sha256:" + strings.Repeat("0", 64), 0, 0, 1},
	} {
		var v referrersView
		s.from(c.url, &v)
		if v.Found != c.found || len(v.Rows) != c.rows || v.Links.Page != c.page {
			t.Errorf("GET %s: %d found, %d rows on page %d, want %+v", c.url, v.Found, len(v.Rows), v.Links.Page, c)
		}
	}
	for url, status := range map[string]int{"/referrers/app:1": 302, "/referrers/app": 400, "/referrers/nope@" + string(d): 404, at + "?page=x": 400} {
		if w := s.get(url); w.Code != status {
			t.Errorf("GET %s: %d, want %d", url, w.Code, status)
		}
	}
	body := s.has(at+"?artifactType=application/vnd.dev.cosign.artifact.sig.v1%2Bjson", ">signature</a>", "2026-05-06", "curl -s &#39;http://localhost:5000/v2/app/referrers/"+string(d)+"?artifactType=")
	if strings.Contains(body, "<script") || strings.Contains(body, `href="javascript`) {
		t.Errorf("a script\n%s", body)
	}
	s.has(at+"?artifactType=application/by.list", "by the tag "+string(oci.ReferrersTag(d))+"<")
	s.has(at+"?artifactType=application/by.tag", "by the tag "+string(oci.ReferrersTag(d))+".att", ">attestation<")
	s.has("/r/app:1", `<a href="`+at+`">All 153</a>`)
	s.has("/r/app:1?artifactType=none", "Nothing of this type.")
	var list struct{ Manifests []oci.Descriptor }
	if err := json.Unmarshal(s.get(at, "Accept", "*/*").Body.Bytes(), &list); err != nil || len(list.Manifests) != 153 {
		t.Errorf("as text: %d manifests, %v", len(list.Manifests), err)
	}
}

// TestHugeManifests have pages of a size that people can load.
func TestHugeManifests(t *testing.T) {
	s := newSite(t, nil)
	var layers []oci.Descriptor
	for i := range 3_000 {
		layers = append(layers, oci.Descriptor{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Digest: digest.FromString(fmt.Sprint(i)), Size: int64(i)})
	}
	history := make([]map[string]any, 3_000)
	env := make([]string, 3_000)
	labels := map[string]string{}
	for i := range history {
		history[i] = map[string]any{"created_by": strings.Repeat("x && ", 50)}
		env[i] = fmt.Sprintf("V%d=%s", i, strings.Repeat("y", 100))
		labels[fmt.Sprint("label", i)] = strings.Repeat("z", 100)
	}
	labels["a"] = strings.Repeat("long", 100_000)
	config, err := json.Marshal(map[string]any{"history": history, "config": map[string]any{"Env": env, "Labels": labels, "Cmd": env, "OnBuild": env}})
	if err != nil {
		t.Fatal(err)
	}
	c := oci.Descriptor{MediaType: mediaTypeConfig, Digest: s.blob("app", string(config)), Size: int64(len(config))}
	s.manifest("app", oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2, "config": c, "layers": layers, "annotations": labels}, "image")
	s.manifest("app", oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2, "config": c, "artifactType": "application/x", "layers": layers}, "artifact")
	for i := range layers {
		layers[i].MediaType = oci.MediaTypeImageManifest
	}
	s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": layers}, "index")
	for _, tag := range []string{"image", "artifact", "index"} {
		for _, page := range []string{"", "?page=30"} { // compressed: reading that much HTML strictly takes a minute
			w := s.get("/r/app:"+tag+page, "Accept-Encoding", "gzip")
			size := w.Body.Len()
			plain := gunzip(t, w.Body)
			if w.Code != http.StatusOK || len(plain) > 4<<20 || size > 300<<10 {
				t.Errorf("%s%s: %d, %d bytes, %d compressed", tag, page, w.Code, len(plain), size)
			}
			if last := strings.Contains(plain, "page 30 of 30"); last != (page != "" && tag != "image") {
				t.Errorf("%s%s: is the last page: %v", tag, page, last)
			}
		}
	}
}

func gunzip(t *testing.T, r io.Reader) string {
	t.Helper()
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// TestManifestInjection puts what could break out of a page wherever a stranger's words come from.
func TestManifestInjection(t *testing.T) {
	const evil = "\"'><script>alert(1)</script>\n\u202eeslaf javascript:alert(2)"
	s := newSite(t, nil)
	layer := tarGzip(t, "a=1")
	d, _ := s.image("app", map[string]any{"author": evil, "os": evil, "architecture": evil, "os.version": evil, "created": evil,
		"config": map[string]any{"Env": []string{"PATH=/" + evil, evil + "=" + evil}, "Cmd": []string{evil}, "Entrypoint": []string{evil}, "WorkingDir": "/" + evil, "User": evil,
			"Labels":  map[string]string{evil: evil, "url": "javascript:alert(3)", "org.opencontainers.image.source": "javascript:alert(4)", "org.opencontainers.image.base.name": evil},
			"Volumes": map[string]any{"/" + evil: 1}, "Healthcheck": map[string]any{"Test": []string{"CMD", evil}}, "StopSignal": evil},
		"history": []map[string]any{{"created_by": evil, "comment": evil, "created": evil}}}, []string{layer}, "1")
	s.manifest("app", oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2, "artifactType": evil, "annotations": map[string]string{evil: evil},
		"config":  oci.Descriptor{MediaType: evil, Digest: s.blob("app", "{}"), Size: 2},
		"layers":  []oci.Descriptor{{MediaType: evil, Digest: s.blob("app", layer), Size: 1, Annotations: map[string]string{annotationTitle: evil}, URLs: []string{"javascript:alert(5)"}}},
		"subject": oci.Descriptor{MediaType: evil, Digest: d, Size: 1}}, "2")
	s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []oci.Descriptor{
		{MediaType: evil, Digest: d, Size: 1, Platform: &oci.Platform{OS: evil, Architecture: evil, OSVersion: evil, Variant: evil}, Annotations: map[string]string{annotationTitle: evil}}}}, "3")
	for _, url := range []string{"/r/app:1", "/r/app:2", "/r/app:3", "/r/app:1?render=history", "/referrers/app@" + string(d), "/r/app", "/r/app:1?artifactType=%3Cscript%3E"} {
		body := s.has(url)
		attr := html.EscapeString(evil) // what a form gives back
		if strings.Contains(body, "<script") || strings.Contains(body, `="javascript:`) || strings.Contains(strings.ReplaceAll(body, `value="`+attr+`"`, ""), "\u202e") {
			t.Errorf("%s:\n%s", url, body)
		}
	}
}

func TestAlignHistory(t *testing.T) {
	layers := []oci.Descriptor{{Digest: "sha256:a"}, {Digest: "sha256:b"}}
	for _, c := range []struct {
		history string // one letter a step: l for one that made a layer, e for one that did not
		want    string
		fits    bool
	}{
		{"lel", "a-b", true}, {"eell", "--ab", true}, {"l", "a", false}, {"lll", "ab-", false}, {"", "", false}, {"e", "-", false},
	} {
		var h []historyEntry
		for _, s := range c.history {
			h = append(h, historyEntry{EmptyLayer: s == 'e'})
		}
		steps, fits := alignHistory(target{Name: "app"}, h, layers)
		got := ""
		for _, s := range steps {
			got += strings.TrimPrefix(string(s.Layer)+"-", "sha256:")[:1]
		}
		if got != c.want || fits != c.fits {
			t.Errorf("%q: %q, %v, want %q, %v", c.history, got, fits, c.want, c.fits)
		}
	}
}

// BenchmarkManifest has pages of an image with ten layers, of an index and of tags, from the disk.
func BenchmarkManifest(b *testing.B) {
	s := diskSite(b)
	var layers []string
	history := []map[string]any{}
	for i := range 10 {
		layers = append(layers, tarGzip(b, fmt.Sprintf("usr/share/doc/%d=%d", i, i)))
		history = append(history, map[string]any{"created": "2026-01-01T00:00:00Z", "created_by": fmt.Sprintf("RUN /bin/sh -c apt-get update && apt-get install -y package-%d # buildkit", i)},
			map[string]any{"created": "2026-01-01T00:00:00Z", "created_by": fmt.Sprintf("ENV VERSION=%d", i), "empty_layer": true})
	}
	d, _ := s.image("app", map[string]any{"config": debian["config"], "history": history}, layers, "1", "latest")
	children := []oci.Descriptor{}
	for i := range 8 {
		d, _ := s.image("app", map[string]any{"n": i}, layers)
		children = append(children, oci.Descriptor{MediaType: oci.MediaTypeImageManifest, Digest: d, Size: 1000, Platform: &oci.Platform{OS: "linux", Architecture: fmt.Sprint("arch", i)}})
	}
	s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": children}, "multi")
	for i := range 3 {
		s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []any{}, "artifactType": "application/spdx+json",
			"annotations": map[string]string{"n": fmt.Sprint(i)}, "subject": oci.Descriptor{MediaType: oci.MediaTypeImageManifest, Digest: d, Size: 1}})
	}
	for _, c := range []struct{ name, url string }{{"image", "/r/app:1"}, {"index", "/r/app:multi"}, {"history", "/r/app:1?render=history"}, {"referrers", "/referrers/app@" + string(d)}, {"tags", "/r/app"}} {
		b.Run(c.name, func(b *testing.B) { bench(b, s, c.url) })
	}
}

// closed is a store of which one repository may not be read any more.
type closed struct {
	storage.Reader
	repo oci.Name
}

func (c *closed) check(repo oci.Name) error {
	if repo == c.repo {
		return fmt.Errorf("%w: %s", storage.ErrDenied, repo)
	}
	return nil
}

func (c *closed) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	if err := c.check(repo); err != nil {
		return storage.Manifest{}, err
	}
	return c.Reader.GetManifest(ctx, repo, d)
}

func (c *closed) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	if err := c.check(repo); err != nil {
		return oci.Descriptor{}, err
	}
	return c.Reader.ResolveTag(ctx, repo, tag)
}

func (c *closed) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return func(yield func(oci.Tag, error) bool) {
		if err := c.check(repo); err != nil {
			yield("", err)
			return
		}
		c.Reader.Tags(ctx, repo, after)(yield)
	}
}

func (c *closed) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		if err := c.check(repo); err != nil {
			yield(oci.Descriptor{}, err)
			return
		}
		c.Reader.Referrers(ctx, repo, d)(yield)
	}
}

// TestClosed has everything shown once, and then nothing, by a store that cannot tell of all tags at once.
func TestClosed(t *testing.T) {
	store := &closed{Reader: memory.New()}
	s := &site{t: t, store: store.Reader.(storage.Store), Handler: New(store, nil)}
	d, _ := s.image("secret", debian, []string{tarGzip(t, "a=1")}, "1", "latest")
	pages := []string{"/r/secret", "/r/secret:1", "/r/secret@" + string(d), "/r/secret:1?render=history", "/referrers/secret@" + string(d), "/r/secret:1?jq=.config"}
	for _, url := range pages {
		s.has(url)
	}
	s.has("/r/secret", `>latest</a>`, "2 tags", "only the name is known")
	store.repo = "secret"
	for _, url := range pages {
		if w := s.get(url); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "amd64") {
			t.Errorf("GET %s: %d\n%s", url, w.Code, w.Body)
		}
	}
}

// TestReferrersHaveBounds has more annotations than a page may hold in memory.
func TestReferrersHaveBounds(t *testing.T) {
	l := &referrerList{seen: map[digest.Digest]bool{}}
	for i := range 20 {
		l.add(oci.Descriptor{Digest: digest.FromString(fmt.Sprint(i)), Annotations: map[string]string{"a": strings.Repeat("a", 1<<20)}}, "")
	}
	if len(l.all) != 8 || !l.full {
		t.Errorf("%d of 20 MiB are kept, full: %v", len(l.all), l.full)
	}
}
