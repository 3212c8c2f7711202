package overlay

import (
	"io"
	"io/fs"
	"path"
	"time"

	"vitrine/explore/tarfs"
)

// fileInfo is a node under the name by which it was asked for.
type fileInfo struct {
	name  string
	node  *Node
	shown *tarfs.Entry // what a hard link means
}

func newInfo(n *Node, shown *tarfs.Entry, name string) *fileInfo {
	return &fileInfo{path.Base(name), n, shown}
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Mode() fs.FileMode  { return i.shown.FileMode() }
func (i *fileInfo) ModTime() time.Time { return i.shown.ModTime }
func (i *fileInfo) IsDir() bool        { return isDir(i.shown) }
func (i *fileInfo) Sys() any           { return i.node }
func (i *fileInfo) String() string     { return fs.FormatFileInfo(i) }

// Size is that of the content or, for a symbolic link, of its target.
func (i *fileInfo) Size() int64 {
	switch mode := i.Mode(); {
	case mode.IsRegular():
		return i.shown.Size
	case mode&fs.ModeSymlink != 0:
		return int64(len(i.shown.Link))
	}
	return 0
}

// content is what a file of a layer is.
type content interface {
	fs.File
	io.ReaderAt
	io.Seeker
	io.WriterTo
}

// file is an open file that is no directory, under its own name.
type file struct {
	content
	info *fileInfo
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }

// dir is an open directory.
type dir struct {
	info *fileInfo
	fs   *FS
	path string
	last string // the name that was listed last
}

func (d *dir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *dir) Close() error               { return nil }

func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errIsDir}
}

// ReadDir implements [fs.ReadDirFile]. It reads only what it returns, so that a page of a large directory costs little.
func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = -1
	}
	list, err := d.fs.list(d.path, d.last, n)
	if len(list) > 0 {
		d.last = list[len(list)-1].Name()
	}
	switch {
	case err != nil:
		return list, &fs.PathError{Op: "readdir", Path: d.path, Err: err}
	case len(list) == 0 && n > 0:
		return nil, io.EOF
	}
	return list, nil
}
