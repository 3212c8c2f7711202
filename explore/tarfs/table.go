package tarfs

import (
	"bytes"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"sort"
	"sync"
)

// Table is the table of contents of an archive, sorted by directory and name. It reads from where it is stored block by block, as entries
// are asked for. A Table may be used by many goroutines at once.
type Table struct {
	r          io.ReaderAt
	info       Info
	size       int64 // of the table
	count      int
	base       int64  // where blocks start
	rows       []byte // of the directory, see encode.go
	separators []byte
	cache      cache
}

// OpenTable opens a table that [Table.WriteTo] stored and that is size bytes long. It reads the header and the directory: for a million entries
// 0.3 MB, which stay in memory, beside at most 16 decoded blocks of 256 entries. The errors of a table that is
// damaged wrap [ErrTable], when it is opened or, for the block in question, when an entry is read.
func OpenTable(r io.ReaderAt, size int64) (*Table, error) {
	var head [headerSize]byte
	if err := readAt(r, head[:], 0); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrTable, err)
	}
	switch {
	case string(head[:6]) != magic:
		return nil, fmt.Errorf("%w: magic %q at offset 0", ErrTable, head[:6])
	case le.Uint16(head[6:]) != version:
		return nil, fmt.Errorf("%w: version %d, want %d", ErrTable, le.Uint16(head[6:]), version)
	case crc32.Checksum(head[:headerSize-4], castagnoli) != le.Uint32(head[headerSize-4:]):
		return nil, fmt.Errorf("%w: checksum of the header", ErrTable)
	}
	field := func(i int) uint64 { return le.Uint64(head[8*i:]) }
	blocks, directory := field(2), field(3)
	if field(4) != uint64(size) || directory > uint64(size)-headerSize || blocks > directory/rowSize {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrTable, size, field(4))
	}
	t := &Table{r: r, size: size, count: int(field(1)), base: int64(headerSize + directory)}
	t.info = Info{End: int64(field(5)), Size: int64(field(6)), SHA256: [32]byte(head[56:])}
	dir := make([]byte, directory)
	if err := readAt(r, dir, headerSize); err != nil {
		return nil, fmt.Errorf("%w: directory: %w", ErrTable, err)
	}
	if crc32.Checksum(dir, castagnoli) != le.Uint32(head[headerSize-8:]) {
		return nil, fmt.Errorf("%w: checksum of the directory at offset %d", ErrTable, headerSize)
	}
	t.rows, t.separators = dir[:blocks*rowSize], dir[blocks*rowSize:]
	return t, t.check()
}

// check makes sure that what rows point to is there, so that nobody has to ask again.
func (t *Table) check() error {
	var end, first, sep uint64
	for i := range t.blocks() {
		r := t.row(i)
		if r.offset != end || r.first < first || uint64(r.separator) < sep || int(r.separator) > len(t.separators) || r.plain > maxPlain {
			return fmt.Errorf("%w: block %d", ErrTable, i)
		}
		end += uint64(r.packed) + 32*uint64(r.digests)
		first, sep = r.first, uint64(r.separator)
	}
	if end != uint64(t.size-t.base) || first > uint64(t.count) {
		return fmt.Errorf("%w: blocks of %d bytes", ErrTable, end)
	}
	return nil
}

// maxPlain bounds a block in memory: blockBytes and one entry more, which has at most a name, a link, records and a sparse map of 1 MiB
// of text each.
const maxPlain = 8 << 20

// readAt reads len(p) bytes.
func readAt(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	return unexpected(err)
}

// tableRow is a row of the directory.
type tableRow struct {
	offset, first                          uint64
	packed, plain, digests, separator, crc uint32
}

func (t *Table) blocks() int { return len(t.rows) / rowSize }

func (t *Table) row(i int) tableRow {
	b := t.rows[i*rowSize:]
	return tableRow{
		le.Uint64(b), le.Uint64(b[8:]),
		le.Uint32(b[16:]), le.Uint32(b[20:]), le.Uint32(b[24:]), le.Uint32(b[28:]), le.Uint32(b[32:]),
	}
}

func (t *Table) separator(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = t.row(i - 1).separator
	}
	return t.separators[start:t.row(i).separator]
}

// Info returns what the table says about the whole archive.
func (t *Table) Info() Info { return t.info }

