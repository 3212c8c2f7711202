package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"vitrine/explore/tarfs"
	"vitrine/explore/zran"
)

// Index is what one pass over a blob has found out: everything that is needed to open it again without reading it.
type Index struct {
	Format     Format
	Variant    string   // [EStargz] and the like, or empty
	BlobSize   int64    // bytes of the blob
	BlobSHA256 [32]byte // of the blob: the digest of an OCI descriptor

	offset int64       // in the blob: where table's stream begins, compressed or not
	zran   *zran.Index // nil for what is not compressed
	table  *tarfs.Table
}

// Table returns the table of contents. Its Info has the SHA-256 of what the blob decompresses to: the diff ID of a layer.
func (x *Index) Table() *tarfs.Table { return x.table }

// Checkpoints returns the index of the compressed stream, nil if the blob is none.
func (x *Index) Checkpoints() *zran.Index { return x.zran }

// An index is stored as, with little-endian numbers:
//
//	magic     6  "vindex", version u16
//	format   16  padded with NUL
//	variant  16  padded with NUL
//	blob      8  bytes of the blob
//	sha256   32  of the blob
//	offset    8  of the stream in the blob
//	zran      8  bytes of the checkpoints, 0 if there are none
//	table     8  bytes of the table
//	crc       4  CRC-32C of all before it
//	checkpoints, as package zran stores them
//	table, as package tarfs stores it
//
// Both have checksums of their own, which are looked at when something is read.
const (
	magic      = "vindex"
	version    = 1
	headerSize = 108
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
)

// Size returns how many bytes WriteTo writes.
func (x *Index) Size() int64 { return headerSize + x.zranSize() + x.table.Size() }

func (x *Index) zranSize() int64 {
	if x.zran == nil {
		return 0
	}
	return x.zran.EncodedSize()
}

// WriteTo writes x for OpenIndex. It implements [io.WriterTo].
func (x *Index) WriteTo(w io.Writer) (int64, error) {
	h := make([]byte, 8+16+16, headerSize)
	copy(h, magic)
	le.PutUint16(h[6:], version)
	copy(h[8:24], x.Format)
	copy(h[24:40], x.Variant)
	h = le.AppendUint64(h, uint64(x.BlobSize))
	h = append(h, x.BlobSHA256[:]...)
	h = le.AppendUint64(h, uint64(x.offset))
	h = le.AppendUint64(h, uint64(x.zranSize()))
	h = le.AppendUint64(h, uint64(x.table.Size()))
	h = le.AppendUint32(h, crc32.Checksum(h, castagnoli))
	parts := []io.WriterTo{bytes.NewReader(h)}
	if x.zran != nil {
		parts = append(parts, x.zran)
	}
	total := int64(0)
	for _, p := range append(parts, x.table) {
		n, err := p.WriteTo(w)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// OpenIndex opens an index that [Index.WriteTo] stored and that is size bytes long. It reads the headers; r is read again as things are
// looked up. The errors of a damaged one wrap [ErrIndex]; where the damage is found later, [zran.ErrIndex] or [tarfs.ErrTable].
func OpenIndex(r io.ReaderAt, size int64) (*Index, error) {
	h, err := readSection(r, 0, headerSize)
	if err != nil {
		return nil, err
	}
	switch {
	case len(h) < headerSize || string(h[:6]) != magic:
		return nil, fmt.Errorf("%w: no header at offset 0", ErrIndex)
	case le.Uint16(h[6:]) != version:
		return nil, fmt.Errorf("%w: version %d, want %d", ErrIndex, le.Uint16(h[6:]), version)
	case crc32.Checksum(h[:headerSize-4], castagnoli) != le.Uint32(h[headerSize-4:]):
		return nil, fmt.Errorf("%w: checksum of the header", ErrIndex)
	}
	x := &Index{
		Format:     Format(strings.TrimRight(string(h[8:24]), "\x00")),
		Variant:    strings.TrimRight(string(h[24:40]), "\x00"),
		BlobSize:   int64(le.Uint64(h[40:])),
		BlobSHA256: [32]byte(h[48:]),
		offset:     int64(le.Uint64(h[80:])),
	}
	points, table := int64(le.Uint64(h[88:])), int64(le.Uint64(h[96:]))
	if points < 0 || table < 0 || points > size || table > size || headerSize+points+table != size {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrIndex, size, headerSize+points+table)
	}
	if points > 0 {
		if x.zran, err = zran.OpenIndex(io.NewSectionReader(r, headerSize, points), points); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrIndex, err)
		}
	}
	if x.table, err = tarfs.OpenTable(io.NewSectionReader(r, headerSize+points, table), table); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIndex, err)
	}
	return x, nil
}
