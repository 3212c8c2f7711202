package explore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
)

// ErrTooLarge says that a file inside a layer is larger than what is opened as an archive there.
var ErrTooLarge = errors.New("too large to be opened as an archive inside an archive")

// DefaultMaxFile bounds the files that OpenFile opens, in bytes, where the options say nothing.
const DefaultMaxFile = 1 << 30

// OpenFile opens a file that lies inside a layer, or inside what OpenFile opened, as an archive: size bytes whose digest is d, as the layer's table has
// it; "" if that is not known, and then nothing is kept. hint is its name. The index goes by d too, as those of blobs do. The errors are those of Open,
// and ErrTooLarge. file must stay open as long as the Layer is used; whoever calls has seen to it that it may be read.
func (x *Indexer) OpenFile(ctx context.Context, file io.ReaderAt, size int64, d digest.Digest, hint string) (*Layer, error) {
	if size > DefaultMaxFile {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, size, int64(DefaultMaxFile))
	}
	a, err := archive.Open(ctx, file, size, hint, &x.o.Archive)
	if err != nil {
		return nil, err
	}
	return &Layer{Archive: a}, nil
}
