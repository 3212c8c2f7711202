package inspect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// brokenReader fails behind an offset.
type brokenReader struct {
	r   io.ReaderAt
	off int64
}

var errBroken = errors.New("broken")

func (b brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.off {
		return 0, errBroken
	}
	return b.r.ReadAt(p, off)
}

// TestInspectErrors: what goes wrong below is told, beside what could be read.
func TestInspectErrors(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(data))
	for _, off := range []int64{0, 64 << 10, size / 2, size - 1} {
		d, err := Inspect(t.Context(), "a", brokenReader{bytes.NewReader(data), off}, size)
		if !errors.Is(err, errBroken) || off > 0 && d == nil {
			t.Errorf("a reader that fails behind %d bytes: %v, %v", off, d != nil, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Inspect(ctx, "a", bytes.NewReader(data), size); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if _, err := Inspect(t.Context(), "a", bytes.NewReader(data), size+1<<20); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that is shorter than it is said to be: %v", err)
	}
	for _, s := range []string{"", "text", "\x00\x01"} {
		if d, err := Inspect(t.Context(), "a", strings.NewReader(s), int64(len(s))); d != nil || err != nil {
			t.Errorf("%q: %v, %v", s, d, err)
		}
	}
}

// TestInspectReads: an executable costs few reads of a block, however large it is.
func TestInspectReads(t *testing.T) {
	self, err := os.Open(must(os.Executable())(t))
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	info, err := self.Stat()
	if err != nil {
		t.Fatal(err)
	}
	c := &countingReader{r: self}
	if d, err := Inspect(t.Context(), "a", c, info.Size()); d == nil || err != nil {
		t.Fatal(err)
	}
	if c.calls > 40 || c.bytes > 4<<20 {
		t.Errorf("%d reads of %d bytes in all, of a file of %d", c.calls, c.bytes, info.Size())
	}
}

func must(s string, err error) func(t *testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// TestFileReadAt: the blocks of a file are its bytes.
func TestFileReadAt(t *testing.T) {
	data := make([]byte, 3*blockSize+100)
	for i := range data {
		data[i] = byte(i / 7)
	}
	f := newFile(t.Context(), "", bytes.NewReader(data), int64(len(data)))
	for _, off := range []int64{0, 1, blockSize - 1, blockSize, 3*blockSize + 99, 3*blockSize + 100} {
		for _, n := range []int{0, 1, 100, blockSize, blockSize + 1, 2 * blockSize} {
			got, want := make([]byte, n), make([]byte, n)
			k, err := f.ReadAt(got, off)
			wantK, wantErr := bytes.NewReader(data).ReadAt(want, off)
			if wantK == n {
				wantErr = nil
			}
			if k == n {
				err = nil
			}
			if k != wantK || err != wantErr || !bytes.Equal(got, want) {
				t.Errorf("%d bytes at %d: %d, %v, want %d, %v", n, off, k, err, wantK, wantErr)
			}
		}
	}
	if _, err := f.bytes(10, int64(len(data))); !errors.Is(err, ErrSyntax) {
		t.Errorf("more than there is: %v", err)
	}
}
