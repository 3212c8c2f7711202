package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"vitrine/explore/tarfs"
)

// listing prints files as tar -tv does. The column of sizes is as wide as what came before has needed.
type listing struct {
	w     *bufio.Writer
	width int // of owner, group and size together
}

// listWidth is the width that tar begins with.
const listWidth = 19

func newListing(w io.Writer) *listing { return &listing{bufio.NewWriterSize(w, 64<<10), listWidth} }

func (l *listing) flush() error { return l.w.Flush() }

// walk prints the file name and, if it is a directory, what lies below it.
func (l *listing) walk(fsys fs.FS, name string) error {
	info, err := fs.Lstat(fsys, name)
	if err != nil {
		return readable(err)
	}
	if e, ok := info.Sys().(*tarfs.Entry); ok {
		name = e.Path // links on the way have been followed
	}
	if !info.IsDir() {
		return l.print(name, info)
	}
	return fs.WalkDir(fsys, name, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, tarfs.ErrNoTarget) {
			return nil
		}
		if err != nil {
			return err
		}
		return l.print(p, info)
	})
}

// print prints one line. Directories that the archive does not have are left out.
func (l *listing) print(name string, info fs.FileInfo) error {
	e, _ := info.Sys().(*tarfs.Entry)
	if e == nil {
		e = &tarfs.Entry{Uname: "-", Gname: "-", Synthetic: name == "."}
	}
	if e.Synthetic {
		return nil
	}
	size := strconv.FormatInt(info.Size(), 10)
	switch e.Type {
	case tarfs.TypeLink, tarfs.TypeSymlink:
		size = "0"
	case tarfs.TypeChar, tarfs.TypeBlock:
		size = fmt.Sprintf("%d,%d", e.DevMajor, e.DevMinor)
	}
	who := owner(e.Uname, e.UID) + "/" + owner(e.Gname, e.GID)
	l.width = max(l.width, len(who)+1+len(size))
	_, err := fmt.Fprintf(l.w, "%s %s %*s %s %s\n", modes(info, e), who, l.width-len(who)-1, size,
		info.ModTime().Local().Format("2006-01-02 15:04"), shown(name, info, e))
	return err
}

func owner(name string, id int64) string {
	if name == "" {
		return strconv.FormatInt(id, 10)
	}
	return visible(name)
}

// shown returns the name, with what it links to.
func shown(name string, info fs.FileInfo, e *tarfs.Entry) string {
	name = visible(name)
	switch {
	case e.Type == tarfs.TypeSymlink:
		return name + " -> " + visible(e.Link)
	case e.Type == tarfs.TypeLink:
		return name + " link to " + visible(e.Link)
	case info.IsDir():
		return name + "/"
	}
	return name
}

// modes returns type and permissions as ls -l and tar have them.
func modes(info fs.FileInfo, e *tarfs.Entry) string {
	m := info.Mode()
	b := append([]byte{typeLetter(m, e)}, m.Perm().String()[1:]...)
	for _, s := range []struct {
		bit fs.FileMode
		at  int
		set byte
	}{{fs.ModeSetuid, 3, 's'}, {fs.ModeSetgid, 6, 's'}, {fs.ModeSticky, 9, 't'}} {
		if m&s.bit == 0 {
			continue
		}
		if b[s.at] != 'x' {
			s.set -= 'a' - 'A'
		}
		b[s.at] = s.set
	}
	return string(b)
}

func typeLetter(m fs.FileMode, e *tarfs.Entry) byte {
	switch {
	case e.Type == tarfs.TypeLink:
		return 'h'
	case m.IsDir():
		return 'd'
	case m&fs.ModeSymlink != 0:
		return 'l'
	case m&fs.ModeCharDevice != 0:
		return 'c'
	case m&fs.ModeDevice != 0:
		return 'b'
	case m&fs.ModeNamedPipe != 0:
		return 'p'
	}
	return '-'
}

// visible returns s so that it can do nothing to a terminal: what is not printable becomes an escape of C's.
func visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == '\\' || r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		short := strings.IndexRune("\\\a\b\f\n\r\t\v", r)
		switch {
		case short >= 0 && n == 1:
			b.WriteString(`\` + `\abfnrtv`[short:short+1])
		case n > 1 && unicode.IsPrint(r):
			b.WriteString(s[i : i+n])
		case n == 1 && r != utf8.RuneError && unicode.IsPrint(r):
			b.WriteByte(s[i])
		default:
			for _, c := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
		i += n
	}
	return b.String()
}
