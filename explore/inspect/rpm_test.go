package inspect

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updateDocs = flag.Bool("update", false, "write testdata/*.txt anew")

// packageGolden compares what is shown of a package with testdata/NAME.txt.
func packageGolden(t *testing.T, name string, d *Doc) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	got := printDoc(d)
	if *updateDocs {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", file, got, want)
	}
}

func alpha(t testing.TB, codec string) []byte {
	t.Helper()
	b, err := os.ReadFile("../rpm/testdata/alpha-" + codec + ".rpm")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRPM shows a package of which the payload cannot be read: all that its header says, and whether that is what its digests are of.
func TestRPM(t *testing.T) {
	b := alpha(t, "zstd")
	d, err := inspect(t, "", b)
	if err != nil {
		t.Fatal(err)
	}
	packageGolden(t, "rpm", d)
	b[len(b)-1]++
	d, err = inspect(t, "", b)
	if text := printDoc(d); err != nil || strings.Count(text, "does not fit") != 2 {
		t.Errorf("a byte of the payload changed: %v\n%s", err, text)
	}
	if _, err := inspect(t, "", b[:200]); err == nil {
		t.Error("cut in the header: no error")
	}
}

// TestRPMHostile shows a package whose texts want to be more than text.
func TestRPMHostile(t *testing.T) {
	blob := rpmBlob(map[uint32][]string{
		tagName: {"a\x1b[31m\u202ename"}, tagVersion: {"1\n2"}, tagSummary: {"<script>"}, 1005: {"one\x00two\x1b\nthree\u202e"}, 1020: {"javascript:alert(1)"},
		1047: {"lib\x00x.so", "/bin/\nsh"}, 1113: {"", ""}, 1023: {"rm -rf \x1b[2J\u2066\n"}, 1014: {"MIT"},
	}, map[uint32][]uint32{1112: {0, 0}})
	lead := append([]byte("\xed\xab\xee\xdb"), make([]byte, 92)...)
	head := []byte("\x8e\xad\xe8\x01\x00\x00\x00\x00")
	b := append(append(append(lead, head...), make([]byte, 8)...), append(head, blob...)...)
	d, err := inspect(t, "", b)
	if err != nil {
		t.Fatal(err)
	}
	text := printDoc(d)
	if strings.ContainsAny(text, "\x1b\u202e\u2066\x00") || strings.Contains(text, "<url javascript") || !strings.Contains(text, "MIT <url https://spdx.org/licenses/MIT.html>") {
		t.Errorf("%q", text)
	}
}

// debOf makes a Debian package of members "NAME CONTENT".
func debOf(members ...string) string {
	b := "!<arch>\n"
	for _, m := range members {
		name, content, _ := strings.Cut(m, " ")
		b += fmt.Sprintf("%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", name, 1, 0, 0, 0o100644, len(content), content)
		b += strings.Repeat("\n", len(b)&1)
	}
	return b
}

// gzippedTar makes a tar in gzip of "NAME CONTENT"; cut is without its end.
func gzippedTar(t testing.TB, cut bool, files ...string) string {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, f := range files {
		name, content, _ := strings.Cut(f, " ")
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, content)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if !cut {
		w.Close()
	}
	z.Close()
	return buf.String()
}

const debControl = `Package: demo
Version: 1.2-3
Architecture: amd64
Maintainer: Jane <jane@example.org>
Source: demo-src (1.2)
Installed-Size: 12
Pre-Depends: libc6 (>= 2.36)
Depends: a (>= 1) | b (<< 3),
 c:any, d [amd64]
Provides: e (= 1)
Homepage: https://example.org/demo
Description: a demo
 More of it.
 .
 And more.
`

func TestDeb(t *testing.T) {
	control := gzippedTar(t, false, "./md5sums x", "./control "+debControl)
	d, err := inspect(t, "", []byte(debOf("debian-binary 2.0\n", "control.tar.gz "+control, "data.tar.xz xz")))
	if err != nil {
		t.Fatal(err)
	}
	packageGolden(t, "deb", d)
	for _, c := range []struct{ deb, note string }{
		{debOf("debian-binary 2.0\n", "control.tar.zst zstd"), "What the package says of itself is in control.tar.zst, which is not decompressed here."},
		{debOf("debian-binary 2.0\n", "control.tar.gz xyz"), "There is no control file that could be read."},
		{debOf("debian-binary 2.0\n", "control.tar.gz "+gzippedTar(t, false, "./md5sums x")), "There is no control file that could be read."},
		{debOf("debian-binary 2.0\n"), ""},
	} {
		if d, err := inspect(t, "", []byte(c.deb)); err != nil || d.Note != c.note {
			t.Errorf("%.80q: %q, %v, want %q", c.deb, d.Note, err, c.note)
		}
	}
	if _, err := inspect(t, "", []byte(strings.Replace(debOf("debian-binary 2.0\n"), "4         `", "9999999999`", 1))); err == nil {
		t.Error("a member larger than the file: no error")
	}
}

// TestControl tells the control file of one package from a list of packages.
func TestControl(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"x/control", debControl, "deb control: demo 1.2-3\n"},
		{"x/control", debControl + "\nPackage: other\nVersion: 1\n", "packages: 2 packages\n"},
		{"x/Packages", debControl, "packages: 1 package\n"},
	} {
		if d, err := inspect(t, c.name, []byte(c.text)); err != nil || !strings.HasPrefix(printDoc(d), c.want) {
			t.Errorf("%s: %.60q, %v, want %q", c.name, printDoc(d), err, c.want)
		}
	}
}

// TestAPK shows the description in a package of Alpine, and says nothing of other tars in gzip.
func TestAPK(t *testing.T) {
	info := gzippedTar(t, true, ".PKGINFO pkgname = demo\npkgver = 1-r0\nurl = https://example.org\ndepend = so:libc.musl-x86_64.so.1\n")
	signed := gzippedTar(t, true, ".SIGN.RSA.key.rsa.pub x") + info + gzippedTar(t, false, "usr/bin/demo x")
	for _, b := range []string{signed, info} {
		if d, err := inspect(t, "demo.apk", []byte(b)); err != nil || d == nil || d.Title != "demo 1-r0" {
			t.Errorf("%v, %v", d, err)
		}
	}
	for _, b := range []string{gzippedTar(t, false, "usr/bin/demo x", ".PKGINFO pkgname = x\n"), "\x1f\x8b\x08", gzippedTar(t, false)} {
		if d, err := inspect(t, "x.tar.gz", []byte(b)); err != nil || d != nil {
			t.Errorf("%v, %v", d, err)
		}
	}
}

func FuzzPackage(f *testing.F) {
	f.Add(alpha(f, "gzip"))
	f.Add([]byte(debOf("debian-binary 2.0\n", "control.tar.gz "+gzippedTar(f, false, "./control "+debControl), "data.tar.xz xz")))
	f.Add([]byte(gzippedTar(f, true, ".PKGINFO pkgname = demo\n")))
	f.Add([]byte(debControl))
	f.Fuzz(func(t *testing.T, b []byte) { inspect(t, "control", b) })
}
