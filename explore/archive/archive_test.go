package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"vitrine/explore/tarfs"
	"vitrine/explore/zran"
)

// tarOf makes an archive of "NAME CONTENT" or, for directories, "NAME/"; cut is without its end.
func tarOf(t testing.TB, cut bool, files ...string) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		name, content, _ := strings.Cut(f, " ")
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, content)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if !cut {
		w.Close()
	}
	return buf.String()
}

func gzipOf(t testing.TB, members ...string) string {
	t.Helper()
	var buf bytes.Buffer
	for _, m := range members {
		w := gzip.NewWriter(&buf)
		io.WriteString(w, m)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return buf.String()
}

func zipOf(t testing.TB, files ...string) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, f := range files {
		name, content, _ := strings.Cut(f, " ")
		e, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(e, content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// cpioOf makes an archive of "MODE INODE LINKS NAME CONTENT", the mode in octal.
func cpioOf(files ...string) string {
	var b strings.Builder
	for _, f := range append(files, "0 0 1 TRAILER!!! ") {
		var mode, inode, links int
		var name string
		fmt.Sscanf(f, "%o %d %d %s", &mode, &inode, &links, &name)
		content := strings.SplitN(f, " ", 5)[4]
		fmt.Fprintf(&b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, mode, 0, 0, links, int(1e9), len(content), 8, 1, 4, 64, len(name)+1, 0)
		b.WriteString(name + "\x00")
		b.WriteString(strings.Repeat("\x00", -b.Len()&3))
		b.WriteString(content + strings.Repeat("\x00", -len(content)&3))
	}
	return b.String()
}

// arOf makes an archive of "NAME CONTENT".
func arOf(files ...string) string {
	b := "!<arch>\n"
	for _, f := range files {
		name, content, _ := strings.Cut(f, " ")
		b += fmt.Sprintf("%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", name, 1, 2, 3, 0o100644, len(content), content)
		b += strings.Repeat("\n", len(b)&1)
	}
	return b
}

func rpmOf(payload string) string {
	header := func(data string) string {
		h := "\x8e\xad\xe8\x01\x00\x00\x00\x00"
		return h + "\x00\x00\x00\x00" + string(binary.BigEndian.AppendUint32(nil, uint32(len(data)))) + data
	}
	b := "\xed\xab\xee\xdb" + strings.Repeat("l", rpmLead-4) + header("signature")
	b += strings.Repeat("\x00", -len(b)&7)
	return b + header("12345678") + payload
}

func unbase64(t testing.TB, s string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// helloBzip2 is "hello, bzip2\n", compressed.
const helloBzip2 = "QlpoOTFBWSZTWbEj3kMAAANZgAAQQAQQABJkwBAgADEDQNAgAaaRA6tsgoT4u5IpwoSFiR7yGA=="

const starFooter = "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"

func TestOpen(t *testing.T) {
	files := tarOf(t, false, "a/b text", "c other")
	tests := []struct {
		name, blob, hint string
		format           Format
		variant          string
		want             string // PATH=CONTENT, or the error
	}{
		{"tar", files, "", Tar, "", "a/b=text c=other"},
		{"tar, hint of gzip", files, "application/vnd.oci.image.layer.v1.tar+gzip", Tar, "", "a/b=text c=other"},
		{"empty tar", string(make([]byte, 1024)), "application/vnd.oci.image.layer.v1.tar", Tar, "", ""},
		{"nothing, hint of tar", "", "x.tar", Tar, "", ""},
		{"nothing", "", "", Plain, "", "content="},
		{"zeros", string(make([]byte, 3)), "zeros.bin", Plain, "", "zeros.bin=\x00\x00\x00"},
		{"tar+gzip", gzipOf(t, files), "", TarGzip, "", "a/b=text c=other"},
		{"tar+gzip, members", gzipOf(t, files[:700], files[700:], ""), "", TarGzip, "", "a/b=text c=other"},
		{"tar+gzip of nothing", gzipOf(t, string(make([]byte, 1024))), "application/vnd.docker.image.rootfs.diff.tar.gzip", TarGzip, "", ""},
		{"eStargz", gzipOf(t, files) + starFooter + "\x1a\x00SG\x16\x00" + fmt.Sprintf("%016x", 7) + "STARGZ\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00",
			"", TarGzip, EStargz, "a/b=text c=other"},
		{"stargz", gzipOf(t, files) + starFooter + "\x16\x00" + fmt.Sprintf("%016x", 7) + "STARGZ\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00",
			"", TarGzip, Stargz, "a/b=text c=other"},
		{"gzip", gzipOf(t, "text"), "dir/words.txt.gz", Gzip, "", "words.txt=text"},
		{"gzip in gzip", gzipOf(t, gzipOf(t, "text")), "application/gzip", Gzip, "", "content=" + gzipOf(t, "text")},
		{"apk", gzipOf(t, tarOf(t, true, ".SIGN.RSA.key signature"), tarOf(t, true, ".PKGINFO name"), files), "", APK, "", ".PKGINFO=name .SIGN.RSA.key=signature a/b=text c=other"},
		{"apk, not signed", gzipOf(t, tarOf(t, true, ".PKGINFO name"), files), "", APK, "", ".PKGINFO=name a/b=text c=other"},
		{"zip", zipOf(t, "a/b text", "c other"), "", Zip, "", "a/b=text c=other"},
		{"empty zip", zipOf(t), "", Zip, "", ""},
		{"ar", arOf("/ symbols", "// a-name-of-more-than-16.o/\nother/\n", "short/ 1", "/0 22", "/26 333", "#1/8 bsd-nameX"), "", Ar, "",
			"a-name-of-more-than-16.o=22 bsd-name=X other=333 short=1"},
		{"deb", arOf("debian-binary 2.0\n", "data.tar.xz xz"), "", Deb, "", "data.tar.xz=xz debian-binary=2.0\n"},
		{"cpio", cpioOf("40755 1 2 d ", "100644 2 1 d/f text", "120777 3 1 l d/f", "100644 4 2 x ", "100644 4 2 y both", "100600 5 1 empty "), "", Cpio, "",
			"d/f=text empty= l=text x=both y=both"},
		{"cpio, links without content", cpioOf("100644 4 2 x ", "100644 4 2 y "), "", Cpio, "", "x= y="},
		{"cpio+gzip", gzipOf(t, cpioOf("100644 2 1 ./d/f text")), "", CpioGzip, "", "d/f=text"},
		{"rpm", rpmOf(gzipOf(t, cpioOf("100644 2 1 ./d/f text"))), "", RPM, "", "d/f=text"},
		{"rpm of cpio", rpmOf(cpioOf("100644 2 1 ./d/f text")), "", RPM, "", "d/f=text"},
		{"rpm of deltas", rpmOf("drpm"), "", "", "", "archive: this is rpm: its payload is plain, which cannot be opened"},
		{"bzip2", unbase64(t, helloBzip2), "hello.txt.bz2", "plain+bzip2", "", "hello.txt=hello, bzip2\n"},
		{"zstd", "\x28\xb5\x2f\xfd...", "layer.tar+gzip", "", "", "archive: this is zstd, which cannot be opened"},
		{"zstd:chunked", "\x28\xb5\x2f\xfd..." + strings.Repeat("x", 56) + "GNUlInUx", "", "", "", "archive: this is zstd:chunked, which cannot be opened"},
		{"zstd:chunked, older", "\x52\x2a\x4d\x18..." + strings.Repeat("x", 32) + "GnUlInUx", "", "", "", "archive: this is zstd:chunked, which cannot be opened"},
		{"xz", "\xfd7zXZ\x00\x00", "", "", "", "archive: this is xz, which cannot be opened"},
		{"apk v3", "ADB.", "", "", "", "archive: this is apk v3, which cannot be opened"},
		{"old cpio", "070707", "", "", "", "archive: this is cpio (old), which cannot be opened"},
		{"plain", "text", "/etc/motd", Plain, "", "motd=text"},
		{"plain, media type", "{}", "application/json", Plain, "", "content={}"},
		{"damaged tar", files[:1538], "", "", "", "tarfs: at offset 1538: unexpected EOF"},
		{"damaged ar", arOf("a 1") + "xx", "", "", "", "archive: at offset 72: unexpected EOF"},
		{"damaged cpio", cpioOf("100644 2 1 a 1")[:150], "", "", "", "archive: at offset 150: unexpected EOF"},
		{"no cpio", "070701" + strings.Repeat("x", 200), "", "", "", "archive: at offset 0: damaged archive: number in a header of cpio"},
		{"damaged zip", "PK\x03\x04", "", "", "", "archive: at offset 0: damaged archive: zip: not a valid zip file"},
		{"damaged rpm", "\xed\xab\xee\xdb" + strings.Repeat("x", 200), "", "", "", "archive: at offset 96: damaged archive: no header of rpm"},
		{"damaged bzip2", "BZh9xxxxxxxxxxxx", "", "", "", "archive: at offset 0: damaged archive: bzip2 data invalid: bad magic value found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := Open(t.Context(), strings.NewReader(tt.blob), int64(len(tt.blob)), tt.hint, nil)
			if err != nil {
				if err.Error() != tt.want {
					t.Errorf("Open: %v, want %s", err, tt.want)
				}
				return
			}
			checkArchive(t, a, tt.want)
			if a.Format != tt.format || a.Variant != tt.variant {
				t.Errorf("format %s, variant %q, want %s, %q", a.Format, a.Variant, tt.format, tt.variant)
			}
			if a.Index != nil {
				checkIndex(t, a.Index, tt.blob, tt.want)
			}
		})
	}
}

// checkArchive compares all files with "PATH=CONTENT PATH=CONTENT".
func checkArchive(t *testing.T, a *Archive, want string) {
	t.Helper()
	var got, names []string
	err := fs.WalkDir(a.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(a.WithContext(t.Context()), name)
		got = append(got, name+"="+string(b))
		names = append(names, name)
		return err
	})
	if text := strings.Join(got, " "); err != nil || text != want {
		t.Errorf("files %q, %v, want %q", text, err, want)
	}
	if err := fstest.TestFS(a.FS(), names...); err != nil {
		t.Error(err)
	}
}

// checkIndex stores an index, opens the blob with it, and compares again.
func checkIndex(t *testing.T, x *Index, blob, want string) {
	t.Helper()
	if x.BlobSHA256 != sha256.Sum256([]byte(blob)) || x.BlobSize != int64(len(blob)) {
		t.Errorf("index of %d bytes, sha256 %x", x.BlobSize, x.BlobSHA256)
	}
	if plain := plainOf(blob, x); x.Table().Info().SHA256 != sha256.Sum256(plain) {
		t.Errorf("wrong digest of the %d decompressed bytes", len(plain))
	}
	var stored bytes.Buffer
	if n, err := x.WriteTo(&stored); err != nil || n != x.Size() || n != int64(stored.Len()) {
		t.Fatalf("WriteTo = %d, %v, want %d", n, err, x.Size())
	}
	again, err := OpenIndex(bytes.NewReader(stored.Bytes()), int64(stored.Len()))
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), strings.NewReader(blob), int64(len(blob)), "", &Options{Index: again})
	if err != nil {
		t.Fatal(err)
	}
	if a.Format != x.Format || a.Variant != x.Variant {
		t.Errorf("with an index: %s %q, want %s %q", a.Format, a.Variant, x.Format, x.Variant)
	}
	checkArchive(t, a, want)
	if _, err := Open(t.Context(), strings.NewReader(blob+"x"), int64(len(blob)+1), "", &Options{Index: again}); !errors.Is(err, ErrIndex) {
		t.Errorf("index of another blob: %v, want ErrIndex", err)
	}
	for i := range headerSize {
		b := bytes.Clone(stored.Bytes())
		b[i] ^= 1
		if _, err := OpenIndex(bytes.NewReader(b), int64(len(b))); !errors.Is(err, ErrIndex) {
			t.Errorf("byte %d changed: %v, want ErrIndex", i, err)
		}
	}
}

