package zran

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// damages is how many times the tests of damage try.
var damages = flag.Int("damages", 1, "tries of the tests of damage, with each kind of stream")

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

// words returns n bytes of text and noise that compress about as a layer does.
func words(n int) []byte {
	if n > len(allWords) {
		allWords = makeWords(max(n, 1<<20))
	}
	return allWords[:n:n]
}

var allWords []byte

func makeWords(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 0, n+64)
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

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// oracle decodes data as the standard library does.
func oracle(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// index decodes data, which is want, and returns its index.
func index(t testing.TB, data, want []byte, span int64) *Index {
	t.Helper()
	b := NewBuilder(bytes.NewReader(data), &Options{Span: span})
	var got bytes.Buffer
	if _, err := io.Copy(&got, b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Fatalf("the Builder returned %d bytes, want %d, or others", got.Len(), len(want))
	}
	x, err := b.Index()
	if err != nil {
		t.Fatal(err)
	}
	if x.Size() != int64(len(want)) || x.CompressedSize() != int64(len(data)) {
		t.Fatalf("the index is of %d to %d bytes, want %d to %d", x.CompressedSize(), x.Size(), len(data), len(want))
	}
	if err := x.Verify(); err != nil {
		t.Fatal(err)
	}
	return x
}

func newReader(data []byte, x *Index, cache int64) *Reader {
	return NewReader(bytes.NewReader(data), int64(len(data)), x, &ReaderOptions{CacheBytes: cache})
}

// streams are all kinds of gzip, by name: compressed, and what that is. They must stay as they are.
func streams(t testing.TB) map[string][2][]byte {
	if allStreams == nil {
		allStreams = makeStreams(t)
	}
	return allStreams
}

var allStreams map[string][2][]byte

func makeStreams(t testing.TB) map[string][2][]byte {
	text := words(150_000)
	all := map[string][2][]byte{}
	for level := gzip.HuffmanOnly; level <= gzip.BestCompression; level++ {
		all[fmt.Sprintf("level %d", level)] = [2][]byte{compress(t, text, level), text}
	}
	six, random, zeros := compress(t, text, 6), noise(100_000), make([]byte, 1_000_000)
	cat := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	empty := compress(t, nil, 6)
	var files, plain []byte
	for i := 0; len(plain) < 200_000; i++ {
		file := words(i * 37 % 5000)
		files, plain = append(files, compress(t, file, 9)...), append(plain, file...)
	}
	all["empty"] = [2][]byte{empty, nil}
	all["noise"] = [2][]byte{compress(t, random, 6), random}
	all["zeros"] = [2][]byte{compress(t, zeros, 6), zeros}
	all["three bytes"] = [2][]byte{compress(t, []byte("abc"), 6), []byte("abc")}
	all["members"] = [2][]byte{cat(six, empty, empty, compress(t, random, 1), six), cat(text, random, text)}
	all["member per file"] = [2][]byte{files, plain}
	all["padding"] = [2][]byte{cat(six, make([]byte, 1000)), text}
	all["header"] = [2][]byte{withHeader(t, text, &gzip.Header{Name: "näme", Comment: "comment", Extra: bytes.Repeat([]byte("x"), 60000)}), text}
	all["one block"] = [2][]byte{zeroBlock(2000), make([]byte, 2000*258+1)}
	return all
}

func withHeader(t testing.TB, data []byte, h *gzip.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Header = *h
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDecode compares what a Builder returns, and then every read of a Reader, with what was compressed.
func TestDecode(t *testing.T) {
	for name, s := range streams(t) {
		t.Run(name, func(t *testing.T) {
			x := index(t, s[0], s[1], MinSpan)
			if most := int64(MinSpan + outSlack); x.LongestSpan() > most {
				t.Errorf("a span of %d bytes, want at most %d", x.LongestSpan(), most)
			}
			readEverywhere(t, newReader(s[0], x, 1<<20), s[1], 8)
		})
	}
}

func readEverywhere(t *testing.T, r *Reader, want []byte, times int) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(3, 4))
	for range min(times, len(want)) {
		off := rnd.IntN(len(want))
		p := make([]byte, min(rnd.IntN(1<<rnd.IntN(18)+1), len(want)-off))
		if n, err := r.ReadAt(p, int64(off)); n != len(p) || err != nil || !bytes.Equal(p, want[off:off+n]) {
			t.Fatalf("ReadAt(%d bytes, %d) = %d, %v, or others", len(p), off, n, err)
		}
		checkRange(t, r, want, off, len(p))
	}
	if n, err := r.ReadAt(make([]byte, 10), int64(len(want))); n != 0 || err != io.EOF {
		t.Errorf("ReadAt the end = %d, %v, want io.EOF", n, err)
	}
	checkRange(t, r, want, 0, len(want))
}

