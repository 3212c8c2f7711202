//go:build unix

package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"vitrine/explore/tarfs"
)

// sourcesLayer makes a layer of Go's own sources, or takes the one that the environment names.
func sourcesLayer(b *testing.B) []byte {
	b.Helper()
	if name := os.Getenv("LAYER"); name != "" {
		blob, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		return blob
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	if err := w.AddFS(os.DirFS(filepath.Join(runtime.GOROOT(), "src"))); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

// standard is what the standard library does for the two digests of a layer.
func standard(b *testing.B, blob []byte) int64 {
	compressed, plain := sha256.New(), sha256.New()
	z, err := gzip.NewReader(io.TeeReader(bytes.NewReader(blob), compressed))
	if err != nil {
		b.Fatal(err)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{plain}, struct{ io.Reader }{z}, make([]byte, pieceSize))
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// spent returns the processor time of the process until now.
func spent(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkBuildIndex indexes a layer: MB/s of tar, and how many times as fast that is as compress/gzip and two SHA-256, by the clock and in processor time,
// the best of all runs of both, one after the other.
func BenchmarkBuildIndex(b *testing.B) {
	blob := sourcesLayer(b)
	for _, v := range []struct {
		name  string
		cores int
		skip  bool
	}{{"1core", 1, false}, {"1core,without-contents", 1, true}, {"2cores", 2, false}} {
		b.Run(v.name, func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(v.cores))
			o := &Options{Tar: tarfs.Options{SkipDigests: v.skip}}
			best := [4]time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}
			var plain int64
			for b.Loop() {
				start, cpu := time.Now(), spent(b)
				plain = standard(b, blob)
				middle, cpuMiddle := time.Now(), spent(b)
				x, err := BuildIndex(b.Context(), bytes.NewReader(blob), o)
				if err != nil {
					b.Fatal(err)
				}
				for i, d := range []time.Duration{middle.Sub(start), time.Since(middle), cpuMiddle - cpu, spent(b) - cpuMiddle} {
					best[i] = min(best[i], d)
				}
				b.ReportMetric(100*float64(x.zranSize())/float64(len(blob)), "%checkpoints")
				b.ReportMetric(float64(x.table.Size())/float64(x.table.Len()), "B/entry")
			}
			b.ReportMetric(float64(plain)/1e6/best[1].Seconds(), "MB/s")
			b.ReportMetric(float64(best[0])/float64(best[1]), "x")
			b.ReportMetric(float64(best[2])/float64(best[3]), "xCPU")
		})
	}
}