func plainOf(blob string, x *Index) []byte {
	r := io.Reader(strings.NewReader(blob[x.offset:]))
	if z, err := gzip.NewReader(r); err == nil {
		r = z
	} else {
		r = strings.NewReader(blob[x.offset:])
	}
	plain, _ := io.ReadAll(r)
	return plain
}

// TestErrors wants errors that can be asked about.
func TestErrors(t *testing.T) {
	bomb := gzipOf(t, string(make([]byte, 4<<20)))
	cut := gzipOf(t, tarOf(t, false, "a text"))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		blob string
		opts *Options
		is   error
	}{
		{"bomb", t.Context(), bomb, &Options{MaxSize: 1 << 20}, zran.ErrTooLarge},
		{"entries", t.Context(), tarOf(t, false, "a 1", "b 2"), &Options{Tar: tarfs.Options{MaxEntries: 1}}, tarfs.ErrLimit},
		{"cut", t.Context(), cut[:len(cut)-9], nil, io.ErrUnexpectedEOF},
		{"context", canceled, tarOf(t, false, "a 1"), nil, context.Canceled},
		{"context, gzip", canceled, bomb, nil, context.Canceled},
		{"context, bzip2", canceled, unbase64(t, helloBzip2), nil, context.Canceled},
	}
	for _, tt := range tests {
		_, err := Open(tt.ctx, strings.NewReader(tt.blob), int64(len(tt.blob)), "", tt.opts)
		if !errors.Is(err, tt.is) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.is)
		}
	}
	var e *UnsupportedError
	small := &Options{MaxMemory: 5}
	_, err := Open(t.Context(), strings.NewReader(unbase64(t, helloBzip2)), int64(len(unbase64(t, helloBzip2))), "", small)
	if !errors.As(err, &e) || e.Format != Bzip2 || e.Reason != "of more than 5 bytes" {
		t.Errorf("large bzip2: %v", err)
	}
}

