package explore

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/rpm"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// lockedFiles is a reader that may begin to refuse.
type lockedFiles struct {
	storage.FileReader
	err error
}

func (l *lockedFiles) OpenFile(ctx context.Context, repo oci.Name, p string) (storage.Blob, storage.File, error) {
	if l.err != nil {
		return nil, storage.File{}, l.err
	}
	return l.FileReader.OpenFile(ctx, repo, p)
}

// rpmSite is an explorer over the repository "rpms" of files; put puts one.
func rpmSite(t testing.TB) (s *site, l *lockedFiles, put func(path, content string)) {
	store := memory.New()
	l = &lockedFiles{FileReader: store}
	s = newSite(t, &Options{Files: func(name oci.Name) storage.FileReader {
		if name != "rpms" {
			return nil
		}
		return l
	}})
	return s, l, func(path, content string) {
		d := digest.FromString(content)
		if err := storage.PutBlob(t.Context(), store, "rpms", d, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		if err := store.PutFile(t.Context(), "rpms", path, storage.File{Digest: d}, storage.Match{}); err != nil {
			t.Fatal(err)
		}
	}
}

// metadata puts the metadata of packages below dir, and returns the path of primary.xml.gz.
func metadata(t testing.TB, put func(path, content string), dir string, entries ...*rpm.Entry) (primary string) {
	files := map[string]*bytes.Buffer{}
	create := func(kind string) (io.Writer, error) {
		files[kind] = &bytes.Buffer{}
		return files[kind], nil
	}
	g, err := rpm.Build([]rpm.Member{{Packages: rpm.Entries(entries...)}}, rpm.BuildOptions{Create: create, Time: time.Unix(1700000000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	primary = path.Join(dir, g.Find("primary").Location.Href)
	put(primary, files["primary"].String())
	put(path.Join(dir, "repodata/repomd.xml"), string(g.Bytes()))
	return primary
}

// rpmEntry is a package "NAME VERSION-RELEASE ARCH: SUMMARY".
func rpmEntry(text string, relations map[rpm.Kind]string) *rpm.Entry {
	what, summary, _ := strings.Cut(text, ": ")
	w := strings.Fields(what)
	e := &rpm.Entry{NEVRA: rpm.NEVRA{Name: w[0], EVR: rpm.ParseEVR(w[1]), Arch: w[2]}, Summary: summary, Description: summary + ".\nAt length.", License: "MIT", BuildTime: 1600000000,
		URL: "https://example.org/" + w[0], PackageSize: 12345, InstalledSize: 67890, Checksum: rpm.Checksum{Type: "sha256", Hex: digest.FromString(text).Encoded()}}
	e.Location.Href = "Packages/" + e.FileName()
	for kind, all := range relations {
		for s := range strings.SplitSeq(all, ", ") {
			r, err := parseRelation(s)
			if err != nil {
				panic(err)
			}
			e.Relations[kind] = append(e.Relations[kind], r)
		}
	}
	return e
}

func rpmEntries() []*rpm.Entry {
	hello := rpmEntry("hello 1:2.12-1.el9 x86_64: Says hello", map[rpm.Kind]string{rpm.Provides: "hello = 1:2.12-1.el9, config(hello) = 2",
		rpm.Requires: "libgreet.so.1()(64bit), greet >= 1.0, (a if b), rpmlib(X) <= 3, /bin/sh", rpm.Conflicts: "goodbye < 2"})
	hello.Files = []rpm.ListedFile{{Path: "/usr/bin/hello"}}
	evil := rpmEntry("libgreet 1.0-3 noarch: "+evilText, map[rpm.Kind]string{rpm.Provides: "libgreet.so.1()(64bit), greet = 1.5-3, " + `<script>"'`})
	evil.URL, evil.License = "javascript:alert(1)", evilText
	return []*rpm.Entry{hello, rpmEntry("hello 2.9-7 aarch64: Says hello", map[rpm.Kind]string{rpm.Requires: "greet < 1"}), evil}
}

// TestRPMIndex asks for lists of packages. A row is a URL and what a terminal gets.
func TestRPMIndex(t *testing.T) {
	s, _, put := rpmSite(t)
	primary := metadata(t, put, "el9", rpmEntries()...)
	metadata(t, put, "", rpmEntry("top 1-1 noarch: At the top", nil))
	const all = "hello-1:2.12-1.el9.x86_64 hello-2.9-7.aarch64 libgreet-1.0-3.noarch"
	for _, c := range []struct{ url, want string }{
		{"/rpm/rpms/el9", all},
		{"/rpm/rpms/el9/", all},
		{"/rpm/rpms/el9/repodata", all},
		{"/rpm/rpms/el9/repodata/repomd.xml", all},
		{"/rpm/rpms/" + primary, all},
		{"/rpm/rpms/", "top-1-1.noarch"},
		{"/rpm/rpms/repodata/repomd.xml", "top-1-1.noarch"},
		{"/rpm/rpms/el9?search=greet", "libgreet-1.0-3.noarch"},
		{"/rpm/rpms/el9?search=^greet", ""},
		{"/rpm/rpms/el9?search=says+HELLO", "hello-1:2.12-1.el9.x86_64 hello-2.9-7.aarch64"},
		{"/rpm/rpms/el9?package=hel", ""},
		{"/rpm/rpms/el9?package=hello&page=7", "hello-1:2.12-1.el9.x86_64 hello-2.9-7.aarch64"},
		{"/rpm/rpms/el9?provide=/usr/bin/hello", "hello-1:2.12-1.el9.x86_64"},
		{"/rpm/rpms/el9?provide=hello+>+3", "hello-1:2.12-1.el9.x86_64"},
		{"/rpm/rpms/el9?provide=hello+%3D+1:2.12", "hello-1:2.12-1.el9.x86_64"},
		{"/rpm/rpms/el9?provide=hello+%3D+1:2.12-2", ""},
		{"/rpm/rpms/el9?provide=greet+<%3D+1.5", "libgreet-1.0-3.noarch"},
		{"/rpm/rpms/el9?provide=greet+<+1.5", ""},
		{"/rpm/rpms/el9?depend=greet", "hello-1:2.12-1.el9.x86_64 hello-2.9-7.aarch64"},
		{"/rpm/rpms/el9?depend=greet+%3D+1.5-3", "hello-1:2.12-1.el9.x86_64"},
		{"/rpm/rpms/el9?depend=/bin/sh&search=hello", "hello-1:2.12-1.el9.x86_64"},
	} {
		w := s.get(c.url, "Accept", "*/*")
		if got := strings.Join(strings.Fields(w.Body.String()), " "); w.Code != 200 || got != c.want {
			t.Errorf("GET %s: %d %s, want %s", c.url, w.Code, got, c.want)
		}
	}
}

// TestRPMPages: the page, its JSON, and what a stranger may have written.
func TestRPMPages(t *testing.T) {
	s, _, put := rpmSite(t)
	metadata(t, put, "el9", rpmEntries()...)
	golden(t, "rpm-index", s.get("/rpm/rpms/el9/?search=hello"))
	golden(t, "rpm-package", s.get("/rpm/rpms/el9?package=hello"))
	var v rpmIndexView
	if err := json.Unmarshal(s.get("/rpm/rpms/el9?package=hello&format=json").Body.Bytes(), &v); err != nil || v.Found != 2 || v.Packages != 3 || v.Rows[0].Detail == nil {
		t.Fatalf("%v, %+v", err, v)
	}
	requires := v.Rows[0].Detail.Relations[1]
	if got := fmt.Sprint(v.Rows[0].Href, requires); !strings.Contains(got, "/files/rpms/el9/Packages/hello-2.12-1.el9.x86_64.rpm{requires [") ||
		!strings.Contains(got, "{greet >= 1.0 /rpm/rpms/el9?provide=greet+%3E%3D+1.0}") || !strings.Contains(got, "{(a if b) }") {
		t.Errorf("JSON: %s", got)
	}
	for _, url := range []string{"/rpm/rpms/el9?package=libgreet", "/rpm/rpms/el9", "/rpm/rpms/el9?search=%3Cscript%3E%22'", "/rpm/rpms/el9?provide=%3Cscript%3E%22'", "/rpm/rpms/el9?depend=a+%3Cscript%3E", "/rpm/rpms/%3Cscript%3E"} {
		if body := s.get(url).Body.String(); strings.Contains(body, "<script") || strings.Contains(body, "\u202e") || strings.Contains(body, `href="javascript:`) {
			t.Errorf("GET %s:\n%s", url, body)
		}
	}
}

// TestRPMPaged: a page has a bounded number of packages, and the last one is what a list that became shorter has.
func TestRPMPaged(t *testing.T) {
	s, _, put := rpmSite(t)
	var entries []*rpm.Entry
	for i := range 2*rpmRows + 1 {
		entries = append(entries, rpmEntry(fmt.Sprintf("p%04d 1-1 noarch: One of many", i), nil))
	}
	metadata(t, put, "", entries...)
	for query, want := range map[string]string{"": "500 p0000 p0499 1/3", "page=2": "500 p0500 p0999 2/3", "page=3": "1 p1000 p1000 3/3", "page=99": "1 p1000 p1000 3/3", "search=p00&page=2": "100 p0000 p0099 1/1"} {
		var v rpmIndexView
		if err := json.Unmarshal(s.get("/rpm/rpms/?format=json&"+query).Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d %s %s %d/%d", len(v.Rows), v.Rows[0].Name, v.Rows[len(v.Rows)-1].Name, v.Links.Page, v.Links.Pages); got != want {
			t.Errorf("?%s: %s, want %s", query, got, want)
		}
	}
}

// TestRPMRoom: what a package says of itself takes no more than its share of a page.
func TestRPMRoom(t *testing.T) {
	e := rpmEntry("big 1-1 noarch: Big", nil)
	for range 100_000 {
		e.Relations[rpm.Requires] = append(e.Relations[rpm.Requires], rpm.Relation{Name: strings.Repeat("x", 100)})
		e.Files = append(e.Files, rpm.ListedFile{Path: "/usr/bin/x"})
	}
	x := &rpmRepo{self: "/rpm/rpms/", room: rpmPage}
	d := x.detail(e)
	if n := len(d.Relations[0].All); n == 0 || n*200 > rpmPage || n+d.Relations[0].More != 100_000 || len(d.Files)+d.MoreFiles != 100_000 || len(d.Files) != 0 {
		t.Errorf("%d requirements and %d more, %d files and %d more", n, d.Relations[0].More, len(d.Files), d.MoreFiles)
	}
}

// TestRPMErrors: what is no repository of RPMs, is damaged, or cannot be read.
func TestRPMErrors(t *testing.T) {
	s, l, put := rpmSite(t)
	primary := metadata(t, put, "el9", rpmEntries()...)
	repomd := func(href string) string {
		return `<repomd><data type="primary"><location href="` + href + `"/></data></repomd>`
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	io.WriteString(w, "<metadata>"+strings.Repeat("<package></package>", 1000))
	w.Close()
	for p, content := range map[string]string{"zstd/repodata/repomd.xml": repomd("repodata/primary.xml.zst"), "zstd/repodata/primary.xml.zst": "\x28\xb5\x2f\xfd....", "xz/primary.xml.xz": "\xfd7zXZ\x00..",
		"out/repodata/repomd.xml": repomd("../el9/primary.xml"), "bad/repodata/repomd.xml": "<html>", "cut/primary.xml.gz": z.String()[:z.Len()-9], "open/primary.xml.gz": z.String(), "none/repodata/repomd.xml": repomd("repodata/none-primary.xml.gz")} {
		put(p, content)
	}
	for _, c := range []struct {
		url    string
		status int
		on     string
	}{
		{"/rpm/rpms/zstd/", 415, "zstd"}, {"/rpm/rpms/xz/primary.xml.xz", 415, "xz"},
		{"/rpm/rpms/out", 422, "lies in it"}, {"/rpm/rpms/bad", 422, "damaged"}, {"/rpm/rpms/cut/primary.xml.gz", 422, "damaged"}, {"/rpm/rpms/open/primary.xml.gz", 422, "damaged"},
		{"/rpm/rpms/none", 404, ""}, {"/rpm/rpms/absent", 404, ""}, {"/rpm/other/el9", 400, ""}, {"/rpm/", 400, ""}, {"/rpm/rpms/el9/../x", 400, ""},
		{"/rpm/rpms/el9?provide=a+b", 400, "no capability"}, {"/rpm/rpms/el9?depend=a+~+1", 400, "no capability"}, {"/rpm/rpms/el9?page=0", 400, "number of a page"},
	} {
		if w := s.get(c.url); w.Code != c.status || !strings.Contains(w.Body.String(), c.on) {
			t.Errorf("GET %s: %d, want %d with %q\n%s", c.url, w.Code, c.status, c.on, mainPart(w.Body.String()))
		}
	}
	for err, want := range map[error]int{nil: 200, storage.ErrDenied: 403, storage.ErrNoIdentity: 401} { // whoever was let through before
		l.err = err
		for _, url := range []string{"/rpm/rpms/el9", "/rpm/rpms/" + primary, "/rpm/rpms/el9?package=libgreet&format=json"} {
			if w := s.get(url); w.Code != want || want != 200 && strings.Contains(w.Body.String(), "Says hello") {
				t.Errorf("GET %s, %v: %d, want %d", url, err, w.Code, want)
			}
		}
	}
}

func BenchmarkRPMIndex(b *testing.B) {
	s, _, put := rpmSite(b)
	var entries []*rpm.Entry
	for i := range 20_000 {
		entries = append(entries, rpmEntry(fmt.Sprintf("package-%d 1.%d-1.el9 x86_64: What it does, in a few words", i, i), map[rpm.Kind]string{
			rpm.Provides: fmt.Sprintf("package-%d = 1.%d-1.el9, lib%d.so.1()(64bit)", i, i, i), rpm.Requires: fmt.Sprintf("lib%d.so.1()(64bit), libc.so.6(GLIBC_2.34)(64bit), /bin/sh", i/2)}))
	}
	metadata(b, put, "", entries...)
	for _, query := range []string{"", "search=package-77", "provide=lib77.so.1()(64bit)"} {
		b.Run(query, func(b *testing.B) {
			for b.Loop() {
				if w := s.get("/rpm/rpms/?format=json&" + query); w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
