package tarfs

import (
	"io/fs"
	"time"
)

// Entry is what an archive says about one name. [fs.FileInfo.Sys] of a file of an [FS] is its *Entry; it must not be changed.
type Entry struct {
	Path string // satisfies [fs.ValidPath]; empty for TypeGlobal
	Name string // as recorded, any bytes; empty where the directory was made up
	Link string // target of a hard or symbolic link, as recorded
	Type byte   // TypeReg, TypeDir ... or what the archive has; one that is not known is a regular file, as POSIX wants

	Mode               int64 // permissions, set-ID and sticky bits, as recorded
	UID, GID           int64
	Uname, Gname       string
	ModTime            time.Time
	DevMajor, DevMinor int64

	// Size is the size of the content, holes of sparse files included. Links, directories and devices have no content, whatever
	// their size says.
	Size int64

	// Records are the PAX records that the other fields do not say already: extended attributes ("SCHILY.xattr." and a name), atime, ctime,
	// those of vendors. Nil if there are none.
	Records map[string]string

	Header int64    // offset of the first header, extended ones included
	Data   int64    // offset of the content
	Sparse []Extent // what is stored of a sparse file; nil if all of it is

	// SHA256 is the digest of the content. It is zero for an entry without content, and for sparse files past Options.MaxHoles.
	SHA256 [32]byte

	Overwritten bool // a later entry has the same path
	Synthetic   bool // not in the archive: a directory that others lie in

	// target is one more than the index in the table of what a hard link means, zero if that is not in the archive.
	target int
}

// headerOnly reports whether entries of a type have no content, even when they have a size.
func headerOnly(typ byte) bool { return TypeLink <= typ && typ <= TypeFIFO }

// hasContent reports whether e has bytes of its own in the archive.
func (e *Entry) hasContent() bool { return !headerOnly(e.Type) && e.Type != TypeGlobal && !e.Synthetic }

func (e *Entry) isDir() bool { return isDir(e.Type) }

// isDir reports whether a type is that of a directory. GNU's incremental backups keep a listing in theirs.
func isDir(typ byte) bool { return typ == TypeDir || typ == typeDumpDir }

// FileMode returns type and permissions as package fs has them. A hard link is irregular here; an [FS] shows what it means.
func (e *Entry) FileMode() fs.FileMode {
	mode := fs.FileMode(e.Mode) & fs.ModePerm
	for _, b := range modeBits {
		if e.Mode&b.recorded != 0 {
			mode |= b.mode
		}
	}
	if e.isDir() {
		return mode | fs.ModeDir
	}
	return mode | typeModes[e.Type]
}

var modeBits = []struct {
	recorded int64
	mode     fs.FileMode
}{
	{0o4000, fs.ModeSetuid},
	{0o2000, fs.ModeSetgid},
	{0o1000, fs.ModeSticky},
}

var typeModes = map[byte]fs.FileMode{
	TypeLink:    fs.ModeIrregular,
	TypeSymlink: fs.ModeSymlink,
	TypeChar:    fs.ModeDevice | fs.ModeCharDevice,
	TypeBlock:   fs.ModeDevice,
	TypeFIFO:    fs.ModeNamedPipe,
}

// Stored returns how many bytes the archive has of the content: without the holes of sparse files, and nothing for what is no regular file.
func (e *Entry) Stored() (n int64) {
	switch {
	case !e.FileMode().IsRegular():
		return 0
	case e.Sparse == nil:
		return e.Size
	}
	for _, x := range e.Sparse {
		n += x.Length
	}
	return n
}
