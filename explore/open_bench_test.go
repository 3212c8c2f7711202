package explore

import (
	"io/fs"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/disk"
)

// BenchmarkOpen is a page about an image of 30 layers whose indexes are in the cache: all are opened, one small file of each is read.
func BenchmarkOpen(b *testing.B) {
	s, err := disk.Open(b.TempDir(), &disk.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var layers []digest.Digest
	var files []string
	for i := range 30 {
		files = append(files, names(200 + i)[100])
		raw := gzipped(b, plainTar(b, 4<<10, names(200+i)...))
		layers = append(layers, put(b, s, raw))
	}
	for _, bb := range []struct {
		name string
		pool int
		read bool
	}{{"unpooled", -1, false}, {"pooled", 0, false}, {"unpooled-read", -1, true}, {"pooled-read", 0, true}} {
		b.Run(bb.name, func(b *testing.B) {
			x := NewIndexer(&IndexerOptions{Cache: s.Derived(1 << 30), PoolLayers: bb.pool})
			defer x.Close()
			page := func() {
				for i, d := range layers {
					l, err := x.Open(b.Context(), s, "app", d, layerType)
					if err != nil {
						b.Fatal(err)
					}
					if bb.read {
						_, err = fs.ReadFile(l.FS(), files[i])
					}
					if err != nil {
						b.Fatal(err)
					}
					mustClose(b, l)
				}
			}
			page()
			for b.Loop() {
				page()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(layers)), "µs/layer")
		})
	}
}
