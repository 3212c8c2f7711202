package explore

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"os/exec"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/apk"
	"vitrine/explore/apk/apktest"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// evilText is what a stranger may write into a description.
const evilText = `<script>"'&` + "\u202e"

// alpine is an explorer over a layer with a repository of Alpine, of which the index and a package are blobs besides. $i is the image, $l its layer, $x the
// index, $p the package hello-2.12.1-r0.
func alpine(t testing.TB) (*site, *strings.Replacer) {
	s := newSite(t, nil)
	var records []apk.Record
	var files []string
	layer := []string{"repo/", "repo/x86_64/", "lib/apk/db/installed=P:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:libc.so\n\n"}
	for _, p := range []apktest.Package{
		{Name: "hello", Version: "2.12.1-r0", Arch: "x86_64", Files: map[string]string{"usr/bin/hello": "hello\n"}, Scripts: map[string]string{".post-install": "#!/bin/sh\n"},
			Info: "pkgdesc = Says hello\nurl = https://example.com/hello\nsize = 6\nbuilddate = 1700000000\nlicense = MIT\norigin = hello\ndepend = so:libgreet.so.1>=1\n" +
				"depend = !goodbye\nprovides = cmd:hello=2.12.1-r0\n"},
		{Name: "hello", Version: "2.9-r7", Arch: "x86_64", Info: "pkgdesc = Says hello\nbuilddate = 1600000000\ndepend = libgreet\n"},
		{Name: "libgreet", Version: "1.0-r1", Arch: "noarch", Info: "pkgdesc = " + evilText + "\nbuilddate = 1750000000\nprovides = so:libgreet.so.1=1.0.0\nurl = javascript:alert(1)\n"},
	} {
		raw := apktest.Build(t, p)
		open, err := apk.Open(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := open.Record("x86_64")
		if err != nil {
			t.Fatal(err)
		}
		records, files = append(records, r), append(files, string(raw))
		layer = append(layer, "repo/x86_64/"+r.FileName()+"="+string(raw))
	}
	apk.Sort(records)
	index, err := apk.WriteIndex(apk.All(records), &apk.WriteOptions{Description: "v3 " + evilText})
	if err != nil {
		t.Fatal(err)
	}
	// another repository, whose index means other packages
	layer = append(layer, "repo/x86_64/APKINDEX.tar.gz="+string(index), "other/APKINDEX.tar.gz="+string(index), "other/hello-2.12.1-r0.apk="+files[1],
		"bad/APKINDEX.tar.gz=hello", "bad/x.apk=\x1f\x8bhello", "bad/Packages.adb=ADBd....", "bad/cut.apk="+files[0][:300])
	image, layers := s.image("app", nil, []string{tarGzip(t, layer...)}, "1")
	return s, strings.NewReplacer("$i", string(image), "$l", string(layers[0]), "$x", string(s.blob("app", string(index))), "$p", string(s.blob("app", files[0])))
}

// TestAPKIndex asks for lists of packages, in the spelling of apk.dag.dev too. A row is the query and what a terminal gets.
func TestAPKIndex(t *testing.T) {
	s, words := alpine(t)
	for _, c := range []struct{ url, want string }{
		{"/apk/app@$l/repo/x86_64/APKINDEX.tar.gz", "hello-2.12.1-r0.apk libgreet-1.0-r1.apk"},
		{"/apk/app@$x", "hello-2.12.1-r0.apk libgreet-1.0-r1.apk"},
		{"/apk/app@$l/repo/x86_64/APKINDEX.tar.gz!/APKINDEX", "hello-2.12.1-r0.apk libgreet-1.0-r1.apk"},
		{"/apk/app@$l/lib/apk/db/installed", "musl-1.2.5-r0.apk"},
		{"/apk/app@$x?full=true", "hello-2.9-r7.apk hello-2.12.1-r0.apk libgreet-1.0-r1.apk"},
		{"/apk/app@$x?full=true&sort=t", "libgreet-1.0-r1.apk hello-2.12.1-r0.apk hello-2.9-r7.apk"},
		{"/apk/app@$x?search=greet", "libgreet-1.0-r1.apk"},
		{"/apk/app@$x?search=^greet", ""},
		{"/apk/app@$x?search=^hel", "hello-2.12.1-r0.apk"},
		{"/apk/app@$x?search=2.9", "hello-2.9-r7.apk"},
		{"/apk/app@$x?package=hel", ""},
		{"/apk/app@$x?package=hello", "hello-2.12.1-r0.apk"},
		{"/apk/app@$x?depend=libgreet", "hello-2.9-r7.apk"},
		{"/apk/app@$x?depend=libgreet&depend=so:libgreet.so.1&full=true", "hello-2.9-r7.apk hello-2.12.1-r0.apk"},
		{"/apk/app@$x?depend=goodbye", ""},
		{"/apk/app@$x?provide=cmd:hello", "hello-2.12.1-r0.apk"},
		{"/apk/app@$x?provide=cmd:hello%3D2.12.1-r0", "hello-2.12.1-r0.apk"},
		{"/apk/app@$x?provide=cmd:hello%3D~2.12", "hello-2.12.1-r0.apk"},
		{"/apk/app@$x?provide=hello~2.9", "hello-2.9-r7.apk"},
		{"/apk/app@$x?provide=so:libgreet.so.1>2", ""},
		{"/apk/app@$x?package=libgreet&short=false", "C:"},
	} {
		w := s.get(words.Replace(c.url), "Accept", "*/*")
		got := strings.Join(strings.Fields(w.Body.String()), " ")
		if c.want == "C:" && strings.HasPrefix(got, "C:Q1") && strings.HasSuffix(w.Body.String(), "p:so:libgreet.so.1=1.0.0\n\n") {
			continue
		}
		if w.Code != 200 || got != c.want {
			t.Errorf("GET %s: %d %s, want %s", c.url, w.Code, got, c.want)
		}
	}
}

// TestAPKCommands runs the lines that the pages show, where they ask for nothing but the bytes.
func TestAPKCommands(t *testing.T) {
	if _, err := exec.LookPath("awk"); err != nil {
		t.Skip("awk is not here")
	}
	s, words := alpine(t)
	for _, query := range []string{"?full=true", "?full=true&search=greet", "?full=true&search=^hello", "?full=true&short=false"} {
		url := words.Replace("/apk/app@$x") + query
		want := s.get(url, "Accept", "*/*").Body.String()
		shown := commandOf(t, s.get(url).Body.String())
		_, pipe, _ := strings.Cut(shown, " | ")
		cmd := exec.Command("sh", "-c", pipe)
		cmd.Stdin = strings.NewReader(s.get(words.Replace("/blob/app@$x?raw")).Body.String())
		out, err := cmd.Output()
		if err != nil || string(out) != want || want == "" {
			t.Errorf("%s prints %q, %v; the page has %q", pipe, out, err, want)
		}
	}
	if got := commandOf(t, s.get(words.Replace("/apk/app@$x?search=greet")).Body.String()); got != "curl -fsSL '"+words.Replace("http://localhost:5000/apk/app@$x?search=greet&format=text'") {
		t.Errorf("the line is %s", got)
	}
}

func TestAPKPages(t *testing.T) {
	s, words := alpine(t)
	for _, c := range []struct {
		url    string
		status int
		on     string // what is on the page, or where it leads
	}{
		{"/apk/app@$l/repo/x86_64/APKINDEX.tar.gz", 200, `<a href="/apk/app@$l/repo/x86_64/hello-2.12.1-r0.apk">2.12.1-r0</a>`},
		{"/apk/app@$l/repo/x86_64/APKINDEX.tar.gz", 200, `older versions too</a> (1)`},
		{"/apk/app@$l/repo/x86_64/APKINDEX.tar.gz?full=true", 200, `<tr class="dead">`},
		{"/apk/app@$l/repo/x86_64/APKINDEX.tar.gz?short=false", 200, `<a href="/apk/app@$l/repo/x86_64/APKINDEX.tar.gz?provide=so%3Alibgreet.so.1%3E%3D1" title="what provides it">so:libgreet.so.1&gt;=1</a>`},
		{"/apk/app@$l/repo/x86_64/APKINDEX.tar.gz?short=false", 200, `<a href="/apk/app@$l/repo/x86_64/APKINDEX.tar.gz?depend=cmd%3Ahello" title="what needs it">`},
		{"/apk/app@$x", 200, "v3 &lt;script&gt;&#34;&#39;&amp;"},
		{"/apk/app@$x?page=9", 200, "hello"},
		{"/apk/app@$x?page=x", 400, ""},
		{"/apk/app@$x?sort=size", 400, ""},
		{"/apk/app@$x?provide=%3D", 400, ""},
		{"/apk/app@$x?depend=%20", 400, ""},
		{"/apk/app@$p", 200, `SHA-256 of the data`},
		{"/apk/app@$p", 200, `<a href="/fs/app@$p/.PKGINFO">control</a>`},
		{"/apk/app@$p?verify=1", 200, "The data has the SHA-256 that .PKGINFO says"},
		{"/apk/app@$l/repo/x86_64/hello-2.12.1-r0.apk", 200, "The index beside it means this one"},
		{"/apk/app@$l/repo/x86_64/hello-2.12.1-r0.apk", 200, `<a href="/apk/app@$l/repo/x86_64/APKINDEX.tar.gz?provide=so%3Alibgreet.so.1%3E%3D1" title="what provides it">`},
		{"/apk/app@$l/other/hello-2.12.1-r0.apk", 200, "The index beside it means another one"},
		{"/fs/app@$l/repo/x86_64/hello-2.12.1-r0.apk", 200, `<a href="/apk/app@$l/repo/x86_64/hello-2.12.1-r0.apk">package</a>`},
		{"/fs/app@$l/repo/x86_64/hello-2.12.1-r0.apk", 200, `<a href="/apk/app@$l/repo/x86_64/APKINDEX.tar.gz?provide=so%3Alibgreet.so.1%3E%3D1" title="what provides it">`},
		{"/fs/app@$l/repo/x86_64/APKINDEX.tar.gz", 200, `<a href="/apk/app@$l/repo/x86_64/APKINDEX.tar.gz">packages</a>`},
		{"/layers/app:1/repo/x86_64/APKINDEX.tar.gz", 302, "/layers/app@$i/repo"},
		{"/layers/app@$i/repo/x86_64/APKINDEX.tar.gz", 200, `<a href="/apk/app@$l/repo/x86_64/APKINDEX.tar.gz">packages</a>`},
		{"/layers/app@$i/lib/apk/db/installed", 200, `<a href="/apk/app@$l/lib/apk/db/installed">packages</a>`},
		{"/fs/app@$l/repo/x86_64/hello-2.12.1-r0.apk!/.PKGINFO", 200, `<a href="/apk/app@$l/repo/x86_64/APKINDEX.tar.gz?depend=cmd%3Ahello" title="what needs it">`},
		{"/fs/app@$l/repo/x86_64/hello-2.12.1-r0.apk!/", 200, `<a href="/apk/app@$l/repo/x86_64/hello-2.12.1-r0.apk">package</a>`},
		{"/fs/app@$l/repo/x86_64/hello-2.12.1-r0.apk!/", 200, `.post-install`},
		{"/fs/app@$l/repo/x86_64/hello-2.12.1-r0.apk!/usr/bin/hello", 200, "hello"},
		{"/fs/app@$p/", 200, `<a href="/apk/app@$p">package</a>`},
		{"/fs/app@$x/", 200, `<a href="/apk/app@$x">packages</a>`},
		{"/fs/app@$l/repo/x86_64/APKINDEX.tar.gz!/", 200, `<a href="/apk/app@$l/repo/x86_64/APKINDEX.tar.gz">packages</a>`},
		{"/apk/app:1/repo/x86_64/APKINDEX.tar.gz", 302, "/apk/app@$i/repo"},
		{"/apk/app@$i/repo/x86_64/APKINDEX.tar.gz?search=x", 301, "/apk/app@$l/repo/x86_64/APKINDEX.tar.gz?search=x"},
		{"/apk/app@$i/repo/x86_64/APKINDEX.tar.gz!/APKINDEX", 301, "/apk/app@$l/repo/x86_64/APKINDEX.tar.gz%21/APKINDEX"},
		{"/apk/app@$i", 400, ""},
		{"/apk/app", 400, ""},
		{"/apk/other@$x", 404, ""},
		{"/apk/app@$l/repo/x86_64/none.apk", 404, ""},
		{"/apk/app@$l/repo/x86_64", 404, ""},
		{"/apk/app@$l/bad/APKINDEX.tar.gz", 422, ""},
		{"/apk/app@$l/bad/x.apk", 422, ""},
		{"/apk/app@$l/bad/cut.apk", 422, ""},
		{"/apk/app@$l/bad/Packages.adb", 415, "version 3"},
		{"/apk/app@$l", 422, ""},
	} {
		w := s.get(words.Replace(c.url))
		got := w.Body.String() + w.Header().Get("Location")
		if w.Code != c.status || !strings.Contains(got, words.Replace(c.on)) {
			t.Errorf("GET %s: %d, want %d with %s\n%s", c.url, w.Code, c.status, words.Replace(c.on), mainPart(got))
		}
		if strings.Contains(got, "<script") || strings.Contains(got, `href="javascript`) || strings.Contains(got, "\u202e") {
			t.Errorf("GET %s: a stranger's text is as it came\n%s", c.url, mainPart(got))
		}
	}
	golden(t, "apk-index", s.get(words.Replace("/apk/app@$l/repo/x86_64/APKINDEX.tar.gz")))
	golden(t, "apk-package", s.get(words.Replace("/apk/app@$l/repo/x86_64/hello-2.12.1-r0.apk")))
	golden(t, "apk-error", s.get(words.Replace("/apk/app@$l/bad/cut.apk")))
}

// TestAPKJSON: the view model is the page.
func TestAPKJSON(t *testing.T) {
	s, words := alpine(t)
	var x apkIndexView
	if err := json.Unmarshal(s.get(words.Replace("/apk/app@$x?full=1&format=json")).Body.Bytes(), &x); err != nil || x.Packages != 3 || len(x.Rows) != 3 || x.Rows[1].Depends[1] != "!goodbye" || !x.Rows[0].Old {
		t.Errorf("the index: %v, %+v", err, x)
	}
	var p struct{ File, Checksum string }
	if err := json.Unmarshal(s.get(words.Replace("/apk/app@$p?format=json")).Body.Bytes(), &p); err != nil || p.File != "hello-2.12.1-r0.apk" || p.Checksum != x.Rows[1].Checksum {
		t.Errorf("the package: %v, %+v", err, p)
	}
	if got := s.get(words.Replace("/apk/app@$p"), "Accept", "*/*").Body.String(); !strings.Contains(got, "pkgname = hello\n") {
		t.Errorf("a terminal gets %s", got)
	}
}

// TestAPKFiles: the same pages of a repository of files, whose index changes.
func TestAPKFiles(t *testing.T) {
	store := memory.New()
	s := newSite(t, &Options{Files: func(name oci.Name) storage.FileReader {
		if name != "alpine" {
			return nil
		}
		return store
	}})
	put := func(path, content string) string {
		d := digest.FromString(content)
		if err := storage.PutBlob(t.Context(), store, "alpine", d, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		if err := store.PutFile(t.Context(), "alpine", path, storage.File{Digest: d}, storage.Match{}); err != nil {
			t.Fatal(err)
		}
		return content
	}
	raw := apktest.Build(t, apktest.Package{Name: "a+b", Version: "1.0-r0", Arch: "x86_64", Info: "provides = cmd:a\n"})
	open, err := apk.Open(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	record, err := open.Record("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	put("v3/x86_64/a+b-1.0-r0.apk", string(raw))
	s.blob("alpine", string(raw)) // which the explorer may read as a blob, too
	for _, c := range []struct {
		url    string
		status int
		on     string
	}{
		{"/apk/alpine/v3/x86_64/APKINDEX.tar.gz", 404, "The directory above"},
		{"/apk/alpine/v3/x86_64/a+b-1.0-r0.apk", 200, `<a href="/fs/alpine@` + string(digest.FromBytes(raw)) + `/">files</a>`},
		{"/apk/alpine/v3/x86_64/a%2Bb-1.0-r0.apk", 200, "a+b-1.0-r0.apk"},
		{"/apk/alpine/v3/../x", 400, ""},
		{"/apk/alpine/", 400, ""},
		{"/apk/other/v3/x86_64/APKINDEX.tar.gz", 400, ""},
		{"+index", 0, ""},
		{"/apk/alpine/v3/x86_64/APKINDEX.tar.gz", 200, `<a href="/apk/alpine/v3/x86_64/a+b-1.0-r0.apk">1.0-r0</a>`},
		{"/apk/alpine/v3/x86_64/APKINDEX.tar.gz?provide=cmd:a", 200, `<a href="/files/alpine/v3/x86_64/">x86_64</a>`},
		{"/apk/alpine/v3/x86_64/a+b-1.0-r0.apk", 200, "The index beside it means this one"},
	} {
		if c.url == "+index" {
			index, err := apk.WriteIndex(apk.All([]apk.Record{record}), nil)
			if err != nil {
				t.Fatal(err)
			}
			put("v3/x86_64/APKINDEX.tar.gz", string(index))
			continue
		}
		w := s.get(c.url)
		if body := strings.ReplaceAll(w.Body.String(), "&#43;", "+"); w.Code != c.status || !strings.Contains(body, c.on) || c.status == 200 && w.Header().Get("Cache-Control") != "public, no-cache" {
			t.Errorf("GET %s: %d (%s), want %d with %s\n%s", c.url, w.Code, w.Header().Get("Cache-Control"), c.status, c.on, mainPart(body))
		}
	}
}

// TestAPKBounds: an index may have more than a page can hold, and names of any length.
func TestAPKBounds(t *testing.T) {
	repeat := func(n int, r apk.Record) iter.Seq2[apk.Record, error] {
		return func(yield func(apk.Record, error) bool) {
			for range n {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	r := apk.Record{Info: apk.Info{Name: strings.Repeat("x", 100<<10), Version: "1"}, Raw: "P:" + strings.Repeat("x", 100<<10) + "\n"}
	q := apkQuery{}
	var known statusError
	if a, err := q.goThrough(repeat(100, r)); err != nil || a.packages != 100 {
		t.Errorf("100 packages: %v", err)
	}
	if _, err := q.goThrough(repeat(700, r)); !errors.As(err, &known) || known.status != 422 {
		t.Errorf("700 packages with long names: %v", err)
	}
	f := &apkFile{beside: func(string) string { return "" }}
	hits := make([]apkHit, 90)
	for i := range hits {
		hits[i].at = i
	}
	if rows, err := f.rows(repeat(90, r), hits[:10], &q); err != nil || len(rows) != 10 || rows[9] == nil {
		t.Errorf("10 rows: %v", err)
	}
	if _, err := f.rows(repeat(90, r), hits, &q); !errors.As(err, &known) || known.status != 422 {
		t.Errorf("90 large records: %v", err)
	}
}

// TestAPKDenied: what was shown to somebody, and is remembered, is not shown to others.
func TestAPKDenied(t *testing.T) {
	s, words := alpine(t)
	p := &private{Store: s.store}
	s.Handler = New(p, nil)
	for _, denied := range []bool{false, true, false} {
		p.denied.Store(denied)
		for url, want := range map[string]int{"/apk/app@$x": 200, "/apk/app@$x?format=json": 200, "/apk/app@$p": 200, "/apk/app@$l/repo/x86_64/APKINDEX.tar.gz": 200, "/apk/public/app@$x": 404} {
			if denied {
				want = 403
			}
			if w := s.get(words.Replace(url)); w.Code != want || want != 200 && strings.Contains(w.Body.String(), "libgreet") {
				t.Errorf("GET %s, denied %v: %d, want %d", url, denied, w.Code, want)
			}
		}
	}
}
