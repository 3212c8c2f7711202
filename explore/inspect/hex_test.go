package inspect

import (
	"bytes"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

func TestReadHex(t *testing.T) {
	data := make([]byte, 1000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for _, c := range []struct {
		size, off      int64
		n              int
		from, to, prev int64
	}{
		{0, 0, 100, 0, 0, 0},
		{1, 5, 100, 0, 1, 0},
		{1000, 0, 64, 0, 64, 0},
		{1000, 70, 64, 64, 128, 0},
		{1000, 200, 64, 192, 256, 128},
		{1000, 1 << 50, 64, 992, 1000, 928},
		{1000, -1, 1, 0, 16, 0},
		{1000, 0, 1 << 30, 0, 1000, 0},
	} {
		h, err := ReadHex(bytes.NewReader(data[:c.size]), c.size, c.off, c.n)
		if err != nil || h.Off != c.from || h.Next != c.to || h.Prev != c.prev || len(h.Lines) != int(c.to-c.from+15)/16 {
			t.Errorf("%d bytes at %d of %d: %+v, %v", c.n, c.off, c.size, h, err)
			continue
		}
		var got strings.Builder
		for _, l := range h.Lines {
			got.WriteString(l.String() + "\n")
		}
		if want := xxd(t, data[:c.size], h.Off, h.Next); got.String() != want {
			t.Errorf("%d bytes at %d of %d:\n%swant\n%s", c.n, c.off, c.size, got.String(), want)
		}
	}
	if got, want := hexLine(1<<32, []byte("~\x7f ")).String(), "100000000: 7e7f 20                                  ~. "; got != want {
		t.Errorf("behind 4 GiB: %q, want %q", got, want)
	}
}

// xxd prints what the program of that name prints.
func xxd(t *testing.T, data []byte, from, to int64) string {
	t.Helper()
	if from == to {
		return ""
	}
	if !hasProgram(t, "xxd") {
		t.Skip("there is nothing to compare with")
	}
	cmd := exec.Command("xxd", "-s", strconv.FormatInt(from, 10), "-l", strconv.FormatInt(to-from, 10))
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("xxd: %v", err)
	}
	return string(out)
}
