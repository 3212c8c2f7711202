package inspect

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateRPM = flag.Bool("update-rpmdb", false, "write testdata/rpmdb.sqlite anew, by sqlite3")

// Tags of RPM.
const (
	tagName, tagVersion, tagRelease, tagEpoch = 1000, 1001, 1002, 1003
	tagSummary, tagSize, tagVendor, tagArch   = 1004, 1009, 1011, 1022
	tagSource, tagDirIndexes                  = 1044, 1116
	tagBaseNames, tagDirNames                 = 1117, 1118
)

// rpmBlob makes a header as RPM stores it.
func rpmBlob(texts map[uint32][]string, numbers map[uint32][]uint32) []byte {
	var index, data []byte
	be := binary.BigEndian
	n := uint32(0)
	entry := func(tag, kind uint32, count int, value []byte) {
		for _, v := range []uint32{tag, kind, uint32(len(data)), uint32(count)} {
			index = be.AppendUint32(index, v)
		}
		data = append(data, value...)
		n++
	}
	for _, tag := range slices.Sorted(keysOf(texts)) {
		entry(tag, 8, len(texts[tag]), []byte(strings.Join(texts[tag], "\x00")+"\x00"))
	}
	for _, tag := range slices.Sorted(keysOf(numbers)) {
		var b []byte
		for _, v := range numbers[tag] {
			b = be.AppendUint32(b, v)
		}
		entry(tag, 4, len(numbers[tag]), b)
	}
	return slices.Concat(be.AppendUint32(be.AppendUint32(nil, n), uint32(len(data))), index, data)
}

func keysOf[V any](m map[uint32]V) func(func(uint32) bool) {
	return func(yield func(uint32) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// rpmPackage makes the i-th package of a data base: the 7th owns so many files that its header has pages of its own.
func rpmPackage(i int) (blob []byte, want string) {
	files, dirs := []string{"a"}, []uint32{0}
	if i == 7 {
		for j := range 300 {
			files, dirs = append(files, fmt.Sprintf("file-%d", j)), append(dirs, uint32(j%2))
		}
	}
	texts := map[uint32][]string{tagName: {fmt.Sprintf("package-%d", i)}, tagVersion: {"1.2"}, tagRelease: {"3.el9"}, tagArch: {"x86_64"}, tagSummary: {"A summary", "Eine"},
		tagSource: {"source-1.2-3.el9.src.rpm"}, tagVendor: {"Red Hat, Inc."}, tagBaseNames: files, tagDirNames: {"/usr/bin/", "/etc/"}}
	numbers := map[uint32][]uint32{tagSize: {uint32(1000 + i)}, tagDirIndexes: dirs}
	epoch := ""
	if i == 5 {
		numbers[tagEpoch], epoch = []uint32{2}, "epoch=2&"
	}
	want = fmt.Sprintf("pkg:rpm/redhat/package-%d@1.2-3.el9?arch=x86_64&%supstream=source-1.2-3.el9.src.rpm %d %d A summary", i, epoch, 1000+i, len(files))
	return rpmBlob(texts, numbers), want
}

const rpmCount = 40

func readRPM(t *testing.T, data []byte) (got []string) {
	t.Helper()
	for p, err := range Packages(bytes.NewReader(data), int64(len(data))) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintln(p.Purl("redhat", ""), p.Size, len(p.Files), p.Description))
		if n := len(p.Files); p.Files[0] != "usr/bin/a" || n > 2 && p.Files[n-1] != "etc/file-299" {
			t.Errorf("%s: files %q to %q", p.Name, p.Files[0], p.Files[n-1])
		}
	}
	return got
}

