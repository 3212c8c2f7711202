package rpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
)

// headerOf makes a header, with its magic, of lines "TAG TYPE VALUE VALUE ...": numbers, or strings in quotes.
func headerOf(t testing.TB, text string) []byte {
	t.Helper()
	var index, data []byte
	n := 0
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		tag, _ := strconv.Atoi(f[0])
		kind, _ := strconv.Atoi(f[1])
		if w := widths[kind]; w > 0 {
			data = append(data, make([]byte, -len(data)&(w-1))...)
		}
		for _, v := range []int{tag, kind, len(data), len(f) - 2} {
			index = binary.BigEndian.AppendUint32(index, uint32(v))
		}
		for _, v := range f[2:] {
			data = appendValue(t, data, kind, v)
		}
		n++
	}
	b := append([]byte(headerMagic), make([]byte, 4)...)
	b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, uint32(n)), uint32(len(data)))
	return append(append(b, index...), data...)
}

func appendValue(t testing.TB, data []byte, kind int, v string) []byte {
	t.Helper()
	if widths[kind] == 0 {
		s, err := strconv.Unquote(v)
		if err != nil {
			t.Fatalf("%s: %v", v, err)
		}
		return append(append(data, s...), 0)
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return append(data, binary.BigEndian.AppendUint64(nil, n)[8-widths[kind]:]...)
}

// packageOf makes a package of headers as headerOf takes them.
func packageOf(t testing.TB, signature, header, payload string) []byte {
	t.Helper()
	b := append([]byte(leadMagic), make([]byte, leadSize-4)...)
	b = append(b, headerOf(t, signature)...)
	b = append(b, make([]byte, -len(b)&7)...)
	return append(append(b, headerOf(t, header)...), payload...)
}

func read(t testing.TB, b []byte) *Package {
	t.Helper()
	p, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func fixture(t testing.TB, name string) ([]byte, *Package) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b, read(t, b)
}

// TestRead compares a package that rpmbuild has made with what `rpm -qp` prints of it.
func TestRead(t *testing.T) {
	_, p := fixture(t, "alpha-gzip.rpm")
	i := p.Info()
	for _, c := range []struct{ what, got, want string }{
		{"package", i.NEVRA.String(), "alpha-2:1.2~rc1-3.noarch"},
		{"file", i.FileName(), "alpha-1.2~rc1-3.noarch.rpm"},
		{"info", strings.Join([]string{i.Summary, i.Description, i.License, i.URL, i.Vendor, i.Packager, i.Group, i.SourceRPM, i.BuildHost}, "|"),
			`The <first> & "best" of all|A long <description> & more.` + "\nSecond line é.|MIT and GPLv2+|https://example.org/alpha?a=1&b=2|Example|" +
				"Someone <someone@example.org>|Development/Tools|alpha-1.2~rc1-3.src.rpm|build.example.org"},
		{"sizes", fmt.Sprint(i.InstalledSize, p.ArchiveSize(), p.HeaderStart, p.HeaderEnd, p.Size, i.BuildTime.Unix()), "32 1228 408 4137 4403 1700000000"},
		{"payload", fmt.Sprint(i.Payload), "{cpio gzip 9}"},
		{"provides", relations(p, Provides), "alpha = 2:1.2~rc1-3, config(alpha) = 2:1.2~rc1-3, plain, virtual(alpha) = 4:5-6"},
		{"requires", relations(p, Requires), "(foo if bar), /bin/sh, /bin/sh !, /bin/sh !, /bin/sh, /usr/bin/alpha, beta >= 1.0, config(alpha) = 2:1.2~rc1-3, " +
			"libc.so.6()(64bit), libc.so.6(GLIBC_2.17)(64bit), libc.so.6(GLIBC_2.4)(64bit), plain, rpmlib(CompressedFileNames) <= 3.0.4-1, " +
			"rpmlib(FileDigests) <= 4.6.0-1, rpmlib(PartialHardlinkSets) <= 4.0.4-1, rpmlib(PayloadFilesHavePrefix) <= 4.0-1, " +
			"rpmlib(RichDependencies) <= 4.12.0-1, rpmlib(TildeInVersions) <= 4.10.0-1, shadow !"},
		{"conflicts", relations(p, Conflicts), "gamma < 2"},
		{"obsoletes", relations(p, Obsoletes), "old-alpha <= 0:9"},
		{"weak", relations(p, Recommends) + "|" + relations(p, Suggests) + "|" + relations(p, Enhances) + "|" + relations(p, Supplements),
			"nice|maybe = 3|other|(alpha and langpacks)"},
		{"files", files(t, p), "" +
			"/etc/alpha 40755 root root dir\n" +
			"/etc/alpha/a.conf 100640 root daemon 5 8d0d4c8a1e6a\n" +
			"/usr/bin/alpha 100755 root root 10 a8076d3d28d2\n" +
			"/usr/lib/sendmail 120777 root root ../bin/alpha\n" +
			"/usr/share/alpha 40755 root root dir\n" +
			"/usr/share/alpha/empty 40755 root root dir\n" +
			"/usr/share/alpha/hard 100644 root root 5 8d0d4c8a1e6a\n" +
			"/usr/share/alpha/with space & <lt> 100644 root root 5 6667b2d1aab6\n" +
			"/var/log/alpha.log 100644 root root 0 \n"},
		{"scripts", fmt.Sprintf("%q", p.Scripts()), `[{"pre" "/bin/sh" "echo pre"} {"post" "/bin/sh" "echo post"}]`},
		{"changes", changes(p), "1704196800 Jane <jane@example.org> - 2:1.2-3 \"- third & <last>\\n- more\"\n" +
			"1704196800 Jane <jane@example.org> - 2:1.2-2 \"- second\"\n1704110400 Joe <joe@example.org> - 2:1.2-1 \"- first\"\n"},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.what, c.got, c.want)
		}
	}
	if _, src := fixture(t, "alpha.src.rpm"); src.NEVRA().String() != "alpha-2:1.2~rc1-3.src" {
		t.Errorf("sources: %s", src.NEVRA())
	}
}

