package rpm

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strings"
	"testing"
	"time"
)

// spool keeps documents in memory, by their kind.
type spool map[string]*bytes.Buffer

func (s spool) create(kind string) (io.Writer, error) {
	s[kind] = &bytes.Buffer{}
	return s[kind], nil
}

func (s spool) open(kind string) (io.ReadCloser, error) {
	if s[kind] == nil {
		return nil, os.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(s[kind].Bytes())), nil
}

func (s spool) plain(t testing.TB, kind string) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(s[kind].Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func generation(t testing.TB, members ...Member) (*Generation, spool) {
	t.Helper()
	s := spool{}
	g, err := Build(members, BuildOptions{Create: s.create, Time: time.Unix(17, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return g, s
}

// entryOf makes an entry of "NAME-VERSION PATH" whose checksum is that of its text.
func entryOf(text string) *Entry {
	nv, place, _ := strings.Cut(text, " ")
	name, version, _ := strings.Cut(nv, "-")
	return &Entry{NEVRA: NEVRA{name, EVR{"", version, "1"}, "noarch"}, Checksum: sumOf([]byte(text)), Location: Location{Href: place},
		Files: []ListedFile{{"/bin/" + name, 0}, {"/usr/share/" + name, FileDir}}, Changes: []Change{{time.Unix(5, 0).UTC(), "me", "new"}}}
}

func member(texts ...string) Member {
	var all []*Entry
	for _, s := range texts {
		all = append(all, entryOf(s))
	}
	return Member{Packages: Entries(all...)}
}

// packagesOf tells what a generation has: "NAME-VERSION PATH", in order.
func packagesOf(t testing.TB, s spool) string {
	t.Helper()
	var all []string
	for _, e := range collect(t, Metadata(s.open)("primary")) {
		all = append(all, e.Name+"-"+e.Version+" "+e.Location.Base+e.Location.Href)
	}
	return strings.Join(all, ", ")
}

// TestBuild makes a generation of two packages, as a client reads it: by repomd.xml, whose checksums fit.
func TestBuild(t *testing.T) {
	var entries []*Entry
	for _, name := range []string{"alpha-gzip.rpm", "alpha.src.rpm"} {
		b, p := fixture(t, name)
		e, err := p.Entry(Location{Href: name}, sumOf(b), time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	g, s := generation(t, Member{Packages: Entries(entries...)})
	m, err := ParseRepomd(g.Bytes())
	if err != nil || m.Revision != "17" || len(m.Data) != 3 || g.Packages != 2 {
		t.Fatalf("%d packages, %+v, %v", g.Packages, m, err)
	}
	open := func(d *Data) (io.ReadCloser, error) {
		if want := "repodata/" + d.Checksum.Hex + "-" + d.Type + ".xml.gz"; d.Location.Href != want || d.Timestamp != 17 {
			t.Errorf("%s at %d, want %s", d.Location.Href, d.Timestamp, want)
		}
		return s.open(d.Type)
	}
	if err := m.Verify(open); err != nil {
		t.Error(err)
	}
	for _, d := range m.Data {
		if plain := s.plain(t, d.Type); int64(len(plain)) != d.OpenSize || sumOf([]byte(plain)) != d.Open || !strings.Contains(plain, ` packages="2">`) {
			t.Errorf("%s decompresses to %d bytes, or to others than repomd.xml says", d.Type, len(plain))
		}
	}
	s["other"].Bytes()[20]++
	if err := m.Verify(open); !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), "other.xml.gz") {
		t.Errorf("a byte is another: %v", err)
	}
	s["other"].WriteByte(0)
	if err := m.Verify(open); !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), "bytes that it is to have") {
		t.Errorf("a byte more: %v", err)
	}
}

// TestMerge has a line for each rule: members by their packages, what comes of them, what is left out.
func TestMerge(t *testing.T) {
	with := func(m Member, change func(*Member)) Member {
		change(&m)
		return m
	}
	elsewhere := entryOf("e-1 p/e.rpm")
	elsewhere.Location.Base = "https://example.org/"
	twice := []*Entry{entryOf("t-1 ../t.rpm"), entryOf("t-1 ../t.rpm")}
	twice[1].Location.Href = "t.rpm"
	nameless := entryOf("-1 n.rpm")
	sly := []*Entry{entryOf("x-1 x.rpm"), entryOf("y-1 y.rpm"), entryOf("z-1 z.rpm")}
	sly[0].Relations[Provides] = []Relation{{Name: "a"}}
	sly[1].Relations[Obsoletes] = []Relation{{Name: "b"}, {Name: "a"}}
	sly[2].Relations[Requires] = []Relation{{Name: "a"}}
	for _, c := range []struct {
		name       string
		members    []Member
		want, left string
	}{
		{"nothing", nil, "", ""},
		{"both", []Member{member("a-1 a.rpm"), member("b-1 b.rpm")}, "a-1 a.rpm, b-1 b.rpm", ""},
		{"first wins", []Member{member("a-1 a.rpm"), member("a-1 other.rpm", "a-2 a2.rpm")}, "a-1 a.rpm, a-2 a2.rpm", ""},
		{"owned", []Member{with(member("a-1 a.rpm", "a-2 a2.rpm"), func(m *Member) { m.Owns = true }), member("a-3 a3.rpm", "b-1 b.rpm")},
			"a-1 a.rpm, a-2 a2.rpm, b-1 b.rpm", `1 a-3-1.noarch an earlier member owns "a"`},
		{"owned, provided and obsoleted", []Member{with(member("a-1 a.rpm"), func(m *Member) { m.Owns = true }), {Packages: Entries(sly...)}}, "a-1 a.rpm, z-1 z.rpm",
			`1 x-1-1.noarch an earlier member owns "a", 1 y-1-1.noarch an earlier member owns "a"`},
		{"owned by a later one", []Member{member("a-3 a3.rpm"), with(member("a-1 a.rpm"), func(m *Member) { m.Owns = true }), member("a-4 a4.rpm")},
			"a-3 a3.rpm, a-1 a.rpm", `2 a-4-1.noarch an earlier member owns "a"`},
		{"prefix", []Member{with(member("a-1 a.rpm"), func(m *Member) { m.Prefix = "x/" }), with(member("b-1 a.rpm"), func(m *Member) { m.Prefix = "y/" })},
			"a-1 x/a.rpm, b-1 y/a.rpm", ""},
		{"elsewhere", []Member{{Packages: Entries(elsewhere), Prefix: "x/"}}, "e-1 https://example.org/p/e.rpm", ""},
		{"same path", []Member{member("a-1 a.rpm"), member("b-1 a.rpm")}, "a-1 a.rpm", "1 b-1-1.noarch another package has its path"},
		{"same checksum", []Member{member("a-1 a.rpm"), {Packages: Entries(&Entry{NEVRA: NEVRA{Name: "b"}, Checksum: sumOf([]byte("a-1 a.rpm")), Location: Location{Href: "b"}})}},
			"a-1 a.rpm", "1 b-. another package has its checksum"},
		{"paths that leave", []Member{member("a-1 ../a.rpm", "b-1 /etc/b", "c-1 x//c", "d-1 x/./d", "f-1 ")}, "",
			"0 a-1-1.noarch not a path in a repository, 0 b-1-1.noarch not a path in a repository, 0 c-1-1.noarch not a path in a repository, " +
				"0 d-1-1.noarch not a path in a repository, 0 f-1-1.noarch not a path in a repository"},
		{"bad, then good", []Member{{Packages: Entries(twice...)}}, "t-1 t.rpm", "0 t-1-1.noarch not a path in a repository"},
		{"no name", []Member{{Packages: Entries(nameless)}}, "", "0 -1-1.noarch without a name or a checksum"},
		{"kept", []Member{with(member("a-1 a.rpm", "b-1 b.rpm"), func(m *Member) { m.Keep = func(e *Entry) bool { return e.Name == "b" } })}, "b-1 b.rpm", ""},
	} {
		g, s := generation(t, c.members...)
		var left []string
		for _, l := range g.Left {
			left = append(left, fmt.Sprint(l.Member, " ", l.NEVRA, " ", l.Why))
		}
		if got := packagesOf(t, s); got != c.want || strings.Join(left, ", ") != c.left || g.LeftOut != len(left) {
			t.Errorf("%s: %s; left %q\nwant %s; %s", c.name, got, left, c.want, c.left)
		}
		for kind := range readers {
			if n := len(collect(t, Metadata(s.open)(kind))); n != g.Packages || !strings.Contains(s.plain(t, kind), fmt.Sprintf(` packages="%d"`, n)) {
				t.Errorf("%s: %d packages in %s, want %d", c.name, n, kind, g.Packages)
			}
		}
	}
}

// TestUpdate: the last generation, less what is deleted and more what is new, is to the byte what a new one of all packages is.
func TestUpdate(t *testing.T) {
	_, first := generation(t, member("a-1 a.rpm", "b-1 b.rpm", "c-1 c.rpm"))
	old := Member{Packages: Metadata(first.open), Keep: func(e *Entry) bool { return e.Name != "b" }}
	got, _ := generation(t, old, member("d-1 d.rpm"))
	want, _ := generation(t, member("a-1 a.rpm", "c-1 c.rpm", "d-1 d.rpm"))
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%s\nwant\n%s", got.Bytes(), want.Bytes())
	}
}

// TestBuildFails wants every error to come out, and never a generation besides.
func TestBuildFails(t *testing.T) {
	broken := errors.New("broken")
	_, s := generation(t, member("a-1 a.rpm"))
	without := func(kind string) Packages {
		return Metadata(func(k string) (io.ReadCloser, error) {
			if k == kind {
				return nil, broken
			}
			return s.open(k)
		})
	}
	times := 0
	vanishing := Packages(func(kind string) iter.Seq2[*Entry, error] {
		times++
		return Entries([]*Entry{entryOf("a-1 a")}[:min(1, max(0, 2-times))]...)(kind)
	})
	xz := Metadata(func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("\xfd7zXZ\x00...")), nil })
	ok := BuildOptions{Create: spool{}.create}
	for _, c := range []struct {
		name    string
		members []Member
		o       BuildOptions
		want    string
	}{
		{"primary", []Member{{Packages: without("primary")}}, ok, "member 0: primary: broken"},
		{"filelists", []Member{{}, {Packages: without("filelists")}}[1:], ok, "filelists: member 0: broken"},
		{"other", []Member{member("b-1 b"), {Packages: without("other")}}, ok, "other: member 1: broken"},
		{"xz", []Member{{Packages: xz}}, ok, "member 0: primary: rpm: xz, which is not decompressed here"},
		{"vanishing", []Member{{Packages: vanishing}}, ok, "primary: rpm: damaged: 1 packages, of which 0 are there when they are read again"},
		{"too many", []Member{member("a-1 a", "b-1 b")}, BuildOptions{Create: spool{}.create, Max: 1}, "rpm: too large: more than 1 packages"},
		{"create", []Member{member("a-1 a")}, BuildOptions{Create: func(string) (io.Writer, error) { return nil, broken }}, "primary: broken"},
		{"write", []Member{member("a-1 a")}, BuildOptions{Create: func(string) (io.Writer, error) { return failingWriter{broken}, nil }}, "primary: broken"},
	} {
		if g, err := Build(c.members, c.o); g != nil || fmt.Sprint(err) != c.want {
			t.Errorf("%s: %v, %v, want %s", c.name, g, err, c.want)
		}
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

// TestMissingFilelists: what a member says in primary.xml alone is in the other documents as well, so that clients find as many packages in each.
func TestMissingFilelists(t *testing.T) {
	all := member("a-1 a.rpm", "b-1 b.rpm")
	partial := Packages(func(kind string) iter.Seq2[*Entry, error] {
		return func(yield func(*Entry, error) bool) {
			for e := range all.Packages(kind) {
				if (kind == "primary" || e.Name == "b") && !yield(e, nil) {
					return
				}
			}
		}
	})
	_, s := generation(t, Member{Packages: partial})
	if n := strings.Count(s.plain(t, "filelists"), "<package "); n != 2 {
		t.Errorf("%d packages in filelists.xml, want 2", n)
	}
}

func TestRepomd(t *testing.T) {
	raw, err := os.ReadFile("testdata/repodata/repomd.xml")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := ParseRepomd(raw)
	if err != nil {
		t.Fatal(err)
	}
	if string(theirs.Bytes()) != string(raw) {
		t.Errorf("written again:\n%s\nwant\n%s", theirs.Bytes(), raw)
	}
	const full = `<repomd><revision> 5 </revision><tags><content>binary-x86_64</content><repo>Fedora</repo><distro cpeid="cpe:/o">F</distro><x/></tags>
<data type="primary_zck"><checksum type="sha512">aa</checksum><header-checksum type="sha256">bb</header-checksum><header-size>89</header-size>
<location xml:base="http://x/" href="./repodata/p.zck"/><timestamp>1700000000.25</timestamp><size>-1</size><new/></data><other/></repomd>`
	m, err := ParseRepomd([]byte(full))
	got := fmt.Sprintf("%+v", m)
	want := "&{Revision:5 Content:[binary-x86_64] Repo:[Fedora] Distro:[{CPE:cpe:/o Text:F}] Data:[{Type:primary_zck Checksum:{Type:sha512 Hex:aa} Open:{Type: Hex:} " +
		"Header:{Type:sha256 Hex:bb} Location:{Base:http://x/ Href:repodata/p.zck} Timestamp:1700000000 Size:0 OpenSize:0 HeaderSize:89 DatabaseVersion:0}]}"
	if err != nil || got != want {
		t.Errorf("%s, %v, want\n%s", got, err, want)
	}
	if again, err := ParseRepomd(m.Bytes()); err != nil || fmt.Sprintf("%+v", again) != got {
		t.Errorf("written again: %+v, %v", again, err)
	}
	if m.Find("primary_zck") != &m.Data[0] || m.Find("primary") != nil {
		t.Error("Find")
	}
	for _, c := range []struct {
		doc string
		is  error
	}{
		{"", ErrFormat}, {"<html/>", ErrFormat}, {"<repomd><data></repomd>", ErrFormat}, {strings.Repeat(" ", MaxRepomd+1), ErrLimit},
		{"<repomd>" + strings.Repeat("<data/>", maxPieces+1) + "</repomd>", ErrLimit},
	} {
		if _, err := ParseRepomd([]byte(c.doc)); !errors.Is(err, c.is) {
			t.Errorf("%.40q: %v, want %v", c.doc, err, c.is)
		}
	}
	away := &Repomd{Data: []Data{{Type: "primary", Location: Location{Href: "../../etc/passwd"}}}}
	if err := away.Verify(nil); !errors.Is(err, ErrFormat) {
		t.Errorf("a path that leaves: %v", err)
	}
}

// FuzzRepomd reads what strangers send; what is written is read again as it was.
func FuzzRepomd(f *testing.F) {
	raw, err := os.ReadFile(path.Join("testdata", "repodata", "repomd.xml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := ParseRepomd(raw)
		if err != nil {
			return
		}
		once, err := ParseRepomd(m.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := ParseRepomd(once.Bytes()); err != nil || !bytes.Equal(twice.Bytes(), once.Bytes()) {
			t.Errorf("%s, %v, want\n%s", twice.Bytes(), err, once.Bytes())
		}
	})
}
