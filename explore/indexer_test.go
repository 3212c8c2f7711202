package explore

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

const layerType = "application/vnd.oci.image.layer.v1.tar+gzip"

// layer makes a layer with one file etc/name of the given content.
func layer(t *testing.T, content string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: "etc/name", Mode: 0o644, Size: int64(len(content))})
	_, err2 := io.WriteString(w, content)
	if err := errors.Join(err, err2, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func put(t testing.TB, s storage.Store, raw []byte) digest.Digest {
	t.Helper()
	d := digest.FromBytes(raw)
	if err := storage.PutBlob(t.Context(), s, "app", d, bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	return d
}

// putImage stores a manifest with one layer.
func putImage(t *testing.T, s storage.Store, raw []byte) (manifest, layer digest.Digest) {
	t.Helper()
	layer = put(t, s, raw)
	config := put(t, s, []byte("{}"))
	m, _, err := storage.ParseManifest("", fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":2},"layers":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		oci.MediaTypeImageManifest, config, layerType, layer, len(raw)), "")
	if err == nil {
		err = s.PutManifest(t.Context(), "app", m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.Digest, layer
}

// counting counts the bytes that are read of blobs in order, which is what a pass does.
type counting struct {
	storage.Reader
	bytes atomic.Int64
	gate  chan struct{} // if not nil, reads wait for it
}

func (c *counting) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	b, err := c.Reader.OpenBlob(ctx, repo, d)
	return &countingBlob{b, c}, err
}

type countingBlob struct {
	storage.Blob
	c *counting
}

func (b *countingBlob) Read(p []byte) (int, error) {
	if b.c.gate != nil {
		<-b.c.gate
	}
	n, err := b.Blob.Read(p)
	b.c.bytes.Add(int64(n))
	return n, err
}

func (b *countingBlob) Close() error {
	if b.Blob == nil {
		return nil
	}
	return b.Blob.Close()
}

func readName(t *testing.T, l *Layer) string {
	t.Helper()
	got, err := fs.ReadFile(l.FS(), "etc/name")
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func openLayer(t *testing.T, x *Indexer, r storage.BlobReader, d digest.Digest) string {
	t.Helper()
	l, err := x.Open(t.Context(), r, "app", d, layerType)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return readName(t, l)
}

// TestOpenOnce: many ask, one reads; the next process finds the index in the cache, and makes it anew when it is damaged.
func TestOpenOnce(t *testing.T) {
	root := t.TempDir()
	s, err := disk.Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	raw := layer(t, "alpine")
	d := put(t, s, raw)
	r := &counting{Reader: s, gate: make(chan struct{})}
	x := NewIndexer(&IndexerOptions{Cache: s.Derived(1 << 20)})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := openLayer(t, x, r, d); got != "alpine" {
				t.Errorf("etc/name: %q", got)
			}
		})
	}
	close(r.gate)
	wg.Wait()
	want := int64(len(raw))
	if got := r.bytes.Load(); got != want {
		t.Errorf("8 at once read %d bytes, want %d", got, want)
	}
	x = NewIndexer(&IndexerOptions{Cache: s.Derived(1 << 20)})
	openLayer(t, x, r, d)
	if got := r.bytes.Load(); got != want {
		t.Errorf("with the index in the cache: %d bytes read, want none", got-want)
	}
	if err := os.WriteFile(filepath.Join(root, "cache", indexKey(d)), []byte("vindex, or what is left of it"), 0o644); err != nil {
		t.Fatal(err)
	}
	x = NewIndexer(&IndexerOptions{Cache: s.Derived(1 << 20)})
	if got := openLayer(t, x, r, d); got != "alpine" || r.bytes.Load() != 2*want {
		t.Errorf("with a damaged index: %q, %d bytes read, want %d", got, r.bytes.Load()-want, want)
	}
	x = NewIndexer(&IndexerOptions{Cache: s.Derived(1 << 20)})
	openLayer(t, x, r, d)
	if got := r.bytes.Load(); got != 2*want {
		t.Errorf("the index was not mended: %d bytes read", got-2*want)
	}
}

func TestOpenErrors(t *testing.T) {
	s := memory.New()
	x := NewIndexer(nil)
	torn := layer(t, "torn")
	for name, tt := range map[string]struct {
		d    digest.Digest
		want error
	}{
		"unknown":   {digest.FromString("nothing"), storage.ErrBlobUnknown},
		"torn gzip": {put(t, s, torn[:len(torn)-12]), io.ErrUnexpectedEOF},
	} {
		if l, err := x.Open(t.Context(), s, "app", tt.d, layerType); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, %v, want %v", name, l, err, tt.want)
		}
	}
	var unsupported *archive.UnsupportedError
	zstd := put(t, s, []byte("\x28\xb5\x2f\xfd and so on"))
	if _, err := x.Open(t.Context(), s, "app", zstd, ""); !errors.As(err, &unsupported) || unsupported.Format != archive.Zstd {
		t.Errorf("zstd: %v", err)
	}
	if len(x.flights) > 0 {
		t.Errorf("%d flights left", len(x.flights))
	}
}

// swapped serves other content than was asked for.
type swapped struct {
	storage.Reader
	to digest.Digest
}

func (s swapped) OpenBlob(ctx context.Context, repo oci.Name, _ digest.Digest) (storage.Blob, error) {
	return s.Reader.OpenBlob(ctx, repo, s.to)
}

func TestOpenDamaged(t *testing.T) {
	s := memory.New()
	d, other := put(t, s, layer(t, "one")), put(t, s, layer(t, "two"))
	if _, err := NewIndexer(nil).Open(t.Context(), swapped{s, other}, "app", d, ""); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("%v, want %v", err, storage.ErrDamaged)
	}
}

