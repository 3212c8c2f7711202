package archive

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"vitrine/explore/rpm"
	"vitrine/explore/tarfs"
)

// An RPM is a lead of 96 bytes, two headers (the signature, padded to 8 bytes, and the package's), and the payload. A header is
//
//	8e ad e8 01, 4 bytes, number of entries u32, bytes of data u32 (big-endian); 16 bytes an entry; the data
const (
	rpmLead       = 96
	rpmHeaderSize = 16

	maxRPMHeader = 256 << 20 // as rpm itself has it
	keepHeader   = 64 << 20  // for the list of files; larger ones are passed by
)

// readRPM reads up to the payload and returns its offset, and the package's header without its magic; nil if it is very large.
func readRPM(r reader) (header []byte, offset int64, err error) {
	s := newStream(r)
	if _, err := s.bytes(rpmLead); err != nil {
		return nil, 0, err
	}
	for i := range 2 {
		if err := s.skip(8); err != nil {
			return nil, 0, err
		}
		at := s.off
		h, err := s.bytes(rpmHeaderSize)
		if err != nil {
			return nil, 0, err
		}
		size := 16*int64(binary.BigEndian.Uint32(h[8:])) + int64(binary.BigEndian.Uint32(h[12:]))
		if string(h[:4]) != "\x8e\xad\xe8\x01" || size > maxRPMHeader {
			return nil, 0, s.bad(at, "no header of rpm")
		}
		var kept bytes.Buffer
		into := io.Writer(io.Discard)
		if i == 1 && size <= keepHeader {
			kept.Write(h[8:])
			into = &kept
		}
		if _, err := io.CopyN(into, s, size); err != nil {
			return nil, 0, s.cut(err)
		}
		header = kept.Bytes()
	}
	return header, s.off, nil
}

// payloadVariant is what follows the name of a codec in the variant of an RPM whose payload has no random access.
const payloadVariant = " payload"

// buildRPM scans the payload of an RPM. Where that cannot be read, the table is made of the list of files in the header.
func (x *Index) buildRPM(r reader, o *Options) error {
	header, offset, err := readRPM(r)
	if err != nil {
		return err
	}
	x.offset = offset
	head, err := peek(r)
	if err != nil {
		return err
	}
	switch codec := Detect(head, ""); codec {
	case Gzip:
		return x.buildGzip(r, header, o)
	case Cpio:
		x.table, err = scanCpio(r, &o.Tar)
		return err
	case Bzip2:
		x.Variant = string(codec) + payloadVariant
		plain, err := io.ReadAll(io.LimitReader(bzip2.NewReader(r), o.MaxMemory+1))
		switch {
		case err != nil:
			return &Error{int64(len(plain)), fmt.Errorf("%w: %w", ErrFormat, err)}
		case int64(len(plain)) > o.MaxMemory:
			return x.listHeader(header, o)
		}
		x.table, err = scanCpio(newPeeker(bytes.NewReader(plain)), &o.Tar)
		return err
	case XZ, Zstd, LZMA:
		x.Variant = string(codec) + payloadVariant
		return x.listHeader(header, o)
	default:
		if isStripped(head) {
			x.table, err = scanStripped(r, header, &o.Tar)
			return err
		}
		return &UnsupportedError{Format: RPM, Reason: "its payload is " + string(codec) + ", which cannot be opened"}
	}
}

// maxListed bounds what the sizes of files in a header add up to: nothing else shows that they are true.
const maxListed = 1 << 60

// listHeader makes the table of the list of files in a header. Their content is nowhere, and their digests are what the package says: a record.
func (x *Index) listHeader(header []byte, o *Options) error {
	h, err := rpm.ParseHeader(header)
	if err != nil {
		return &Error{0, fmt.Errorf("%w: %w", ErrFormat, err)}
	}
	b, total := tarfs.NewBuilder(&o.Tar), int64(0)
	record := "RPM." + h.FileDigests()
	for f, err := range h.Files() {
		if err != nil {
			return &Error{0, fmt.Errorf("%w: %w", ErrFormat, err)}
		}
		if f.Flags&rpm.FileGhost != 0 {
			continue
		}
		e := rpmEntry(&f)
		if e.Size > maxListed || total > maxListed {
			return &Error{0, fmt.Errorf("%w: sizes of files", ErrFormat)}
		}
		total += e.Size
		if f.Digest != "" {
			e.Records = map[string]string{record: f.Digest}
		}
		if err := b.Add(e); err != nil {
			return err
		}
	}
	x.table, err = b.Table(tarfs.Info{})
	return err
}

// rpmEntry is what a header says about a file. What is of no known type is a regular file.
func rpmEntry(f *rpm.File) *tarfs.Entry {
	name := f.Path
	if strings.HasPrefix(name, "/") { // as payloads have it
		name = "." + name
	}
	e := &tarfs.Entry{Name: name, Type: cpioTypes[int64(f.Mode)&0o170000], Mode: int64(f.Mode) & 0o7777, Uname: f.User, Gname: f.Group, ModTime: f.ModTime}
	switch {
	case e.Type == 0:
		e.Type = tarfs.TypeReg
	case e.Type == tarfs.TypeSymlink:
		e.Link = f.Link
	}
	if e.Type == tarfs.TypeReg {
		e.Size = f.Size
	}
	return e
}

// payload returns what the files of an RPM are read from that has no checkpoints: the payload itself, or what is in its place.
func (x *Index) payload(section *io.SectionReader, o *Options) io.ReaderAt {
	codec, ok := strings.CutSuffix(x.Variant, payloadVariant)
	switch {
	case x.Format != RPM || !ok:
		return section
	case codec == string(Bzip2) && x.table.Info().Size > 0:
		return &bzip2Payload{r: section, max: o.MaxMemory}
	}
	return unreadable{&UnsupportedError{Format: RPM, Reason: "its payload is " + codec + ", which cannot be decompressed here; the list of its files is that of the header"}}
}

// unreadable has no bytes.
type unreadable struct{ err error }

// ReadAt implements [io.ReaderAt].
func (u unreadable) ReadAt([]byte, int64) (int, error) { return 0, u.err }

// bzip2Payload is decompressed into memory when somebody reads of it: bzip2 has no random access.
type bzip2Payload struct {
	r    *io.SectionReader
	max  int64
	once sync.Once
	held atomic.Int64

	plain []byte
	err   error
}

// ReadAt implements [io.ReaderAt].
func (b *bzip2Payload) ReadAt(p []byte, off int64) (int, error) {
	b.once.Do(func() {
		b.plain, b.err = io.ReadAll(io.LimitReader(bzip2.NewReader(io.NewSectionReader(b.r, 0, b.r.Size())), b.max))
		b.held.Store(int64(cap(b.plain)))
	})
	if b.err != nil {
		return 0, b.err
	}
	return bytes.NewReader(b.plain).ReadAt(p, off)
}
