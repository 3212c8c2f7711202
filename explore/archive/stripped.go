package archive

import (
	"bytes"
	"fmt"
	"strconv"

	"vitrine/explore/rpm"
	"vitrine/explore/tarfs"
)

// RPMs with files of 4 GiB and more have a cpio whose headers are 07070X and eight hexadecimal digits, padded to four bytes: the place of the file in the
// list of the package's header, which says all the rest. It ends as every cpio does.
const (
	strippedMagic = "07070X"
	strippedSize  = 16
)

func isStripped(head []byte) bool { return bytes.HasPrefix(head, []byte(strippedMagic)) }

// linkedFile is the number of names of a file, and the last of them, which has the content.
type linkedFile struct{ names, last int }

type strippedScanner struct {
	*stream
	b     *tarfs.Builder
	files []rpm.File
	links map[[2]uint64]linkedFile
}

// maxStripped bounds the files of such a package, of which each takes some 300 bytes.
const maxStripped = 1 << 17

func scanStripped(r reader, header []byte, o *tarfs.Options) (*tarfs.Table, error) {
	s := &strippedScanner{stream: newStream(r), b: tarfs.NewBuilder(o), links: map[[2]uint64]linkedFile{}}
	h, err := rpm.ParseHeader(header)
	if err != nil {
		return nil, &Error{0, fmt.Errorf("%w: %w", ErrFormat, err)}
	}
	for f, err := range h.Files() {
		switch {
		case err != nil:
			return nil, &Error{0, fmt.Errorf("%w: %w", ErrFormat, err)}
		case len(s.files) == maxStripped:
			return nil, &Error{0, fmt.Errorf("%w: more than %d files", tarfs.ErrLimit, maxStripped)}
		}
		l := s.links[[2]uint64{f.Device, f.Inode}]
		s.links[[2]uint64{f.Device, f.Inode}] = linkedFile{l.names + 1, len(s.files)}
		s.files = append(s.files, f)
	}
	for more := true; more; {
		if more, err = s.next(); err != nil {
			return nil, err
		}
	}
	return s.table(s.b)
}

// next reads one entry, or finds that the trailer has come.
func (s *strippedScanner) next() (more bool, err error) {
	at := s.off
	h, err := s.bytes(strippedSize)
	switch {
	case err != nil:
		return false, err
	case bytes.HasPrefix(h, []byte("070701")):
		return false, nil
	case !isStripped(h):
		return false, s.bad(at, "no header of cpio")
	}
	i, err := strconv.ParseUint(string(h[6:14]), 16, 32)
	if err != nil || i >= uint64(len(s.files)) {
		return false, s.bad(at, "number of a file")
	}
	if err := s.file(int(i), at); err != nil {
		return false, err
	}
	return true, s.skip(4)
}

// file reads the content of a file, which of several names the last one has: the others are hard links to it.
func (s *strippedScanner) file(i int, at int64) (err error) {
	f := &s.files[i]
	e := rpmEntry(f)
	e.Header, e.Data = at, s.off
	l := s.links[[2]uint64{f.Device, f.Inode}]
	switch {
	case e.Type == tarfs.TypeSymlink:
		_, err = s.content(f.Size)
	case e.Type == tarfs.TypeReg && l.names > 1 && l.last != i:
		e.Type, e.Link, e.Size = tarfs.TypeLink, s.files[l.last].Path, 0
	case e.Type == tarfs.TypeReg:
		e.SHA256, err = s.content(f.Size)
	}
	if err != nil {
		return err
	}
	return s.b.Add(e)
}