func relations(p *Package, k Kind) string {
	var all []string
	for r := range p.Relations(k) {
		s := r.String()
		if r.Pre() {
			s += " !"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func files(t *testing.T, p *Package) string {
	t.Helper()
	var b strings.Builder
	for f, err := range p.Files() {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %o %s %s ", f.Path, f.Mode, f.User, f.Group)
		switch {
		case f.IsDir():
			b.WriteString("dir\n")
		case f.IsSymlink():
			b.WriteString(f.Link + "\n")
		default:
			fmt.Fprintf(&b, "%d %.12s\n", f.Size, f.Digest)
		}
	}
	return b.String()
}

func changes(p *Package) string {
	var b strings.Builder
	for c := range p.Changes() {
		fmt.Fprintf(&b, "%d %s %q\n", c.Time.Unix(), c.Author, c.Text)
	}
	return b.String()
}

// TestVerify: all that rpm itself checks fits, until a byte is another.
func TestVerify(t *testing.T) {
	b, p := fixture(t, "alpha-xz.rpm")
	for _, c := range []struct {
		at   int64 // of the byte that is changed, or 0
		want string
	}{
		{0, "Header SHA256 digest Header SHA1 digest Payload SHA256 digest MD5 digest Size"},
		{p.HeaderEnd - 5, "Payload SHA256 digest Size"},
		{p.Size - 5, "Header SHA256 digest Header SHA1 digest Size"},
	} {
		changed := bytes.Clone(b)
		if c.at > 0 {
			changed[c.at]++
		}
		checks, err := p.Verify(bytes.NewReader(changed))
		var ok []string
		for _, k := range checks {
			if k.OK {
				ok = append(ok, k.Name)
			}
		}
		if got := strings.Join(ok, " "); err != nil || got != c.want || len(checks) != 5 {
			t.Errorf("byte %d changed: %d checks, %v: fit %s, want %s", c.at, len(checks), err, got, c.want)
		}
	}
	broken := errors.New("broken")
	if _, err := p.Verify(failing{broken}); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
}

// TestDamaged reads packages that lie about sizes and places.
func TestDamaged(t *testing.T) {
	good := packageOf(t, "1000 4 1", "1000 6 \"a\"\n1028 4 1 2\n1030 3 7", "payload")
	patch := func(at int, with string) []byte {
		b := bytes.Clone(good)
		copy(b[at:], with)
		return b
	}
	header := leadSize + introSize + entrySize + 4 + 4 // of the package: padded
	tests := []struct {
		name string
		b    []byte
		want string
		is   error
	}{
		{"nothing", nil, "rpm: damaged: it ends at 0, within 96 bytes at 0", ErrFormat},
		{"no lead", patch(0, "x"), "rpm: damaged: no package", ErrFormat},
		{"no signature", patch(leadSize, "x"), "rpm: damaged: no header at 96", ErrFormat},
		{"no header", patch(header, "x"), fmt.Sprintf("rpm: damaged: no header at %d", header), ErrFormat},
		{"entries", patch(header+8, "\x00\x01\x00\x01"), "rpm: too large: a header of 65537 entries and 14 bytes", ErrLimit},
		{"data", patch(header+12, "\xff\xff\xff\xff"), "rpm: too large: a header of 3 entries and 4294967295 bytes", ErrLimit},
		{"more data", patch(header+12, "\x00\x00\xff\xff"), fmt.Sprintf("rpm: damaged: it ends at %d, within 65591 bytes at %d", len(good), header+8), ErrFormat},
		{"type", patch(header+introSize+4, "\x00\x00\x00\x0a"), "rpm: damaged: type 10 of tag 1000", ErrFormat},
		{"offset", patch(header+introSize+8, "\xff\xff\xff\xff"), "rpm: damaged: 1 values of tag 1000 at 4294967295 of 14", ErrFormat},
		{"count", patch(header+introSize+entrySize+12, "\xff\xff\xff\xff"), "rpm: damaged: 4294967295 values of tag 1028 at 4 of 14", ErrFormat},
		{"no name", packageOf(t, "", "1001 6 \"a\"", ""), "rpm: damaged: a package without a name", ErrFormat},
		{"name without end", patch(header+introSize+3*entrySize, "abcdefghijklmno"), "rpm: damaged: a package without a name", ErrFormat},
	}
	for _, tt := range tests {
		_, err := Read(bytes.NewReader(tt.b), int64(len(tt.b)))
		if fmt.Sprint(err) != tt.want || !errors.Is(err, tt.is) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	broken := errors.New("broken")
	if _, err := Read(failing{broken}, 1000); err != broken {
		t.Errorf("a reader that fails: %v", err)
	}
	if _, err := Read(bytes.NewReader(good[:50]), 1000); err != io.ErrUnexpectedEOF {
		t.Errorf("a reader that ends: %v", err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// TestFilesDamaged: folders that are not there, and paths that grow without bound.
func TestFilesDamaged(t *testing.T) {
	long := strconv.Quote("/" + strings.Repeat("x", 1<<20) + "/")
	many := strings.Repeat(` "f"`, 100)
	for _, c := range []struct{ header, want string }{
		{"1117 8 \"f\"\n1116 4 1\n1118 8 \"/\"", "rpm: damaged: file 0 is in folder 1 of 1"},
		{"1117 8 \"f\"\n1116 4 0", "rpm: damaged: file 0 is in folder 0 of 0"},
		{"1117 8" + many + "\n1116 4" + strings.Repeat(" 0", 100) + "\n1118 8 " + long, "rpm: too large: paths of more than 67108864 bytes"},
		{"1027 8 \"/old\" \"/style\"", "<nil>"},
	} {
		p := read(t, packageOf(t, "", "1000 6 \"a\"\n"+c.header, ""))
		var last error
		for _, err := range p.Files() {
			last = err
		}
		if fmt.Sprint(last) != c.want {
			t.Errorf("%.40q: %v, want %s", c.header, last, c.want)
		}
	}
}

// FuzzHeader goes through all that a package says: no more than there is, and the same twice.
func FuzzHeader(f *testing.F) {
	for _, name := range []string{"alpha-gzip.rpm", "alpha.src.rpm", "alpha-ed25519.rpm"} {
		b, _ := fixture(f, name)
		f.Add(b)
	}
	f.Add(packageOf(f, "1000 4 1", "1000 6 \"a\"\n1117 8 \"f\" \"g\"\n1116 4 0 0\n1118 8 \"/\"\n1080 4 1 2", "x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrLimit) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		if p.HeaderEnd > p.Size || p.HeaderStart > p.HeaderEnd || p.HeaderStart%8 != 0 {
			t.Errorf("header from %d to %d of %d", p.HeaderStart, p.HeaderEnd, p.Size)
		}
		said := len(p.Info().NEVRA.String()) + len(p.Scripts()) + len(p.Signatures())
		for k := range Kinds {
			for r := range p.Relations(k) {
				said += len(r.String())
			}
		}
		for f := range p.Files() {
			said += len(f.Path)
		}
		for c := range p.Changes() {
			said += len(c.Text)
		}
		if _, err := p.Verify(bytes.NewReader(b)); err != nil {
			t.Errorf("Verify of %d bytes, of which %d were said: %v", len(b), said, err)
		}
	})
}
