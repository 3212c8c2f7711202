package archive

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"

	"vitrine/explore/tarfs"
)

const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60

	maxArNames = 1 << 20 // GNU's table of long names
)

// scanAr makes the table of an archive of ar, as Debian's packages are. Symbol tables are no members.
func scanAr(r reader, o *tarfs.Options) (*tarfs.Table, error) {
	s, b := newStream(r), tarfs.NewBuilder(o)
	if _, err := s.bytes(int64(len(arMagic))); err != nil {
		return nil, err
	}
	var names []byte
	for {
		e, size, err := s.arHeader(names)
		switch {
		case err == io.EOF:
			return s.table(b)
		case err != nil:
			return nil, err
		case e.Name == "//" && size <= maxArNames:
			names, err = s.bytes(size)
		case e.Name == "/" || e.Name == "//" || strings.HasPrefix(e.Name, "/SYM64/") || strings.HasPrefix(e.Name, "__.SYMDEF"):
			_, err = s.content(size)
		default:
			e.Size = size
			if e.SHA256, err = s.content(size); err == nil {
				err = b.Add(e)
			}
		}
		if err == nil {
			err = s.skip(2)
		}
		if err != nil {
			return nil, err
		}
	}
}

// arHeader reads the header of a member: name, time, owner, group, mode, size, all as text.
func (s *stream) arHeader(names []byte) (e *tarfs.Entry, size int64, err error) {
	at := s.off
	if _, err := s.r.Peek(1); err != nil {
		return nil, 0, err
	}
	h, err := s.bytes(arHeaderSize)
	if err != nil {
		return nil, 0, err
	}
	if string(h[58:]) != "`\n" {
		return nil, 0, s.bad(at, "no header of ar")
	}
	e = &tarfs.Entry{Type: tarfs.TypeReg, Header: at}
	var seconds int64
	for _, f := range []struct {
		from, to, base int
		value          *int64
	}{{16, 28, 10, &seconds}, {28, 34, 10, &e.UID}, {34, 40, 10, &e.GID}, {40, 48, 8, &e.Mode}, {48, 58, 10, &size}} {
		text := strings.TrimRight(string(h[f.from:f.to]), " ")
		n, err := strconv.ParseUint("0"+text, f.base, 62)
		if err != nil {
			return nil, 0, s.bad(at, "number in a header of ar")
		}
		*f.value = int64(n)
	}
	e.Mode &= 0o7777
	e.ModTime = time.Unix(seconds, 0).UTC()
	if err := s.arName(e, strings.TrimRight(string(h[:16]), " "), names, &size); err != nil {
		return nil, 0, err
	}
	e.Data = s.off
	return e, size, nil
}

// arName sets the name: "name/" or "name", "/OFFSET" into GNU's table, or "#1/LENGTH" where BSD writes it before the content.
func (s *stream) arName(e *tarfs.Entry, field string, names []byte, size *int64) error {
	if length, ok := strings.CutPrefix(field, "#1/"); ok {
		n, err := strconv.ParseUint(length, 10, 16)
		if err != nil || int64(n) > *size {
			return s.bad(e.Header, "length of a name")
		}
		name, err := s.bytes(int64(n))
		*size -= int64(n)
		e.Name = strings.TrimRight(string(name), "\x00")
		return err
	}
	if offset, ok := strings.CutPrefix(field, "/"); ok && offset != "" && offset[0] >= '0' && offset[0] <= '9' {
		n, err := strconv.ParseUint(offset, 10, 31)
		if err != nil || n >= uint64(len(names)) {
			return s.bad(e.Header, "offset of a name")
		}
		name, _, _ := bytes.Cut(names[n:], []byte("\n"))
		e.Name = strings.TrimSuffix(string(name), "/")
		return nil
	}
	e.Name = field
	if len(field) > 1 && field != "//" {
		e.Name = strings.TrimSuffix(field, "/")
	}
	return nil
}
