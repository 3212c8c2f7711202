package tarfs

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// sources makes an archive of Go's own sources.
func sources(b *testing.B) []byte {
	b.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	root := filepath.Join(runtime.GOROOT(), "src")
	if err := w.AddFS(os.DirFS(root)); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

// BenchmarkIndex indexes Go's sources: "pass" is everything, "hashes" the two SHA-256 that are part of it and nothing else.
func BenchmarkIndex(b *testing.B) {
	archive := sources(b)
	b.Run("hashes", func(b *testing.B) {
		b.SetBytes(int64(len(archive)))
		for b.Loop() {
			for at := 0; at < len(archive); at += bufferSize {
				piece := archive[at:min(len(archive), at+bufferSize)]
				sha256.Sum256(piece)
				sha256.Sum256(piece)
			}
		}
	})
	b.Run("pass", func(b *testing.B) {
		b.SetBytes(int64(len(archive)))
		for b.Loop() {
			table, err := Index(bytes.NewReader(archive), nil)
			if err != nil {
				b.Fatal(err)
			}
			reportSize(b, table)
		}
	})
}

// reportSize reports the bytes of an entry beside its digest.
func reportSize(b *testing.B, table *Table) {
	digests := 0
	for e, err := range table.Entries() {
		if err != nil {
			b.Fatal(err)
		}
		if e.SHA256 != [32]byte{} {
			digests++
		}
	}
	b.ReportMetric(float64(table.Size()-32*int64(digests))/float64(table.Len()), "B/entry")
}

// BenchmarkOpen opens the table of 1,000,000 entries and lists a directory of 50.
func BenchmarkOpen(b *testing.B) {
	table := indexMany(b, 20000, 50)
	stored := encode(b, table)
	reportSize(b, table)
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := OpenTable(bytes.NewReader(stored), int64(len(stored))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		fsys := New(nil, table)
		i := 0
		for b.Loop() {
			i = (i + 7919) % 20000
			if list, err := fsys.ReadDir(fmt.Sprintf("usr/lib/%05d", i)); err != nil || len(list) != 50 {
				b.Fatal(len(list), err)
			}
		}
	})
	b.Run("lookup", func(b *testing.B) {
		fsys := New(nil, table)
		i := 0
		for b.Loop() {
			i = (i + 7919) % 20000
			f, err := fsys.Open(fmt.Sprintf("usr/lib/%05d/file-025.txt", i))
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, f)
		}
	})
}