func checkRange(t *testing.T, r *Reader, want []byte, off, n int) {
	t.Helper()
	var b bytes.Buffer
	if m, err := r.WriteRangeTo(&b, int64(off), int64(n)); m != int64(n) || err != nil || !bytes.Equal(b.Bytes(), want[off:off+n]) {
		t.Fatalf("WriteRangeTo(%d, %d) = %d, %v, or other bytes", off, n, m, err)
	}
}

// TestGoroot decodes what the standard library is tested with, as it does, and again compressed at some levels.
func TestGoroot(t *testing.T) {
	root := filepath.Join(runtime.GOROOT(), "src")
	seen := 0
	for _, dir := range []string{"compress", "archive/tar/testdata"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.Contains(p, "testdata") {
				return err
			}
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			seen++
			compare(t, p, data)
			for _, level := range []int{gzip.HuffmanOnly, 6} {
				compare(t, p, compress(t, data, level))
			}
			return nil
		})
		if err != nil {
			t.Skip("no sources of Go here:", err)
		}
	}
	if seen == 0 {
		t.Error("no testdata")
	}
}

// compare decodes data here and in the standard library.
func compare(t *testing.T, name string, data []byte) {
	t.Helper()
	got, err := io.ReadAll(NewBuilder(bytes.NewReader(data), nil))
	t.Run(filepath.Base(name), func(t *testing.T) { compareBytes(t, data, got, err) })
}

// compareBytes wants what the standard library makes of data: the same bytes, and an error if it has one; then, one of them may have
// got further than the other. Padding is no error here, nor is a long name.
func compareBytes(t *testing.T, data, got []byte, err error) {
	t.Helper()
	want, wantErr := oracle(data)
	if err == nil && wantErr != nil && (isPadded(data) || wantErr == gzip.ErrHeader && len(data) > 512) {
		return
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%v, but compress/gzip: %v", err, wantErr)
	}
	n := min(len(got), len(want))
	if !bytes.Equal(got[:n], want[:n]) || err == nil && len(got) != len(want) {
		t.Fatalf("%d bytes are not the %d of compress/gzip", len(got), len(want))
	}
}

// isPadded reports whether compress/gzip accepts data without some of the zeros that it ends in.
func isPadded(data []byte) bool {
	for len(data) > 0 && data[len(data)-1] == 0 {
		data = data[:len(data)-1]
		if _, err := oracle(data); err == nil {
			return true
		}
	}
	return false
}

func TestTruncated(t *testing.T) {
	text := words(1500)
	data := append(compress(t, text, 6), withHeader(t, text, &gzip.Header{Name: "n", Comment: "c", Extra: []byte("extra")})...)
	for n := range data {
		got, err := io.ReadAll(NewBuilder(bytes.NewReader(data[:n]), nil))
		if _, want := oracle(data[:n]); (want == nil) != (err == nil) {
			t.Errorf("%d bytes: %v, want %v", n, err, want)
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			t.Errorf("%d bytes: %v, want %v", n, err, io.ErrUnexpectedEOF)
		}
		if !bytes.HasPrefix(append(text, text...), got) {
			t.Errorf("%d bytes: wrong ones", n)
		}
	}
}

