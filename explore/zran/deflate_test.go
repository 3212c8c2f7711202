package zran

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"testing"
)

// TestDeflate has the standard library read what the deflater wrote.
func TestDeflate(t *testing.T) {
	skewed := make([]byte, 0, 60_000) // counts like Fibonacci's numbers make the deepest tree
	for i, a, b := byte(0), 1, 1; len(skewed)+a < cap(skewed); i, a, b = i+1, b, a+b {
		skewed = append(skewed, bytes.Repeat([]byte{i}, a)...)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(skewed), func(i, j int) { skewed[i], skewed[j] = skewed[j], skewed[i] })
	var d deflater
	for _, c := range []struct {
		name string
		data []byte
		most int // compressed
	}{
		{"one byte", []byte("a"), 20},
		{"text", words(5000), 2000},
		{"much text", words(60_000), 20_000},
		{"noise", noise(5000), 5300},
		{"zeros", make([]byte, 60_000), 150},
		{"deep", skewed, 30_000},
	} {
		packed := bytes.Clone(d.deflate(c.data))
		got, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
		if err != nil || !bytes.Equal(got, c.data) {
			t.Errorf("%s: %d bytes, %v, or others", c.name, len(got), err)
		}
		if len(packed) > c.most {
			t.Errorf("%s: %d bytes become %d, want at most %d", c.name, len(c.data), len(packed), c.most)
		}
	}
}

// TestPack packs windows of which different bytes are used: those come back, the others are zero.
func TestPack(t *testing.T) {
	window := noise(windowSize)
	for _, used := range [][][2]int{
		nil,
		{{0, windowSize}},
		{{0, 1}},
		{{windowSize - 1, windowSize}},
		{{0, 3}, {4, 5}, {8, 100}, {63, 65}, {128, 192}, {20000, 20258}},
	} {
		var p packer
		p.begin(window, 1000)
		want := make([]byte, windowSize)
		for _, u := range used {
			p.marks.use(1000-windowSize+u[0], u[1]-u[0])
			copy(want[u[0]:u[1]], window[u[0]:u[1]])
		}
		got := make([]byte, windowSize+maxPacked+outSlack)
		if err := unpack(new(decoder), p.pack(), got); err != nil {
			t.Errorf("%v: %v", used, err)
		}
		for i := range want {
			if got[i] != want[i] && (want[i] != 0 || got[i] != window[i]) { // a short gap is kept
				t.Fatalf("%v: byte %d is %d, want %d", used, i, got[i], want[i])
			}
		}
	}
}
