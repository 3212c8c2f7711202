package remote

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vitrine/storage"
)

// open opens a blob of which the size is known already.
func (f *far) open(r *Registry, content []byte) storage.Blob {
	f.t.Helper()
	d := f.blob("b", content)
	if _, err := r.StatBlob(f.t.Context(), app, d); err != nil {
		f.t.Fatal(err)
	}
	b, err := r.OpenBlob(f.t.Context(), app, d)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { b.Close() })
	f.times0()
	return b
}

// TestReadAt reads here and there, by many at once, with a cache that is too small, and compares.
func TestReadAt(t *testing.T) {
	f := start(t)
	content := noise(1<<20 + 12345)
	for _, cache := range []int64{1, 5 * pageSize, 16 << 20} {
		r := f.client(Options{PageCache: cache})
		b := f.open(r, content)
		var all sync.WaitGroup
		for seed := range uint64(4) {
			all.Go(func() {
				rng := rand.New(rand.NewPCG(seed, 1))
				for range 25 {
					off, n := rng.Int64N(int64(len(content))+1000), rng.IntN([]int{100, 5000, 200_000}[rng.IntN(3)])
					got := make([]byte, n)
					m, err := b.ReadAt(got, off)
					want := content[min(off, int64(len(content))):min(off+int64(n), int64(len(content)))]
					if !bytes.Equal(got[:m], want) || (err == io.EOF) != (m < n || off >= int64(len(content))) || err != nil && err != io.EOF {
						t.Errorf("ReadAt(%d, %d) = %d, %v", n, off, m, err)
					}
				}
			})
		}
		all.Wait()
		b.(*blob).working.Wait()
		r.pages.mu.Lock()
		if kept := len(r.pages.m); kept > r.pages.max || kept != r.pages.recent.Len() {
			t.Errorf("%d pages are kept, %d in the list, want at most %d", kept, r.pages.recent.Len(), r.pages.max)
		}
		r.pages.mu.Unlock()
	}
}

// TestReadAhead: whoever reads on has it in fewer and fewer requests, but never much more than he has read.
func TestReadAhead(t *testing.T) {
	f := start(t)
	content := noise(8 << 20)
	b := f.open(f.client(Options{}), content)
	var sent atomic.Int64
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		first, last, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-")
		from, _ := strconv.ParseInt(first, 10, 64)
		to, _ := strconv.ParseInt(last, 10, 64)
		sent.Add(to - from + 1)
		return false
	})
	buf := make([]byte, 4096)
	const begin = 1<<20 + 100
	for read := int64(0); read < 3<<20; read += int64(len(buf)) {
		if _, err := b.ReadAt(buf, begin+read); err != nil || !bytes.Equal(buf, content[begin+read:][:len(buf)]) {
			t.Fatalf("at %d: %v", begin+read, err)
		}
		if got, most := sent.Load(), 2*(read+int64(len(buf)))+2*pageSize; got > most {
			t.Fatalf("%d bytes were asked for after %d had been read, want at most %d", got, read, most)
		}
	}
	if n := f.times(); n > 8 {
		t.Errorf("%d requests for 3 MiB, want at most 8", n)
	}
}

// TestOneFetchPerPage: many who want the same page wait for one request.
func TestOneFetchPerPage(t *testing.T) {
	f := start(t)
	content := noise(1 << 20)
	r := f.client(Options{})
	b := f.open(r, content)
	second, err := r.OpenBlob(t.Context(), app, b.(*blob).key.d)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	gate := make(chan struct{})
	f.fail(func(http.ResponseWriter, *http.Request) bool { <-gate; return false })
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			got := make([]byte, 10)
			if _, err := []storage.Blob{b, second}[i%2].ReadAt(got, 100_000); err != nil || !bytes.Equal(got, content[100_000:100_010]) {
				t.Errorf("ReadAt: %v", err)
			}
		})
	}
	close(gate)
	all.Wait()
	f.asked("16 at once", "GET /v2/library/app/blobs/$b bytes=65536-131071 206")
}

