package rpm

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func collect(t testing.TB, all iter.Seq2[*Entry, error]) (entries []*Entry) {
	t.Helper()
	for e, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return entries
}

// readers are those of the three files of packages.
var readers = map[string]func(io.Reader) iter.Seq2[*Entry, error]{"primary": ReadPrimary, "filelists": ReadFilelists, "other": ReadOther}

// whole is a document of the kind with the entries.
func whole(kind string, entries ...*Entry) []byte {
	for _, d := range documents {
		if d.kind == kind {
			b := fmt.Appendf([]byte(xmlHeader), "%s packages=\"%d\">\n", d.root, len(entries))
			for _, e := range entries {
				b = d.append(b, e)
			}
			return append(b, d.end...)
		}
	}
	return nil
}

// TestMetadata wants the same of a package's headers as createrepo_c does, field by field, and of what is written as of what was read.
func TestMetadata(t *testing.T) {
	var ours []*Entry
	for _, name := range []string{"alpha-gzip.rpm", "alpha.src.rpm"} {
		b, p := fixture(t, name)
		e, err := p.Entry(Location{Href: "p/" + name}, sumOf(b), time.Unix(1700000001, 0))
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, e)
	}
	for kind, read := range readers {
		theirs, err := os.ReadFile("testdata/repodata/" + kind + ".xml")
		if err != nil {
			t.Fatal(err)
		}
		want := collect(t, read(bytes.NewReader(theirs)))
		got := collect(t, read(bytes.NewReader(whole(kind, ours...))))
		again := collect(t, read(bytes.NewReader(whole(kind, want...))))
		if len(want) != len(ours) {
			t.Fatalf("%s: %d packages, want %d", kind, len(want), len(ours))
		}
		for i := range want {
			diffEntries(t, kind, got[i], want[i])
			diffEntries(t, kind+", written again", again[i], want[i])
		}
	}
}

// diffEntries compares field by field.
func diffEntries(t *testing.T, what string, got, want *Entry) {
	t.Helper()
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range g.NumField() {
		if a, b := g.Field(i).Interface(), w.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			t.Errorf("%s, %s: %s\n%+v, want\n%+v", what, want.NEVRA, g.Type().Field(i).Name, a, b)
		}
	}
}

// TestReadEntry has one package with all that XML has to offer, and some of what other tools write.
func TestReadEntry(t *testing.T) {
	const doc = `<?xml version='1.0'?><!-- a comment > with <tags> -- no --><m:metadata xmlns:m="x" packages='1'>
<m:package type="rpm"
 ><name>a&amp;b</name><unknown><name>not this</name><deep/></unknown>
 <version rel="1>0" epoch='1' ver = "2"></version><checksum type="sha512" pkgid="YES">
  abc </checksum>
 <summary><![CDATA[<b>]]>]]&gt; &#65;&#x42;` + "\r\n" + `</summary><description/>
 <location xml:base="https://example.org/x/" href="./p/a.rpm"/>
 <format><rpm:requires><rpm:entry name="x" flags="GE" ver="1" pre="1"/><rpm:other/><rpm:entry name="(a &gt;= 1)"/></rpm:requires><rpm:provides/>
 <file>/bin/a</file><file type='dir'>/etc</file></format></m:package>
</m:metadata>
<!-- the end -->`
	all := collect(t, ReadPrimary(iotest.OneByteReader(strings.NewReader(doc))))
	want := &Entry{NEVRA: NEVRA{Name: "a&b", EVR: EVR{"1", "2", "1>0"}}, Checksum: Checksum{"sha512", "abc"}, Summary: "<b>]]> AB\n",
		Location: Location{"https://example.org/x/", "p/a.rpm"}, Files: []ListedFile{{"/bin/a", FileRegular}, {"/etc", FileDir}}}
	want.Relations[Requires] = []Relation{{"x", Greater | Equal | Prereq, EVR{"", "1", ""}}, {Name: "(a >= 1)"}}
	if len(all) != 1 {
		t.Fatalf("%d packages", len(all))
	}
	diffEntries(t, "handmade", all[0], want)
}

// TestReadDamaged wants errors that say where, and no package of what is damaged.
func TestReadDamaged(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{"", "rpm: damaged: unexpected EOF at byte 0 of XML"},
		{"<html><body>404</body></html>", "rpm: damaged: a root that is no metadata at byte 6 of XML"},
		{"<metadata>", "rpm: damaged: unexpected EOF at byte 10 of XML"},
		{"<metadata><package>", "rpm: damaged: unexpected EOF at byte 19 of XML"},
		{"<metadata><package><name>a</nam></package></metadata>", "rpm: damaged: an end of what has not begun at byte 32 of XML"},
		{"<metadata></metadata><metadata/>", "rpm: damaged: a second root at byte 32 of XML"},
		{"<metadata></metadata>text", "rpm: damaged: text outside of the root at byte 25 of XML"},
		{"\x00<metadata></metadata>", "rpm: damaged: text outside of the root at byte 2 of XML"},
		{"<!DOCTYPE metadata [<!ENTITY a \"b\">]><metadata/>", "rpm: damaged: a DTD at byte 35 of XML"},
		{"<metadata><package><name>&b;</name></package></metadata>", "rpm: damaged: a reference at byte 29 of XML"},
		{"<metadata><package><name>&#xD800;</name></package></metadata>", "rpm: damaged: a reference at byte 34 of XML"},
		{"<metadata><package a=b/></metadata>", "rpm: damaged: attributes at byte 24 of XML"},
		{"<metadata>" + strings.Repeat("<a>", 20), "rpm: damaged: an element at byte 58 of XML"},
		{"<metadata><package><name>" + strings.Repeat("x", maxElement), "rpm: too large: more than 33554432 bytes of one element, at byte 33554457 of XML"},
	} {
		var last error
		for e, err := range ReadPrimary(strings.NewReader(c.doc)) {
			if e != nil {
				t.Errorf("%.60q: a package", c.doc)
			}
			last = err
		}
		if fmt.Sprint(last) != c.want || !errors.Is(last, ErrFormat) && !errors.Is(last, ErrLimit) {
			t.Errorf("%.60q: %v, want %s", c.doc, last, c.want)
		}
	}
	broken := errors.New("broken")
	for _, err := range ReadPrimary(io.MultiReader(strings.NewReader("<metadata>"), iotest.ErrReader(broken))) {
		if err != broken {
			t.Errorf("a reader that fails: %v", err)
		}
	}
}

