package tarfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

const (
	maxHops = 40   // symbolic links followed for one name, as on Linux
	maxLink = 4096 // bytes of a link that is followed: PATH_MAX
)

// ErrLoop says that a symbolic link leads to itself, or through too many others.
var ErrLoop = errors.New("too many levels of symbolic links")

var (
	errNotDir   = errors.New("not a directory")
	errIsDir    = errors.New("is a directory")
	errNegative = errors.New("tarfs: negative offset")
)

// FS is an archive as a file system, read-only. It implements [fs.StatFS], [fs.ReadDirFS] and [fs.ReadLinkFS]; its regular files implement
// [io.ReaderAt], [io.Seeker] and [io.WriterTo]. An FS may be used by many goroutines at once, if its data may.
type FS struct {
	data  io.ReaderAt
	table *Table
}

// New returns the file system of an archive: data are its bytes, uncompressed, and table came from [Index] over the same bytes.
func New(data io.ReaderAt, table *Table) *FS { return &FS{data, table} }

// Table returns the table of f.
func (f *FS) Table() *Table { return f.table }

// Open implements [fs.FS]. Symbolic links are followed.
func (f *FS) Open(name string) (fs.File, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return file, nil
}

func (f *FS) open(name string) (fs.File, error) {
	e, err := f.find(name, true)
	if err != nil {
		return nil, err
	}
	return f.openEntry(e, name)
}

// OpenEntry opens an entry of f's table, which may be an overwritten one. A symbolic link is not followed.
func (f *FS) OpenEntry(e *Entry) (fs.File, error) {
	file, err := f.openEntry(e, e.Path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: e.Path, Err: err}
	}
	return file, nil
}

func (f *FS) openEntry(e *Entry, name string) (fs.File, error) {
	shown, err := f.Target(e)
	if err != nil {
		return nil, err
	}
	info := newInfo(e, shown, name)
	if shown.isDir() {
		return &dir{info: info, fs: f, path: e.Path}, nil
	}
	return newFile(f.data, info), nil
}

// Stat implements [fs.StatFS]. Symbolic links are followed.
func (f *FS) Stat(name string) (fs.FileInfo, error) { return f.stat("stat", name, true) }

// Lstat implements [fs.ReadLinkFS]: a symbolic link at the end of name is not followed.
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return f.stat("lstat", name, false) }

func (f *FS) stat(op, name string, follow bool) (fs.FileInfo, error) {
	e, err := f.find(name, follow)
	if err == nil {
		var info *fileInfo
		if info, err = f.info(e, name); err == nil {
			return info, nil
		}
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: err}
}

// ReadLink implements [fs.ReadLinkFS]. The target is as recorded: it may be absolute, escape the root, or be no UTF-8.
func (f *FS) ReadLink(name string) (string, error) {
	e, err := f.find(name, false)
	if err == nil {
		e, err = f.Target(e)
	}
	if err == nil && e.Type != TypeSymlink {
		err = fs.ErrInvalid
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return e.Link, nil
}

// ReadDir implements [fs.ReadDirFS].
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := f.readDir(name)
	if err != nil {
		return list, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return list, nil
}

func (f *FS) readDir(name string) ([]fs.DirEntry, error) {
	e, err := f.find(name, true)
	switch {
	case err != nil:
		return nil, err
	case !e.isDir():
		return nil, errNotDir
	}
	return f.list(e.Path, "", -1)
}

// list returns up to n entries of a directory whose names are above after, all of them if n < 0.
func (f *FS) list(path, after string, n int) (list []fs.DirEntry, err error) {
	for e, err := range f.table.Dir(path, after) {
		if err != nil {
			return list, err
		}
		if len(list) == n {
			break
		}
		info, err := f.info(e, e.Path)
		if err != nil {
			return list, err
		}
		list = append(list, fs.FileInfoToDirEntry(info))
	}
	return list, nil
}

// Entry returns what the archive says about name; nothing is followed.
func (f *FS) Entry(name string) (*Entry, error) {
	e, err := f.find(name, false)
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return e, nil
}

// Overwritten returns the entries of name that a later one replaced, the last in the archive first.
func (f *FS) Overwritten(name string) (entries []*Entry, err error) {
	for e, err := range f.table.Versions(name) {
		if err != nil {
			return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
		}
		if e.Overwritten {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// Target returns the entry whose content e has: e itself or, for a hard link, what it means. The error wraps [ErrNoTarget] and
// [fs.ErrNotExist] if that is not in the archive.
func (f *FS) Target(e *Entry) (*Entry, error) {
	switch {
	case e.Type != TypeLink:
		return e, nil
	case e.target == 0:
		return nil, fmt.Errorf("%w (%.512q): %w", ErrNoTarget, e.Link, fs.ErrNotExist)
	}
	return f.table.at(e.target - 1)
}

// info describes e by the entry that it means. A hard link to nothing is described by itself.
func (f *FS) info(e *Entry, name string) (*fileInfo, error) {
	shown, err := f.Target(e)
	switch {
	case errors.Is(err, ErrNoTarget):
		shown = e
	case err != nil:
		return nil, err
	}
	return newInfo(e, shown, name), nil
}

// find returns the entry of a name. Whatever something lies below is a directory in the table, so that an entry under the very name is
// the one; only without one there may be a symbolic link on the way.
func (f *FS) find(name string, follow bool) (*Entry, error) {
	if !fs.ValidPath(name) {
		return nil, fs.ErrInvalid
	}
	e, err := f.table.Lookup(name)
	switch {
	case err == nil:
		shown, err := f.Target(e)
		if !follow || err != nil || shown.Type != TypeSymlink {
			return e, nil
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return f.walk(name, follow)
}

// walk goes to name element by element, through links, and never above the root.
func (f *FS) walk(name string, follow bool) (*Entry, error) {
	at, err := f.table.Lookup(".")
	left := strings.Split(name, "/")
	for hops := 0; err == nil && len(left) > 0; {
		next := left[0]
		left = left[1:]
		var e *Entry
		if e, err = f.step(at, next); err != nil {
			break
		}
		shown, targetErr := f.Target(e)
		if targetErr != nil || shown.Type != TypeSymlink || len(left) == 0 && !follow {
			at = e
			continue
		}
		if hops++; hops > maxHops || len(shown.Link) > maxLink {
			return nil, ErrLoop
		}
		if strings.HasPrefix(shown.Link, "/") {
			at, err = f.table.Lookup(".")
		}
		left = slices.Concat(strings.Split(Escape(shown.Link), "/"), left)
	}
	return at, err
}

// step returns the entry that an element of a path leads to from a directory.
func (f *FS) step(at *Entry, element string) (*Entry, error) {
	switch {
	case !at.isDir():
		return nil, fs.ErrNotExist
	case element == "" || element == ".":
		return at, nil
	case element == "..":
		parent, _ := splitPath(at.Path)
		if parent == "" {
			return at, nil
		}
		return f.table.Lookup(parent)
	}
	return f.table.Lookup(joinPath(at.Path, element))
}
