package rpm

import (
	"fmt"
	"iter"
	"time"
)

// maxPaths bounds the bytes of all paths of a package: a header has each folder once, and may name it again and again.
const maxPaths = 64 << 20

// FileFlags say what a file is for.
type FileFlags uint32

// Flags of files.
const (
	FileConfig    FileFlags = 1 << 0
	FileDoc       FileFlags = 1 << 1
	FileMissingOK FileFlags = 1 << 3
	FileNoReplace FileFlags = 1 << 4
	FileGhost     FileFlags = 1 << 6 // the package's, but not in its payload
	FileLicense   FileFlags = 1 << 7
	FileReadme    FileFlags = 1 << 8
	FileArtifact  FileFlags = 1 << 12
)

// The types of files in Mode, as Unix has them.
const (
	modeType    = 0o170000
	modeDir     = 0o040000
	modeSymlink = 0o120000
	modeRegular = 0o100000
)

// File is what a header says about one file.
type File struct {
	Path        string // as recorded: absolute, but in packages of sources
	Mode        uint32 // type and permissions, as in Unix
	Flags       FileFlags
	Size        int64
	ModTime     time.Time
	User, Group string
	Link        string // the target of a symbolic link
	Digest      string // of the content, in hexadecimal digits; empty for what has none
	Caps        string // capabilities, such as "cap_net_raw=ep"

	Device, Inode uint64 // the same for names of the same file: hard links
}

// IsDir tells directories.
func (f *File) IsDir() bool { return f.Mode&modeType == modeDir }

// IsSymlink tells symbolic links.
func (f *File) IsSymlink() bool { return f.Mode&modeType == modeSymlink }

// IsRegular tells files that have content.
func (f *File) IsRegular() bool { return f.Mode&modeType == modeRegular }

// FileDigests names the algorithm of the files' digests, as [Checksum] does: "md5" where the package does not say.
func (h *Header) FileDigests() string {
	if !h.Has(tagFileDigestAlgo) {
		return "md5"
	}
	return hashName(h.Number(tagFileDigestAlgo, 0))
}

// Files goes through the files, up to a million. An error, which wraps [ErrFormat] or [ErrLimit], is the last element.
func (h *Header) Files() iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		paths := h.paths()
		digests, links, users, groups, caps := h.texts(tagFileDigests), h.texts(tagFileLinks), h.texts(tagFileUsers), h.texts(tagFileGroups), h.texts(tagFileCaps)
		for i := 0; ; i++ {
			path, more, err := paths(i)
			if err != nil {
				yield(File{}, err)
			}
			if err != nil || !more {
				return
			}
			f := File{Path: path, Mode: uint32(h.Number(tagFileModes, i)) & 0xffff, Flags: FileFlags(h.Number(tagFileFlags, i)), Size: h.fileSize(i),
				ModTime: time.Unix(int64(h.Number(tagFileTimes, i)), 0).UTC(), Device: h.Number(tagFileDevices, i), Inode: h.Number(tagFileInodes, i)}
			f.Digest, _ = digests()
			f.Link, _ = links()
			f.User, _ = users()
			f.Group, _ = groups()
			f.Caps, _ = caps()
			if !yield(f, nil) {
				return
			}
		}
	}
}

// Paths goes through the paths of the files alone, as Files does.
func (h *Header) Paths() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		paths := h.paths()
		for i := 0; ; i++ {
			path, more, err := paths(i)
			if err == nil && !more || !yield(path, err) || err != nil {
				return
			}
		}
	}
}

func (h *Header) fileSize(i int) int64 {
	if h.Has(tagLongFileSizes) {
		return int64(min(h.Number(tagLongFileSizes, i), 1<<62))
	}
	return int64(h.Number(tagFileSizes, i))
}

// paths returns a function that puts the i-th path together, which is asked for in order: of a folder and a name in it. Packages of before 2000
// have whole paths.
func (h *Header) paths() func(i int) (path string, more bool, err error) {
	names, left := h.texts(tagBaseNames), maxPaths
	var folders []string
	for s := range h.Texts(tagDirNames) {
		folders = append(folders, s)
	}
	old := !h.Has(tagBaseNames)
	if old {
		names = h.texts(tagOldFileNames)
	}
	return func(i int) (string, bool, error) {
		name, more := names()
		folder := ""
		if at := h.Number(tagDirIndexes, i); more && !old {
			if at >= uint64(len(folders)) {
				return "", false, damaged("file %d is in folder %d of %d", i, at, len(folders))
			}
			folder = folders[at]
		}
		if left -= len(folder) + len(name); left < 0 {
			return "", false, fmt.Errorf("%w: paths of more than %d bytes", ErrLimit, maxPaths)
		}
		return folder + name, more, nil
	}
}