// TestCloseEndsReads: those who wait for the fetch of one who leaves make their own.
func TestCloseEndsReads(t *testing.T) {
	f := start(t)
	content := noise(1 << 20)
	r := f.client(Options{})
	first := f.open(r, content)
	second, err := r.OpenBlob(t.Context(), app, first.(*blob).key.d)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	asked := make(chan struct{}, 10)
	var n atomic.Int32
	f.fail(func(w http.ResponseWriter, r *http.Request) bool {
		asked <- struct{}{}
		return n.Add(1) == 1 && silent(w, r)
	})
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := first.ReadAt(make([]byte, 10), 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("a read of a blob that is closed: %v", err)
		}
	})
	<-asked
	got := make([]byte, 10)
	all.Go(func() {
		if _, err := second.ReadAt(got, 5); err != nil || !bytes.Equal(got, content[5:15]) {
			t.Errorf("the other one's: %v", err)
		}
	})
	first.Close()
	all.Wait()
	for what, do := range map[string]func() error{
		"Read":   func() error { _, err := first.Read(got); return err },
		"ReadAt": func() error { _, err := first.ReadAt(got, 0); return err },
		"Seek":   func() error { _, err := first.Seek(0, io.SeekStart); return err },
		"Close":  first.Close,
	} {
		if err := do(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
}

// TestReadAtBreaks: a connection that breaks is followed by one for the rest, not for all.
func TestReadAtBreaks(t *testing.T) {
	f := start(t)
	content := noise(1 << 20)
	b := f.open(f.client(Options{}), content)
	f.breaks(150_000, 2)
	got := make([]byte, 500_000)
	if _, err := b.ReadAt(got, 0); err != nil || !bytes.Equal(got, content[:500_000]) {
		t.Errorf("ReadAt: %v", err)
	}
	f.asked("a piece", "GET /v2/library/app/blobs/$b bytes=0-524287 206", "GET /v2/library/app/blobs/$b bytes=131072-524287 206",
		"GET /v2/library/app/blobs/$b bytes=262144-524287 206")
	f.breaks(70_000, 1<<30) // a page each time, which is more than nothing
	if _, err := b.ReadAt(got, 524_288); err != nil || !bytes.Equal(got, content[524_288:1_024_288]) {
		t.Errorf("ReadAt page by page: %v", err)
	}
	f.times0()
	b = f.open(f.client(Options{}), noise(1<<20-1))
	f.breaks(1000, 1<<30)
	if _, err := b.ReadAt(got, 600_000); !errors.Is(err, storage.ErrUpstream) {
		t.Errorf("for ever: %v", err)
	}
	if n := f.times(); n > 4 {
		t.Errorf("%d requests for nothing", n)
	}
	f.fail(nil)
	if _, err := b.ReadAt(got, 500_000); err != nil || !bytes.Equal(got, noise(1<<20 - 1)[500_000:1_000_000]) {
		t.Errorf("ReadAt once all is well: %v", err)
	}
}

// TestNoRanges: a server that sends all of it always. What comes by is kept; what is far behind is too much.
func TestNoRanges(t *testing.T) {
	f := start(t)
	content := noise(9<<20 + 1)
	b := f.open(f.client(Options{}), content)
	f.fail(func(_ http.ResponseWriter, r *http.Request) bool { r.Header.Del("Range"); return false })
	got := make([]byte, 1000)
	if _, err := b.ReadAt(got, 3<<20); err != nil || !bytes.Equal(got, content[3<<20:][:1000]) {
		t.Errorf("ReadAt: %v", err)
	}
	if _, err := b.ReadAt(got, 1<<20); err != nil || !bytes.Equal(got, content[1<<20:][:1000]) {
		t.Errorf("ReadAt of what came by: %v", err)
	}
	if n := f.times(); n != 1 {
		t.Errorf("%d requests", n)
	}
	f.times0()
	if _, err := b.ReadAt(got, 9<<20-2000); !errors.Is(err, storage.ErrUnsupported) || !strings.Contains(err.Error(), "sends no ranges") {
		t.Errorf("ReadAt far behind: %v", err)
	}
	b.Seek(9<<20-2000, io.SeekStart)
	if _, err := b.Read(got); !errors.Is(err, storage.ErrUnsupported) {
		t.Errorf("Read far behind: %v", err)
	}
	b.Seek(2<<20, io.SeekStart)
	if rest, err := io.ReadAll(b); err != nil || !bytes.Equal(rest, content[2<<20:]) {
		t.Errorf("the rest: %d bytes, %v", len(rest), err)
	}
	b.Seek(0, io.SeekStart)
	if all, err := io.ReadAll(b); err != nil || !bytes.Equal(all, content) {
		t.Errorf("all: %d bytes, %v", len(all), err)
	}
}

// TestSeek: its corners, besides those that iotest.TestReader knows.
func TestSeek(t *testing.T) {
	f := start(t)
	b := f.open(f.client(Options{}), noise(100))
	for _, tt := range []struct {
		offset int64
		whence int
		want   int64
	}{{10, io.SeekStart, 10}, {5, io.SeekCurrent, 15}, {-100, io.SeekEnd, 0}, {-1, io.SeekStart, -1}, {-101, io.SeekEnd, -1}, {0, 3, -1}, {7, io.SeekEnd, 107}} {
		got, err := b.Seek(tt.offset, tt.whence)
		if (err == nil) != (tt.want >= 0) || err == nil && got != tt.want {
			t.Errorf("Seek(%d, %d) = %d, %v", tt.offset, tt.whence, got, err)
		}
	}
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read behind the end = %d, %v", n, err)
	}
	if _, err := b.ReadAt(nil, -1); err == nil {
		t.Error("ReadAt at -1")
	}
}