func TestSources(t *testing.T) {
	text := words(200_000)
	data := compress(t, text, 6)
	broken := errors.New("broken")
	for _, c := range []struct {
		name string
		wrap func(io.Reader) io.Reader
		want error
	}{
		{"one byte", iotest.OneByteReader, nil},
		{"half", iotest.HalfReader, nil},
		{"data and error", iotest.DataErrReader, nil},
		{"timeout", func(r io.Reader) io.Reader { return iotest.TimeoutReader(iotest.OneByteReader(r)) }, iotest.ErrTimeout},
		{"error", func(r io.Reader) io.Reader {
			return io.MultiReader(io.LimitReader(r, 20000), iotest.ErrReader(broken))
		}, broken},
		{"nothing", func(io.Reader) io.Reader { return emptyReader{} }, io.ErrNoProgress},
	} {
		got, err := io.ReadAll(iotest.OneByteReader(NewBuilder(c.wrap(bytes.NewReader(data)), nil)))
		if err != c.want || !bytes.HasPrefix(text, got) || err == nil && len(got) != len(text) {
			t.Errorf("%s: %d bytes, %v, want %v", c.name, len(got), err, c.want)
		}
	}
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }

func TestMaxSize(t *testing.T) {
	data := zeroBlock(1 << 14)
	const limit = 1 << 20
	b := NewBuilder(bytes.NewReader(data), &Options{MaxSize: limit})
	n, err := io.Copy(io.Discard, b)
	if err != ErrTooLarge || n > limit+pieceSize {
		t.Errorf("%d bytes, %v, want %v", n, err, ErrTooLarge)
	}
	if _, err := b.Index(); err != ErrTooLarge {
		t.Errorf("Index: %v", err)
	}
	text := words(1000)
	if _, err := io.Copy(io.Discard, NewBuilder(bytes.NewReader(compress(t, text, 6)), &Options{MaxSize: 1000})); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

// zeroBlock returns a stream whose single block, of fixed codes, is a zero byte and n matches of 258.
func zeroBlock(n int) []byte {
	b := bitWriter{data: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}}
	b.put(1, 1)
	b.put(1, 2)
	b.put(0x0c, 8) // literal 0: 00110000, first bit first
	for range n {
		b.put(0xa3, 8) // length 258: 11000101
		b.put(0, 5)    // distance 1
	}
	b.put(0, 7)
	if b.n > 0 {
		b.put(0, 8-b.n)
	}
	crc := uint32(0)
	for left, zeros := n*258+1, make([]byte, 1<<16); left > 0; left -= len(zeros) {
		crc = crc32.Update(crc, crc32.IEEETable, zeros[:min(left, len(zeros))])
	}
	return le.AppendUint32(le.AppendUint32(b.data, crc), uint32(n*258+1))
}

type bitWriter struct {
	data []byte
	acc  uint64
	n    uint
}

func (b *bitWriter) put(v uint64, n uint) {
	b.acc |= v << b.n
	for b.n += n; b.n >= 8; b.n -= 8 {
		b.data = append(b.data, byte(b.acc))
		b.acc >>= 8
	}
}

// BenchmarkBuild and BenchmarkDecode report bytes of output; make bench-zran has the ratios.
func BenchmarkBuild(b *testing.B) { benchmark(b, 0) }

func BenchmarkDecode(b *testing.B) { benchmark(b, -1) }

func benchmark(b *testing.B, span int64) {
	text := words(8 << 20)
	data := compress(b, text, 6)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewBuilder(bytes.NewReader(data), &Options{Span: span}).WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadAt reads 4 KiB at random places, nothing being decoded.
func BenchmarkReadAt(b *testing.B) {
	text := words(8 << 20)
	data := compress(b, text, 6)
	r := newReader(data, index(b, data, text, 0), 1)
	rnd := rand.New(rand.NewPCG(1, 2))
	p := make([]byte, 4<<10)
	for b.Loop() {
		if _, err := r.ReadAt(p, rnd.Int64N(r.Size()-int64(len(p)))); err != nil {
			b.Fatal(err)
		}
	}
}
