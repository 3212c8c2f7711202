package tarfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// encode returns a table as it is stored.
func encode(t testing.TB, table *Table) []byte {
	t.Helper()
	var buf bytes.Buffer
	n, err := table.WriteTo(&buf)
	if err != nil || n != table.Size() {
		t.Fatalf("WriteTo = %d, %v, want %d", n, err, table.Size())
	}
	return buf.Bytes()
}

// manyDirs writes an archive of empty files: dirs directories with files in each.
func manyDirs(w io.Writer, dirs, files int) error {
	tw := tar.NewWriter(w)
	for d := range dirs {
		for f := range files {
			h := &tar.Header{Name: fmt.Sprintf("usr/lib/%05d/file-%03d.txt", d, f), Mode: 0o644, Format: tar.FormatUSTAR}
			if err := tw.WriteHeader(h); err != nil {
				return err
			}
		}
	}
	return tw.Close()
}

func indexMany(t testing.TB, dirs, files int) *Table {
	t.Helper()
	r, w := io.Pipe()
	go func() { w.CloseWithError(manyDirs(w, dirs, files)) }()
	table, err := Index(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// counter counts what is read through it.
type counter struct {
	io.ReaderAt
	calls, bytes int
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	c.calls++
	c.bytes += len(p)
	return c.ReaderAt.ReadAt(p, off)
}

// dirCount is how many directories of 50 files TestLazy makes: 20000 are a million entries.
var dirCount = flag.Int("dirs", 300, "directories of 50 files in the test of large tables")

// TestLazy wants a directory of a large archive for a few reads of little.
func TestLazy(t *testing.T) {
	const files = 50
	dirs := *dirCount
	stored := encode(t, indexMany(t, dirs, files))
	count := &counter{ReaderAt: bytes.NewReader(stored)}
	table, err := OpenTable(count, int64(len(stored)))
	if err != nil {
		t.Fatal(err)
	}
	if want := dirs*files + dirs + 3; table.Len() != want {
		t.Errorf("Len = %d, want %d", table.Len(), want)
	}
	fsys := New(bytes.NewReader(nil), table)
	opened := count.bytes
	list, err := fsys.ReadDir("usr/lib/00177")
	if err != nil || len(list) != files || list[49].Name() != "file-049.txt" {
		t.Errorf("ReadDir = %d entries, %v", len(list), err)
	}
	if most := 64<<10 + dirs*files/3; count.calls > 8 || count.bytes > most || count.bytes-opened > 64<<10 {
		t.Errorf("%d reads of %d bytes, %d to open the table, want at most 8 of %d", count.calls, count.bytes, opened, most)
	}
	for _, d := range []int{0, 1, dirs / 2, dirs - 1} {
		if list, err := fsys.ReadDir(fmt.Sprintf("usr/lib/%05d", d)); err != nil || len(list) != files {
			t.Errorf("ReadDir of %d = %d entries, %v", d, len(list), err)
		}
	}
}

// TestDamagedTable changes bytes of a table, and cuts it: an error or what it said before, but nothing else.
func TestDamagedTable(t *testing.T) {
	archive := write(t, "dir a/", "file a/b text", "file a/b other", "hard c a/b", "link d a", "char null")
	table, err := Index(bytes.NewReader(archive), nil)
	if err != nil {
		t.Fatal(err)
	}
	stored := encode(t, table)
	want := list(table)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range stored {
		damaged := bytes.Clone(stored)
		damaged[i] ^= byte(1 + rnd.IntN(255))
		checkDamaged(t, damaged, want)
		checkDamaged(t, stored[:i], want)
	}
	checkDamaged(t, append(stored, 0), want)
}

func checkDamaged(t *testing.T, stored []byte, want string) {
	t.Helper()
	table, err := OpenTable(bytes.NewReader(stored), int64(len(stored)))
	if err == nil {
		if got := list(table); strings.Contains(got, "error") || got == want {
			return
		}
	}
	if !errors.Is(err, ErrTable) {
		t.Errorf("%d bytes: %v, want ErrTable", len(stored), err)
	}
}

// list tells all of a table in a string.
func list(table *Table) string {
	var b strings.Builder
	for e, err := range table.Entries() {
		if err != nil {
			return "error: " + err.Error()
		}
		fmt.Fprintf(&b, "%+v\n", *e)
	}
	return b.String()
}

// TestVersion wants a table of another version refused by name.
func TestVersion(t *testing.T) {
	stored := encode(t, indexMany(t, 1, 1))
	stored[6]++
	_, err := OpenTable(bytes.NewReader(stored), int64(len(stored)))
	if !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), "version 2, want 1") {
		t.Errorf("OpenTable = %v", err)
	}
}