// TestEscape writes what XML cannot say, and reads it again.
func TestEscape(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a<b>&\"'\t\n\r", "a<b>&\"'\t\n\r"},
		{"\x00\x01\x1b[1mbold", "[1mbold"},
		{"caf\xe9 é", "café é"},
		{"\ufffe\uffff\U0001F600", "\U0001F600"},
	} {
		e := &Entry{NEVRA: NEVRA{Name: c.text}, Summary: c.text}
		e.Relations[Provides] = []Relation{{Name: c.text}}
		got := collect(t, ReadPrimary(bytes.NewReader(whole("primary", e))))[0]
		if got.Name != c.want || got.Summary != c.want || got.Relations[Provides][0].Name != c.want {
			t.Errorf("%q comes back as %q, %q, %q", c.text, got.Name, got.Summary, got.Relations[Provides][0].Name)
		}
	}
}

// plainEntry is what encoding/xml reads of a package, for comparison.
type plainEntry struct {
	Name    string `xml:"name"`
	Summary string `xml:"summary"`
	Version struct {
		Ver string `xml:"ver,attr"`
	} `xml:"version"`
	Location struct {
		Href string `xml:"href,attr"`
	} `xml:"location"`
}

// FuzzPrimary reads what strangers send: what both this and encoding/xml take for a document has the same packages; what is written is read again as it was.
func FuzzPrimary(f *testing.F) {
	b, err := os.ReadFile("testdata/repodata/primary.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`<metadata><package a='1'><name>a&lt;<![CDATA[b]]></name><file>/bin/x</file><location href="p"/></package></metadata>`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var got []*Entry
		for e, err := range ReadPrimary(bytes.NewReader(doc)) {
			if err != nil {
				return
			}
			got = append(got, e)
		}
		var want struct {
			Packages []plainEntry `xml:"package"`
		}
		if err := xml.Unmarshal(doc, &want); err == nil && len(want.Packages) == len(got) {
			for i, p := range want.Packages {
				if e := got[i]; !bytes.Contains(doc, []byte("format")) && (p.Name != e.Name || p.Version.Ver != e.Version) {
					t.Errorf("%q %q, want %q %q", e.Name, e.Version, p.Name, p.Version.Ver)
				}
			}
		}
		once := collect(t, ReadPrimary(bytes.NewReader(whole("primary", got...))))
		twice := collect(t, ReadPrimary(bytes.NewReader(whole("primary", once...))))
		if len(once) != len(got) || !reflect.DeepEqual(once, twice) {
			t.Errorf("%d packages, written and read %d; or they changed", len(got), len(once))
		}
	})
}

// endless is a document of n packages that is nowhere as a whole.
type endless struct {
	n           int
	rest, entry []byte
}

func (r *endless) Read(p []byte) (int, error) {
	if len(r.rest) == 0 && r.n == 0 {
		return 0, io.EOF
	}
	if len(r.rest) == 0 {
		r.rest = r.entry
		if r.n--; r.n == 0 {
			r.rest = []byte("</metadata>")
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// TestBounded reads 50,000 packages, and wants no more of them in memory than one.
func TestBounded(t *testing.T) {
	entry := []byte(`<package><name>a</name><summary>b</summary><format><file>/bin/a</file></format></package>`)
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	n, first := 0, int64(0)
	for _, err := range ReadPrimary(&endless{50_001, []byte("<metadata>"), entry}) {
		if err != nil {
			t.Fatal(err)
		}
		switch n++; n {
		case 100:
			first = live()
		case 50_000:
			if more := live() - first; more > 1<<20 {
				t.Errorf("%d bytes more in memory after %d packages of %d bytes", more, n, len(entry))
			}
		}
	}
	if n != 50_000 {
		t.Errorf("%d packages", n)
	}
}

// BenchmarkReadPrimary reads packages beside encoding/xml, which is given no more to do than to tell elements apart.
func BenchmarkReadPrimary(b *testing.B) {
	_, p := fixture(b, "alpha-gzip.rpm")
	e, err := p.Entry(Location{Href: "a"}, Checksum{"sha256", "aa"}, time.Unix(1, 0))
	if err != nil {
		b.Fatal(err)
	}
	doc := whole("primary", slices.Repeat([]*Entry{e}, 2000)...)
	b.Run("rpm", func(b *testing.B) {
		b.SetBytes(int64(len(doc)))
		for b.Loop() {
			collect(b, ReadPrimary(bytes.NewReader(doc)))
		}
	})
	b.Run("encoding/xml", func(b *testing.B) {
		b.SetBytes(int64(len(doc)))
		for b.Loop() {
			for d := xml.NewDecoder(bytes.NewReader(doc)); ; {
				if _, err := d.RawToken(); err != nil {
					break
				}
			}
		}
	})
}
