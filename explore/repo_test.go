package explore

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/oci"
)

// from reads the JSON of a page into v.
func (s *site) from(url string, v any) {
	s.t.Helper()
	w := s.get(url, "Accept", "application/json")
	if w.Code != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", url, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		s.t.Fatalf("GET %s: %v", url, err)
	}
}

// has checks that a page has all of the parts.
func (s *site) has(url string, parts ...string) string {
	s.t.Helper()
	w := s.get(url)
	body := w.Body.String()
	if w.Code != http.StatusOK {
		s.t.Errorf("GET %s: %d %s", url, w.Code, body)
	}
	for _, p := range parts {
		if !strings.Contains(body, p) {
			s.t.Errorf("GET %s: no %s in\n%s", url, p, body)
		}
	}
	return body
}

func TestFront(t *testing.T) {
	s := newSite(t, nil)
	golden(t, "front-empty", s.get("/"))
	s.image("library/alpine", nil, []string{tarGzip(t, "etc/")}, "3.20", "latest")
	s.image("app", nil, []string{tarGzip(t, "etc/")}, "1")
	s.image("team/web/front", nil, []string{tarGzip(t, "etc/")}, "1")
	s.image("team/web/back", nil, []string{tarGzip(t, "etc/")}, "1")
	s.has("/", `<a href="/r/app">app</a>`, `<a href="/r/library/alpine">library/alpine</a>`, `<summary>team/web/ <span class="soft">2</span></summary>`,
		`<a href="/r/team/web/back">back</a>`, `4 repositories, 5 tags`, `<a href="/r/app:1">app:1</a>`, "crane catalog localhost:5000")
	if got := s.get("/", "Accept", "*/*").Body.String(); got != "app\nlibrary/alpine\nteam/web/back\nteam/web/front\n" {
		t.Errorf("as text: %q", got)
	}
	s.has("/r/team", `<a href="/r/team/web/back">back</a>`, "2 repositories")
	s.has("/r/team/web/", `<a href="/r/team/web/back">back</a>`)
	for url, status := range map[string]int{"/r/tea": 404, "/r/team/we": 404, "/r/": 301, "/r": 301, "/r/App": 400, "/r/app?page=0": 400, "/r/app?sort=x": 400, "/r/app?show=x": 400} {
		if w := s.get(url); w.Code != status {
			t.Errorf("GET %s: %d, want %d", url, w.Code, status)
		}
	}
}

func TestFrontNoPush(t *testing.T) {
	s := newSite(t, &Options{NoPush: true})
	s.has("/", "docker pull localhost:5000/NAME:TAG")
}

// TestFrontOrder sets tags one after the other and wants the last one first.
func TestFrontOrder(t *testing.T) {
	s := newSite(t, nil)
	d := s.manifest("a", oci.MediaTypeImageIndex, `{"schemaVersion":2,"manifests":[]}`)
	s.manifest("b", oci.MediaTypeImageIndex, `{"schemaVersion":2,"manifests":[]}`)
	var want []string
	for i := range 25 {
		repo, tag := oci.Name([]string{"a", "b"}[i%2]), oci.Tag(fmt.Sprint("t", (i*7)%25))
		if err := s.store.SetTag(t.Context(), repo, tag, d, storage.Match{}); err != nil {
			t.Fatal(err)
		}
		want = append([]string{string(repo) + ":" + string(tag)}, want...)
		time.Sleep(time.Microsecond)
	}
	s.manifest("a", oci.MediaTypeImageIndex, `{"schemaVersion":2,"manifests":[]}`, string(oci.ReferrersTag(d)))
	var v frontView
	s.from("/", &v)
	var got []string
	for _, p := range v.Newest {
		got = append(got, string(p.Repo)+":"+string(p.Tag))
	}
	if !slices.Equal(got, want[:maxPushes]) {
		t.Errorf("newest: %v, want %v", got, want[:maxPushes])
	}
}

func TestRepoTree(t *testing.T) {
	var names []oci.Name
	for i := range 2_000 {
		names = append(names, oci.Name(fmt.Sprintf("n%04d/x", i)))
	}
	names = append(names, "a", "a-b", "a-b/c", "a/b", "a/c/d/e")
	slices.Sort(names)
	p := newRepoTree(names, "", "", "/")
	var flat []string
	var walk func(indent string, nodes []repoNode)
	walk = func(indent string, nodes []repoNode) {
		for _, n := range nodes {
			flat = append(flat, fmt.Sprintf("%s%s=%s+%d", indent, n.Name, n.Repo, n.Below))
			walk(indent+" ", n.Nodes)
		}
	}
	walk("", p.Nodes[:3])
	want := []string{"a=a+2", " b=a/b+0", " c/d/e=a/c/d/e+0", "a-b=a-b+1", " c=a-b/c+0", "n0000/x=n0000/x+0"}
	if !slices.Equal(flat, want) || len(p.Nodes) != maxEntries || p.Count != len(names) || p.Next != "/?after=n0197" {
		t.Errorf("%q, %d nodes, next %s; want %q", flat, len(p.Nodes), p.Next, want)
	}
	seen := 0
	for after := ""; ; {
		p := newRepoTree(names, "", after, "/")
		seen += len(p.Nodes)
		if p.Next == "" {
			break
		}
		after = strings.TrimPrefix(p.Next, "/?after=")
	}
	if seen != 2_002 {
		t.Errorf("the pages have %d entries, want 2002", seen)
	}
}