// TestSeparators looks every name up, where blocks begin and end too, and names between them.
func TestSeparators(t *testing.T) {
	var lines []string
	rnd := rand.New(rand.NewPCG(3, 4))
	seen := map[string]bool{}
	for len(lines) < 3000 {
		name := fmt.Sprintf("%c/%c%c", 'a'+rnd.IntN(3), 'a'+rnd.IntN(26), 'a'+rnd.IntN(26))
		for rnd.IntN(3) > 0 {
			name += string(rune('a' + rnd.IntN(3)))
		}
		if !seen[name] || rnd.IntN(4) == 0 { // some are overwritten
			lines = append(lines, "file "+name)
		}
		seen[name] = true
	}
	for range 600 { // one path in several blocks
		lines = append(lines, "file a/aaa")
	}
	seen["a/aaa"] = true
	table, err := Index(bytes.NewReader(write(t, lines...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name := range seen {
		if e, err := table.Lookup(name); err != nil || e.Path != name || e.Overwritten {
			t.Fatalf("Lookup(%q) = %v, %v", name, e, err)
		}
		if _, err := table.Lookup(name + "-"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("Lookup(%q) = %v, want ErrNotExist", name+"-", err)
		}
	}
	if old, err := New(nil, table).Overwritten("a/aaa"); err != nil || len(old) < 599 {
		t.Errorf("Overwritten = %d entries, %v, want 599 at least", len(old), err)
	}
	n := 0
	for dir := range strings.SplitSeq("abc", "") {
		for e, err := range table.Dir(dir, "") {
			if err != nil || !seen[e.Path] {
				t.Fatalf("Dir(%q): %v, %v", dir, e, err)
			}
			n++
		}
	}
	if n != len(seen) {
		t.Errorf("directories have %d entries, want %d", n, len(seen))
	}
}

func TestLimits(t *testing.T) {
	long := strings.Repeat("long/", 900)
	tests := []struct {
		name  string
		opts  Options
		lines []string
		want  string
	}{
		{"entries", Options{MaxEntries: 2}, []string{"file a", "file b", "file c"}, "offset 1024: tar exceeds a limit: more than 2 entries"},
		{"made up", Options{MaxEntries: 4}, []string{"file a/b/c/d/e/f"}, "offset 0: tar exceeds a limit: more than 4 directories"},
		{"name", Options{}, []string{"file x", "file " + long + "x"}, "offset 5632: tar exceeds a limit: more than 4096 bytes in a path"},
		{"meta", Options{MaxMeta: 200}, []string{"file a/b/c", "file d", "file e/f"}, "tar exceeds a limit: more than 200 bytes of names and records"},
	}
	for _, tt := range tests {
		_, err := Index(bytes.NewReader(write(t, tt.lines...)), &tt.opts)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// TestErrors wants errors where the archive is wrong, with the place.
func TestErrors(t *testing.T) {
	archive := write(t, "file a 0123456789", "file b 0123456789")
	damage := func(at int) []byte {
		b := bytes.Clone(archive)
		b[at] ^= 0x40
		return b
	}
	broken := errors.New("broken")
	tests := []struct {
		name   string
		r      io.Reader
		offset int64
		want   error
	}{
		{"header", bytes.NewReader(damage(1024 + 20)), 1024, ErrHeader},
		{"first header", bytes.NewReader(damage(0)), 0, ErrHeader},
		{"no tar", strings.NewReader(strings.Repeat("no tar ", 100)), 0, ErrHeader},
		{"cut in a header", bytes.NewReader(archive[:1100]), 1100, io.ErrUnexpectedEOF},
		{"cut in content", bytes.NewReader(archive[:517]), 517, io.ErrUnexpectedEOF},
		{"one block of zeros", io.MultiReader(bytes.NewReader(archive[:2048]), bytes.NewReader(make([]byte, 512)), bytes.NewReader(archive[:512])), 2048, ErrHeader},
		{"reader", io.MultiReader(bytes.NewReader(archive[:600]), failing{broken}), 600, broken},
		{"reader behind the end", io.MultiReader(bytes.NewReader(archive), failing{broken}), int64(len(archive)), broken},
	}
	for _, tt := range tests {
		_, err := Index(tt.r, nil)
		var e *Error
		if !errors.As(err, &e) || e.Offset != tt.offset || !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v at offset %d", tt.name, err, tt.want, tt.offset)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestTrailing wants what follows the archive to count for the stream only.
func TestTrailing(t *testing.T) {
	archive := write(t, "file a text")
	for _, tt := range []struct {
		name    string
		archive []byte
		end     int64
	}{
		{"two blocks of zeros", archive, int64(len(archive))},
		{"garbage", append(bytes.Clone(archive), "garbage"...), int64(len(archive))},
		{"no zeros", archive[:1024], 1024},
		{"no padding", archive[:516], 516},
		{"nothing", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys := checkOracle(t, tt.archive)
			if got := fsys.Table().Info().End; got != tt.end {
				t.Errorf("End = %d, want %d", got, tt.end)
			}
		})
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "plain", "caf\xe9", "\uFFFD", "\uFFFDE9", "a\x00b", "\xef\xbf", "ü\xff\uFFFDü"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		shown := Escape(name)
		if !utf8.ValidString(shown) || strings.Contains(shown, "\x00") || Unescape(shown) != name {
			t.Errorf("Escape(%q) = %q, back to %q", name, shown, Unescape(shown))
		}
		if p := cleanPath(name); !fs.ValidPath(p) || keyPath(key(p)) != p {
			t.Errorf("cleanPath(%q) = %q, with key %q", name, p, key(p))
		}
		Unescape(name)
	})
}

// FuzzBlock decodes blocks that nobody encoded: an error or entries, and no more memory than there are bytes.
func FuzzBlock(f *testing.F) {
	archive := write(f, "dir a/", "file a/b text", "hard c a/b", "link d a", "char null")
	table, err := Index(bytes.NewReader(archive), nil)
	if err != nil {
		f.Fatal(err)
	}
	var entries []Entry
	for e, err := range table.Entries() {
		if err != nil {
			f.Fatal(err)
		}
		entries = append(entries, *e)
	}
	f.Add(appendBlock(nil, entries), 1)
	f.Fuzz(func(t *testing.T, plain []byte, digests int) {
		sums := bytes.Repeat([]byte{1}, 32*(digests&3))
		entries, err := decodeBlock(plain, sums)
		for _, e := range entries {
			if keyPath(key(e.Path)) != e.Path || strings.Contains(e.Path, "\x00") {
				return // no path
			}
		}
		if err != nil {
			return
		}
		again, err := decodeBlock(appendBlock(nil, entries), sums)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(entries) {
			t.Errorf("again: %v, %v\nwant %v", again, err, entries)
		}
	})
}
