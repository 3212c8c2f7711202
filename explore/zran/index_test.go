package zran

import (
	"bytes"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
)

func encode(t testing.TB, x *Index) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := x.WriteTo(&b); err != nil || n != x.EncodedSize() || n != int64(b.Len()) {
		t.Fatalf("WriteTo = %d, %v, want %d", n, err, x.EncodedSize())
	}
	return b.Bytes()
}

func open(data []byte) (*Index, error) { return OpenIndex(bytes.NewReader(data), int64(len(data))) }

// TestFormat holds the encoding to what it was: indexes are kept.
func TestFormat(t *testing.T) {
	data := compress(t, []byte("abc"), 0)
	want := "8e7a72616e0d0a1a" + "01000000" + "00800000" + // magic, version, page size
		"0300000000000000" + u64(len(data)) + "0100000000000000" + // decoded and compressed size, spans
		"4400000000000000" + "0300000000000000" // the table, the longest span
	got := encode(t, index(t, data, []byte("abc"), 0))
	if head := hex.EncodeToString(got[:56]); head != want {
		t.Errorf("header\n%s, want\n%s", head, want)
	}
	rest := "c2412435" + // CRC-32 of abc
		"00000000000000000000000000000000" + "0000000000000000" + "4000000000000000" + "04000000" // offsets, kind, place, size
	if head := hex.EncodeToString(got[headerSize:][:len(rest)/2]); head != rest {
		t.Errorf("then\n%s, want\n%s", head, rest)
	}
	if len(got) != headerSize+4+2*recordSize {
		t.Errorf("%d bytes", len(got))
	}
}

func u64(n int) string { return hex.EncodeToString(le.AppendUint64(nil, uint64(n))) }

// TestIndexDamage changes and cuts an index: an error that says so, or the right bytes.
func TestIndexDamage(t *testing.T) {
	text := words(100_000)
	data := compress(t, text, 6)
	good := encode(t, index(t, data, text, MinSpan))
	rnd := rand.New(rand.NewPCG(9, 10))
	for i := range 100 * *damages {
		bad := bytes.Clone(good)
		if at := rnd.IntN(len(bad)); i%10 == 0 {
			bad = bad[:at]
		} else {
			bad[at] ^= 1 << rnd.IntN(8)
		}
		x, err := open(bad)
		if err == nil {
			if x.Verify() == nil {
				t.Fatal("a damaged index has the right checksum")
			}
			var got bytes.Buffer
			if _, err = newReader(data, x, 0).WriteRangeTo(&got, 70_000, 30_000); err == nil && !bytes.Equal(got.Bytes(), text[70_000:]) {
				t.Fatal("wrong bytes")
			}
		}
		if err != nil && !errors.Is(err, ErrIndex) {
			t.Fatalf("%v is not %v", err, ErrIndex)
		}
	}
}

// TestForeignIndex reads a stream with the index of another one.
func TestForeignIndex(t *testing.T) {
	text := words(100_000)
	data, other := compress(t, text, 6), compress(t, text, 1)
	x := index(t, data, text, MinSpan)
	if _, err := newReader(other, x, 0).ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrIndex) {
		t.Errorf("%v, want %v", err, ErrIndex)
	}
	same := append(compress(t, text[:100], 6), make([]byte, len(data))...)[:len(data)]
	if _, err := newReader(same, x, 0).ReadAt(make([]byte, 1), 70_000); err == nil {
		t.Error("no error")
	}
}

// TestIndexReads counts what opening an index and one lookup read of it.
func TestIndexReads(t *testing.T) {
	data := zeroBlock(1 << 16)
	b := NewBuilder(bytes.NewReader(data), &Options{Span: MinSpan})
	if _, err := io.Copy(io.Discard, b); err != nil {
		t.Fatal(err)
	}
	x, err := b.Index()
	if err != nil {
		t.Fatal(err)
	}
	count := &counter{r: bytes.NewReader(encode(t, x))}
	if x, err = OpenIndex(count, x.EncodedSize()); err != nil {
		t.Fatal(err)
	}
	if _, err := newReader(data, x, 0).ReadAt(make([]byte, 100), 10<<20); err != nil {
		t.Fatal(err)
	}
	if most := int64(4 << 10); count.n > most {
		t.Errorf("%d bytes read of %d, want at most %d", count.n, x.EncodedSize(), most)
	}
}

