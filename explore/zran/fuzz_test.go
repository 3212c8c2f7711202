package zran

import (
	"bytes"
	"compress/gzip"
	"testing"
)

// FuzzGzip decodes what strangers send, as compress/gzip does, and reads it again from every checkpoint.
func FuzzGzip(f *testing.F) {
	for _, s := range streams(f) {
		if len(s[0]) < 10_000 {
			f.Add(s[0])
		}
	}
	text := words(2000)
	for level := gzip.HuffmanOnly; level <= gzip.BestCompression; level++ {
		f.Add(compress(f, text[:500+level*150], level))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := NewBuilder(bytes.NewReader(data), &Options{Span: MinSpan, MaxSize: 4 << 20})
		var got bytes.Buffer
		_, err := b.WriteTo(&got)
		if err == ErrTooLarge {
			return
		}
		compareBytes(t, data, got.Bytes(), err)
		if err != nil {
			return
		}
		x, err := b.Index()
		if err != nil {
			t.Fatal(err)
		}
		readEverywhere(t, newReader(data, x, 1<<20), got.Bytes(), 5)
	})
}
