package remote

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// StatBlob implements storage.BlobReader.
func (r *Registry) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	key := blobKey{repo, d}
	if f, ok := r.facts.get(key); ok {
		return f.size, ctx.Err()
	}
	return r.measure(ctx, key)
}

// OpenBlob implements storage.BlobReader. ctx is the blob's until it is closed.
//
// A blob that is not known yet costs one GET, whose body Read goes on with, or ReadAt if it wants the beginning; one that is known costs nothing before
// it is read, and that it is gone meanwhile shows only then. Read and ReadAt are
// two ways: Read streams, goes on where a connection broke, and gives the last byte away only when all that was read from the first one on hashes
// to d. ReadAt asks for ranges, in pages that it keeps; it can verify nothing. Of a server without ranges it reads what stands in the first 8 MiB, and says
// ErrUnsupported of the rest.
func (r *Registry) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	b := &blob{r: r, key: blobKey{repo, d}}
	b.ctx, b.cancel = context.WithCancel(ctx)
	if f, ok := r.facts.get(b.key); ok && ctx.Err() == nil {
		b.size = f.size
		return b, nil
	}
	if err := b.ask(); err != nil {
		b.cancel()
		return nil, err
	}
	return b, nil
}

// ask learns the size of b by starting to read it.
func (b *blob) ask() error {
	p, err := b.r.fetch(b.ctx, b.key, whole, "")
	if err != nil {
		return err
	}
	if b.size = p.size; b.size >= 0 {
		b.begun = p
		return nil
	}
	p.Close()
	b.size, err = b.r.measure(b.ctx, b.key)
	return err
}

// blob is an open blob of another registry.
type blob struct {
	r      *Registry
	key    blobKey
	size   int64
	ctx    context.Context
	cancel context.CancelFunc

	life    sync.Mutex
	closed  bool
	begun   *fetched       // the answer that OpenBlob had, until somebody reads it
	working sync.WaitGroup // fetches of pages

	mu     sync.Mutex // of Read and Seek
	pos    int64
	in     *stream   // nil: none
	paged  int64     // bytes that Read has taken out of pages since Seek
	sum    hash.Hash // of the first summed bytes
	summed int64
}

// Size implements storage.Blob.
func (b *blob) Size() int64 { return b.size }

// Seek implements io.Seeker. It asks nothing.
func (b *blob) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.alive(); err != nil {
		return 0, err
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += b.pos
	case io.SeekEnd:
		offset += b.size
	default:
		return 0, fmt.Errorf("seek: whence %d", whence)
	}
	if offset < 0 {
		return 0, errors.New("seek: a negative position")
	}
	if offset != b.pos {
		b.paged = 0
	}
	b.pos = offset
	return offset, nil
}

// alive returns fs.ErrClosed after Close.
func (b *blob) alive() error {
	b.life.Lock()
	defer b.life.Unlock()
	if b.closed {
		return fs.ErrClosed
	}
	return nil
}

// Close implements io.Closer. It ends reads that are under way.
func (b *blob) Close() error {
	b.life.Lock()
	if b.closed {
		b.life.Unlock()
		return fs.ErrClosed
	}
	b.closed = true
	b.life.Unlock()
	b.cancel()
	b.working.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop()
	if p := b.takeBegun(); p != nil {
		p.Close()
	}
	return nil
}

// takeBegun returns the answer that OpenBlob had, which is the caller's to close; nil if there is none left.
func (b *blob) takeBegun() *fetched {
	b.life.Lock()
	defer b.life.Unlock()
	p := b.begun
	b.begun = nil
	return p
}

func (b *blob) stream(at int64) *stream {
	return &stream{r: b.r, ctx: b.ctx, key: b.key, size: b.size, pos: at}
}

// drop ends the stream.
func (b *blob) drop() {
	if b.in != nil {
		b.in.Close()
		b.in = nil
	}
}
