package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"vitrine/explore/rpm"
	"vitrine/explore/tarfs"
)

func rpmFixture(t testing.TB, codec string) []byte {
	t.Helper()
	b, err := os.ReadFile("../rpm/testdata/alpha-" + codec + ".rpm")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRPM opens one package with a payload of each codec: the same files, of which some can be read.
func TestRPM(t *testing.T) {
	const readable = "etc/alpha/a.conf=conf\n usr/bin/alpha=#!/bin/sh\n usr/lib/sendmail=#!/bin/sh\n usr/share/alpha/hard=conf\n usr/share/alpha/with space & <lt>=data\n"
	for _, c := range []struct {
		codec, variant string
		limit          int64 // MaxMemory
		reads          bool
	}{
		{"gzip", "", 0, true},
		{"none", "", 0, true},
		{"bzip2", "bzip2 payload", 0, true},
		{"bzip2", "bzip2 payload", 100, false},
		{"xz", "xz payload", 0, false},
		{"zstd", "zstd payload", 0, false},
		{"lzma", "lzma payload", 0, false},
	} {
		blob := rpmFixture(t, c.codec)
		x, err := BuildIndex(t.Context(), bytes.NewReader(blob), &Options{MaxMemory: c.limit})
		if err != nil {
			t.Errorf("%s: %v", c.codec, err)
			continue
		}
		var stored bytes.Buffer
		if _, err := x.WriteTo(&stored); err != nil {
			t.Fatal(err)
		}
		again, err := OpenIndex(bytes.NewReader(stored.Bytes()), int64(stored.Len()))
		if err != nil {
			t.Fatal(err)
		}
		a, err := Open(t.Context(), bytes.NewReader(blob), int64(len(blob)), "", &Options{Index: again})
		if err != nil {
			t.Fatal(err)
		}
		if a.Format != RPM || a.Variant != c.variant {
			t.Errorf("%s: %s, %q", c.codec, a.Format, a.Variant)
		}
		if c.reads {
			checkArchive(t, a, strings.TrimSuffix(readable, " "))
		} else if a.Unreadable() == nil {
			t.Errorf("%s: not said to be unreadable", c.codec)
		} else {
			checkListed(t, a, c.codec)
		}
		if held := a.CachedBytes(); (held > 0) != (c.reads && c.codec != "none") {
			t.Errorf("%s: %d bytes in memory", c.codec, held)
		}
	}
}

// checkListed wants all files of the header with what it says of them, and an error that names the codec for each that has content.
func checkListed(t *testing.T, a *Archive, codec string) {
	t.Helper()
	var got []string
	err := fs.WalkDir(a.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		entry := info.Sys().(*tarfs.Entry)
		got = append(got, fmt.Sprintf("%s %v %d %s %s %.8s", name, info.Mode(), info.Size(), entry.Gname, entry.Link, entry.Records["RPM.sha256"]))
		b, err := fs.ReadFile(a.FS(), name)
		var unsupported *UnsupportedError
		if !errors.As(err, &unsupported) || len(b) > 0 || !strings.Contains(err.Error(), "its payload is "+codec) {
			t.Errorf("%s: %s: %d bytes, %v", codec, name, len(b), err)
		}
		return nil
	})
	want := "etc/alpha/a.conf -rw-r----- 5 daemon  8d0d4c8a\nusr/bin/alpha -rwxr-xr-x 10 root  a8076d3d\nusr/lib/sendmail Lrwxrwxrwx 12 root ../bin/alpha \n" +
		"usr/share/alpha/hard -rw-r--r-- 5 root  8d0d4c8a\nusr/share/alpha/with space & <lt> -rw-r--r-- 5 root  6667b2d1"
	if text := strings.Join(got, "\n"); err != nil || text != want {
		t.Errorf("%s: %v\n%s\nwant\n%s", codec, err, text, want)
	}
}

// TestListedSizes opens packages that claim more bytes than there are anywhere: no sum of them is out of range.
func TestListedSizes(t *testing.T) {
	for _, c := range []struct {
		sizes []uint64
		want  string
	}{
		{[]uint64{1 << 40, 1 << 40}, "<nil>"},
		{[]uint64{1 << 62}, "archive: at offset 0: damaged archive: sizes of files"},
		{[]uint64{1 << 63, 1}, "archive: at offset 0: damaged archive: sizes of files"},
		{slices.Repeat([]uint64{1 << 59}, 4), "archive: at offset 0: damaged archive: sizes of files"},
	} {
		n := len(c.sizes)
		header := rpmHeader(
			rpmTag{1117, 8, n, []byte(strings.Repeat("f\x00", n))}, rpmTag{1118, 8, 1, []byte("/\x00")}, rpmTag{1116, 4, n, make([]byte, 4*n)},
			rpmTag{1030, 3, n, bytes.Repeat([]byte{0x81, 0xa4}, n)}, rpmTag{5008, 5, n, bigEndian(c.sizes)})
		blob := rpmOf("")
		blob = blob[:strings.LastIndex(blob, "\x8e\xad\xe8")] + header + "\xfd7zXZ\x00"
		_, err := Open(t.Context(), strings.NewReader(blob), int64(len(blob)), "", nil)
		if fmt.Sprint(err) != c.want {
			t.Errorf("%v: %v, want %s", c.sizes, err, c.want)
		}
	}
}

// rpmTag is an entry of a header.
type rpmTag struct {
	tag, kind uint32
	count     int
	data      []byte
}