// TestCorrupt changes bytes of a compressed layer and of its index: an error, or the right bytes.
func TestCorrupt(t *testing.T) {
	var files []string
	for i := range 40 {
		files = append(files, fmt.Sprintf("d/%02d %s", i, strings.Repeat(fmt.Sprint(i*i, " some text "), 50)))
	}
	blob := gzipOf(t, tarOf(t, false, files...))
	x, err := BuildIndex(t.Context(), strings.NewReader(blob), nil)
	if err != nil {
		t.Fatal(err)
	}
	var stored bytes.Buffer
	if _, err := x.WriteTo(&stored); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(blob); at += 37 {
		b := []byte(blob)
		b[at] ^= 0x10
		readSome(t, b, stored.Bytes(), files)
	}
	for at := 0; at < stored.Len(); at += 41 {
		b := bytes.Clone(stored.Bytes())
		b[at] ^= 0x10
		readSome(t, []byte(blob), b, files)
	}
}

func readSome(t *testing.T, blob, index []byte, files []string) {
	t.Helper()
	x, err := OpenIndex(bytes.NewReader(index), int64(len(index)))
	if err != nil {
		return
	}
	a, err := Open(t.Context(), bytes.NewReader(blob), int64(len(blob)), "", &Options{Index: x})
	if err != nil {
		return
	}
	for _, f := range files {
		name, want, _ := strings.Cut(f, " ")
		if b, err := fs.ReadFile(a.FS(), name); err == nil && string(b) != want {
			t.Errorf("%s: %d other bytes without an error", name, len(b))
		}
	}
}
