package tarfs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// Builder makes the table of an archive that the caller reads, of whatever format: [Index] uses it for tar. It keeps the entries until all
// are there and can be sorted. Each is packed into some 70 bytes beside the row that points to it: a million entries with structs and
// strings would be three times as much.
type Builder struct {
	opts   *Options
	rows   []row
	chunks [][]byte // what rows point to
	meta   int64    // bytes in chunks and dirs

	dirs   map[string]uint32 // every directory that something lies in: path -> index in paths
	paths  []string
	rank   []uint32    // of a directory, in the order of paths; set by finish
	target map[int]int // row of a hard link -> row of what it means; set by finish
}

// row is one entry: where it is packed, and its place in the order. The last element of the path stands first in the packed bytes.
type row struct {
	chunk, at uint32
	dir       uint32
	seq       uint32 // place in the archive
}

const (
	chunkSize = 256 << 10
	chunkRoom = 1 << 10 // for the last entry of a chunk; a larger one makes its chunk larger

	// Directories of entries that have none: the root, which comes first, and global headers, which come last.
	ofRoot   = ^uint32(1)
	ofGlobal = ^uint32(0)
)

// NewBuilder returns a Builder of an empty table.
func NewBuilder(o *Options) *Builder {
	o = o.withDefaults()
	return &Builder{opts: o, dirs: map[string]uint32{".": 0}, paths: []string{"."}, target: map[int]int{}}
}

// Add takes an entry in and sets its path; what the entry says is copied. Entries come in the order of the archive. The error wraps
// [ErrLimit].
func (b *Builder) Add(e *Entry) error {
	if err := b.add(e); err != nil || b.opts.Visit == nil {
		return err
	}
	visited := *e
	b.opts.Visit(&visited)
	return nil
}

func (b *Builder) add(e *Entry) error {
	if e.Type == TypeGlobal {
		return b.pack(e, ofGlobal)
	}
	e.Path = cleanPath(e.Name)
	if len(e.Path) > b.opts.MaxName {
		return b.limit("bytes in a path", b.opts.MaxName)
	}
	parent, _ := splitPath(e.Path)
	if parent == "" {
		return b.pack(e, ofRoot)
	}
	dir, err := b.dir(parent)
	if err != nil {
		return err
	}
	return b.pack(e, dir)
}

// dir returns the index of a directory; it and those above it become known.
func (b *Builder) dir(p string) (uint32, error) {
	if i, ok := b.dirs[p]; ok {
		return i, nil
	}
	p = strings.Clone(p)
	for q := p; ; {
		if _, ok := b.dirs[q]; ok {
			return b.dirs[p], nil
		}
		if b.meta += int64(len(p)); b.meta > b.opts.MaxMeta {
			return 0, b.limit("bytes of names and records", b.opts.MaxMeta)
		}
		if len(b.paths) > b.opts.MaxEntries {
			return 0, b.limit("directories", b.opts.MaxEntries)
		}
		b.dirs[q] = uint32(len(b.paths))
		b.paths = append(b.paths, q)
		q, _ = splitPath(q)
	}
}

// pack appends e to the rows.
func (b *Builder) pack(e *Entry, dir uint32) error {
	if len(b.rows) >= b.opts.MaxEntries {
		return b.limit("entries", b.opts.MaxEntries)
	}
	last := len(b.chunks) - 1
	if last < 0 || len(b.chunks[last]) > chunkSize-chunkRoom {
		b.chunks = append(b.chunks, make([]byte, 0, chunkSize))
		last++
	}
	chunk := b.chunks[last]
	at := len(chunk)
	_, base := splitPath(e.Path)
	chunk = appendString(chunk, base)
	chunk = appendEntry(chunk, e)
	b.chunks[last] = chunk
	b.rows = append(b.rows, row{uint32(last), uint32(at), dir, uint32(len(b.rows))})
	if b.meta += int64(len(chunk) - at); b.meta > b.opts.MaxMeta {
		return b.limit("bytes of names and records", b.opts.MaxMeta)
	}
	return nil
}

func (b *Builder) packed(r row) []byte { return b.chunks[r.chunk][r.at:] }

// base returns the last element of a row's path.
func (b *Builder) base(r row) []byte {
	p := b.packed(r)
	n, w := binary.Uvarint(p)
	return p[w : w+int(n)]
}

func (b *Builder) path(r row) string {
	switch r.dir {
	case ofGlobal:
		return ""
	case ofRoot:
		return "."
	}
	if dir := b.paths[r.dir]; dir != "." {
		return dir + "/" + string(b.base(r))
	}
	return string(b.base(r))
}

