package tarfs

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// A table is, with little-endian numbers:
//
//	header      96 bytes
//	  magic       8  "vtarfs", version u16
//	  entries     8
//	  blocks      8
//	  directory   8  bytes
//	  file        8  bytes of the whole table
//	  end         8  offset in the stream where the archive ended
//	  size        8  bytes of the stream
//	  sha256     32  of the stream
//	  crc         4  CRC-32C of the directory
//	  crc         4  CRC-32C of the header up to here
//	directory   for each block 36 bytes, then the separators
//	  offset      8  of the block, from the end of the directory
//	  first       8  index of its first entry
//	  packed      4  bytes of deflate
//	  plain       4  bytes they inflate to
//	  digests     4  number of digests
//	  separator   4  where the block's separator ends among the separators
//	  crc         4  CRC-32C of packed bytes and digests
//	blocks      deflate (RFC 1951) of the entries, then their SHA-256 digests, 32 bytes each
//
// Entries are sorted by directory and name, so that a directory is a run of entries. A separator is the shortest string that is above the
// last key of the block before and not above the first key of its own. A block holds the keys of its entries, each told from the one before (how
// many bytes they share, how many follow, those), and then column after column (see columns).
const (
	magic      = "vtarfs"
	version    = 1
	headerSize = 96
	rowSize    = 36

	blockEntries = 256      // more compress better, fewer are found faster
	blockBytes   = 64 << 10 // a block ends sooner when its entries are large
	level        = 4        // of deflate: higher ones save one per cent
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
)

// Info is what a table says about the whole archive.
type Info struct {
	End    int64    // where the archive ended: after the last entry or the two blocks of zeros
	Size   int64    // bytes of the stream
	SHA256 [32]byte // of the stream: the diff ID of a container's layer
}

// encoder writes the blocks of a table.
type encoder struct {
	blocks           rope
	rows, separators []byte

	entries []Entry // of the block to come
	bytes   int     // about what they take
	count   int     // entries in earlier blocks
	lastKey string  // of the block before
	plain   []byte
	packed  bytes.Buffer
	digests []byte
	deflate *flate.Writer
}

func newEncoder() *encoder {
	w, _ := flate.NewWriter(nil, level)
	return &encoder{deflate: w, entries: make([]Entry, 0, blockEntries)}
}

// next returns the place for the next entry, which is zero.
func (c *encoder) next() *Entry {
	c.entries = c.entries[:len(c.entries)+1]
	return &c.entries[len(c.entries)-1]
}

// added ends the block if it is large enough with the entry that was put to the place of next.
func (c *encoder) added() error {
	e := &c.entries[len(c.entries)-1]
	c.bytes += len(e.Path) + len(e.Name) + len(e.Link) + 16*len(e.Sparse)
	for k, v := range e.Records {
		c.bytes += len(k) + len(v)
	}
	if len(c.entries) < blockEntries && c.bytes < blockBytes {
		return nil
	}
	return c.flush()
}

// flush ends the block.
func (c *encoder) flush() error {
	if len(c.entries) == 0 {
		return nil
	}
	c.plain = appendBlock(c.plain[:0], c.entries)
	c.packed.Reset()
	c.deflate.Reset(&c.packed)
	if _, err := c.deflate.Write(c.plain); err != nil {
		return err
	}
	if err := c.deflate.Close(); err != nil {
		return err
	}
	c.digests = c.digests[:0]
	for i := range c.entries {
		if e := &c.entries[i]; e.SHA256 != [32]byte{} {
			c.digests = append(c.digests, e.SHA256[:]...)
		}
	}
	c.writeRow()
	c.blocks.append(c.packed.Bytes())
	c.blocks.append(c.digests)
	c.count += len(c.entries)
	clear(c.entries) // what they point to
	c.entries, c.bytes = c.entries[:0], 0
	return nil
}

// writeRow adds the block to the directory.
func (c *encoder) writeRow() {
	first := key(c.entries[0].Path)
	c.separators = append(c.separators, separator(c.lastKey, first)...)
	c.lastKey = key(c.entries[len(c.entries)-1].Path)
	c.rows = le.AppendUint64(c.rows, uint64(c.blocks.size))
	c.rows = le.AppendUint64(c.rows, uint64(c.count))
	for _, n := range []int{c.packed.Len(), len(c.plain), len(c.digests) / 32, len(c.separators)} {
		c.rows = le.AppendUint32(c.rows, uint32(n))
	}
	crc := crc32.Update(crc32.Checksum(c.packed.Bytes(), castagnoli), castagnoli, c.digests)
	c.rows = le.AppendUint32(c.rows, crc)
}

