package archive

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	zipEnd       = 22             // bytes of the end of the directory, without the comment
	zipTail      = zipEnd + 1<<16 // in which it is looked for: a comment has up to 64 KiB
	zip64Locator = 20
	zip64End     = 56

	zipFile      = 512 // bytes of memory a file takes, about
	zipDirectory = 8   // how many times as much memory a directory takes
)

// openZip leaves all to package archive/zip, which holds the directory of the archive in memory: how large that may be is looked at before.
func openZip(r io.ReaderAt, size int64, o *Options) (*Archive, error) {
	end, err := findZipEnd(r, size)
	if err != nil {
		return nil, err
	}
	files, directory := o.MaxMemory/zipFile, o.MaxMemory/zipDirectory
	switch {
	case end.files > uint64(files):
		return nil, &UnsupportedError{Format: Zip, Reason: fmt.Sprintf("of more than %d files", files)}
	case end.directory > uint64(directory):
		return nil, &UnsupportedError{Format: Zip, Reason: fmt.Sprintf("with a directory of more than %d bytes", directory)}
	}
	bounded := &boundedAt{ReaderAt: r, left: int64(end.directory) + 4*zipTail} // the end is read again, and read ahead
	z, err := zip.NewReader(bounded, size)
	if err != nil {
		return nil, &Error{end.at, fmt.Errorf("%w: %w", ErrFormat, err)}
	}
	bounded.opened = true
	return &Archive{Format: Zip, fsys: z}, nil
}

// zipSummary is what the end of a zip says about its directory.
type zipSummary struct {
	at        int64 // where it says so
	files     uint64
	directory uint64 // bytes
}

// findZipEnd reads the end of the directory (APPNOTE.TXT 4.3.16), and that of Zip64 (4.3.14), which stands before it where numbers are too large for it.
func findZipEnd(r io.ReaderAt, size int64) (end zipSummary, err error) {
	tail, err := readSection(r, max(0, size-zipTail), min(size, zipTail))
	if err != nil {
		return end, err
	}
	i := bytes.LastIndex(tail[:max(0, len(tail)-zipEnd+4)], []byte("PK\x05\x06"))
	if i < 0 {
		return end, &Error{0, fmt.Errorf("%w: %w", ErrFormat, zip.ErrFormat)}
	}
	end = zipSummary{size - int64(len(tail)-i), uint64(le.Uint16(tail[i+10:])), uint64(le.Uint32(tail[i+12:]))}
	l, err := readSection(r, max(0, end.at-zip64Locator), zip64Locator)
	if err != nil || len(l) < zip64Locator || string(l[:4]) != "PK\x06\x07" {
		return end, err
	}
	e, err := readSection(r, int64(min(le.Uint64(l[8:]), uint64(end.at))), zip64End)
	if err != nil || len(e) < zip64End || string(e[:4]) != "PK\x06\x06" {
		return end, err
	}
	if end.directory == 0xffffffff {
		end.directory = 0
	}
	end.files, end.directory = max(end.files, le.Uint64(e[32:])), max(end.directory, le.Uint64(e[40:]))
	return end, nil
}

var errZipDirectory = errors.New("the directory of a zip is longer than its end says")

// boundedAt reads no more than what a zip's directory is said to take: what package archive/zip believes is what it finds.
type boundedAt struct {
	io.ReaderAt
	left   int64
	opened bool
}

// ReadAt implements [io.ReaderAt].
func (b *boundedAt) ReadAt(p []byte, off int64) (int, error) {
	if b.opened {
		return b.ReaderAt.ReadAt(p, off)
	}
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errZipDirectory
	}
	return b.ReaderAt.ReadAt(p, off)
}
