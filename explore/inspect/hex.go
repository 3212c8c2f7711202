package inspect

import (
	"io"
	"strconv"
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

// hexLine makes a line of one string, of which its parts are pieces: pages have thousands.
func hexLine(off int64, b []byte) HexLine {
	line := make([]byte, 0, 16+hexWidth*7/2)
	if line = strconv.AppendInt(line, off, 16); len(line) < 8 {
		line = append([]byte("00000000")[:8-len(line)], line...)
	}
	addr := len(line)
	for i := range hexWidth {
		if i%2 == 0 && i > 0 {
			line = append(line, ' ')
		}
		if i < len(b) {
			line = append(line, hexDigits[b[i]>>4], hexDigits[b[i]&15])
		} else {
			line = append(line, ' ', ' ')
		}
	}
	ascii := len(line)
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			c = '.'
		}
		line = append(line, c)
	}
	s := string(line)
	return HexLine{s[:addr], s[addr:ascii], s[ascii:]}
}
