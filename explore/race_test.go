package explore

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/disk"
)

// TestCrowd: a hundred who open, follow and read while blobs are pushed and deleted: each gets all or a clean error, and each layer is read once.
func TestCrowd(t *testing.T) {
	local, err := disk.Open(t.TempDir(), &disk.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	s := observe(local)
	x := indexer(t, s, &IndexerOptions{Cache: local.Derived(1 << 20), PoolLayers: 3})
	var layers []digest.Digest
	var sizes []int64
	for i := range 8 {
		raw := plainTar(t, 1<<10, names(50+i)...)
		if i%2 == 0 {
			raw = gzipped(t, raw)
		}
		layers, sizes = append(layers, put(t, s, raw)), append(sizes, int64(len(raw)))
	}
	const kept = 6 // the others are deleted meanwhile
	stop := running(t, x, s)
	defer stop()
	var wg sync.WaitGroup
	for i := range 100 {
		d, want := layers[i%len(layers)], 50+i%len(layers)
		wg.Go(func() {
			var err error
			if i/len(layers)%2 == 0 {
				err = openAll(t, x, s, d, want)
			} else {
				var got []string
				if got, err = follow(t.Context(), x, s, d); err == nil && len(got) != want {
					err = fmt.Errorf("%d entries, want %d", len(got), want)
				}
			}
			gone := i%len(layers) >= kept && errors.Is(err, storage.ErrBlobUnknown)
			if err != nil && !gone {
				t.Error(err)
			}
		})
		if i%10 == 0 {
			wg.Go(func() {
				m, _ := putImage(t, s, plainTar(t, 1<<10, fmt.Sprint(i)))
				x.Enqueue("app", m)
			})
		}
		if i == 50 {
			for _, d := range layers[kept:] {
				wg.Go(func() {
					if err := s.DeleteBlob(t.Context(), "app", d); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
	wg.Wait()
	stop()
	for i, d := range layers[:kept] {
		if got := s.pass(d); got != sizes[i] {
			t.Errorf("layer %d: %d bytes read, want %d", i, got, sizes[i])
		}
	}
	if len(x.flights) > 0 {
		t.Errorf("%d flights left", len(x.flights))
	}
}

// openAll opens a layer and reads its files, of which there are want.
func openAll(t *testing.T, x *Indexer, s *observed, d digest.Digest, want int) error {
	l, err := x.Open(t.Context(), s, "app", d, layerType)
	if err != nil {
		return err
	}
	defer l.Close()
	n := 0
	err = fs.WalkDir(l.WithContext(t.Context()), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(l.FS(), name)
		if n++; len(b) != 1<<10 {
			err = errors.Join(err, fmt.Errorf("%s: %d bytes", name, len(b)))
		}
		return err
	})
	if n != want {
		err = errors.Join(err, fmt.Errorf("%d files, want %d", n, want))
	}
	return err
}

// TestColdIsWarm: after a push the first Open reads next to nothing of the blob.
func TestColdIsWarm(t *testing.T) {
	local, err := disk.Open(t.TempDir(), &disk.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	s := observe(local)
	c := putSignals{local.Derived(1 << 20), make(chan string, 10)}
	x := indexer(t, s, &IndexerOptions{Cache: c})
	raw := gzipped(t, plainTar(t, 64<<10, names(40)...))
	m, d := putImage(t, s, raw)
	x.Enqueue("app", m)
	stop := running(t, x, s)
	<-c.put
	stop()
	if got := s.pass(d); got != int64(len(raw)) {
		t.Errorf("the push cost %d bytes of %d", got, len(raw))
	}
	s.atRandom.Store(0)
	l := mustOpen(t, x, s, d)
	defer l.Close()
	if got := s.pass(d) - int64(len(raw)) + s.atRandom.Load(); got > 4<<10 {
		t.Errorf("the first view reads %d bytes", got)
	}
	if _, err := fs.ReadDir(l.FS(), "."); err != nil || s.atRandom.Load() > 4<<10 {
		t.Errorf("listing: %d bytes, %v", s.atRandom.Load(), err)
	}
}
