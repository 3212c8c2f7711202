package explore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/tarfs"
	"vitrine/storage/memory"
)

// innerFile is a file that counts how often each of its bytes is read, on average, and may be closed.
type innerFile struct {
	*bytes.Reader
	read   atomic.Int64
	closed atomic.Bool
	gate   chan struct{} // if not nil, what lies behind the first bytes waits for it
}

func (f *innerFile) ReadAt(p []byte, off int64) (int, error) {
	if f.gate != nil && off > 0 {
		<-f.gate
	}
	if f.closed.Load() {
		return 0, fs.ErrClosed
	}
	f.read.Add(int64(len(p)))
	return f.Reader.ReadAt(p, off)
}

func newInner(raw []byte) *innerFile { return &innerFile{Reader: bytes.NewReader(raw)} }

// TestOpenFile: an archive inside an archive, by the digest that the table has of it; the second time its index is there.
func TestOpenFile(t *testing.T) {
	inner := gzipped(t, plainTar(t, 100<<10, "deep/a", "deep/b"))
	outer := layer(t, string(inner))
	s := observe(memory.New())
	x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20)})
	l := mustOpen(t, x, s, put(t, s, outer))
	defer l.Close()
	f, err := l.FS().Open("etc/name")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	e := fi.Sys().(*tarfs.Entry)
	d := digest.NewDigestFromBytes(digest.SHA256, e.SHA256[:])
	nested, err := x.OpenFile(t.Context(), f.(io.ReaderAt), e.Size, d, "name.tgz")
	if err != nil {
		t.Fatal(err)
	}
	defer nested.Close()
	if b, err := fs.ReadFile(nested.FS(), "deep/b"); len(b) != 100<<10 || err != nil {
		t.Errorf("deep/b: %d bytes, %v", len(b), err)
	}
	again := newInner(inner)
	second, err := x.OpenFile(t.Context(), again, e.Size, d, "name.tgz")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if n := again.read.Load(); n > 4<<10 {
		t.Errorf("the second time %d bytes were read", n)
	}
}

func TestOpenFileErrors(t *testing.T) {
	s := observe(memory.New())
	x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20), MaxFile: 1 << 10})
	text := newInner([]byte("text"))
	if _, err := x.OpenFile(t.Context(), text, 1<<10+1, digest.FromString("text"), ""); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v, want %v", err, ErrTooLarge)
	}
	torn := gzipped(t, plainTar(t, 10, "a"))
	torn = torn[:len(torn)-9]
	for range 2 {
		f := newInner(torn)
		if _, err := x.OpenFile(t.Context(), f, int64(len(torn)), digest.FromBytes(torn), ""); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("torn: %v", err)
		}
	}
	whole := gzipped(t, plainTar(t, 10, "a"))
	closed := newInner(whole)
	closed.closed.Store(true)
	if _, err := x.OpenFile(t.Context(), closed, int64(len(whole)), digest.FromBytes(whole), ""); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	for _, d := range []digest.Digest{digest.FromBytes(whole), ""} { // that it was closed is not remembered; without a digest nothing is
		l, err := x.OpenFile(t.Context(), newInner(whole), int64(len(whole)), d, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fs.Stat(l.FS(), "a"); err != nil {
			t.Error(err)
		}
		mustClose(t, l)
	}
}

// TestNamesStay: what a file was called where its index was made is not told to others who have the same bytes.
func TestNamesStay(t *testing.T) {
	s := observe(memory.New())
	x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20)})
	raw := gzipped(t, []byte("some text"))
	d := put(t, s, raw)
	l, err := x.OpenFile(t.Context(), newInner(raw), int64(len(raw)), d, "secret-plan.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got, err := follow(t.Context(), x, s, d)
	if strings.Join(got, " ") != "content" || err != nil {
		t.Errorf("%q, %v, want content", got, err)
	}
}

// TestOpenFileTogether: one pass for all who open the same file; and when the one whose file is read gives up, nobody reads from it any more, and the
// others go on with their own.
func TestOpenFileTogether(t *testing.T) {
	raw := gzipped(t, plainTar(t, 100<<10, "a"))
	d := digest.FromBytes(raw)
	s := observe(memory.New())
	x := indexer(t, s, nil)
	open := func(ctx context.Context, f *innerFile) error {
		l, err := x.OpenFile(ctx, f, int64(len(raw)), d, "")
		if err != nil {
			return err
		}
		return l.Close()
	}
	wait := func(users int) {
		for n := 0; n < users; {
			x.mu.Lock()
			if f := x.flights[d]; f != nil {
				n = f.users
			}
			x.mu.Unlock()
		}
	}
	owner := newInner(raw)
	owner.gate = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- open(ctx, owner); owner.closed.Store(true) }()
	wait(1)
	var wg sync.WaitGroup
	files := []*innerFile{newInner(raw), newInner(raw), newInner(raw)}
	for _, f := range files {
		wg.Go(func() {
			if err := open(t.Context(), f); err != nil {
				t.Error(err)
			}
		})
	}
	wait(4)
	cancel()
	close(owner.gate)
	if err := <-gone; !errors.Is(err, context.Canceled) && err != nil {
		t.Errorf("who gave up: %v", err)
	}
	wg.Wait()
}
