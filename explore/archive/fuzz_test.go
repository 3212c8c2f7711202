package archive

import (
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"

	"vitrine/explore/tarfs"
)

// FuzzOpen opens what strangers send: an error, or files that a stored index shows in the same way.
func FuzzOpen(f *testing.F) {
	files := tarOf(f, false, "a/b text", "c other")
	for _, blob := range []string{
		files, gzipOf(f, files), gzipOf(f, "text"), zipOf(f, "a/b text"), arOf("// long-name/\n", "/0 22", "#1/8 bsd-nameX"),
		cpioOf("40755 1 2 d ", "100644 4 2 x ", "100644 4 2 y both"), gzipOf(f, cpioOf("100644 2 1 ./d/f text")), "text",
		rpmOf(cpioOf("100644 2 1 ./d/f text")), unbase64(f, helloBzip2), "\xfd7zXZ\x00\x00",
	} {
		f.Add([]byte(blob))
	}
	for _, codec := range []string{"gzip", "none", "bzip2", "xz"} {
		f.Add(rpmFixture(f, codec))
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		o := &Options{MaxSize: 1 << 20, MaxMemory: 1 << 20, Tar: tarfs.Options{MaxHoles: 1 << 20}}
		a, err := Open(t.Context(), bytes.NewReader(blob), int64(len(blob)), "", o)
		if err != nil {
			return
		}
		names := walk(a.FS())
		if a.Index == nil {
			return
		}
		var stored bytes.Buffer
		if _, err := a.Index.WriteTo(&stored); err != nil {
			t.Fatal(err)
		}
		x, err := OpenIndex(bytes.NewReader(stored.Bytes()), int64(stored.Len()))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Open(t.Context(), bytes.NewReader(blob), int64(len(blob)), "", &Options{Index: x})
		if err != nil {
			t.Fatal(err)
		}
		if got := walk(again.FS()); got != names {
			t.Errorf("with an index: %q, want %q", got, names)
		}
	})
}

// walk tells all names and the beginnings of all files.
func walk(fsys fs.FS) string {
	var b strings.Builder
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		b.WriteString(name + "\n")
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		r, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.CopyN(&b, r, 100)
		if err == io.EOF {
			return nil
		}
		return err
	})
	if err != nil {
		b.WriteString(err.Error())
	}
	return b.String()
}
