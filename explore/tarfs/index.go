package tarfs

import (
	"fmt"
	"io"
)

// Options bound what [Index] takes from an archive that a stranger made. Nil and zero are the defaults.
type Options struct {
	// MaxEntries bounds entries and made-up directories: 4 Mi by default. A million takes the process 220 MB while it is indexed, 45 MB as a
	// table in memory.
	MaxEntries int

	// MaxName bounds a path: 4096 bytes by default, Linux's PATH_MAX.
	MaxName int

	// MaxMeta bounds what is kept of all entries together while they are read, names, records, sparse maps and digests: 512 MiB by default, which is what
	// 4 Mi entries of usual names have.
	MaxMeta int64

	// MaxHoles bounds the zeros of all sparse files together that are hashed: 1 GiB by default. Files past it have no digest.
	MaxHoles int64

	// SkipDigests leaves out the SHA-256 of the contents, which is a quarter of the time that a layer takes. That of the stream is made.
	SkipDigests bool

	// Visit, if not nil, is called by [Builder.Add], with the path set: by Index for each entry as soon as its content was read, in the order of the
	// archive. Links are not resolved then. The entry is the callee's to keep.
	Visit func(*Entry)
}

func (o *Options) withDefaults() *Options {
	d := Options{}
	if o != nil {
		d = *o
	}
	if d.MaxEntries == 0 {
		d.MaxEntries = 4 << 20
	}
	if d.MaxName == 0 {
		d.MaxName = 4096
	}
	if d.MaxMeta == 0 {
		d.MaxMeta = 512 << 20
	}
	if d.MaxHoles == 0 {
		d.MaxHoles = 1 << 30
	}
	return &d
}

// Index reads a tar stream to its end and returns its table, which is in memory. If r is a [PieceReader] too, nothing is copied. A stream that is not a tar archive, or is one that
// exceeds the options, is an [*Error].
func Index(r io.Reader, o *Options) (*Table, error) {
	o = o.withDefaults()
	s := newScanner(r, o)
	defer s.in.sum.stop()
	b := NewBuilder(o)
	if err := s.scan(b); err != nil {
		return nil, &Error{s.errorOffset(err), err}
	}
	end := s.in.off
	if err := s.drain(); err != nil {
		return nil, &Error{s.in.off, err}
	}
	info := Info{End: end, Size: s.in.off}
	s.in.sum.stop()
	s.in.sum.Sum(info.SHA256[:0])
	table, err := b.Table(info)
	if err != nil {
		return nil, &Error{end, err}
	}
	return table, nil
}

// scan passes every entry on to b.
func (s *scanner) scan(b *Builder) error {
	for {
		err := s.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = s.readContent()
		}
		if err == nil {
			err = b.Add(&s.entry)
		}
		if err != nil {
			return err
		}
	}
}

// errorOffset says where the stream is wrong: at the header that was read last or, if its bytes cannot be had, where they end.
func (s *scanner) errorOffset(err error) int64 {
	if isFormat(err) {
		return s.at
	}
	return s.in.off
}

func (s *scanner) drain() error {
	for {
		switch err := s.in.fill(); err {
		case nil:
			s.in.off += int64(len(s.in.unread))
			s.in.unread = nil
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

func (b *Builder) limit(what string, n any) error {
	return fmt.Errorf("%w: more than %v %s", ErrLimit, n, what)
}
