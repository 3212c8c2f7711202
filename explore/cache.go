package explore

import (
	"context"
	"io"
	"strconv"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
)

// Cache keeps what can be made again. It may lose anything at any time; many goroutines use it at once.
type Cache interface {
	// Get opens what was put under key. The error is fs.ErrNotExist where there is nothing. The caller closes it.
	Get(ctx context.Context, key string) (storage.Blob, error)
	// Put keeps what write writes, whole or not at all.
	Put(ctx context.Context, key string, write func(io.Writer) error) error
}

// indexVersion is that of what an Indexer puts into its Cache. Another one makes all indexes anew.
const indexVersion = 1

// indexKey is the name of the index of a blob: lower-case letters, digits, "-" and ".", so that it can be that of a file.
func indexKey(d digest.Digest) string {
	return string(d.Algorithm()) + "-" + d.Encoded() + ".index" + strconv.Itoa(indexVersion)
}
