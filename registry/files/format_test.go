package files_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"vitrine/explore/apk"
	"vitrine/explore/apk/apktest"
	"vitrine/explore/rpm"
	"vitrine/registry/files"
	"vitrine/registry/remote"
	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// readRPM returns a package of the tests of explore/rpm.
func readRPM(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../explore/rpm/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// rpmRepository returns the files of a repository of packages, "path=content" each, below dir. revision makes it another one. The signature is one for those
// who look whether it is of the same repomd.xml.
func rpmRepository(t *testing.T, dir, revision string, packages ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	var entries []*rpm.Entry
	for _, p := range packages {
		at, content, _ := strings.Cut(p, "=")
		e := rpmEntry(t, at, content)
		entries = append(entries, e)
		all[dir+at] = content
	}
	documents := map[string]*bytes.Buffer{}
	g, err := rpm.Build([]rpm.Member{{Packages: rpm.Entries(entries...)}}, rpm.BuildOptions{Time: time.Unix(1_700_000_000, 0), Revision: revision,
		Create: func(kind string) (io.Writer, error) {
			documents[kind] = new(bytes.Buffer)
			return documents[kind], nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range g.Data {
		all[dir+d.Location.Href] = documents[d.Type].String()
	}
	all[dir+"repodata/repomd.xml"] = string(g.Bytes())
	all[dir+"repodata/repomd.xml.asc"] = signatureOf(string(g.Bytes()))
	return all
}

// rpmEntry is what an index says of a package. One that is none is called what its file is.
func rpmEntry(t *testing.T, at, content string) *rpm.Entry {
	t.Helper()
	where, checksum := rpm.Location{Href: at}, rpm.SHA256(sha256.Sum256([]byte(content)))
	pkg, err := rpm.Read(strings.NewReader(content), int64(len(content)))
	if err != nil {
		name, rest, _ := strings.Cut(path.Base(at), "-")
		version, _, _ := strings.Cut(rest, "-")
		return &rpm.Entry{NEVRA: rpm.NEVRA{Name: name, EVR: rpm.EVR{Version: version, Release: "1"}, Arch: "noarch"}, Checksum: checksum, Location: where, PackageSize: int64(len(content))}
	}
	e, err := pkg.Entry(where, checksum, time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func signatureOf(content string) string { return "-----BEGIN PGP SIGNATURE-----\n" + sum(content) }

// replace has u hold other files, at once.
func (u *upstream) replace(all map[string]string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.files = all
}

// throughFormat is a remote repository "hub" of a format.
func throughFormat(t *testing.T, u *upstream, pkg files.Package, o pullthrough.FilesOptions) *site {
	t.Helper()
	m := memory.New()
	r := openFormat(t, m, "hub", u, pkg, o)
	return serve(t, m, []files.Repository{{Name: "hub", Type: files.RemoteType, Package: pkg, Reader: r}}, nil)
}

func openFormat(t *testing.T, m *memory.Store, name oci.Name, u *upstream, pkg files.Package, o pullthrough.FilesOptions) storage.FileReader {
	t.Helper()
	r, _ := openThrough(t, m, name, u, pkg, o)
	return r
}

func openThrough(t *testing.T, m *memory.Store, name oci.Name, u *upstream, pkg files.Package, o pullthrough.FilesOptions) (storage.FileReader, *files.Through) {
	t.Helper()
	c, err := remote.NewFiles(u.url, &remote.Options{PlainHTTP: []string{strings.TrimPrefix(u.url, "http://")}, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	format := files.NewThrough(pkg, name, m, c)
	o.Rule = func(path string) pullthrough.Rule {
		return pullthrough.Rule{Class: pkg.Class(path), Root: format.Root(path)}
	}
	o.Verify, o.NegativeTTL = format.Verify, -1
	o.Log = slog.New(slog.DiscardHandler)
	if format.Publishes() {
		o.Publish = func(ctx context.Context, root string, f storage.File, b *pullthrough.Bundle) (string, map[string]storage.File, error) {
			return format.Publish(ctx, root, f, b)
		}
	}
	f := pullthrough.NewFiles(m, name, c, &o)
	t.Cleanup(func() { f.Close() })
	return format.Reader(f, m), format
}

// install does what dnf does, and returns the revision that it has seen: it checks the signature, and all that repomd.xml names.
func install(t *testing.T, s *site, base string) string {
	t.Helper()
	md := s.do("GET " + base + "repodata/repomd.xml -H Cache-Control: no-cache")
	asc := s.do("GET " + base + "repodata/repomd.xml.asc")
	parsed, err := rpm.ParseRepomd([]byte(md.body))
	if md.StatusCode != 200 || err != nil {
		t.Errorf("repomd.xml = %d %.100s, %v", md.StatusCode, md.body, err)
		return ""
	}
	if asc.StatusCode == 200 && asc.body != signatureOf(md.body) {
		t.Errorf("repomd.xml.asc is of another generation: %.100s", asc.body)
	}
	for _, d := range parsed.Data {
		r := s.do("GET " + base + d.Location.Href)
		if err := d.Verify(strings.NewReader(r.body)); r.StatusCode != 200 || err != nil {
			t.Errorf("%s = %d: %v", d.Location.Href, r.StatusCode, err)
		}
	}
	return parsed.Revision
}

// TestRemoteRPM: an index is seen only together with all that it names.
func TestRemoteRPM(t *testing.T) {
	one, two := readRPM(t, "alpha-gzip.rpm"), readRPM(t, "alpha.src.rpm")
	first := rpmRepository(t, "os/", "1", "Packages/alpha.rpm="+one)
	next := rpmRepository(t, "os/", "2", "Packages/alpha.rpm="+one, "Packages/src.rpm="+two)
	for _, tt := range []struct {
		name   string
		change func(all map[string]string)
		want   string // the revision that is served
	}{
		{"whole", func(all map[string]string) {}, "2"},
		{"without a signature", func(all map[string]string) { delete(all, "os/repodata/repomd.xml.asc") }, "2"},
		{"primary is missing", func(all map[string]string) { delete(all, find(t, all, "primary")) }, "1"},
		{"filelists are damaged", func(all map[string]string) { all[find(t, all, "filelists")] += "x" }, "1"},
		{"a page in place of filelists", func(all map[string]string) { all[find(t, all, "filelists")] = "<html>" }, "1"},
		{"a page in place of repomd.xml", func(all map[string]string) { all["os/repodata/repomd.xml"] = "<html>" }, "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := startUpstream(t)
			u.replace(first)
			s := throughFormat(t, u, files.RPM, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})
			if got := install(t, s, "/files/hub/os/"); got != "1" {
				t.Errorf("revision %q is served, want 1", got)
			}
			all := maps.Clone(next)
			tt.change(all)
			u.replace(all)
			for range 2 {
				if got := install(t, s, "/files/hub/os/"); got != tt.want {
					t.Errorf("revision %q is served, want %q", got, tt.want)
				}
			}
			s.want("GET /files/hub/"+find(t, first, "primary"), 200) // for clients that have the first repomd.xml
			if r := s.want("GET /files/hub/os/Packages/alpha.rpm", 200); r.body != one {
				t.Errorf("the package has %d bytes", len(r.body))
			}
		})
	}
}

// TestRemoteRPMSwept: metadata that no index names any more goes, but not before its time.
func TestRemoteRPMSwept(t *testing.T) {
	u := startUpstream(t)
	m := memory.New()
	r, format := openThrough(t, m, "hub", u, files.RPM, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute, Keep: 1})
	s := serve(t, m, []files.Repository{{Name: "hub", Type: files.RemoteType, Package: files.RPM, Reader: r}}, nil)
	var before string
	for i, tt := range []struct {
		ahead time.Duration
		kept  bool // what the generation before named
	}{{0, true}, {47 * time.Hour, true}, {49 * time.Hour, true}, {49 * time.Hour, false}} {
		files.Ahead(format, tt.ahead)
		all := rpmRepository(t, "", fmt.Sprint(i), fmt.Sprintf("a-%d-1.rpm=x", i))
		u.replace(all)
		if got := install(t, s, "/files/hub/"); got != fmt.Sprint(i) {
			t.Fatalf("revision %q is served, want %d", got, i)
		}
		if i < 2 {
			before = find(t, all, "primary")
		}
		if _, err := m.StatFile(t.Context(), "hub", before); (err == nil) != tt.kept {
			t.Errorf("generation %d: %s is kept: %v, want %v", i, before, err == nil, tt.kept)
		}
	}
}

// TestMirrors: lists of mirrors name us and nobody else.
func TestMirrors(t *testing.T) {
	u := startUpstream(t, "os/mirrorlist=http://elsewhere.example/")
	all := rpmRepository(t, "os/", "1")
	u.replace(all)
	s := throughFormat(t, u, files.RPM, pullthrough.FilesOptions{})
	for _, tt := range []struct{ call, want string }{
		{"GET /files/hub/os/mirrorlist?arch=x", s.url + "/files/hub/os/\n"},
		{"GET /files/hub/mirrorlist.txt", s.url + "/files/hub/\n"},
		{"GET /api/v1/remote/hub/os/metalink?arch=x", sum(all["os/repodata/repomd.xml"])},
		{"GET /files/hub/os/metalink", s.url + "/files/hub/os/repodata/repomd.xml<"},
	} {
		if r := s.want(tt.call, 200); !strings.Contains(r.body, tt.want) || strings.Contains(r.body, "elsewhere") {
			t.Errorf("%s = %s, want %s", tt.call, r.body, tt.want)
		}
	}
	s.want("GET /files/hub/none/metalink", 404)
}

func find(t *testing.T, all map[string]string, kind string) string {
	t.Helper()
	for p := range all {
		if strings.Contains(path.Base(p), "-"+kind) {
			return p
		}
	}
	t.Fatalf("no %s", kind)
	return ""
}

// TestRemoteRPMVerified: a package is the one that the index names, or it is not served whole and not kept.
func TestRemoteRPMVerified(t *testing.T) {
	one, two := readRPM(t, "alpha-gzip.rpm"), readRPM(t, "alpha-bzip2.rpm")
	u := startUpstream(t)
	u.replace(rpmRepository(t, "", "1", "a.rpm="+one))
	s := throughFormat(t, u, files.RPM, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})
	install(t, s, "/files/hub/")
	for _, wrong := range []string{two, one[:len(one)-1], one + "x", "<html>"} {
		u.put("a.rpm", wrong)
		if r := s.do("GET /files/hub/a.rpm"); r.StatusCode == 200 && !strings.Contains(r.body, " broken: ") {
			t.Errorf("another package is served whole: %d bytes", len(r.body))
		}
	}
	u.put("a.rpm", one)
	if r := s.want("GET /files/hub/a.rpm", 200); r.body != one {
		t.Errorf("the right one has %d bytes", len(r.body))
	}
	u.put("old.rpm", two[:len(two)-5]+"xxxxx") // no index has it
	if r := s.do("GET /files/hub/old.rpm"); r.StatusCode == 200 && !strings.Contains(r.body, " broken: ") {
		t.Error("a damaged package that no index has is served whole")
	}
	u.put("old.rpm", two)
	if r := s.want("GET /files/hub/old.rpm", 200); r.body != two {
		t.Errorf("one that no index has = %d bytes", len(r.body))
	}
	u.replace(rpmRepository(t, "", "2", "a.rpm="+two)) // signed anew, under the same name
	install(t, s, "/files/hub/")
	if r := s.want("GET /files/hub/a.rpm", 200); r.body != two {
		t.Errorf("what has been replaced is served: %d bytes", len(r.body))
	}
}

// TestRemoteRPMAtOnce: clients see whole generations, however often upstream publishes.
func TestRemoteRPMAtOnce(t *testing.T) {
	u := startUpstream(t)
	content := readRPM(t, "alpha-gzip.rpm")
	u.replace(rpmRepository(t, "", "0", "a.rpm="+content))
	s := throughFormat(t, u, files.RPM, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})
	install(t, s, "/files/hub/")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; n <= 10; n++ {
			all := rpmRepository(t, "", fmt.Sprint(n), "a.rpm="+content)
			for p, c := range u.all() { // as servers do, for clients that are under way
				if _, ok := all[p]; !ok {
					all[p] = c
				}
			}
			u.replace(all)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	last := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		n, err := strconv.Atoi(install(t, s, "/files/hub/"))
		if err != nil || n < last {
			t.Fatalf("revision %d after %d, %v", n, last, err)
		}
		last = n
	}
}

func (u *upstream) all() map[string]string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.files
}

// alpineRepository returns the files of a directory of packages, "name-version=content of a file" each, with its index.
func alpineRepository(t *testing.T, dir string, packages ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	var records []apk.Record
	for _, p := range packages {
		name, content, _ := strings.Cut(p, "=")
		raw := alpinePackage(t, name, "x86_64", content)
		pkg, err := apk.Open(strings.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := pkg.Record("")
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
		all[dir+name+".apk"] = raw
	}
	index, err := apk.WriteIndex(apk.All(records), &apk.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all[dir+"APKINDEX.tar.gz"] = string(index)
	return all
}

// alpinePackage makes a package, NAME-VERSION-rN.
func alpinePackage(t *testing.T, full, arch, content string) string {
	t.Helper()
	i := strings.LastIndexByte(full, '-')
	j := strings.LastIndexByte(full[:i], '-')
	return string(apktest.Build(t, apktest.Package{Name: full[:j], Version: full[j+1:], Arch: arch, Files: map[string]string{"usr/f": content}}))
}

func TestRemoteAlpine(t *testing.T) {
	u := startUpstream(t)
	all := alpineRepository(t, "main/x86_64/", "a-1-r0=a", "c++-2.0_rc1-r3=c")
	u.replace(all)
	s := throughFormat(t, u, files.Alpine, pullthrough.FilesOptions{IndexTTL: -1, Patience: time.Minute})
	all = maps.Clone(all)
	const base = "/files/hub/main/x86_64/"
	if r := s.want("GET "+base+"APKINDEX.tar.gz", 200); r.body != all["main/x86_64/APKINDEX.tar.gz"] {
		t.Error("the index is not what it is")
	}
	good := all["main/x86_64/a-1-r0.apk"]
	for _, wrong := range []string{alpinePackage(t, "a-1-r0", "x86_64", "other"), good[:len(good)-1], good + "x", "<html>", ""} {
		u.put("main/x86_64/a-1-r0.apk", wrong)
		if r := s.do("GET " + base + "a-1-r0.apk"); r.StatusCode == 200 && !strings.Contains(r.body, " broken: ") {
			t.Errorf("another package is served whole: %d bytes", len(r.body))
		}
	}
	u.put("main/x86_64/a-1-r0.apk", good)
	for name := range strings.FieldsSeq("a-1-r0.apk c++-2.0_rc1-r3.apk c%2B%2B-2.0_rc1-r3.apk") {
		if r := s.want("GET "+base+name, 200); r.body != all["main/x86_64/"+strings.ReplaceAll(name, "%2B", "+")] {
			t.Errorf("%s has %d bytes", name, len(r.body))
		}
	}
	u.put("main/x86_64/APKINDEX.tar.gz", "<html>")
	if r := s.want("GET "+base+"APKINDEX.tar.gz", 200); r.body != all["main/x86_64/APKINDEX.tar.gz"] || r.Header.Get("Warning") == "" {
		t.Errorf("a page in place of the index: %d bytes, Warning %q", len(r.body), r.Header.Get("Warning"))
	}
	old := alpinePackage(t, "b-1-r0", "x86_64", "b") // of an index before
	u.put("main/x86_64/b-1-r0.apk", old)
	if r := s.want("GET "+base+"b-1-r0.apk", 200); r.body != old {
		t.Errorf("a package of the index before has %d bytes", len(r.body))
	}
}
