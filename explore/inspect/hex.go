package inspect

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

const (
	hexWidth   = 16
	maxHexPage = 1 << 18
)

// Hex is a page of bytes.
type Hex struct {
	Size  int64     `json:"size"` // of the whole, in bytes
	Off   int64     `json:"off"`  // where the page begins
	Next  int64     `json:"next"` // where the next one begins; Size, if this is the last
	Prev  int64     `json:"prev"` // where the one before begins; Off, if this is the first
	Lines []HexLine `json:"lines"`
}

// HexLine is up to 16 bytes. Its parts are those of a line of xxd: the offset in eight digits or more, groups of two bytes, padded to the
// width of eight groups, and what is ASCII among them.
type HexLine struct {
	Off   string `json:"off"`
	Hex   string `json:"hex"`
	ASCII string `json:"ascii"`
}

// String returns the line that xxd prints.
func (l HexLine) String() string { return l.Off + ": " + l.Hex + "  " + l.ASCII }

// ReadHex reads a page of n bytes (16 bytes to 256 KiB) of size bytes, from the multiple of 16 at or before off. It reads once.
func ReadHex(r io.ReaderAt, size, off int64, n int) (*Hex, error) {
	n = min(max(n, hexWidth), maxHexPage) &^ (hexWidth - 1)
	off = min(max(off, 0), max(size-1, 0)) &^ (hexWidth - 1)
	data, err := readAt(r, off, min(int64(n), size-off))
	if err != nil {
		return nil, err
	}
	h := &Hex{Size: size, Off: off, Next: off + int64(len(data)), Prev: max(off-int64(n), 0)}
	for len(data) > 0 {
		line := data[:min(hexWidth, len(data))]
		h.Lines = append(h.Lines, hexLine(off, line))
		off, data = off+int64(len(line)), data[len(line):]
	}
	return h, nil
}

func hexLine(off int64, b []byte) HexLine {
	digits := hex.EncodeToString(b)
	var groups, ascii strings.Builder
	for i := 0; i < 2*hexWidth; i += 4 {
		if i > 0 {
			groups.WriteByte(' ')
		}
		fmt.Fprintf(&groups, "%-4s", digits[min(i, len(digits)):min(i+4, len(digits))])
	}
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			c = '.'
		}
		ascii.WriteByte(c)
	}
	return HexLine{fmt.Sprintf("%08x", off), groups.String(), ascii.String()}
}
