package tarfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"
)

// write makes an archive of one entry a line: "TYPE NAME [CONTENT or LINK]", TYPE being file, dir, hard, link, fifo or char.
func write(t testing.TB, lines ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i, line := range lines {
		typ, rest, _ := strings.Cut(line, " ")
		name, value, _ := strings.Cut(rest, " ")
		h := &tar.Header{Name: name, Mode: 0o644, ModTime: time.Unix(int64(1e9+i), 0), Format: tar.FormatGNU}
		switch typ {
		case "file":
			h.Typeflag, h.Size = tar.TypeReg, int64(len(value))
		case "dir":
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		case "hard":
			h.Typeflag, h.Linkname = tar.TypeLink, value
		case "link":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, value, 0o777
		case "fifo":
			h.Typeflag = tar.TypeFifo
		case "char":
			h.Typeflag, h.Devmajor, h.Devminor = tar.TypeChar, 1, 3
		default:
			t.Fatalf("no type in %q", line)
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if typ == "file" {
			io.WriteString(w, value)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// open indexes an archive and checks it against archive/tar on the way.
func open(t *testing.T, lines ...string) *FS {
	t.Helper()
	fsys := checkOracle(t, write(t, lines...))
	if fsys == nil {
		t.Fatal("no archive")
	}
	return fsys
}

// show answers one question, "OP NAME", in one line.
func show(fsys *FS, question string) string {
	op, name, _ := strings.Cut(question, " ")
	var answer any
	var err error
	switch op {
	case "read":
		var b []byte
		b, err = fs.ReadFile(fsys, name)
		answer = string(b)
	case "ls":
		var list []fs.DirEntry
		list, err = fsys.ReadDir(name)
		var names []string
		for _, e := range list {
			names = append(names, fmt.Sprint(e))
		}
		answer = strings.Join(names, ", ")
	case "link":
		answer, err = fsys.ReadLink(name)
	case "lstat", "stat":
		var info fs.FileInfo
		if info, err = fsys.Stat(name); op == "lstat" {
			info, err = fsys.Lstat(name)
		}
		if err == nil {
			answer = fmt.Sprint(info.Mode(), " ", info.Name(), " ", info.Size())
		}
	case "raw":
		var e *Entry
		if e, err = fsys.Entry(name); err == nil {
			answer = fmt.Sprintf("%q", e.Name)
		}
	case "old":
		var old []*Entry
		old, err = fsys.Overwritten(name)
		var ids []string
		for _, e := range old {
			ids = append(ids, fmt.Sprintf("%c%d", e.Type, e.ModTime.Unix()-1e9))
		}
		answer = strings.Join(ids, " ")
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return fmt.Sprint(answer)
}

func TestFS(t *testing.T) {
	tests := []struct {
		name, archive, questions string // entries and "question = answer", one a line
	}{
		{"empty", "", `
			ls . =
			stat . = drwxr-xr-x . 0
			stat a = error: stat a: tarfs: "a": file does not exist
			stat ../a = error: stat ../a: invalid argument`},
		{"missing parents", "file a/b/c text", `
			ls . = d a/
			ls a = d b/
			lstat a/b = drwxr-xr-x b 0
			raw a/b = ""
			read a/b/c = text
			ls a/b/c = error: readdir a/b/c: not a directory
			read a = error: read a: is a directory`},
		{"root", "dir ./\nfile ./a 1", `
			raw . = "./"
			raw a = "./a"
			ls . = - a`},
		{"cleaned", "file /abs 1\nfile ../../etc/passwd 2\nfile x/./y//../z 3\nfile .. 4", `
			read abs = 1
			read etc/passwd = 2
			raw etc/passwd = "../../etc/passwd"
			read x/z = 3
			ls . = - abs, d etc/, d x/
			old . = 03`},
		{"no UTF-8", "file caf\xe9/\xff 1\nfile \uFFFD 2\nlink l caf\xe9/\xff", `
			ls . = d caf` + "\uFFFDE9/, L l, - \uFFFDEF\uFFFDBF\uFFFDBD" + `
			raw caf` + "\uFFFDE9/\uFFFDFF" + ` = "caf\xe9/\xff"
			read l = 1`},
		{"last wins", "file a one\nfile b\nfile a two\nfile a three\ndir d/\ndir d/", `
			read a = three
			ls . = - a, - b, d d/
			old a = 02 00
			old b =
			old d = 54`},
		{"below a file", "dir a/\nfile a/b 1\nfile a 2", `
			read a/b = 1
			ls . = d a/
			old a = 02 50`},
		{"symbolic links", "file d/f text\nlink a d/f\nlink b /d/../d/./f\nlink c ../../d\nlink d/up ..\nlink dead none\nlink e c/up/a", `
			read a = text
			read b = text
			read c/f = text
			read c/up/c/up/a = text
			read e = text
			ls c = - f, L up
			lstat a = Lrwxrwxrwx a 3
			stat a = -rw-r--r-- a 4
			link b = /d/../d/./f
			link d/f = error: readlink d/f: invalid argument
			read dead = error: open dead: tarfs: "none": file does not exist
			lstat dead = Lrwxrwxrwx dead 4
			read a/x = error: open a/x: file does not exist`},
		{"cycles", "link a b\nlink b a\nlink self self\nlink deep deep/x", `
			read a = error: open a: too many levels of symbolic links
			read self = error: open self: too many levels of symbolic links
			read deep = error: open deep: too many levels of symbolic links
			ls . = L a, L b, L deep, L self`},
		{"hard links", "file a one\nhard b a\nhard c ./b\nfile a two\nhard d a\nlink s d\nhard t s\nhard self self\nhard lost /gone\nhard early late\nfile late 3", `
			read a = two
			read b = one
			read c = one
			read d = two
			lstat c = -rw-r--r-- c 3
			read t = two
			lstat t = Lrwxrwxrwx t 1
			link t = d
			read early = 3
			lstat lost = ?rw-r--r-- lost 0
			read lost = error: open lost: target of the hard link is not in the archive ("/gone"): file does not exist
			read self = error: open self: target of the hard link is not in the archive ("self"): file does not exist
			raw c = "c"`},
		{"devices", "fifo f\nchar null", `
			lstat f = prw-r--r-- f 0
			lstat null = Dcrw-r--r-- null 0
			read f =`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			if tt.archive != "" {
				lines = strings.Split(tt.archive, "\n")
			}
			fsys := open(t, lines...)
			for _, line := range strings.Split(strings.TrimSpace(tt.questions), "\n") {
				question, want, _ := strings.Cut(strings.TrimSpace(line), " =")
				if got := show(fsys, question); got != strings.TrimSpace(want) {
					t.Errorf("%s = %s, want %s", question, got, strings.TrimSpace(want))
				}
			}
			if tt.name != "hard links" && tt.name != "empty" { // where all that is listed can be opened
				testFS(t, fsys)
			}
		})
	}
}

// testFS runs the checks of fstest over everything there is. They do not open symbolic links that lead nowhere or to directories.
func testFS(t *testing.T, fsys *FS) {
	t.Helper()
	var names []string
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if name != "." {
			names = append(names, name)
		}
		if e.Type() == fs.ModeSymlink {
			if _, err := fsys.Stat(name); err != nil {
				names = nil
				return fs.SkipAll // fstest opens it
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if names == nil {
		return
	}
	if err := fstest.TestFS(fsys, names...); err != nil {
		t.Error(err)
	}
}

// TestFiles holds open files to the contracts of their interfaces.
func TestFiles(t *testing.T) {
	text := strings.Repeat("all work and no play ", 1000)
	fsys := open(t, "file a/text "+text, "file b next")
	f, err := fsys.Open("a/text")
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(f, []byte(text)); err != nil {
		t.Error(err)
	}
	var buf bytes.Buffer
	f.(io.Seeker).Seek(5, io.SeekStart)
	if n, err := io.Copy(&buf, f); err != nil || n != int64(len(text)-5) || buf.String() != text[5:] {
		t.Errorf("Copy = %d, %v", n, err)
	}
	if n, err := f.(io.WriterTo).WriteTo(&buf); n != 0 || err != nil {
		t.Errorf("WriteTo at the end = %d, %v", n, err)
	}
}

// TestShortData wants an error where the bytes are fewer than the table says, not a file that is cut.
func TestShortData(t *testing.T) {
	archive := write(t, "file a 0123456789")
	table, err := Index(bytes.NewReader(archive), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.ReadFile(New(bytes.NewReader(archive[:blockSize+5]), table), "a")
	if string(b) != "01234" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("ReadFile = %q, %v, want 01234 and %v", b, err, io.ErrUnexpectedEOF)
	}
}

// TestPages reads a directory in pages, and from a name on.
func TestPages(t *testing.T) {
	var lines []string
	for i := range 700 {
		lines = append(lines, fmt.Sprintf("file d/%03d", i))
	}
	fsys := open(t, lines...)
	f, err := fsys.Open("d")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		page, err := f.(fs.ReadDirFile).ReadDir(90)
		for _, e := range page {
			got = append(got, "file d/"+e.Name())
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(got, "\n") != strings.Join(lines, "\n") {
		t.Errorf("pages have %d names, want %d in order", len(got), len(lines))
	}
	for e, err := range fsys.Table().Dir("d", "0999") {
		if err != nil || e.Path != "d/100" {
			t.Errorf("after 0999: %v, %v, want d/100", e, err)
		}
		break
	}
}
