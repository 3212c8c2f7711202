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
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// IndexerOptions are the choices of an Indexer; nil is the zero IndexerOptions.
type IndexerOptions struct {
	Workers int             // how many layers Run indexes at once: 1 by default
	Cache   Cache           // keeps indexes; nil: what is not open any more is read again
	Archive archive.Options // what is taken from a blob; Hint, Index and Tar.Visit are set by the Indexer
	MaxFile int64           // bytes of a file that OpenFile opens: 1 GiB by default

	// Bounds of passes, for registries that strangers choose: bytes of a blob that is read to be indexed, the time that this may take, and, by the room
	// that Passes has, how many are under way at once, of all Indexers that share it. Zero: any, for ever, as many as there are processors.
	MaxBlob  int64
	PassTime time.Duration
	Passes   chan struct{}

	Log *slog.Logger // nil discards

	// What stays open for the next one: at most so many layers, 128 by default and none if negative, each two open files, and so many bytes of what
	// they have decoded, 128 MiB by default. Layers in use come on top of that.
	PoolLayers int
	PoolBytes  int64
}

// Indexer opens blobs as archives. The index that this takes is made in one pass over the blob, however many ask for it at once, and kept in the
// cache; of images that are pushed it is made beforehand, by Run. What was opened stays open for a while, and what cannot be opened is remembered.
// All of that goes by digest; who may see a blob is asked of the store by each call.
type Indexer struct {
	o        IndexerOptions
	queue    chan queued
	slots    chan struct{} // passes that somebody waits for
	unpacks  chan struct{} // openings of what has no index, which may take some memory
	pool     *pool
	verdicts *verdicts
	flying   sync.WaitGroup
	tapes    int64 // bytes of one

	mu      sync.Mutex
	closed  bool
	flights map[digest.Digest]*flight
	waiting map[queued]bool // in the queue
}

// NewIndexer returns an Indexer. Nothing runs before Run or Open is called. Close it when nobody calls it any more.
func NewIndexer(o *IndexerOptions) *Indexer {
	x := &Indexer{
		queue:    make(chan queued, maxQueue),
		slots:    make(chan struct{}, runtime.GOMAXPROCS(0)),
		unpacks:  make(chan struct{}, runtime.GOMAXPROCS(0)),
		verdicts: newVerdicts(),
		tapes:    maxTape,
		flights:  map[digest.Digest]*flight{},
		waiting:  map[queued]bool{},
	}
	if o != nil {
		x.o = *o
	}
	if x.o.Passes != nil {
		x.slots = x.o.Passes
	}
	x.o.Workers = max(x.o.Workers, 1)
	orDefault(&x.o.MaxFile, 1<<30)
	orDefault(&x.o.PoolLayers, 128)
	orDefault(&x.o.PoolBytes, 128<<20)
	if x.o.Log == nil {
		x.o.Log = slog.New(slog.DiscardHandler)
	}
	x.pool = &pool{maxLayers: x.o.PoolLayers, maxBytes: x.o.PoolBytes, layers: map[digest.Digest]*opened{}}
	return x
}

func orDefault[N int | int64](n *N, otherwise N) {
	if *n == 0 {
		*n = otherwise
	}
}

// Close ends the passes that are under way, and closes the blobs that are open for the next one; those in use go when their Layers are closed.
func (x *Indexer) Close() error {
	x.mu.Lock()
	x.closed = true
	for _, f := range x.flights {
		f.cancel()
	}
	x.mu.Unlock()
	x.flying.Wait()
	return x.pool.close()
}

// Open opens the blob d of repo, which is read through r: what whoever asks may not read, it does not open either. hint is its media type. The
// errors are those of StatBlob, OpenBlob and archive.Open, and one that wraps storage.ErrDamaged for content that does not fit the digest. While the
// index is made ctx ends the wait, and the work once nobody waits for it.
func (x *Indexer) Open(ctx context.Context, r storage.BlobReader, repo oci.Name, d digest.Digest, hint string) (*Layer, error) {
	size, err := r.StatBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	o := x.pool.get(d, size)
	if o == nil {
		if o, err = x.open(ctx, blobSource(r, repo, d, hint)); err == nil {
			o, err = x.share(o)
		}
	}
	if err != nil {
		return nil, err
	}
	return &Layer{Archive: o.Archive, x: x, o: o}, nil
}

// share returns what is to be used in the place of o, which is for its caller alone as long as another registry may be sending something else of that
// digest: others may have asked one that does not.
func (x *Indexer) share(o *opened) (*opened, error) {
	if !storage.IsVerified(o.blob) {
		return o, nil
	}
	return x.pool.add(o)
}

// source is where the bytes with a digest can be read from.
type source struct {
	d    digest.Digest
	hint string
	open func(context.Context) (storage.Blob, error)
	// borrowed says that they must not be read any more once their owner has left.
	borrowed bool
}