// columns returns the packed entry behind the last element of its path.
func (b *Builder) columns(r row) []byte {
	p := b.packed(r)
	n, w := binary.Uvarint(p)
	return p[w+int(n):]
}

// typ returns the type of a row, which is its second column, without unpacking it.
func (b *Builder) typ(r row) byte { return b.columns(r)[1] }

// unpack sets e, which is zero, to what row has.
func (b *Builder) unpack(r row, e *Entry) {
	d := decoder{b: b.columns(r)}
	e.Path = b.path(r)
	d.row(e)
}

// finish makes up what is missing, sorts, and resolves hard links.
func (b *Builder) finish() error {
	b.sort()
	n := len(b.rows)
	if err := b.addMissing(); err != nil {
		return err
	}
	if len(b.rows) > n {
		b.sort()
	}
	b.resolve()
	return nil
}

// sort brings the rows into the order of their keys; of one path the last entry comes first.
func (b *Builder) sort() {
	order := make([]uint32, len(b.paths))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int { return strings.Compare(dirKey(b.paths[x]), dirKey(b.paths[y])) })
	b.rank = make([]uint32, len(b.paths))
	for i, d := range order {
		b.rank[d] = uint32(i) + 1
	}
	slices.SortFunc(b.rows, func(x, y row) int {
		if x.dir != y.dir {
			return cmp.Compare(b.place(x.dir), b.place(y.dir))
		}
		return cmp.Or(bytes.Compare(b.base(x), b.base(y)), cmp.Compare(y.seq, x.seq))
	})
}

// dirKey is the part of a key that a directory gives to those in it.
func dirKey(dir string) string {
	if dir == "." {
		return ""
	}
	return dir
}

func (b *Builder) place(dir uint32) uint32 {
	switch dir {
	case ofRoot:
		return 0
	case ofGlobal:
		return ofGlobal
	}
	return b.rank[dir]
}

// samePath reports whether the rows i and j are entries of one path.
func (b *Builder) samePath(i, j int) bool {
	x, y := b.rows[i], b.rows[j]
	return x.dir == y.dir && x.dir != ofGlobal && bytes.Equal(b.base(x), b.base(y))
}

// overwritten reports whether a later entry has the path of row i.
func (b *Builder) overwritten(i int) bool { return i > 0 && b.samePath(i-1, i) }

// addMissing makes up the directories that something lies in and that are no directories in the archive.
func (b *Builder) addMissing() error {
	have := make([]bool, len(b.paths))
	for i, r := range b.rows {
		if b.overwritten(i) || !isDir(b.typ(r)) {
			continue
		}
		if d, ok := b.dirs[b.path(r)]; ok {
			have[d] = true
		}
	}
	for d, p := range b.paths {
		if have[d] {
			continue
		}
		e := &Entry{Path: p, Type: TypeDir, Mode: 0o755, ModTime: epoch, Synthetic: true}
		dir := ofRoot
		if parent, _ := splitPath(p); parent != "" {
			dir = b.dirs[parent]
		}
		if err := b.pack(e, dir); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds what hard links mean: the file that had the name when the link was made, or else the one that got it later.
func (b *Builder) resolve() {
	var links []int
	for i, r := range b.rows {
		if b.typ(r) == TypeLink {
			links = append(links, i)
		}
	}
	slices.SortFunc(links, func(i, j int) int { return cmp.Compare(b.rows[i].seq, b.rows[j].seq) })
	for _, i := range links {
		if t := b.targetOf(i); t >= 0 {
			b.target[i] = t
		}
	}
}

// targetOf returns the row that the link in row i means, -1 if there is none.
func (b *Builder) targetOf(i int) int {
	link := b.rows[i]
	var e Entry
	b.unpack(link, &e)
	first, found := b.find(cleanPath(e.Link))
	if !found {
		return -1
	}
	t := first
	for j := first; j < len(b.rows) && b.samePath(first, j); j++ {
		if b.rows[j].seq < link.seq {
			t = j
			break
		}
	}
	switch typ := b.typ(b.rows[t]); {
	case isDir(typ):
		return -1
	case typ == TypeLink:
		if end, ok := b.target[t]; ok {
			return end
		}
		return -1
	}
	return t
}

// find returns the first row of a path.
func (b *Builder) find(p string) (int, bool) {
	parent, base := splitPath(p)
	dir, ok := b.dirs[parent]
	if !ok {
		return 0, false
	}
	return slices.BinarySearchFunc(b.rows, base, func(r row, base string) int {
		return cmp.Or(cmp.Compare(b.place(r.dir), b.place(dir)), strings.Compare(string(b.base(r)), base))
	})
}