func rpmHeader(tags ...rpmTag) string {
	var index, data []byte
	for _, e := range tags {
		for _, v := range []uint32{e.tag, e.kind, uint32(len(data)), uint32(e.count)} {
			index = binary.BigEndian.AppendUint32(index, v)
		}
		data = append(data, e.data...)
	}
	b := binary.BigEndian.AppendUint32([]byte("\x8e\xad\xe8\x01\x00\x00\x00\x00"), uint32(len(tags)))
	return string(slices.Concat(binary.BigEndian.AppendUint32(b, uint32(len(data))), index, data))
}

func bigEndian(all []uint64) (b []byte) {
	for _, n := range all {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// TestStripped opens the payload that packages with very large files have: the entries are numbers of files.
func TestStripped(t *testing.T) {
	blob := rpmFixture(t, "none")
	p, err := rpm.Read(bytes.NewReader(blob), int64(len(blob)))
	if err != nil {
		t.Fatal(err)
	}
	entry := func(i int, content string) string {
		s := fmt.Sprintf("07070X%08x\x00\x00", i) + content
		return s + strings.Repeat("\x00", -len(s)&3)
	}
	headers := string(blob[:p.HeaderEnd])
	payload := entry(0, "") + entry(1, "") + entry(2, "#!/bin/sh\n") + entry(3, "../bin/alpha") + entry(6, "hard\n") + cpioOf()
	for _, b := range []string{headers + payload, headers + gzipOf(t, payload)} {
		a, err := Open(t.Context(), strings.NewReader(b), int64(len(b)), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		checkArchive(t, a, "etc/alpha/a.conf=hard\n usr/bin/alpha=#!/bin/sh\n usr/lib/sendmail=#!/bin/sh\n usr/share/alpha/hard=hard\n")
	}
	for _, c := range []struct{ payload, want string }{
		{entry(99, ""), "archive: at offset 0: damaged archive: number of a file"},
		{entry(0, "") + "x", "archive: at offset 17: unexpected EOF"},
		{entry(0, "") + strings.Repeat("x", 16), "archive: at offset 16: damaged archive: no header of cpio"},
		{strings.Replace(entry(1, "conf\n"), "01", "zz", 1), "archive: at offset 0: damaged archive: number of a file"},
	} {
		_, err := Open(t.Context(), strings.NewReader(headers+c.payload), int64(len(headers+c.payload)), "", nil)
		if fmt.Sprint(err) != c.want {
			t.Errorf("%.30q: %v, want %s", c.payload, err, c.want)
		}
	}
}

// TestTricks opens archives with names that want to leave, and links that lead nowhere, of each format that has them.
func TestTricks(t *testing.T) {
	for name, blob := range map[string]string{
		"cpio": cpioOf("100644 2 1 ../../etc/passwd a", "100644 3 1 /abs b", "120777 4 1 loop loop", "120777 5 1 one two", "120777 6 1 two one", "120777 7 1 out ../../../x"),
		"ar":   arOf("../../x 1", "..//#1/3 b", "a/../c/ 2"),
	} {
		a, err := Open(t.Context(), strings.NewReader(blob), int64(len(blob)), "", nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		err = fs.WalkDir(a.FS(), ".", func(p string, e fs.DirEntry, err error) error {
			if err != nil || !fs.ValidPath(p) || strings.Contains(p, "..") {
				t.Errorf("%s: %q, %v", name, p, err)
			}
			if e.Type()&fs.ModeSymlink == 0 {
				return nil
			}
			if _, err := fs.Stat(a.FS(), p); !errors.Is(err, tarfs.ErrLoop) && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s leads to %v", name, p, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if _, err := a.FS().Open("../etc/passwd"); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: ..: %v", name, err)
		}
	}
}

// TestPackages opens what is a zip by another name, and a Debian package with both of its members as archives.
func TestPackages(t *testing.T) {
	wheel := zipOf(t, "demo/__init__.py pass", "demo-1.dist-info/METADATA Name: demo")
	control := gzipOf(t, tarOf(t, false, "./control Package: demo"))
	deb := arOf("debian-binary 2.0\n", "control.tar.gz "+control, "data.tar.gz "+gzipOf(t, tarOf(t, false, "./usr/bin/demo text")))
	for _, c := range []struct{ name, blob, want string }{
		{"demo-1-py3-none-any.whl", wheel, "demo/__init__.py=pass demo-1.dist-info/METADATA=Name: demo"},
		{"demo.jar", zipOf(t, "META-INF/MANIFEST.MF Main-Class: x"), "META-INF/MANIFEST.MF=Main-Class: x"},
		{"demo.crate", gzipOf(t, tarOf(t, false, "demo-1/Cargo.toml x")), "demo-1/Cargo.toml=x"},
	} {
		a, err := Open(t.Context(), strings.NewReader(c.blob), int64(len(c.blob)), c.name, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkArchive(t, a, c.want)
	}
	outer, err := Open(t.Context(), strings.NewReader(deb), int64(len(deb)), "demo.deb", nil)
	if err != nil || outer.Format != Deb {
		t.Fatal(outer, err)
	}
	for name, want := range map[string]string{"control.tar.gz": "control=Package: demo", "data.tar.gz": "usr/bin/demo=text"} {
		f, err := outer.FS().Open(name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		inner, err := Open(t.Context(), f.(io.ReaderAt), info.Size(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkArchive(t, inner, want)
	}
}
