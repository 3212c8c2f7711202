package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"vitrine/explore/tarfs"
)

var (
	bombSize = flag.Int64("bomb", 8, "MiB of zeros in the test of bombs: 10240 are 10 GB in 10 MB")
	damages  = flag.Int("damages", 5, "tries with each kind of layer in the tests of damage")
)

// allocated returns how many bytes were allocated by f, those of garbage too: it cannot need more.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// fixed is what a pass takes whatever it reads: the pieces on their way, the decoder, the encoders.
const fixed = 8 << 20

// TestBomb indexes a layer whose one file is zeros, and reads in it: memory is that of the index, and a constant.
func TestBomb(t *testing.T) {
	size := *bombSize << 20
	blob := zerosLayer(t, size)
	var x *Index
	n := allocated(func() {
		var err error
		if x, err = BuildIndex(t.Context(), bytes.NewReader(blob), nil); err != nil {
			t.Fatal(err)
		}
	})
	if n > fixed+4*x.Size() {
		t.Errorf("%d bytes allocated for a layer of %d and its index of %d", n, len(blob), x.Size())
	}
	a, err := Open(t.Context(), bytes.NewReader(blob), int64(len(blob)), "", &Options{Index: x})
	if err != nil {
		t.Fatal(err)
	}
	f, err := a.FS().Open("zeros")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 4<<10)
	for off := int64(0); off < size; off += size / 7 {
		p[1] = 1
		if n, err := f.(io.ReaderAt).ReadAt(p, off); err != nil && err != io.EOF || !bytes.Equal(p[:n], make([]byte, n)) || n == 0 {
			t.Errorf("ReadAt(%d) = %d, %v, or other bytes", off, n, err)
		}
	}
	t.Logf("%d bytes become %d, with an index of %d; %d allocated", size, len(blob), x.Size(), n)
}