func blobSource(r storage.BlobReader, repo oci.Name, d digest.Digest, hint string) source {
	return source{d: d, hint: plainHint(hint), open: func(ctx context.Context) (storage.Blob, error) { return r.OpenBlob(ctx, repo, d) }}
}

// plainHint leaves of a hint what tells formats apart. The rest would name files in the index, which others see who have the same bytes under another
// name.
func plainHint(hint string) string {
	if archive.Detect(make([]byte, 1), hint) == archive.Tar {
		return "application/x-tar"
	}
	return ""
}

// open opens s for one user; it is in no pool yet.
func (x *Indexer) open(ctx context.Context, s source) (o *opened, err error) {
	if err := x.verdicts.failed(s.d); err != nil {
		return nil, err
	}
	o = &opened{d: s.d, users: 1}
	defer func() {
		if err != nil {
			o, err = nil, errors.Join(err, o.close())
		}
	}()
	blob, err := o.openBlob(ctx, s)
	if err != nil {
		return o, err
	}
	in := &attentive{ReaderAt: blob}
	options := x.o.Archive
	if options.Index, err = x.indexOf(ctx, o, in, s); err != nil {
		return o, err
	}
	if options.Index == nil {
		leave, err := enter(ctx, x.unpacks)
		if err != nil {
			return o, err
		}
		defer leave()
	}
	o.Archive, err = archive.Open(ctx, in, o.size, s.hint, &options)
	if err != nil && ctx.Err() == nil && !in.failed.Load() && storage.IsVerified(blob) {
		x.verdicts.fail(s.d, err)
	}
	return o, err
}

// openBlob opens what s has. It stays open when ctx, that of the first one who wants it, has ended.
func (o *opened) openBlob(ctx context.Context, s source) (storage.Blob, error) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o.closers = append(o.closers, closerFunc(cancel))
	defer context.AfterFunc(ctx, cancel)()
	blob, err := s.open(lasting)
	if err != nil {
		return nil, err
	}
	o.closers = append(o.closers, blob)
	o.blob, o.size = blob, blob.Size()
	return blob, ctx.Err()
}

type closerFunc func()

func (f closerFunc) Close() error { f(); return nil }

// attentive notes whether the blob itself could not be read: what comes of that says nothing about its bytes.
type attentive struct {
	io.ReaderAt
	failed atomic.Bool
}

// ReadAt implements io.ReaderAt.
func (a *attentive) ReadAt(p []byte, off int64) (int, error) {
	n, err := a.ReaderAt.ReadAt(p, off)
	if err != nil && err != io.EOF {
		a.failed.Store(true)
	}
	return n, err
}

// indexOf returns the index of what o has open: nil for formats that have none, from the cache, or made now.
func (x *Indexer) indexOf(ctx context.Context, o *opened, in io.ReaderAt, s source) (*archive.Index, error) {
	f, err := detect(in, o.size, s.hint)
	if err != nil || !f.HasIndex() || s.d == "" {
		return nil, err
	}
	if index, ok := fileIndex(f, s.d, o.size); ok {
		return index, nil
	}
	index, stored := x.cached(ctx, s.d, o.size)
	if stored == nil {
		made, err := x.build(ctx, s, true)
		if err != nil {
			return nil, err
		}
		if index, stored = x.cached(ctx, s.d, o.size); stored == nil { // what is read piece by piece takes less memory
			o.held = made.Size()
			return made, nil
		}
	}
	o.closers = append(o.closers, stored)
	return index, nil
}

// headSize is what archive.Detect wants to see of a blob.
const headSize = 1028

func detect(r io.ReaderAt, size int64, hint string) (archive.Format, error) {
	head := make([]byte, min(headSize, size))
	if n, err := r.ReadAt(head, 0); n < len(head) {
		return "", err
	}
	return archive.Detect(head, hint), nil
}

// fileIndex returns the index of a blob that is a single file. The digest says all that is in it, so nobody has to read the blob.
func fileIndex(f archive.Format, d digest.Digest, size int64) (*archive.Index, bool) {
	if f != archive.Plain || d.Algorithm() != digest.SHA256 {
		return nil, false
	}
	var sum [32]byte
	if _, err := hex.Decode(sum[:], []byte(d.Encoded())); err != nil {
		return nil, false
	}
	index, err := archive.IndexFile(size, sum)
	return index, err == nil
}

// cached returns the index of the blob if the cache has it, with what is to be closed after its last use. What the cache has and cannot be used is as
// good as nothing.
func (x *Indexer) cached(ctx context.Context, d digest.Digest, size int64) (*archive.Index, storage.Blob) {
	if x.o.Cache == nil || x.verdicts.isStale(d) {
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
