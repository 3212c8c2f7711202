package apk

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// cursor goes through a file member by member.
type cursor struct {
	src *io.SectionReader
	buf *bufio.Reader
}

func newCursor(r io.ReaderAt, size int64) *cursor {
	src := io.NewSectionReader(r, 0, size)
	return &cursor{src: src, buf: bufio.NewReaderSize(src, 16<<10)}
}

// offset is where the next member begins: what is in the buffer was not taken yet.
func (c *cursor) offset() int64 {
	at, _ := c.src.Seek(0, io.SeekCurrent) // a SectionReader always knows
	return at - int64(c.buf.Buffered())
}

// member is one that is being read.
type member struct {
	c     *cursor
	z     *gzip.Reader
	plain *bufio.Reader // what it decompresses to
	at    int64
}

// next begins to read the next member. gzip takes single bytes from the buffer, so that it stops right behind the member.
func (c *cursor) next() (*member, error) {
	at := c.offset()
	if head, err := c.buf.Peek(4); err == nil && isADB(head) {
		return nil, ErrV3
	}
	z, err := gzip.NewReader(c.buf)
	if err != nil {
		return nil, damage(at, err)
	}
	z.Multistream(false)
	return &member{c, z, bufio.NewReaderSize(z, 4<<10), at}, nil
}

func isADB(head []byte) bool {
	return bytes.HasPrefix(head, []byte("ADB.")) || bytes.HasPrefix(head, []byte("ADBd")) || bytes.HasPrefix(head, []byte("ADBc"))
}

// begins reports whether the member decompresses to something that begins so.
func (m *member) begins(prefix string) bool {
	head, _ := m.plain.Peek(len(prefix)) // whoever goes on meets the error again
	return string(head) == prefix
}

// all reads the member to its end. It may decompress to max bytes.
func (m *member) all(max int64) (plain []byte, at Span, err error) {
	plain, err = io.ReadAll(io.LimitReader(m.plain, max+1))
	at = Span{m.at, m.c.offset() - m.at}
	switch {
	case int64(len(plain)) > max:
		return nil, at, &Error{m.at, fmt.Errorf("%w: a member of more than %d bytes", ErrLimit, max)}
	case err != nil:
		return nil, at, damage(m.at, err)
	}
	return plain, at, nil
}

// damage tells errors of the format from those of whoever reads.
func damage(at int64, err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{at, fmt.Errorf("%w: the member ends too early: %w", ErrFormat, io.ErrUnexpectedEOF)}
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, tar.ErrHeader), errors.As(err, &corrupt):
		return &Error{at, fmt.Errorf("%w: %w", ErrFormat, err)}
	}
	return err
}

// skipSignatures reads the members with signatures, and begins to read the one behind them.
func (c *cursor) skipSignatures() (found []Signature, next *member, err error) {
	for range maxSignMembers {
		if next, err = c.next(); err != nil {
			return nil, nil, err
		}
		if !next.begins(signPrefix) {
			return found, next, nil
		}
		plain, at, err := next.all(maxSignature)
		if err != nil {
			return nil, nil, err
		}
		err = eachFile(plain, at, func(name string, content io.Reader) error {
			if !strings.HasPrefix(name, signPrefix) {
				return badFormat(at.Offset, "%.64q among the signatures", name)
			}
			raw, err := io.ReadAll(content)
			found = append(found, parseSignature(name, raw))
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, &Error{c.offset(), fmt.Errorf("%w: more than %d members of signatures", ErrLimit, maxSignMembers)}
}

// eachFile calls visit for each file of the part of a tar archive that a member has. It ends where the bytes do: only the last member has the end
// of the archive.
func eachFile(plain []byte, at Span, visit func(name string, content io.Reader) error) error {
	t := tar.NewReader(bytes.NewReader(plain))
	for {
		h, err := t.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return damage(at.Offset, err)
		case h.Typeflag != tar.TypeReg:
			return badFormat(at.Offset, "%.64q is no regular file", h.Name)
		}
		if err := visit(h.Name, t); err != nil {
			return damage(at.Offset, err)
		}
	}
}