func zerosLayer(t *testing.T, size int64) []byte {
	t.Helper()
	var blob bytes.Buffer
	z, err := gzip.NewWriterLevel(&blob, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "zeros", Size: size}); err != nil {
		t.Fatal(err)
	}
	for zeros := make([]byte, 1<<20); size > 0; size -= int64(len(zeros)) {
		if _, err := w.Write(zeros[:min(size, int64(len(zeros)))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return blob.Bytes()
}

// TestDeclaredSizes opens what promises more than there is: errors, for little memory.
func TestDeclaredSizes(t *testing.T) {
	tarWith := func(typ byte, size string) string {
		b := []byte(tarOf(t, true, "name "))
		b[156] = typ
		copy(b[124:], size)
		copy(b[148:], "        ")
		sum := 0
		for _, c := range b[:512] {
			sum += int(c)
		}
		copy(b[148:], fmt.Sprintf("%06o\x00", sum))
		return string(b)
	}
	zipWith := func(files, directory uint64) string {
		b := []byte(zipOf(t, "a text"))
		end := bytes.LastIndex(b, []byte("PK\x05\x06"))
		tail := bytes.Clone(b[end:])
		copy(tail[8:], bytes.Repeat([]byte{0xff}, 12))
		b = append(append(b[:end], "PK\x06\x06"...), make([]byte, 52)...)
		le.PutUint64(b[end+4:], 44)
		le.PutUint64(b[end+32:], files)
		le.PutUint64(b[end+40:], directory)
		b = append(b, "PK\x06\x07\x00\x00\x00\x00"...)
		b = binary.LittleEndian.AppendUint64(b, uint64(end))
		return string(append(append(b, 1, 0, 0, 0), tail...))
	}
	pax := tarWith('x', "00000000034\x00") + "28 size=9000000000000000000\n" + strings.Repeat("\x00", 484)
	tests := []struct{ name, blob, want string }{
		{"tar", tarWith('0', "77777777777\x00") + "text", "unexpected EOF"},
		{"tar, base 256", tarWith('0', "\x80\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00") + "text", "unexpected EOF"},
		{"tar, PAX", pax + tarOf(t, true, "a text"), "unexpected EOF"},
		{"tar, extended header", tarWith('x', "77777777777\x00") + "text", "tar exceeds a limit: extended header of 8589934591 bytes"},
		{"tar, long name", tarWith('L', "77777777777\x00") + "text", "tar exceeds a limit: extended header of 8589934591 bytes"},
		{"ar", strings.Replace(arOf("a text"), "4         `", "9999999999`", 1), "unexpected EOF"},
		{"ar, names", strings.Replace(arOf("// text"), "4         `", "9999999999`", 1), "unexpected EOF"},
		{"cpio", strings.Replace(cpioOf("100644 2 1 a text"), "00000004", "FFFFFFFF", 1), "unexpected EOF"},
		{"cpio, name", strings.Replace(cpioOf("100644 2 1 a text"), "0000000200000000a", "FFFFFFFF00000000a", 1), "length of a name"},
		{"rpm", strings.Replace(rpmOf("x"), "\x00\x00\x00\x09", "\xff\xff\xff\xff", 1), "no header of rpm"},
		{"zip, files", zipWith(1<<40, 52), "archive: this is zip: of more than 131072 files"},
		{"zip, directory", zipWith(1, 1<<62), "archive: this is zip: with a directory of more than 8388608 bytes"},
		{"zip, both small", zipWith(1, 47), "<nil>"},
	}
	for _, tt := range tests {
		for _, blob := range []string{tt.blob, gzipOf(t, tt.blob)} {
			var err error
			n := allocated(func() { _, err = Open(t.Context(), strings.NewReader(blob), int64(len(blob)), "", nil) })
			if Detect([]byte(blob), "") == Gzip && err == nil {
				continue // one file of no format that is looked into
			}
			if got := fmt.Sprint(err); !strings.HasSuffix(got, tt.want) {
				t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
			}
			if n > fixed {
				t.Errorf("%s: %d bytes allocated", tt.name, n)
			}
		}
	}
}

// TestZipDirectory hides files from the end of a zip that counts them, which archive/zip compares modulo 65536 only.
func TestZipDirectory(t *testing.T) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for range 1<<16 + 1 {
		if _, err := w.CreateRaw(&zip.FileHeader{Name: "a", Method: zip.Store}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	blob := buf.Bytes()
	if _, err := Open(t.Context(), bytes.NewReader(blob), int64(len(blob)), "", nil); err != nil {
		t.Errorf("65537 files: %v", err)
	}
	var unsupported *UnsupportedError
	if _, err := Open(t.Context(), bytes.NewReader(blob), int64(len(blob)), "", &Options{MaxMemory: 1 << 20}); !errors.As(err, &unsupported) {
		t.Errorf("65537 files in 1 MiB: %v", err)
	}
	locator, end := bytes.LastIndex(blob, []byte("PK\x06\x07")), bytes.LastIndex(blob, []byte("PK\x05\x06"))
	directory := bytes.Index(blob, []byte("PK\x01\x02"))
	blob[locator] = 'x' // no Zip64 any more
	le.PutUint16(blob[end+10:], 1)
	le.PutUint32(blob[end+12:], 47)
	le.PutUint32(blob[end+16:], uint32(directory))
	if _, err := Open(t.Context(), bytes.NewReader(blob), int64(len(blob)), "", nil); !errors.Is(err, errZipDirectory) {
		t.Errorf("one file, and 65536 more: %v, want %v", err, errZipDirectory)
	}
}

// layers are compressed tars of all kinds, with the same files.
func layers(t *testing.T, files []string) map[string]string {
	plain := tarOf(t, false, files...)
	all := map[string]string{
		"members": gzipOf(t, plain[:5000], plain[5000:5100], "", plain[5100:]),
		"padding": gzipOf(t, plain) + strings.Repeat("\x00", 100),
		"apk":     gzipOf(t, tarOf(t, true, ".SIGN.RSA.key signature"), tarOf(t, true, ".PKGINFO name"), plain),
	}
	var member []string
	for at := 0; at < len(plain); at += 1536 {
		member = append(member, plain[at:min(len(plain), at+1536)])
	}
	all["a member for each file"] = gzipOf(t, member...)
	for _, level := range []int{gzip.HuffmanOnly, gzip.NoCompression, gzip.BestSpeed, 6, gzip.BestCompression} {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, level)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, plain)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprint("level ", level)] = b.String()
	}
	return all
}

