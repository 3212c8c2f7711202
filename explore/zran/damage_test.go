package zran

import (
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"testing"
)

// TestCorrupt changes streams at random: an error, or the right bytes, from the Builder and from the Reader.
func TestCorrupt(t *testing.T) {
	all := maps.Clone(streams(t))
	text := words(100_000)
	all["deflated and stored"] = [2][]byte{append(compress(t, text[:80_000], 6), compress(t, text[80_000:], 0)...), text}
	rnd := rand.New(rand.NewPCG(7, 8))
	for name, s := range all {
		data, text := s[0], s[1]
		x := index(t, data, text, MinSpan)
		for range *damages {
			bad := bytes.Clone(data)
			for range 1 + rnd.IntN(3) {
				bad[rnd.IntN(len(bad))] ^= 1 << rnd.IntN(8)
			}
			got, err := io.ReadAll(NewBuilder(bytes.NewReader(bad), &Options{MaxSize: 2 << 20}))
			if err == nil && !bytes.Equal(got, text) {
				t.Fatalf("%s: the Builder took %d wrong bytes", name, len(got))
			}
			off := rnd.IntN(max(1, len(text)-5000))
			p := make([]byte, min(5000, len(text)))
			n, err := newReader(bad, x, 1<<20).ReadAt(p, int64(off))
			if !bytes.Equal(p[:n], text[off:off+n]) || err == nil && n < len(p) {
				t.Fatalf("%s: ReadAt returned wrong bytes, and %v", name, err)
			}
		}
	}
}