// separator returns the shortest string s with before < s <= first. Where there is none, entries of one path are in both blocks: s is first.
func separator(before, first string) string {
	return first[:min(len(first), common(before, first)+1)]
}

func common[T string | []byte](a, b T) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// table returns everything that was added, and how many bytes that is.
func (c *encoder) table(info Info) (io.ReaderAt, int64) {
	directory := len(c.rows) + len(c.separators)
	size := headerSize + directory + int(c.blocks.size)
	t := make([]byte, 0, headerSize+directory)
	t = append(t, magic...)
	t = le.AppendUint16(t, version)
	for _, n := range []int{c.count, len(c.rows) / rowSize, directory, size, int(info.End), int(info.Size)} {
		t = le.AppendUint64(t, uint64(n))
	}
	t = append(t, info.SHA256[:]...)
	crc := crc32.Update(crc32.Checksum(c.rows, castagnoli), castagnoli, c.separators)
	t = le.AppendUint32(t, crc)
	t = le.AppendUint32(t, crc32.Checksum(t, castagnoli))
	return stored{append(append(t, c.rows...), c.separators...), c.blocks}, int64(size)
}

// appendBlock appends keys and columns of entries.
func appendBlock(b []byte, entries []Entry) []byte {
	b = binary.AppendUvarint(b, uint64(len(entries)))
	var last, k, lengths, tails []byte
	for i := range entries {
		k = appendKey(k[:0], entries[i].Path)
		n := common(last, k)
		b = binary.AppendUvarint(b, uint64(n))
		lengths = binary.AppendUvarint(lengths, uint64(len(k)-n))
		tails = append(tails, k[n:]...)
		last, k = k, last
	}
	b = append(append(b, lengths...), tails...)
	for _, c := range columns {
		prev := &origin
		for i := range entries {
			b = c.put(b, prev, &entries[i])
			prev = &entries[i]
		}
	}
	return b
}

// Table sorts what was added, makes up missing directories, resolves hard links and returns the table, which is in memory. b is of no use
// afterwards.
func (b *Builder) Table(info Info) (*Table, error) {
	if err := b.finish(); err != nil {
		return nil, err
	}
	c, rest := newEncoder(), newEncoder()
	middle := len(b.rows) / 2
	if len(b.rows) < 4*blockEntries {
		middle = len(b.rows)
	}
	var failed error
	var thrown any
	done := make(chan struct{})
	go func() { // nobody hashes any more: there are two processors for this
		defer close(done)
		defer func() { thrown = recover() }()
		failed = b.encode(rest, middle, len(b.rows))
	}()
	err := b.encode(c, 0, middle)
	<-done
	if thrown != nil {
		panic(thrown) // here it can be recovered from
	}
	if err = cmp.Or(err, failed); err != nil {
		return nil, err
	}
	c.join(rest)
	r, size := c.table(info)
	return OpenTable(r, size)
}

// encode passes a range of rows to c, in blocks.
func (b *Builder) encode(c *encoder, from, to int) error {
	if from > 0 {
		c.lastKey = key(b.path(b.rows[from-1]))
	}
	for i, r := range b.rows[from:to] {
		e := c.next()
		b.unpack(r, e)
		e.Overwritten = b.overwritten(from + i)
		if t, ok := b.target[from+i]; ok {
			e.target = t + 1
		}
		if err := c.added(); err != nil {
			return err
		}
	}
	return c.flush()
}

// join appends the blocks of an encoder whose entries come after those of c.
func (c *encoder) join(rest *encoder) {
	for row := rest.rows; len(row) > 0; row = row[rowSize:] {
		le.PutUint64(row, le.Uint64(row)+uint64(c.blocks.size))
		le.PutUint64(row[8:], le.Uint64(row[8:])+uint64(c.count))
		le.PutUint32(row[28:], le.Uint32(row[28:])+uint32(len(c.separators)))
	}
	c.rows, c.separators, c.count = append(c.rows, rest.rows...), append(c.separators, rest.separators...), c.count+rest.count
	for i, piece := range rest.blocks.pieces {
		c.blocks.append(piece)
		rest.blocks.pieces[i] = nil
	}
}