func TestVersions(t *testing.T) {
	sorted := []string{"latest", "main", "0.9", "1.0-alpha.2", "v1.0-rc1", "1.0-rc2", "1.0", "1.0.1", "1.9", "1.10-alpine", "1.10", "v2.0", "10", "20260101", "100000000000000000000000"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := compareVersions(a, b); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("compareVersions(%s, %s) = %d", a, b, got)
			}
		}
	}
}

func TestRepo(t *testing.T) {
	s := newSite(t, nil)
	old, _ := s.image("app", map[string]any{"created": "2020-01-02T03:04:05Z"}, []string{tarGzip(t, "a=1")}, "1.9", "1")
	fresh, _ := s.image("app", map[string]any{"architecture": "arm64", "variant": "v8"}, []string{tarGzip(t, "a=2"), tarGzip(t, "b=22222")}, "1.10", "latest")
	s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []oci.Descriptor{
		{MediaType: oci.MediaTypeImageManifest, Digest: fresh, Size: 1, Platform: &oci.Platform{OS: "linux", Architecture: "arm64"}},
		{MediaType: oci.MediaTypeImageManifest, Digest: old, Size: 1, Platform: &oci.Platform{OS: "linux", Architecture: "amd64"}},
	}}, "multi")
	sig := "sha256-" + old.Encoded() + ".sig"
	s.manifest("app", oci.MediaTypeImageManifest, map[string]any{"schemaVersion": 2, "layers": []any{},
		"config": oci.Descriptor{MediaType: "application/x", Digest: digest.FromString("{}"), Size: 2}}, sig)
	s.manifest("app", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []any{}, "artifactType": "application/spdx+json",
		"subject": oci.Descriptor{MediaType: oci.MediaTypeImageManifest, Digest: fresh, Size: 1}})

	for query, want := range map[string]string{
		"":                              "multi 1.10,latest 1,1.9",
		"?sort=-pushed":                 "1,1.9 1.10,latest multi",
		"?sort=name":                    "1,1.9 1.10,latest multi",
		"?sort=version":                 "1.10,latest 1,1.9 multi",
		"?sort=-version":                "multi 1,1.9 1.10,latest",
		"?sort=created":                 "1.10,latest 1,1.9 multi",
		"?sort=size":                    "1.10,latest 1,1.9 multi",
		"?filter=LAT":                   "1.10,latest",
		"?filter=zzz":                   "",
		"?filter=sha256:":               "",
		"?filter=" + old.Encoded()[:12]: "1,1.9",
	} {
		var v repoView
		s.from("/r/app"+query, &v)
		var rows []string
		for _, r := range v.Rows {
			var tags []string
			for _, t := range r.Tags {
				tags = append(tags, string(t.Tag))
			}
			rows = append(rows, strings.Join(tags, ","))
		}
		if got := strings.Join(rows, " "); got != want || v.Tags != 5 || v.Attached != 1 {
			t.Errorf("/r/app%s: %q, %d tags, %d attached; want %q", query, got, v.Tags, v.Attached, want)
		}
	}
	var v repoView
	s.from("/r/app?sort=version", &v)
	a, b, m := v.Rows[0], v.Rows[1], v.Rows[2]
	if !b.Signed || a.Signed || len(a.About) != 1 || a.About[0].Kind != "SBOM" || b.About[0].Href != "/r/app:"+sig {
		t.Errorf("about them: %+v, %+v", a.About, b.About)
	}
	if a.Kind != kindImage || a.Platforms[0] != "linux/arm64/v8" || a.Layers != 2 || !a.Created.Equal(built) || a.Size <= b.Size {
		t.Errorf("%+v", a.summary)
	}
	if m.Kind != kindIndex || m.SizeOf != "linux/amd64" || m.Size != b.Size || !m.Created.Equal(b.Created) || len(m.Platforms) != 2 {
		t.Errorf("%+v", m.summary)
	}
	if got := s.get("/r/app", "Accept", "*/*").Body.String(); got != "1\n1.10\n1.9\nlatest\nmulti\n"+sig+"\n" {
		t.Errorf("as text: %q", got)
	}
	s.has("/r/app?show=attached", `>`+sig+`</a>`, `<td>signature</td>`, `href="/r/app@`+string(old)+`"`)
	s.has("/r/app?show=untagged", `application/spdx&#43;json`)
	golden(t, "repo", s.get("/r/app?sort=version"))
	golden(t, "repo-unknown", s.get("/r/nope"))
}