// TestGiveUp: who stops waiting gets an answer, the others get theirs, and the last one to leave ends the work.
func TestGiveUp(t *testing.T) {
	s := memory.New()
	d := put(t, s, layer(t, "slow"))
	r := &counting{Reader: s, gate: make(chan struct{})}
	x := NewIndexer(nil)
	stays := make(chan error)
	go func() {
		l, err := x.Open(context.Background(), r, "app", d, layerType)
		if err == nil {
			err = l.Close()
		}
		stays <- err
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Open(ctx, r, "app", d, layerType); !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left: %v", err)
	}
	close(r.gate)
	if err := <-stays; err != nil {
		t.Errorf("the one who stayed: %v", err)
	}
	alone := &counting{Reader: s, gate: make(chan struct{})}
	defer close(alone.gate)
	if _, err := x.Open(ctx, alone, "app", d, layerType); !errors.Is(err, context.Canceled) || len(x.flights) > 0 {
		t.Errorf("alone: %v, %d flights left", err, len(x.flights))
	}
}

// putSignals is a cache that tells what was put.
type putSignals struct {
	Cache
	put chan string
}

func (c putSignals) Put(ctx context.Context, key string, write func(io.Writer) error) error {
	err := c.Cache.Put(ctx, key, write)
	c.put <- key
	return err
}

// TestRun: what was pushed is indexed before anybody looks.
func TestRun(t *testing.T) {
	s, err := disk.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := putSignals{s.Derived(1 << 20), make(chan string, 10)}
	x := NewIndexer(&IndexerOptions{Cache: c})
	m, d := putImage(t, s, layer(t, "pushed"))
	for range 3 {
		x.Enqueue("app", m)
	}
	if len(x.queue) != 1 {
		t.Errorf("%d in the queue, want 1", len(x.queue))
	}
	for i := range 2 * maxQueue { // more than fits does not block
		x.Enqueue("app", digest.FromString(fmt.Sprint(i)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { x.Run(ctx, s); close(ended) }()
	if got := <-c.put; got != indexKey(d) {
		t.Errorf("put %s, want %s", got, indexKey(d))
	}
	cancel()
	<-ended
	r := &counting{Reader: s}
	if got := openLayer(t, x, r, d); got != "pushed" || r.bytes.Load() > 0 {
		t.Errorf("etc/name: %q after %d bytes read, want none", got, r.bytes.Load())
	}
}
