package inspect

import (
	"encoding/base64"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	pe := "MZ" + strings.Repeat("\x00", 0x3a) + "\x40\x00\x00\x00PE\x00\x00"
	for _, c := range []struct {
		name, head string
		want       Kind
	}{
		{"a", "", KindEmpty},
		{"a.json", "", KindEmpty},
		{"a", "text\n", KindText},
		{"a.png", "text\n", KindText},
		{"a", "\xef\xbb\xbftext", KindText},
		{"a", "caf\xe9 and other words", KindText},
		{"a", "\xe9\xe8\xfa\xfb", KindBinary},
		{"a", "nul \x00", KindBinary},
		{"a", "\xff\xfet\x00e\x00x\x00t\x00", KindText},
		{"a", "\xfe\xff\x00t\x00e", KindText},
		{"a", "\xff\xfe\x00\x00\x00\x00", KindBinary},
		{"a", "\x1b[1mred\x1b[0m", KindText},
		{"a", strings.Repeat("é", 2048)[:4095], KindText},
		{"a", "x" + strings.Repeat("é", 2048), KindText},

		{"a", `{"a": 1}`, KindJSON},
		{"a", " \n[1, 2]\n", KindJSON},
		{"a", `{"a": `, KindText},
		{"a", `{"a": "` + strings.Repeat("b", 5000), KindJSON},
		{"a", "[section]\nkey = value\n", KindText},
		{"a", "{\"a\":1}\n{\"a\":2}\n", KindJSONLines},
		{"a", "{\"a\":1}\n{\"a\":\"" + strings.Repeat("b", 5000), KindJSONLines},
		{"a.json", "1234", KindText},
		{"a", "{{ template }}", KindText},

		{"a", "-----BEGIN CERTIFICATE-----\nMIIB", KindPEM},
		{"a", "subject\n-----BEGIN PUBLIC KEY-----\r\nMIIB", KindPEM},
		{"a", "it begins with -----BEGIN CERTIFICATE-----\n", KindText},
		{"a", "\x30\x82\x01\x0a\x30\x81\xf0\xa0\x03\x02\x01\x02\x02\x01" + strings.Repeat("\x00", 256), KindCert},
		{"a", "\x30\x82\x01\x0a\x30\x81\xf0\xa0\x03\x02\x01\x02\x02\x01", KindBinary},
		{"a.der", "\x30\x03\x02\x01\xff", KindDER},
		{"a", "\x30\x03\x02\x01\xff", KindBinary},
		{"a", "\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", KindDER},
		{"a", "\xd2\x84\x43\xa1", KindCBOR},
		{"application/cose", "\x84\x43\xa1\xff", KindCBOR},

		{"a", "\x7fELF\x02", KindELF},
		{"a", "\xca\xfe\xba\xbe\x00\x00\x00\x02", KindMachO},
		{"a", "\xca\xfe\xba\xbe\x00\x00\x00\x34", KindClass},
		{"a", "\xcf\xfa\xed\xfe\x07", KindMachO},
		{"a", pe, KindPE},
		{"a", "MZ" + strings.Repeat("\x00", 100), KindBinary},
		{"a", "MZ is text", KindText},
		{"a", "\x00asm\x01\x00\x00\x00", KindWasm},
		{"a", "GGUF\x03\x00\x00\x00", KindGGUF},
		{"a", "GGUF is a format", KindText},
		{"a", "\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}", KindSafetensors},
		{"a", "\xcb\x0d\r\n\x00\x00\x00\x00", KindPyc},

		{"a", "\x89PNG\r\n\x1a\n", KindPNG},
		{"a", "\xff\xd8\xff\xe0", KindJPEG},
		{"a", "GIF89a", KindGIF},
		{"a", "RIFF\x00\x00\x00\x00WEBPVP8 ", KindWebP},
		{"a", "\x00\x00\x00\x1cftypavif", KindAVIF},
		{"a", "\x00\x00\x01\x00\x01\x00\x10\x10\x00\x00\x01\x00\x20\x00\x00\x01\x00\x00\x16\x00\x00\x00", KindICO},
		{"a", "BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00", KindBMP},
		{"a", "BMW is text and does not look like an image", KindText},
		{"a", "<?xml version=\"1.0\"?>\n<!-- a > b -->\n<svg width=\"1\">", KindSVG},
		{"a.svg", "<html><svg></svg></html>", KindText},
		{"a", "<svgx>", KindText},

		{"a", "\x1f\x8b\x08", KindArchive},
		{"a", "PK\x03\x04", KindArchive},
		{"a", "SQLite format 3\x00", KindSQLite},
		{"a", "PACK\x00\x00\x00\x02", KindGitPack},
		{"a", "%PDF-1.7\n", KindPDF},
		{"a", "TZif2", KindTZif},

		{"/etc/os-release", "ID=debian\n", KindOSRelease},
		{"etc/os-release", "ID=debian\n", KindOSRelease},
		{"/retc/os-release", "ID=debian\n", KindText},
		{"etc/passwd", "root:x:0:0::/root:/bin/sh\n", KindPasswd},
		{"etc/passwd", "\x00", KindBinary},
		{"/var/lib/dpkg/status", "Package: a\n", KindDpkg},
		{"/var/lib/dpkg/status.d/base", "Package: a\n", KindDpkg},
		{"/var/lib/dpkg/status.d/base.md5sums", "0123 usr/bin/a\n", KindText},
		{"lib/apk/db/installed", "C:Q1\nP:musl\n", KindApk},
		{"usr/lib/apk/db/installed", "C:Q1\nP:musl\n", KindApk},
		{".PKGINFO", "# comment\npkgname = a\n", KindPkgInfo},
		{"a/Chart.yaml", "name: a\n", KindChart},
		{"a", "#!/bin/sh\n", KindScript},
		{"a", "#! nothing", KindText},
	} {
		head := []byte(c.head)
		if got := Detect(c.name, head); got != c.want {
			t.Errorf("Detect(%q, %.40q) = %s, want %s", c.name, c.head, got, c.want)
		}
	}
}

