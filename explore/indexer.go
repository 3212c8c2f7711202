// Package explore shows what is in a registry.
package explore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"runtime"
	"sync"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// IndexerOptions are the choices of an Indexer; nil is the zero IndexerOptions.
type IndexerOptions struct {
	Workers int             // how many layers Run indexes at once: 1 by default
	Cache   Cache           // keeps indexes; nil: each Open reads the blob
	Archive archive.Options // what is taken from a blob; Hint and Index are set by the Indexer
	Log     *slog.Logger    // nil discards
}

// Indexer opens blobs as archives. The index that this takes is made in one pass over the blob, however many ask for it at once, and kept in the
// cache; of images that are pushed it is made beforehand, by Run.
type Indexer struct {
	o     IndexerOptions
	queue chan queued
	slots chan struct{} // passes that somebody waits for

	mu      sync.Mutex
	flights map[digest.Digest]*flight
	waiting map[queued]bool // in the queue
}

// NewIndexer returns an Indexer. Nothing runs before Run or Open is called.
func NewIndexer(o *IndexerOptions) *Indexer {
	if o == nil {
		o = &IndexerOptions{}
	}
	x := &Indexer{
		o:       *o,
		queue:   make(chan queued, maxQueue),
		slots:   make(chan struct{}, runtime.GOMAXPROCS(0)),
		flights: map[digest.Digest]*flight{},
		waiting: map[queued]bool{},
	}
	x.o.Workers = max(x.o.Workers, 1)
	if x.o.Log == nil {
		x.o.Log = slog.New(slog.DiscardHandler)
	}
	return x
}

// Layer is an open blob as an archive. Close releases it once nobody reads from it any more.
type Layer struct {
	*archive.Archive
	closers []io.Closer
}

// Close closes the blob, and the index where that is in the cache.
func (l *Layer) Close() error {
	var errs []error
	for _, c := range l.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Report tells l of an error that came out of reading its files, and returns it. An index that turns out to be damaged is made anew by the next Open:
// whoever reads from a layer passes each error through here.
func (l *Layer) Report(err error) error { return err }

// Open opens the blob d of repo, which is read through r: what whoever asks may not read, it does not open either. hint is its media type. The
// errors are those of OpenBlob and archive.Open, and one that wraps storage.ErrDamaged for content that does not fit the digest. While the index is
// made ctx ends the wait, and the work once nobody waits for it.
func (x *Indexer) Open(ctx context.Context, r storage.BlobReader, repo oci.Name, d digest.Digest, hint string) (*Layer, error) {
	blob, err := r.OpenBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	l := &Layer{closers: []io.Closer{blob}}
	l.Archive, err = x.open(ctx, l, blob, source{r, repo, d, hint})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// source is where a blob can be read from.
type source struct {
	r    storage.BlobReader
	repo oci.Name
	d    digest.Digest
	hint string
}

func (x *Indexer) open(ctx context.Context, l *Layer, blob storage.Blob, s source) (*archive.Archive, error) {
	o := x.o.Archive
	f, err := detect(blob, s.hint)
	if err != nil {
		return nil, err
	}
	if f != archive.Zip && f != archive.Bzip2 { // which have no index
		index, stored := x.cached(ctx, s.d, blob.Size())
		if stored != nil {
			l.closers = append(l.closers, stored)
		} else if index, err = x.build(ctx, s, true); err != nil {
			return nil, err
		}
		o.Index = index
	}
	return archive.Open(ctx, blob, blob.Size(), s.hint, &o)
}

// headSize is what archive.Detect wants to see of a blob.
const headSize = 1028

func detect(blob storage.Blob, hint string) (archive.Format, error) {
	head := make([]byte, min(headSize, blob.Size()))
	if n, err := blob.ReadAt(head, 0); n < len(head) {
		return "", err
	}
	return archive.Detect(head, hint), nil
}

// cached returns the index of the blob if the cache has it, with what is to be closed after its last use. What the cache has and cannot be used is as
// good as nothing.
func (x *Indexer) cached(ctx context.Context, d digest.Digest, size int64) (*archive.Index, storage.Blob) {
	if x.o.Cache == nil {
		return nil, nil
	}
	b, err := x.o.Cache.Get(ctx, indexKey(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var index *archive.Index
	if err == nil {
		index, err = archive.OpenIndex(b, b.Size())
		if err == nil && index.BlobSize != size {
			err = fmt.Errorf("%w: of another blob", archive.ErrIndex)
		}
		if err == nil {
			err = checkDigest(index, d)
		}
		if err == nil {
			return index, b
		}
		err = errors.Join(err, b.Close())
	}
	x.o.Log.Warn("an index from the cache is of no use and is made anew", "digest", d, "error", err)
	return nil, nil
}

// checkDigest compares what was read with what was asked for. Of a blob that goes by SHA-512 the store's word has to do.
func checkDigest(index *archive.Index, d digest.Digest) error {
	if d.Algorithm() == digest.SHA256 && d.Encoded() != hex.EncodeToString(index.BlobSHA256[:]) {
		return fmt.Errorf("%w: %s: read as sha256:%x", storage.ErrDamaged, d, index.BlobSHA256)
	}
	return nil
}