// TestRepoElsewhere checks that what is remembered of one repository is not told of another one that lacks it.
func TestRepoElsewhere(t *testing.T) {
	s := newSite(t, nil)
	d, _ := s.image("secret", map[string]any{"architecture": "s390x"}, []string{tarGzip(t, "a=1")}, "1")
	s.has("/r/secret", "linux/s390x")
	m, err := s.store.GetManifest(t.Context(), "secret", d)
	if err != nil {
		t.Fatal(err)
	}
	s.manifest("mine", m.MediaType, string(m.Raw), "1")
	s.manifest("mine", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []oci.Descriptor{{MediaType: m.MediaType, Digest: d, Size: 1}}}, "index")
	s.manifest("other", oci.MediaTypeImageIndex, map[string]any{"schemaVersion": 2, "manifests": []oci.Descriptor{{MediaType: m.MediaType, Digest: d, Size: 1}}}, "index")
	for _, repo := range []string{"mine", "other"} {
		if body := s.has("/r/"+repo, "incomplete"); strings.Contains(body, "s390x") || strings.Contains(body, "2026-03-14") {
			t.Errorf("%s tells what is in a blob that it does not have:\n%s", repo, body)
		}
	}
}

func TestRepoInjection(t *testing.T) {
	s := newSite(t, nil)
	s.manifest("app", oci.MediaTypeImageIndex, `{"schemaVersion":2,"manifests":[],"artifactType":"<script>alert(1)</script>"}`, "1")
	s.image("app", map[string]any{"architecture": `"><script>alert(2)</script>`, "created": "<script>"}, []string{tarGzip(t, "a=1")}, "2")
	for _, url := range []string{"/r/app", "/r/app?filter=%22%3E%3Cscript%3Ealert(3)%3C/script%3E", "/r/app?show=untagged", "/?after=%3Cscript%3E"} {
		if body := s.has(url); strings.Contains(body, "<script") {
			t.Errorf("%s: a script\n%s", url, body)
		}
	}
}

func TestLogin(t *testing.T) {
	known := false
	s := newSite(t, &Options{User: func(context.Context) (string, bool) { return "me", known }})
	if w := s.get("/login"); w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("nobody: %d %v", w.Code, w.Header())
	}
	known = true
	if w := s.get("/login"); w.Code != 303 || w.Header().Get("Location") != "/" {
		t.Errorf("somebody: %d %v", w.Code, w.Header())
	}
}

// diskSite is an explorer over a store on the disk.
func diskSite(b testing.TB) *site {
	b.Helper()
	store, err := disk.Open(b.TempDir(), &disk.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	return &site{t: b, store: store, Handler: New(store, nil)}
}

// BenchmarkRepo is the page of a repository with 10,000 tags, and the front page with 1,000 repositories.
func BenchmarkRepo(b *testing.B) {
	s := diskSite(b)
	for i := range 10_000 {
		repo := oci.Name("app")
		if i < 1000 {
			repo = oci.Name(fmt.Sprintf("team-%d/app-%d", i%20, i))
		}
		config := fmt.Sprintf(`{"os":"linux","architecture":"amd64","created":"2026-01-02T03:04:05Z","n":%d}`, i)
		d := digest.FromString(config)
		raw := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[]}`, d, len(config))
		m, _, err := storage.ParseManifest(oci.MediaTypeImageManifest, []byte(raw), "")
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range []oci.Name{"app", repo}[i/9000:] {
			err := storage.PutBlob(b.Context(), s.store, name, d, strings.NewReader(config))
			if err == nil {
				err = s.store.PutManifest(b.Context(), name, m)
			}
			if err == nil {
				err = s.store.SetTag(b.Context(), name, oci.Tag(fmt.Sprintf("1.%d", i)), m.Digest, storage.Match{})
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, c := range []struct{ name, url string }{
		{"front", "/"}, {"pushed", "/r/app"}, {"version", "/r/app?sort=version"}, {"created", "/r/app?sort=created"}, {"page50", "/r/app?sort=name&page=50"}, {"filter", "/r/app?filter=77"},
	} {
		b.Run(c.name, func(b *testing.B) { bench(b, s, c.url) })
	}
}

// bench asks for one page again and again, as a browser does.
func bench(b *testing.B, s *site, url string) {
	size := 0
	for b.Loop() {
		w := benchGet(s, url)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
		size = w.Body.Len()
	}
	b.ReportMetric(float64(size), "sent-bytes")
}
func benchGet(s *site, url string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}