// TestDamagedLayers changes layers at random, with and without an index made before: an error, or the right bytes.
func TestDamagedLayers(t *testing.T) {
	var files []string
	for i := range 40 {
		files = append(files, fmt.Sprintf("d/%02d %s", i, strings.Repeat(fmt.Sprint(i*i, " some text "), 50)))
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for kind, blob := range layers(t, files) {
		x, err := BuildIndex(t.Context(), strings.NewReader(blob), nil)
		if err != nil {
			t.Fatal(kind, err)
		}
		var stored bytes.Buffer
		if _, err := x.WriteTo(&stored); err != nil {
			t.Fatal(err)
		}
		for range *damages {
			b := []byte(blob)
			for range 1 + rnd.IntN(3) {
				b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
			}
			readSome(t, b, stored.Bytes(), files)
			if a, err := Open(t.Context(), bytes.NewReader(b), int64(len(b)), "", nil); err == nil {
				readFiles(t, a, files)
			}
		}
	}
}

func readFiles(t *testing.T, a *Archive, files []string) {
	t.Helper()
	for _, f := range files {
		name, want, _ := strings.Cut(f, " ")
		if b, err := fs.ReadFile(a.FS(), name); err == nil && string(b) != want {
			t.Errorf("%s: %d other bytes without an error", name, len(b))
		}
	}
}

// TestVisit follows a pass over each format: every entry, in the order of the archive, with its path and digest.
func TestVisit(t *testing.T) {
	files := tarOf(t, false, "./a/b text", "c other")
	for _, tt := range []struct{ name, blob, want string }{
		{"tar", files, "a/b c"},
		{"tar+gzip", gzipOf(t, files), "a/b c"},
		{"apk", gzipOf(t, tarOf(t, true, ".PKGINFO name"), files), ".PKGINFO a/b c"},
		{"gzip", gzipOf(t, "text"), "content"},
		{"ar", arOf("short/ 1", "#1/8 bsd-nameX"), "short bsd-name"},
		{"cpio", cpioOf("40755 1 2 d ", "100644 4 2 x ", "100644 2 1 d/f text", "100644 4 2 y both"), "d d/f x y"},
		{"cpio+gzip", gzipOf(t, cpioOf("100644 2 1 ./d/f text")), "d/f"},
		{"rpm", rpmOf(gzipOf(t, cpioOf("100644 2 1 ./d/f text"))), "d/f"},
		{"plain", "text", "content"},
	} {
		var got []string
		o := &Options{Tar: tarfs.Options{Visit: func(e *tarfs.Entry) {
			got = append(got, e.Path)
			if e.Type == tarfs.TypeReg && e.SHA256 == [32]byte{} {
				t.Errorf("%s: %s without a digest", tt.name, e.Path)
			}
		}}}
		if _, err := BuildIndex(t.Context(), strings.NewReader(tt.blob), o); err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: visited %q, %v, want %s", tt.name, got, err, tt.want)
		}
	}
}

// TestPrompt wants an entry to be visited while what follows it is not there yet.
func TestPrompt(t *testing.T) {
	archive := tarOf(t, false, "a 1", "b 2")
	visited := make(chan string, 2)
	o := &Options{Tar: tarfs.Options{Visit: func(e *tarfs.Entry) { visited <- e.Path }}}
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := BuildIndex(t.Context(), r, o)
		done <- err
	}()
	for _, c := range []struct{ part, want string }{{archive[:1024], ""}, {archive[1024:1536], "a"}, {archive[1536:], "b"}} {
		io.WriteString(w, c.part)
		if c.want != "" {
			if got := <-visited; got != c.want {
				t.Errorf("visited %s, want %s", got, c.want)
			}
		}
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
