package tarfs

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// told is an entry as archive/tar tells it.
type told struct {
	tar.Header
	content []byte
	large   bool // there is more content
}

// maxTold bounds what the oracle reads of one file: some are sparse and have terabytes.
const maxTold = 1 << 20

// tell reads an archive with archive/tar.
func tell(r io.Reader) (all []told, err error) {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		content, err := io.ReadAll(io.LimitReader(tr, maxTold+1))
		large := len(content) > maxTold
		all = append(all, told{*h, content[:min(len(content), maxTold)], large})
		if err != nil {
			return all, err
		}
	}
}

// checkOracle indexes an archive and compares everything with archive/tar.
func checkOracle(t *testing.T, archive []byte) *FS {
	t.Helper()
	want, wantErr := tell(bytes.NewReader(archive))
	table, err := Index(bytes.NewReader(archive), &Options{MaxHoles: 4 * maxTold, MaxName: 2 << 20})
	partly := slices.ContainsFunc(want, func(w told) bool { return w.large }) // its end may be wrong, which the oracle did not see
	if (err != nil) != (wantErr != nil) && !(err != nil && partly) {
		t.Fatalf("Index: %v, archive/tar: %v", err, wantErr)
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(archive)) {
			t.Fatalf("Index: %v: want an *Error inside the stream", err)
		}
		return nil
	}
	fsys := New(bytes.NewReader(archive), table)
	got := inOrder(t, table)
	if len(got) != len(want) {
		t.Fatalf("%d entries, archive/tar has %d", len(got), len(want))
	}
	for i, e := range got {
		compare(t, fsys, e, want[i])
	}
	if info := table.Info(); info.SHA256 != sha256.Sum256(archive) || info.Size != int64(len(archive)) {
		t.Errorf("Info = %+v for %d bytes", info, len(archive))
	}
	return fsys
}

// inOrder returns the entries of the archive in its order.
func inOrder(t *testing.T, table *Table) (entries []*Entry) {
	t.Helper()
	for e, err := range table.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		if !e.Synthetic {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b *Entry) int { return int(a.Header - b.Header) })
	return entries
}

func compare(t *testing.T, fsys *FS, e *Entry, want told) {
	t.Helper()
	h := tar.Header{
		Typeflag: e.Type, Name: e.Name, Linkname: e.Link, Size: e.Size, Mode: e.Mode, Uid: int(e.UID), Gid: int(e.GID),
		Uname: e.Uname, Gname: e.Gname, ModTime: e.ModTime, Devmajor: e.DevMajor, Devminor: e.DevMinor,
	}
	w := want.Header
	if e.Type == TypeGlobal {
		h.ModTime = w.ModTime
	}
	if h.Typeflag != w.Typeflag || h.Name != w.Name || h.Linkname != w.Linkname || h.Size != w.Size || h.Mode != w.Mode ||
		h.Uid != w.Uid || h.Gid != w.Gid || h.Uname != w.Uname || h.Gname != w.Gname || !h.ModTime.Equal(w.ModTime) ||
		h.Devmajor != w.Devmajor || h.Devminor != w.Devminor {
		t.Errorf("entry at %d:\n got %+v\nwant %+v", e.Header, h, w)
	}
	records := maps.Clone(w.PAXRecords)
	if e.Type != TypeGlobal {
		maps.DeleteFunc(records, func(k, _ string) bool { return fieldRecords[k] })
	}
	if !maps.Equal(records, e.Records) {
		t.Errorf("%q: records %q, want %q", e.Name, e.Records, records)
	}
	if !e.hasContent() {
		return
	}
	if sum := sha256.Sum256(want.content); e.SHA256 != sum && !want.large && (e.Sparse == nil || e.SHA256 != [32]byte{}) {
		t.Errorf("%q: digest %x, want %x", e.Name, e.SHA256, sum)
	}
	if e.isDir() { // GNU's incremental backups have content there
		return
	}
	f, err := fsys.OpenEntry(e)
	if err != nil {
		t.Errorf("OpenEntry(%q): %v", e.Name, err)
		return
	}
	content, err := io.ReadAll(io.LimitReader(f, maxTold))
	if err != nil || !bytes.Equal(content, want.content) {
		t.Errorf("%q: read %d bytes, %v, want the %d of archive/tar", e.Name, len(content), err, len(want.content))
	}
}

// corpus returns the archives that archive/tar is tested with.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	paths, err := filepath.Glob(filepath.Join(runtime.GOROOT(), "src/archive/tar/testdata/*.tar*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var r io.Reader = f
		switch filepath.Ext(p) {
		case ".base64":
			r = base64.NewDecoder(base64.StdEncoding, f)
		case ".bz2":
			if strings.HasPrefix(filepath.Base(p), "gnu-sparse-many-zeros") {
				continue // slow to decompress; TestLongMap has such an archive
			}
			r = bzip2.NewReader(f)
		}
		archive, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		all[strings.TrimSuffix(filepath.Base(p), ".base64")] = archive
	}
	return all
}

// TestOracle reads all archives of archive/tar's tests as archive/tar does.
func TestOracle(t *testing.T) {
	all := corpus(t)
	if len(all) == 0 {
		t.Skip("this Go has no testdata")
	}
	for name, archive := range all {
		t.Run(name, func(t *testing.T) { checkOracle(t, archive) })
	}
}

// FuzzTar wants what archive/tar wants: the same entries with the same content, and errors where it has errors.
func FuzzTar(f *testing.F) {
	for _, archive := range corpus(f) {
		if len(archive) <= 16<<10 {
			f.Add(archive)
		}
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		checkOracle(t, fixChecksums(archive))
	})
}

// fixChecksums makes the headers of an archive that was changed valid again: without it nearly all changes end in the same error.
func fixChecksums(archive []byte) []byte {
	archive = bytes.Clone(archive)
	for at := 0; at+blockSize <= len(archive); at += blockSize {
		b := (*block)(archive[at:])
		if string(b.field(257, 5)) != "ustar" {
			continue
		}
		sum, _ := b.checksums()
		digits := []byte("000000\x00 ")
		for i := 5; i >= 0; i-- {
			digits[i] = '0' + byte(sum&7)
			sum >>= 3
		}
		copy(b.field(148, 8), digits)
	}
	return archive
}
