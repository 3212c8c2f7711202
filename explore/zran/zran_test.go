package zran

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"
)

func compress(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// words returns n bytes of text that compresses about as source code does.
func words(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 0, n+32)
	for len(b) < n {
		switch k := r.IntN(20); {
		case k == 0 && len(b) > 100:
			from := r.IntN(len(b) - 64)
			b = append(b, b[from:from+3+r.IntN(60)]...)
		case k < 4:
			for range r.IntN(8) {
				b = append(b, byte(r.Uint32()))
			}
		default:
			b = append(b, "func return error string package if err nil range len append make "[r.IntN(40):][:1+r.IntN(20)]...)
		}
	}
	return b[:n]
}

func index(t testing.TB, data, want []byte, o *Options) *Index {
	t.Helper()
	b := NewBuilder(bytes.NewReader(data), o)
	var got bytes.Buffer
	if _, err := io.Copy(&got, b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Fatalf("the Builder returned %d bytes, want %d, which differ", got.Len(), len(want))
	}
	x, err := b.Index()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestReadAt(t *testing.T) {
	text := words(3 << 20)
	for level := -2; level <= 9; level++ {
		data := compress(t, text, level)
		x := index(t, data, text, &Options{Span: MinSpan})
		t.Logf("level %d: %d bytes, %d spans, longest %d, index %d", level, len(data), x.Len(), x.LongestSpan(), x.EncodedSize())
		r := NewReader(bytes.NewReader(data), int64(len(data)), x, &ReaderOptions{CacheBytes: 1 << 20})
		rnd := rand.New(rand.NewPCG(3, 4))
		for range 200 {
			off := rnd.IntN(len(text))
			p := make([]byte, min(rnd.IntN(100000), len(text)-off))
			if n, err := r.ReadAt(p, int64(off)); n != len(p) || err != nil || !bytes.Equal(p, text[off:off+n]) {
				t.Fatalf("level %d: ReadAt(%d bytes, %d) = %d, %v, or they differ", level, len(p), off, n, err)
			}
		}
		var all bytes.Buffer
		if _, err := r.WriteTo(&all); err != nil || !bytes.Equal(all.Bytes(), text) {
			t.Fatalf("level %d: WriteTo: %d bytes, %v, or they differ", level, all.Len(), err)
		}
	}
}
