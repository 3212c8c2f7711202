package explore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
)

// ErrTooLarge says that a file inside a layer is larger than what is opened as an archive there.
var ErrTooLarge = errors.New("too large to be opened as an archive inside an archive")

// OpenFile opens a file that lies inside a layer, or inside what OpenFile opened, as an archive: size bytes whose digest is d, as the layer's table has
// it; "" if that is not known, and then nothing is shared or kept. hint is its name. The index goes by d, as those of blobs do. The errors are those of
// Open, and ErrTooLarge. Whoever calls has seen to it that the file may be read, and keeps it open, with the layer it is in, as long as the Layer is used:
// that one is in no pool.
func (x *Indexer) OpenFile(ctx context.Context, file io.ReaderAt, size int64, d digest.Digest, hint string) (*Layer, error) {
	if size > x.o.MaxFile {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, size, x.o.MaxFile)
	}
	s := source{d: d, hint: plainHint(hint), borrowed: true, open: func(context.Context) (storage.Blob, error) {
		return section{io.NewSectionReader(file, 0, size)}, nil
	}}
	o, err := x.open(ctx, s)
	if err != nil {
		return nil, err
	}
	return &Layer{Archive: o.Archive, x: x, o: o}, nil
}
