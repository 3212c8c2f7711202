package overlay

import (
	"cmp"
	"errors"
	"io/fs"

	"vitrine/explore/tarfs"
)

var (
	_ fs.StatFS     = (*FS)(nil)
	_ fs.ReadDirFS  = (*FS)(nil)
	_ fs.ReadLinkFS = (*FS)(nil)
)

// Open implements [fs.FS]. Symbolic links are followed. See OpenNode for what the files can do.
func (f *FS) Open(name string) (fs.File, error) {
	n, err := f.resolve(name, true)
	if err == nil {
		var file fs.File
		if file, err = f.open(n, name); err == nil {
			return file, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: err}
}

// OpenNode opens a node, dead or alive; a symbolic link is not followed, and is empty. Files that are no directories implement
// [io.ReaderAt], [io.Seeker] and [io.WriterTo]. A directory that is dead lists what it had when it died.
func (f *FS) OpenNode(n *Node) (fs.File, error) {
	file, err := f.open(n, n.Path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: n.Path, Err: err}
	}
	return file, nil
}

func (f *FS) open(n *Node, name string) (fs.File, error) {
	layer, shown, err := f.origin(n)
	if err != nil {
		return nil, err
	}
	info := newInfo(n, shown, name)
	if isDir(shown) {
		view := f
		if n.By > n.Layer && n.State != Merged {
			view = f.Upto(n.By - 1)
		}
		return &dir{info: info, fs: view, path: n.Path}, nil
	}
	opened, err := f.layers[layer].OpenEntry(shown)
	if err != nil {
		return nil, err
	}
	c, ok := opened.(content)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return &file{c, info}, nil
}

// Info describes a node as its file's Stat does, without opening it. A hard link is described by what it means, if that is there; Sys is
// the *Node.
func (f *FS) Info(n *Node) (fs.FileInfo, error) { return f.info(n, n.Path) }

func (f *FS) info(n *Node, name string) (*fileInfo, error) {
	_, shown, err := f.origin(n)
	switch {
	case errors.Is(err, tarfs.ErrNoTarget):
		shown = n.Entry
	case err != nil:
		return nil, err
	}
	return newInfo(n, shown, name), nil
}

// Stat implements [fs.StatFS]. Symbolic links are followed.
func (f *FS) Stat(name string) (fs.FileInfo, error) { return f.stat("stat", name, true) }

// Lstat implements [fs.ReadLinkFS]: a symbolic link at the end of name is not followed.
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return f.stat("lstat", name, false) }

func (f *FS) stat(op, name string, follow bool) (fs.FileInfo, error) {
	n, err := f.resolve(name, follow)
	if err == nil {
		var info *fileInfo
		if info, err = f.info(n, name); err == nil {
			return info, nil
		}
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: err}
}

// ReadLink implements [fs.ReadLinkFS]. The target is as recorded: it may be absolute, escape the root, or be no UTF-8.
func (f *FS) ReadLink(name string) (string, error) {
	n, err := f.resolve(name, false)
	if err == nil {
		var link string
		var ok bool
		if link, ok, err = f.symlink(n); ok {
			return link, nil
		}
		err = cmp.Or(err, fs.ErrInvalid)
	}
	return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
}

// ReadDir implements [fs.ReadDirFS].
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.resolve(name, true)
	if err == nil && !n.IsDir() {
		err = errNotDir
	}
	var list []fs.DirEntry
	if err == nil {
		list, err = f.list(n.Path, "", -1)
	}
	if err != nil {
		return list, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return list, nil
}

// list returns up to n live entries of a directory whose names are above after, all of them if n < 0.
func (f *FS) list(path, after string, n int) (list []fs.DirEntry, err error) {
	f.dir(path, after, func(found *Node, failed error) bool {
		if err = failed; err != nil || len(list) == n {
			return false
		}
		var info *fileInfo
		if info, err = f.info(found, found.Path); err != nil {
			return false
		}
		list = append(list, fs.FileInfoToDirEntry(info))
		return true
	})
	return list, err
}