// TestRPMPackages reads a data base that sqlite3 wrote in pages of 512 bytes, so that its table has a tree and rows have pages of their own.
func TestRPMPackages(t *testing.T) {
	name := filepath.Join("testdata", "rpmdb.sqlite")
	if *updateRPM {
		if err := os.WriteFile(name, makeRPM(t, 512), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range rpmCount {
		_, s := rpmPackage(i)
		want = append(want, s+"\n")
	}
	compare(t, "rpmdb.sqlite", readRPM(t, data), want)
	d, err := inspect(t, name, data)
	if err != nil || d.Title != "40 packages" || !strings.Contains(printDoc(d), "\npackage-5 <purl pkg:rpm/redhat/package-5@1.2-3.el9?arch=x86_64&epoch=2&upstream=source-1.2-3.el9.src.rpm> | 1.2-3.el9 | x86_64 | 1005 | A summary\n") {
		t.Errorf("%s, %v", printDoc(d), err)
	}
	if !hasProgram(t, "sqlite3") {
		return
	}
	for _, page := range []int{1024, 4096, 65536} {
		compare(t, fmt.Sprintf("pages of %d bytes", page), readRPM(t, makeRPM(t, page)), want)
	}
}

// sqlite3 runs the program of that name on a new data base, and returns that.
func sqlite3(t *testing.T, sql string) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "db")
	cmd := exec.Command("sqlite3", name)
	cmd.Stdin = strings.NewReader(sql)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("sqlite3: %v\n%s", err, out)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func makeRPM(t *testing.T, page int) []byte {
	t.Helper()
	var sql strings.Builder
	fmt.Fprintf(&sql, "PRAGMA page_size=%d; BEGIN; CREATE TABLE 'Name' (key TEXT, hnum INTEGER); CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);\n", page)
	for i := range rpmCount {
		blob, _ := rpmPackage(i)
		fmt.Fprintf(&sql, "INSERT INTO Packages (blob) VALUES (X'%x');\n", blob)
	}
	sql.WriteString("COMMIT;")
	return sqlite3(t, sql.String())
}

// TestSQLite: what is shown of a data base, which sqlite3 made.
func TestSQLite(t *testing.T) {
	if !hasProgram(t, "sqlite3") {
		t.Skip("there is nothing to look at")
	}
	data := sqlite3(t, "PRAGMA application_id=7; PRAGMA user_version=42; CREATE TABLE a (b TEXT,\n c); CREATE INDEX i ON a (b); CREATE VIEW v AS SELECT 1;")
	d, err := inspect(t, "a", data)
	if err != nil {
		t.Fatal(err)
	}
	got := printDoc(d)
	for _, want := range []string{"sqlite: SQLite data base, 3 tables and the like\n", "Page size: 4096\nPages: 3\nFree pages: 0\nEncoding: UTF-8\nUser version: 42\nApplication ID: 0x7\n",
		"\ntable | a | a | 2 | CREATE TABLE a (b TEXT, c)\nindex | i | a | 3 | CREATE INDEX i ON a (b)\nview | v | v | 0 | CREATE VIEW v AS SELECT 1\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
}

// TestSQLiteHostile: trees without end, rows that are not there.
func TestSQLiteHostile(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "rpmdb.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(b []byte){
		"pages of 3 bytes":      func(b []byte) { b[16], b[17] = 0, 3 },
		"all reserved":          func(b []byte) { b[20] = 255 },
		"many cells":            func(b []byte) { b[103], b[104] = 255, 255 },
		"a tree that is a ring": func(b []byte) { b[100] = 5; copy(b[108:], "\x00\x00\x00\x01") },
		"rows of 2^60 bytes": func(b []byte) {
			for i := 512; i < len(b)-9; i++ {
				if b[i] == 0x84 {
					copy(b[i:], "\xff\xff\xff\xff\xff\xff\xff\xff\x01")
				}
			}
		},
	} {
		bad := slices.Clone(good)
		change(bad)
		spent := allocated(func() {
			inspect(t, what, bad)
			for _, err := range Packages(bytes.NewReader(bad), int64(len(bad))) {
				if err != nil {
					break
				}
			}
		})
		if spent > 16<<20 {
			t.Errorf("%s: %d bytes of memory", what, spent)
		}
	}
}

func FuzzSQLite(f *testing.F) {
	good, err := os.ReadFile(filepath.Join("testdata", "rpmdb.sqlite"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good[16 : 16*512])
	f.Fuzz(func(t *testing.T, rest []byte) {
		b := append([]byte("SQLite format 3\x00"), rest...)
		inspect(t, "a", b)
		n := 0
		for range Packages(bytes.NewReader(b), int64(len(b))) {
			if n++; n > 1000 {
				break
			}
		}
	})
}

func FuzzRPMHeader(f *testing.F) {
	blob, _ := rpmPackage(5)
	f.Add(blob)
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, ok := rpmHeader(b); ok && (p.Name == "" || len(p.Files) > len(b)) {
			t.Errorf("%+v", p)
		}
	})
}
