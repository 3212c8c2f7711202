package overlay

import (
	"fmt"
	"testing"

	"vitrine/explore/tarfs"
)

// manyLayers makes 30 layers. The lowest has 100,000 entries in 10,101 directories; each of the others changes 100 of these directories
// by a file and a whiteout; and all of them have 100 files in "app".
func manyLayers(b *testing.B) (layers []*tarfs.FS) {
	b.Helper()
	for l := range 30 {
		build := tarfs.NewBuilder(nil)
		for i := range 10_000 {
			dir := fmt.Sprintf("usr/share/%03d/%03d/", i/100, i%100)
			switch {
			case l == 0:
				add(b, build, tarfs.TypeDir, dir)
				for j := range 9 {
					add(b, build, tarfs.TypeReg, fmt.Sprintf("%sfile-%d.txt", dir, j))
				}
			case i%100 == l:
				add(b, build, tarfs.TypeReg, dir+"file-0.txt")
				add(b, build, tarfs.TypeReg, dir+".wh.file-1.txt")
			}
		}
		for i := range 100 {
			add(b, build, tarfs.TypeReg, fmt.Sprintf("app/%d-%d", l*i%300, i))
		}
		table, err := build.Table(tarfs.Info{})
		if err != nil {
			b.Fatal(err)
		}
		layers = append(layers, tarfs.New(nil, table))
	}
	return layers
}

func add(b *testing.B, build *tarfs.Builder, typ byte, name string) {
	b.Helper()
	if err := build.Add(&tarfs.Entry{Name: name, Type: typ, Mode: 0o755, Size: 100}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDir lists directories of 30 layers: small and in one layer, small and changed by one other, and 2,738 files in all of them;
// "new" by a view that nobody has asked for anything.
func BenchmarkDir(b *testing.B) {
	layers := manyLayers(b)
	for _, dir := range []string{"usr/share/050/050", "usr/share/050/020", "app"} {
		f := New(layers)
		list := func(b *testing.B, f *FS) {
			n := 0
			for _, err := range f.Dir(dir, "") {
				if n++; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n), "entries")
		}
		b.Run(dir+"/new", func(b *testing.B) {
			for b.Loop() {
				list(b, New(layers))
			}
		})
		b.Run(dir+"/again", func(b *testing.B) {
			for b.Loop() {
				list(b, f)
			}
		})
	}
}

// BenchmarkLookup asks for one file of 30 layers.
func BenchmarkLookup(b *testing.B) {
	f := New(manyLayers(b))
	for b.Loop() {
		if n, err := f.Lookup("usr/share/050/020/file-0.txt"); err != nil || n.Layer != 20 {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkWalk goes through all of 30 layers. "entries" is only their tables, read from one end to the other.
func BenchmarkWalk(b *testing.B) {
	layers := manyLayers(b)
	b.Run("walk", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			for _, err := range New(layers).Walk(".") {
				if n++; err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(n), "nodes")
	})
	b.Run("totals", func(b *testing.B) {
		for b.Loop() {
			if _, err := New(layers).Totals(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("entries", func(b *testing.B) {
		for b.Loop() {
			for _, l := range layers {
				for _, err := range l.Table().Entries() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	})
}