// Len returns the number of entries, with overwritten and made-up ones.
func (t *Table) Len() int { return t.count }

// Size returns how many bytes WriteTo writes.
func (t *Table) Size() int64 { return t.size }

// WriteTo writes the table for OpenTable. It implements [io.WriterTo].
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(t.r, 0, t.size))
}

// Lookup returns the entry that path means; a link is not followed. The error wraps [fs.ErrNotExist] if there is none.
func (t *Table) Lookup(path string) (*Entry, error) {
	for e, err := range t.from(key(path)) {
		if err != nil {
			return nil, err
		}
		if e.Path == path && path != "" {
			return e, nil
		}
		break
	}
	return nil, fmt.Errorf("tarfs: %.512q: %w", path, fs.ErrNotExist)
}

// Versions yields every entry of a path: the one that it means, then the overwritten ones, the last in the archive first.
func (t *Table) Versions(path string) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		for e, err := range t.from(key(path)) {
			if err == nil && (e.Path != path || path == "") || !yield(e, err) {
				return
			}
		}
	}
}

// Dir yields the entries of a directory whose names are above after, in order, without overwritten ones. It yields nothing for what is
// not a directory.
func (t *Table) Dir(path, after string) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		for e, err := range t.DirVersions(path, after) {
			if (err != nil || !e.Overwritten) && !yield(e, err) {
				return
			}
		}
	}
}

// DirVersions is Dir with overwritten entries, each of them behind the entry that its path means, as [Table.Versions] has them.
func (t *Table) DirVersions(path, after string) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		start := dirKey(path) + "\x00" + after
		if after != "" {
			start += "\x00" // the first name above, since no name has a NUL
		}
		for e, err := range t.from(start) {
			if err != nil {
				yield(nil, err)
				return
			}
			if dir, _ := splitPath(e.Path); dir != path || e.Path == "" {
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Entries yields all entries, with overwritten and made-up ones, in the order of the table: the root, directory after directory, global headers.
// [Entry.Header] has the order of the archive.
func (t *Table) Entries() iter.Seq2[*Entry, error] { return t.from("") }

// from yields the entries whose keys are not below k.
func (t *Table) from(k string) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		n := t.blocks()
		start := sort.Search(n, func(i int) bool { return string(t.separator(i)) >= k }) - 1
		for i := max(start, 0); i < n; i++ {
			entries, err := t.block(i)
			if err != nil {
				yield(nil, err)
				return
			}
			j := 0
			if i <= start+1 {
				j = sort.Search(len(entries), func(j int) bool { return compareKey(entries[j].Path, k) >= 0 })
			}
			for ; j < len(entries); j++ {
				if !yield(&entries[j], nil) {
					return
				}
			}
		}
	}
}

// at returns the entry with an index.
func (t *Table) at(i int) (*Entry, error) {
	b := sort.Search(t.blocks(), func(b int) bool { return t.row(b).first > uint64(i) }) - 1
	if b >= 0 {
		entries, err := t.block(b)
		if err != nil {
			return nil, err
		}
		if i -= int(t.row(b).first); i < len(entries) {
			return &entries[i], nil
		}
	}
	return nil, fmt.Errorf("%w: no entry %d", ErrTable, i)
}

// block returns the entries of block i.
func (t *Table) block(i int) ([]Entry, error) {
	if entries, ok := t.cache.get(i); ok {
		return entries, nil
	}
	r := t.row(i)
	entries, err := t.read(r)
	if err != nil {
		return nil, fmt.Errorf("%w: block at offset %d: %w", ErrTable, t.base+int64(r.offset), err)
	}
	t.cache.put(i, entries)
	return entries, nil
}

func (t *Table) read(r tableRow) ([]Entry, error) {
	stored := make([]byte, int(r.packed)+32*int(r.digests))
	if err := readAt(t.r, stored, t.base+int64(r.offset)); err != nil {
		return nil, err
	}
	if crc32.Checksum(stored, castagnoli) != r.crc {
		return nil, errChecksum
	}
	plain, err := inflate(stored[:r.packed], int(r.plain))
	if err != nil {
		return nil, err
	}
	return decodeBlock(plain, stored[r.packed:])
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

func inflate(packed []byte, size int) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(packed), nil); err != nil {
		return nil, err
	}
	plain := make([]byte, size)
	_, err := io.ReadFull(r, plain)
	return plain, err
}
