package explore

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// plainTar makes a tar of files with the given names, each with size bytes that do not compress well.
func plainTar(t testing.TB, size int, names ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	content := make([]byte, size)
	seed := uint32(1)
	for _, name := range names {
		for i := range content {
			seed = seed*1664525 + 1013904223
			content[i] = byte(seed >> 24)
		}
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(size)})
		_, err2 := w.Write(content)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(t testing.TB, raw []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, err = z.Write(raw)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// observed is a store whose blobs are watched: what is open, and what is read. fault, if set, is asked before n bytes are read at off: in order, as
// passes do, or at random.
type observed struct {
	storage.Store
	fault func(inOrder bool, off int64, n int) error

	opens, open, atRandom atomic.Int64

	mu     sync.Mutex
	passes map[digest.Digest]int64 // bytes read in order
}

func observe(s storage.Store) *observed {
	return &observed{Store: s, passes: map[digest.Digest]int64{}}
}

func (o *observed) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	b, err := o.Store.OpenBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	o.opens.Add(1)
	o.open.Add(1)
	return &observedBlob{Blob: b, o: o, d: d}, nil
}

func (o *observed) pass(d digest.Digest) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.passes[d]
}

type observedBlob struct {
	storage.Blob
	o   *observed
	d   digest.Digest
	off int64 // what comes next in order
}

func (b *observedBlob) Read(p []byte) (int, error) {
	if b.o.fault != nil {
		if err := b.o.fault(true, b.off, len(p)); err != nil {
			return 0, err
		}
	}
	n, err := b.Blob.Read(p)
	b.off += int64(n)
	b.o.mu.Lock()
	b.o.passes[b.d] += int64(n)
	b.o.mu.Unlock()
	return n, err
}

func (b *observedBlob) ReadAt(p []byte, off int64) (int, error) {
	if b.o.fault != nil {
		if err := b.o.fault(false, off, len(p)); err != nil {
			return 0, err
		}
	}
	n, err := b.Blob.ReadAt(p, off)
	b.o.atRandom.Add(int64(n))
	return n, err
}

func (b *observedBlob) Close() error {
	b.o.open.Add(-1)
	return b.Blob.Close()
}

// indexer is one that the test closes, and that must leave nothing open.
func indexer(t testing.TB, s *observed, o *IndexerOptions) *Indexer {
	x := NewIndexer(o)
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		if n := s.open.Load(); n != 0 {
			t.Errorf("%d blobs are still open", n)
		}
	})
	return x
}

func mustOpen(t testing.TB, x *Indexer, r storage.BlobReader, d digest.Digest) *Layer {
	t.Helper()
	l, err := x.Open(t.Context(), r, "app", d, layerType)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustClose(t testing.TB, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// running runs x until stop is called.
func running(t *testing.T, x *Indexer, s storage.Reader) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); x.Run(ctx, s) }()
	return func() { cancel(); <-ended }
}
