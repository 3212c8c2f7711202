package zran

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// TestCheckpoints wants checkpoints to cover a stream without a gap, and those that say so to be where any decoder can begin.
func TestCheckpoints(t *testing.T) {
	var stream, plain bytes.Buffer
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		z := gzip.NewWriter(&stream)
		for range 60_000 {
			b := []byte{byte('a' + random.IntN(20)), ' '}
			plain.Write(b)
			if _, err := z.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b := NewBuilder(bytes.NewReader(stream.Bytes()), &Options{Span: MinSpan})
	if _, err := io.Copy(io.Discard, b); err != nil {
		t.Fatal(err)
	}
	x, err := b.Index()
	if err != nil {
		t.Fatal(err)
	}
	kinds, out := map[string]int{}, int64(0)
	for i := range x.Len() {
		c, err := x.Checkpoint(i)
		if err != nil || c.Number != i || c.Out != out || c.Len <= 0 || c.Packed <= 0 {
			t.Fatalf("checkpoint %d: %+v, %v; want it at %d", i, c, err, out)
		}
		if before, err := x.Before(c.Out + c.Len - 1); err != nil || before != c {
			t.Errorf("before %d: %+v, %v; want %+v", c.Out+c.Len-1, before, err, c)
		}
		out += c.Len
		if kinds[c.Kind]++; c.Kind == "member" {
			checkMember(t, stream.Bytes()[c.Bit/8:], plain.Bytes()[c.Out:])
		}
	}
	if out != x.Size() || kinds["member"] != 5 || kinds["block"]+kinds["inner"] == 0 {
		t.Errorf("they end at %d of %d; %v", out, x.Size(), kinds)
	}
	for _, i := range []int64{-1, x.Len()} {
		if _, err := x.Checkpoint(i); !errors.Is(err, ErrIndex) {
			t.Errorf("checkpoint %d: %v", i, err)
		}
	}
	for _, off := range []int64{-1, x.Size()} {
		if _, err := x.Before(off); !errors.Is(err, ErrIndex) {
			t.Errorf("before %d: %v", off, err)
		}
	}
}

func checkMember(t *testing.T, stream, want []byte) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, want) {
		t.Errorf("from a member on: %d bytes, %v; want %d", len(got), err, len(want))
	}
}
