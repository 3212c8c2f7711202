package explore

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/oci"
)

// TestOpenAsks: what one repository has left open, indexed or found to be damaged is told to no other that lacks the blob, nor to its own once the blob
// is deleted there.
func TestOpenAsks(t *testing.T) {
	s := observe(memory.New())
	x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20)})
	whole, torn := layer(t, "mine"), layer(t, "torn")
	torn = torn[:len(torn)-12]
	d, bad := put(t, s, whole), put(t, s, torn)
	mustClose(t, mustOpen(t, x, s, d))
	if _, err := x.Open(t.Context(), s, "app", bad, layerType); err == nil || errors.Is(err, storage.ErrBlobUnknown) {
		t.Errorf("torn: %v", err)
	}
	denied := func(when string, repo oci.Name) {
		t.Helper()
		for _, d := range []digest.Digest{d, bad} {
			if l, err := x.Open(t.Context(), s, repo, d, layerType); !errors.Is(err, storage.ErrBlobUnknown) {
				t.Errorf("%s: Open: %v, %v", when, l, err)
			}
			for e, err := range x.Follow(t.Context(), s, repo, d, layerType) {
				if e != nil || !errors.Is(err, storage.ErrBlobUnknown) {
					t.Errorf("%s: Follow: %v, %v", when, e, err)
				}
			}
		}
	}
	denied("another repository", "other")
	l := mustOpen(t, x, s, d)
	for _, d := range []digest.Digest{d, bad} {
		if err := s.DeleteBlob(t.Context(), "app", d); err != nil {
			t.Fatal(err)
		}
	}
	denied("deleted", "app")
	if got := readName(t, l); got != "mine" { // who has it open reads on
		t.Errorf("etc/name: %q", got)
	}
	mustClose(t, l)
}

// TestPoolShares: one blob is opened once, whoever opens it how often.
func TestPoolShares(t *testing.T) {
	s := observe(memory.New())
	x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20)})
	d := put(t, s, layer(t, "shared"))
	mustClose(t, mustOpen(t, x, s, d))
	opens := s.opens.Load()
	a, b := mustOpen(t, x, s, d), mustOpen(t, x, s, d)
	mustClose(t, a)
	mustClose(t, a) // once more does nothing
	if got := readName(t, b); got != "shared" {
		t.Errorf("etc/name: %q", got)
	}
	mustClose(t, b)
	if got := s.opens.Load(); got != opens {
		t.Errorf("opened %d times more, want none", got-opens)
	}
}

func TestPoolBounds(t *testing.T) {
	for _, tt := range []struct {
		layers int
		bytes  int64
		want   int64
	}{{2, 0, 2}, {0, 1, 0}, {-1, 0, 0}, {0, 3 * blockBytes, 3}, {0, 0, 5}} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			s := observe(memory.New())
			x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20), PoolLayers: tt.layers, PoolBytes: tt.bytes})
			var ds []digest.Digest
			var open []*Layer
			for i := range 5 {
				ds = append(ds, put(t, s, plainTar(t, 10, fmt.Sprint(i))))
				open = append(open, mustOpen(t, x, s, ds[i]))
			}
			if got := s.open.Load(); got != 5 {
				t.Errorf("%d open while all are used", got)
			}
			for _, l := range open {
				mustClose(t, l)
			}
			if got := s.open.Load(); got != tt.want {
				t.Errorf("%d stay open, want %d", got, tt.want)
			}
			opens := s.opens.Load()
			mustClose(t, mustOpen(t, x, s, ds[4])) // the last used
			if got := s.opens.Load(); got != opens && tt.want > 0 {
				t.Error("the last used was closed before the others")
			}
		})
	}
}

// TestPoolCounts: what is decoded counts, so that a layer that was read from goes sooner than its table alone would.
func TestPoolCounts(t *testing.T) {
	s := observe(memory.New())
	x := indexer(t, s, &IndexerOptions{Cache: NewMemory(1 << 20), PoolBytes: 200 << 10})
	d := put(t, s, gzipped(t, plainTar(t, 100<<10, "a")))
	mustClose(t, mustOpen(t, x, s, d))
	if got := s.open.Load(); got != 1 {
		t.Fatalf("%d open, want 1", got)
	}
	l := mustOpen(t, x, s, d)
	if _, err := fs.ReadFile(l.FS(), "a"); err != nil {
		t.Error(err)
	}
	mustClose(t, l)
	if got := s.open.Load(); got != 0 {
		t.Errorf("%d open after reading, want none", got)
	}
}
