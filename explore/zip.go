package explore

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"

	"vitrine/explore/archive"
	"vitrine/explore/tarfs"
)

// Bounds of a zip, of which nothing compressed can be read at random.
const (
	maxZipped      = 32 << 20 // bytes of a file, which is decompressed into memory
	smallZipped    = 1 << 20  // bytes of files that are not counted
	maxZipSymlinks = 1024     // whose targets are read
)

// seats are for requests that have files of zips in memory: at most one for each level of archives inside archives, together a gigabyte.
var seats = make(chan struct{}, 8)

// seat is that of one request. It is taken once, however many files come: who waited for a second one while holding the first would wait for ever.
type seat struct {
	ctx   context.Context
	taken bool
}

func (s *seat) take() error {
	if s.taken {
		return nil
	}
	select {
	case seats <- struct{}{}:
		s.taken = true
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// Close gives the seat to the next one.
func (s *seat) Close() error {
	if s.taken {
		s.taken = false
		<-seats
	}
	return nil
}

// newZipTree makes a table of what a zip has. The number of an entry in its directory takes the place of where its header stands.
func newZipTree(s *seat, z *zip.Reader) (*layerTree, error) {
	b := tarfs.NewBuilder(nil)
	links := 0
	for i, f := range z.File {
		e := &tarfs.Entry{Name: f.Name, Type: tarfs.TypeReg, Mode: int64(f.Mode().Perm()), ModTime: f.Modified, Size: int64(f.UncompressedSize64), Header: int64(i)}
		switch mode := f.Mode(); {
		case mode.IsDir():
			e.Type, e.Size = tarfs.TypeDir, 0
		case mode&fs.ModeSymlink != 0 && links < maxZipSymlinks:
			links++
			e.Type, e.Size, e.Link = tarfs.TypeSymlink, 0, zippedLink(f)
		}
		if err := b.Add(e); err != nil {
			return nil, err
		}
	}
	table, err := b.Table(tarfs.Info{})
	if err != nil {
		return nil, err
	}
	return &layerTree{files: tarfs.New(bytes.NewReader(nil), table), zip: z.File, seat: s}, nil
}

// zippedLink is the content of a symbolic link, which is where it leads.
func zippedLink(f *zip.File) string {
	r, err := f.Open()
	if err != nil {
		return ""
	}
	defer r.Close()
	link, _ := io.ReadAll(io.LimitReader(r, 4096)) // PATH_MAX; a damaged one leads elsewhere
	return string(link)
}

// openZipped opens a file of a zip: in place if it is not compressed, in memory otherwise.
func (t *layerTree) openZipped(e *tarfs.Entry) (content, error) {
	if e.Header < 0 || e.Header >= int64(len(t.zip)) || !e.FileMode().IsRegular() {
		return inMemory(nil), nil
	}
	f := t.zip[e.Header]
	if f.Method == zip.Store && f.CompressedSize64 == f.UncompressedSize64 {
		raw, err := f.OpenRaw()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", archive.ErrFormat, err)
		}
		if s, ok := raw.(*io.SectionReader); ok {
			return section{s}, nil
		}
	}
	if f.UncompressedSize64 > maxZipped {
		return nil, fmt.Errorf("%w: %d bytes in a zip, more than %d", ErrTooLarge, f.UncompressedSize64, maxZipped)
	}
	return t.unzip(f)
}

// unzip decompresses a file into memory.
func (t *layerTree) unzip(f *zip.File) (content, error) {
	if f.UncompressedSize64 > smallZipped {
		if err := t.seat.take(); err != nil {
			return nil, err
		}
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", archive.ErrFormat, err)
	}
	defer r.Close()
	buf := make([]byte, f.UncompressedSize64)
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, fmt.Errorf("%w: %w", archive.ErrFormat, err)
	}
	if _, err := r.Read(make([]byte, 1)); err != io.EOF { // there is more, or the checksum is wrong
		return nil, fmt.Errorf("%w: %w", archive.ErrFormat, zip.ErrChecksum)
	}
	return inMemory(buf), nil
}

func inMemory(b []byte) content {
	return section{io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))}
}
