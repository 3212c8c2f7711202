package archive

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"vitrine/explore/tarfs"
)

// reader is what a scanner is given. Peek returns what comes next without taking it, up to n bytes and, unless that is the end, at least one.
type reader interface {
	io.Reader
	Peek(n int) ([]byte, error)
}

// stream is what a scanner reads: counted, and hashed as a whole.
type stream struct {
	r   reader
	off int64
	sum hash.Hash
}

func newStream(r reader) *stream { return &stream{r: r, sum: sha256.New()} }

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.off += int64(n)
	s.sum.Write(p[:n])
	return n, err
}

// bytes reads the next n bytes, of which there must be as many. n has been bounded by the caller.
func (s *stream) bytes(n int64) ([]byte, error) {
	p := make([]byte, n)
	if _, err := io.ReadFull(s, p); err != nil {
		return nil, s.cut(err)
	}
	return p, nil
}

// content reads n bytes and returns their digest.
func (s *stream) content(n int64) (sum [32]byte, err error) {
	h := sha256.New()
	if _, err := io.CopyN(h, s, n); err != nil {
		return sum, s.cut(err)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// skip reads up to the next multiple of align, a power of two. There may be less at the end.
func (s *stream) skip(align int64) error {
	_, err := io.CopyN(io.Discard, s, -s.off&(align-1))
	if err == io.EOF {
		return nil
	}
	return err
}

func (s *stream) cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &Error{s.off, io.ErrUnexpectedEOF}
	}
	return err
}

func (s *stream) bad(at int64, what string) error {
	return &Error{at, fmt.Errorf("%w: %s", ErrFormat, what)}
}

// table ends b where s ends.
func (s *stream) table(b *tarfs.Builder) (*tarfs.Table, error) {
	info := tarfs.Info{End: s.off}
	if _, err := io.Copy(io.Discard, s); err != nil {
		return nil, err
	}
	info.Size = s.off
	s.sum.Sum(info.SHA256[:0])
	return b.Table(info)
}

// scanFile makes the table of a single file.
func scanFile(r reader, name string, o *tarfs.Options) (*tarfs.Table, error) {
	s := newStream(r)
	if _, err := io.Copy(io.Discard, s); err != nil {
		return nil, err
	}
	e := &tarfs.Entry{Name: name, Type: tarfs.TypeReg, Mode: 0o644, Size: s.off}
	s.sum.Sum(e.SHA256[:0])
	b := tarfs.NewBuilder(o)
	if err := b.Add(e); err != nil {
		return nil, err
	}
	return s.table(b)
}
