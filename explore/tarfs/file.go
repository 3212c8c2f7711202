package tarfs

import (
	"io"
	"io/fs"
	"path"
	"time"
)

// fileInfo is an entry under the name by which it was asked for.
type fileInfo struct {
	name       string
	own, shown *Entry // they differ for hard links
}

func newInfo(own, shown *Entry, name string) *fileInfo { return &fileInfo{path.Base(name), own, shown} }

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Mode() fs.FileMode  { return i.shown.FileMode() }
func (i *fileInfo) ModTime() time.Time { return i.shown.ModTime }
func (i *fileInfo) IsDir() bool        { return i.shown.isDir() }
func (i *fileInfo) Sys() any           { return i.own }
func (i *fileInfo) String() string     { return fs.FormatFileInfo(i) }

func (i *fileInfo) Size() int64 {
	switch {
	case i.shown.Type == TypeSymlink:
		return int64(len(i.shown.Link))
	case i.shown.isDir() || !i.shown.hasContent():
		return 0
	}
	return i.shown.Size
}

// file is an open file that is no directory. Those without content are empty.
type file struct {
	*io.SectionReader
	info *fileInfo
	data io.ReaderAt // of the archive, if the file is stored in one piece
}

func newFile(data io.ReaderAt, info *fileInfo) *file {
	e := info.shown
	c := content{data, e.Data}
	switch {
	case !e.hasContent():
		return &file{io.NewSectionReader(c, 0, 0), info, nil}
	case e.Sparse != nil:
		return &file{io.NewSectionReader(newSparseReader(c, e.Sparse, e.Size), 0, e.Size), info, nil}
	}
	return &file{io.NewSectionReader(c, 0, e.Size), info, data}
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

// copySize makes long reads of compressed data worth their setting up.
const copySize = 256 << 10

// rangeWriter is data with a better way to write much of it than ReadAt, as a zran.Reader has.
type rangeWriter interface {
	WriteRangeTo(w io.Writer, off, n int64) (int64, error)
}

// WriteTo implements [io.WriterTo]: it writes from the current offset on.
func (f *file) WriteTo(w io.Writer) (int64, error) {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil || at >= f.Size() {
		return 0, err
	}
	if data, ok := f.data.(rangeWriter); ok {
		n, err := data.WriteRangeTo(w, f.info.shown.Data+at, f.Size()-at)
		if _, seekErr := f.Seek(n, io.SeekCurrent); err == nil {
			err = seekErr
		}
		return n, err
	}
	buf := make([]byte, min(f.Size()-at, copySize))
	return io.CopyBuffer(w, struct{ io.Reader }{f.SectionReader}, buf)
}

// content is data from an offset on, for readers that know how much there must be.
type content struct {
	data io.ReaderAt
	at   int64
}

func (c content) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.data.ReadAt(p, c.at+off)
	if n < len(p) {
		return n, unexpected(err)
	}
	return n, nil
}

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
