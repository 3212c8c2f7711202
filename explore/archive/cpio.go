package archive

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"vitrine/explore/tarfs"
)

// cpioHeader is the header of an entry in the formats newc and crc: 13 numbers of eight hexadecimal digits behind the magic.
const (
	cpioMagic      = 6
	cpioHeaderSize = cpioMagic + 13*8
	cpioTrailer    = "TRAILER!!!"

	maxCpioName = 1 << 16
)

const (
	cpioInode = iota
	cpioMode
	cpioUID
	cpioGID
	cpioLinks
	cpioTime
	cpioSize
	cpioMajor
	cpioMinor
	cpioDevMajor
	cpioDevMinor
	cpioNameSize
)

// cpioTypes are the types of files as Unix has them in the mode.
var cpioTypes = map[int64]byte{
	0o010000: tarfs.TypeFIFO, 0o020000: tarfs.TypeChar, 0o040000: tarfs.TypeDir, 0o060000: tarfs.TypeBlock,
	0o100000: tarfs.TypeReg, 0o120000: tarfs.TypeSymlink,
}

// cpioFile tells the names of one file apart from those of others.
type cpioFile struct{ major, minor, inode int64 }

// cpioScanner reads an archive up to its trailer. Of a file with several names only the last entry has the content: the earlier ones wait for it
// and become hard links.
type cpioScanner struct {
	*stream
	b       *tarfs.Builder
	waiting map[cpioFile][]*tarfs.Entry
	count   int // how many wait
}

// maxWaiting bounds the names whose content has not come yet: some 300 bytes each.
const maxWaiting = 1 << 17

func scanCpio(r reader, o *tarfs.Options) (*tarfs.Table, error) {
	s := &cpioScanner{stream: newStream(r), b: tarfs.NewBuilder(o), waiting: map[cpioFile][]*tarfs.Entry{}}
	for more := true; more; {
		var err error
		if more, err = s.next(); err != nil {
			return nil, err
		}
	}
	empty := slices.Concat(slices.Collect(maps.Values(s.waiting))...)
	slices.SortFunc(empty, func(a, b *tarfs.Entry) int { return cmp.Compare(a.Header, b.Header) })
	for _, e := range empty {
		if err := s.b.Add(e); err != nil {
			return nil, err
		}
	}
	return s.table(s.b)
}

// next reads one entry.
func (s *cpioScanner) next() (more bool, err error) {
	at := s.off
	h, err := s.header()
	if err != nil {
		return false, err
	}
	name, err := s.bytes(h[cpioNameSize])
	if err != nil {
		return false, err
	}
	if err := s.skip(4); err != nil {
		return false, err
	}
	e := &tarfs.Entry{
		Name: strings.TrimRight(string(name), "\x00"),
		Type: cpioTypes[h[cpioMode]&0o170000],
		Mode: h[cpioMode] & 0o7777,
		UID:  h[cpioUID], GID: h[cpioGID],
		ModTime:  time.Unix(h[cpioTime], 0).UTC(),
		DevMajor: h[cpioDevMajor], DevMinor: h[cpioDevMinor],
		Header: at, Data: s.off,
	}
	if e.Name == cpioTrailer {
		return false, nil
	}
	if e.Type == 0 {
		return false, s.bad(at, "unknown type of a file")
	}
	if err := s.body(e, h[cpioSize]); err != nil {
		return false, err
	}
	if err := s.add(e, cpioFile{h[cpioMajor], h[cpioMinor], h[cpioInode]}, h[cpioLinks]); err != nil {
		return false, err
	}
	return true, s.skip(4)
}

func (s *cpioScanner) header() (h [13]int64, err error) {
	at := s.off
	b, err := s.bytes(cpioHeaderSize)
	if err != nil {
		return h, err
	}
	if !bytes.HasPrefix(b, []byte("070701")) && !bytes.HasPrefix(b, []byte("070702")) {
		return h, s.bad(at, "no header of cpio")
	}
	for i := range h {
		digits := b[cpioMagic+8*i:][:8]
		n, err := strconv.ParseUint(string(digits), 16, 32)
		if err != nil {
			return h, s.bad(at, "number in a header of cpio")
		}
		h[i] = int64(n)
	}
	if h[cpioNameSize] == 0 || h[cpioNameSize] > maxCpioName {
		return h, s.bad(at, "length of a name")
	}
	return h, nil
}

// body reads what follows the name: the content, or the target of a symbolic link.
func (s *cpioScanner) body(e *tarfs.Entry, size int64) (err error) {
	switch {
	case e.Type == tarfs.TypeSymlink && size <= maxCpioName:
		var link []byte
		link, err = s.bytes(size)
		e.Link = string(link)
	default:
		e.SHA256, err = s.content(size)
		if e.Type == tarfs.TypeReg {
			e.Size = size
		}
	}
	return err
}

// add passes e on, with the links that waited for it.
func (s *cpioScanner) add(e *tarfs.Entry, file cpioFile, links int64) error {
	if e.Type == tarfs.TypeReg && links > 1 && e.Size == 0 {
		if s.count++; s.count > maxWaiting {
			return &Error{e.Header, fmt.Errorf("%w: more than %d hard links", tarfs.ErrLimit, maxWaiting)}
		}
		s.waiting[file] = append(s.waiting[file], e)
		return nil
	}
	if e.Type == tarfs.TypeReg && links > 1 {
		for _, l := range s.waiting[file] {
			l.Type, l.Link, l.SHA256 = tarfs.TypeLink, e.Name, [32]byte{}
			if err := s.b.Add(l); err != nil {
				return err
			}
		}
		s.count -= len(s.waiting[file])
		delete(s.waiting, file)
	}
	return s.b.Add(e)
}
