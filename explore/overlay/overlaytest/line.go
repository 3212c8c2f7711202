package overlaytest

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// File is what a line of a listing says.
type File struct {
	Path    string // any bytes
	Mode    fs.FileMode
	Size    int64
	Link    string
	Body    io.Reader // of regular files
	Implied bool      // a directory that no layer has as an entry: nobody said what its mode is
}

// Format returns a file as a line of a listing: "KIND MODE PATH [VALUE]". The value is the target of a link, the content of a short file,
// or the size of a longer one.
func Format(f File) (string, error) {
	head := fmt.Sprintf("%s %04o %s", kindOf(f.Mode), perm(f.Mode), Quote(f.Path))
	switch {
	case f.Implied:
		return "dir - " + Quote(f.Path), nil
	case f.Mode&fs.ModeSymlink != 0: // whose permissions mean nothing
		return fmt.Sprintf("link 0777 %s -> %s", Quote(f.Path), Quote(f.Link)), nil
	case !f.Mode.IsRegular():
		return head, nil
	case f.Size > maxShown:
		return fmt.Sprintf("%s %d bytes", head, f.Size), nil
	}
	body, err := io.ReadAll(io.LimitReader(f.Body, maxShown+1))
	if err == nil && int64(len(body)) != f.Size {
		err = fmt.Errorf("%q: %d bytes, want %d", f.Path, len(body), f.Size)
	}
	return fmt.Sprintf("%s %q", head, body), err
}

// maxShown is how long a file may be whose content is shown.
const maxShown = 64

// perm returns the permissions as chmod has them.
func perm(m fs.FileMode) int64 {
	p := int64(m.Perm())
	for bit, mode := range map[int64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if m&mode != 0 {
			p |= bit
		}
	}
	return p
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "dir"
	case m&fs.ModeSymlink != 0:
		return "link"
	case m&fs.ModeNamedPipe != 0:
		return "fifo"
	case m&fs.ModeCharDevice != 0:
		return "char"
	case m&fs.ModeDevice != 0:
		return "block"
	}
	return "hard" // to nothing
}

// Quote writes a path as one word of a case. Runs of more than 20 times one letter become {x*21}.
func Quote(s string) string {
	q := fmt.Sprintf("%q", s)
	if q != `"`+s+`"` || strings.ContainsAny(s, " {}") || s == "" {
		return q
	}
	var b strings.Builder
	for s != "" {
		first, _ := utf8.DecodeRuneInString(s)
		rest := strings.TrimLeft(s, string(first))
		n := utf8.RuneCountInString(s[:len(s)-len(rest)])
		if n > 20 {
			fmt.Fprintf(&b, "{%c*%d}", first, n)
		} else {
			b.WriteString(s[:len(s)-len(rest)])
		}
		s = rest
	}
	return b.String()
}

// List returns the files of a file system as lines, in order: all below the root.
func List(fsys fs.ReadLinkFS) (lines []string, err error) {
	err = fs.WalkDir(fsys, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		line, err := listOne(fsys, path)
		lines = append(lines, line)
		return err
	})
	return lines, err
}

func listOne(fsys fs.ReadLinkFS, path string) (string, error) {
	info, err := fsys.Lstat(path)
	if err != nil {
		return "", err
	}
	f := File{Path: path, Mode: info.Mode(), Size: info.Size()}
	switch {
	case f.Mode&fs.ModeSymlink != 0:
		if f.Link, err = fsys.ReadLink(path); err != nil {
			return "", err
		}
	case f.Mode.IsRegular():
		file, err := fsys.Open(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		f.Body = file
	}
	return Format(f)
}