// counter counts the bytes that are read. It is not safe for several goroutines.
type counter struct {
	r io.ReaderAt
	n int64
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

// resign makes the checksums of an index right, so that what it says is believed.
func resign(b []byte) {
	if len(b) < headerSize {
		return
	}
	le.PutUint32(b[60:], crc32.ChecksumIEEE(b[:60]))
	count, table := le.Uint64(b[32:]), le.Uint64(b[40:])
	for i := uint64(0); i <= count && table < uint64(len(b)) && table+(i+1)*recordSize <= uint64(len(b)); i++ {
		r := b[table+i*recordSize:][:recordSize]
		if at, size := le.Uint64(r[24:]), uint64(le.Uint32(r[32:])); at < uint64(len(b)) && size <= uint64(len(b))-at {
			le.PutUint32(r[36:], crc32.ChecksumIEEE(b[at:at+size]))
		}
		le.PutUint32(r[recordSize-4:], recordSum(r, int64(i)))
	}
}

// FuzzIndex reads a stream with an index that lies: errors, but neither panics nor much memory.
func FuzzIndex(f *testing.F) {
	text := words(100_000)
	data := compress(f, text, 6)
	good := encode(f, index(f, data, text, MinSpan))
	table := uint32(le.Uint64(good[40:]))
	for _, at := range []uint32{16, 24, 32, 40, 48, 70, 80, table, table + 8, table + 16, table + 24, table + 32, table + recordSize, table + recordSize + 16} {
		f.Add(at, uint64(0), true)
		f.Add(at, uint64(1)<<40, true)
		f.Add(at, ^uint64(0), true)
		f.Add(at, uint64(70000), false)
	}
	f.Fuzz(func(t *testing.T, at uint32, value uint64, signed bool) {
		bad := bytes.Clone(good)
		at %= uint32(len(bad) - 8)
		le.PutUint64(bad[at:], value)
		if signed {
			resign(bad)
		}
		x, err := open(bad)
		if err != nil {
			return
		}
		r := newReader(data, x, 1<<20)
		for off := int64(0); off < min(x.Size(), 1<<20); off += 50_000 {
			_, _ = r.ReadAt(make([]byte, 10), off) // what is right here is not defined
		}
		_, _ = r.WriteRangeTo(io.Discard, 0, min(x.Size(), 1<<20))
	})
}

// TestCostly asks for a checkpoint where those before took so much of what was read of the stream.
func TestCostly(t *testing.T) {
	const span, mib = DefaultSpan, 1 << 20
	for _, c := range []struct {
		read, cost int64 // MiB, KiB
		since      int64
		want       bool
	}{
		{49, 860, span, false},                    // 1.7 %, of 50 MiB
		{49, 880, span, true},                     // a little later may do
		{49, 880, span + 47<<10, true},            //
		{49, 880, span + 48<<10, false},           // but no later than 64 KiB
		{49, 980, span + 48<<10, true},            // unless 1.9 % are taken
		{49, 980, 2*span - 1, true},               //
		{49, 10_000, 2 * span, false},             // the longest
		{0, 17, span, false}, {0, 18, span, true}, // a small stream
	} {
		b := NewBuilder(nil, nil)
		b.d.in.base = c.read * mib
		b.spans.table = make([]byte, c.cost<<10)
		if got := b.costly(c.since); got != c.want {
			t.Errorf("costly(%d) after %d MiB and %d KiB of checkpoints: %t", c.since, c.read, c.cost, got)
		}
		b.stretch = NewBuilder(nil, &Options{Span: span}).stretch
		if b.costly(c.since) {
			t.Errorf("a span that was asked for is longer")
		}
	}
}