// TestMediaType: nothing is served as what a browser would run.
func TestMediaType(t *testing.T) {
	for k, want := range map[Kind]string{KindText: plainText, KindScript: plainText, KindELF: octets, KindPNG: "image/png", KindArchive: octets} {
		if got := k.MediaType(); got != want {
			t.Errorf("%s: %s, want %s", k, got, want)
		}
	}
	for k, m := range mediaTypes {
		if strings.Contains(m, "html") || strings.Contains(m, "javascript") || strings.HasSuffix(m, "/xml") {
			t.Errorf("%s: %s", k, m)
		}
		if k.IsImage() != strings.HasPrefix(m, "image/") {
			t.Errorf("%s: %s, an image: %v", k, m, k.IsImage())
		}
	}
}

// TestDetectReal looks at what Go brings along: files of others, by which we did not write the table.
func TestDetectReal(t *testing.T) {
	for _, c := range []struct {
		folder, suffix string
		want           []Kind
	}{
		{"debug/elf/testdata", "", []Kind{KindELF, KindText, KindArchive}},
		{"debug/macho/testdata", "", []Kind{KindMachO, KindText}},
		{"debug/pe/testdata", "", []Kind{KindPE, KindBinary, KindText}}, // an object has no magic but its machine
		{"image/testdata", ".png", []Kind{KindPNG}},
		{"image/testdata", ".jpeg", []Kind{KindJPEG}},
		{"image/testdata", ".gif", []Kind{KindGIF}},
		{"time", ".go", []Kind{KindText}},
		{"crypto/tls/testdata", ".pem", []Kind{KindPEM}},
	} {
		for name, data := range goroot(t, c.folder, c.suffix) {
			if got := Detect(name, data[:min(len(data), HeadSize)]); !slices.Contains(c.want, got) {
				t.Errorf("%s/%s is %s, want one of %s", c.folder, name, got, c.want)
			}
		}
	}
}

// goroot returns the files of a folder of Go's sources. What is stored in base64 is decoded.
func goroot(t testing.TB, folder, suffix string) map[string][]byte {
	t.Helper()
	dir := filepath.Join(runtime.GOROOT(), "src", filepath.FromSlash(folder))
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Skipf("Go's sources are not here: %v", err)
	}
	files := map[string][]byte{}
	for _, e := range list {
		if e.IsDir() || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		name, encoded := strings.CutSuffix(e.Name(), ".base64")
		if encoded {
			if data, err = base64.StdEncoding.DecodeString(string(data)); err != nil {
				t.Fatal(err)
			}
		}
		files[name] = data
	}
	return files
}

func FuzzDetect(f *testing.F) {
	for _, m := range magics {
		f.Add("a", []byte(strings.Repeat("\x00", m.at)+m.magic))
	}
	f.Add("etc/passwd", []byte("a:b"))
	f.Add("a", []byte(`{"a":[1,{}]}`))
	f.Fuzz(func(t *testing.T, name string, head []byte) {
		k := Detect(name, head)
		if k == "" || len(head) == 0 != (k == KindEmpty) || k.MediaType() == "" {
			t.Errorf("Detect(%q, %q) = %q", name, head, k)
		}
	})
}

// words makes binary data: numbers of 1, 2, 4 or 8 bytes, little-endian, as "SIZE:VALUE", and anything else as it is, quoted or not.
func words(t testing.TB, order binary.AppendByteOrder, s string) []byte {
	t.Helper()
	var out []byte
	for _, w := range strings.Fields(s) {
		size, value, isNumber := strings.Cut(w, ":")
		n, err := strconv.ParseInt(value, 0, 64)
		if !isNumber || err != nil {
			text, err := strconv.Unquote(`"` + w + `"`)
			if err != nil {
				t.Fatalf("%q: %v", w, err)
			}
			out = append(out, text...)
			continue
		}
		switch size {
		case "1":
			out = append(out, byte(n))
		case "2":
			out = order.AppendUint16(out, uint16(n))
		case "4":
			out = order.AppendUint32(out, uint32(n))
		case "8":
			out = order.AppendUint64(out, uint64(n))
		}
	}
	return out
}
