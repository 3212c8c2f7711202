package tarfs

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// column is one property of entries in a block: all values of a column stand together, because alike things compress well together. put and get
// see the entry before, which most properties are told from.
type column struct {
	put func(b []byte, prev, e *Entry) []byte
	get func(d *decoder, prev, e *Entry)
}

// columns in the order in which a block has them. A column may depend on those above it.
var columns = []column{
	{putFlags, getFlags},
	{
		func(b []byte, _, e *Entry) []byte { return append(b, e.Type) },
		func(d *decoder, _, e *Entry) { e.Type = d.byte() },
	},
	{putName, getName},
	number(func(e *Entry) *int64 { return &e.Mode }),
	number(func(e *Entry) *int64 { return &e.UID }),
	number(func(e *Entry) *int64 { return &e.GID }),
	text(func(e *Entry) *string { return &e.Uname }),
	text(func(e *Entry) *string { return &e.Gname }),
	{putSeconds, getSeconds},
	{
		func(b []byte, _, e *Entry) []byte { return binary.AppendUvarint(b, uint64(e.ModTime.Nanosecond())) },
		func(d *decoder, _, e *Entry) { e.ModTime = e.ModTime.Add(time.Duration(d.count(math.MaxInt32))) },
	},
	{
		func(b []byte, _, e *Entry) []byte { return binary.AppendVarint(b, e.Size) },
		func(d *decoder, _, e *Entry) { e.Size = d.varint() },
	},
	{putSparse, getSparse},
	{
		func(b []byte, _, e *Entry) []byte { return appendDistance(b, e.Data-e.Header) },
		func(d *decoder, _, e *Entry) { e.Data = d.distance() }, // from the header, which comes next
	},
	{putHeader, getHeader},
	{
		func(b []byte, _, e *Entry) []byte { return appendString(b, e.Link) },
		func(d *decoder, _, e *Entry) { e.Link = d.string() },
	},
	{
		func(b []byte, _, e *Entry) []byte { return binary.AppendUvarint(b, uint64(e.target)) },
		func(d *decoder, _, e *Entry) { e.target = d.count(math.MaxInt) },
	},
	number(func(e *Entry) *int64 { return &e.DevMajor }),
	number(func(e *Entry) *int64 { return &e.DevMinor }),
	{putRecords, getRecords},
}

var (
	epoch = time.Unix(0, 0).UTC()

	// origin is the entry before the first.
	origin = Entry{ModTime: epoch}
)

// number is a column of numbers that are often those of the entry before.
func number(field func(*Entry) *int64) column {
	return column{
		func(b []byte, prev, e *Entry) []byte { return binary.AppendUvarint(b, uint64(*field(e)^*field(prev))) },
		func(d *decoder, prev, e *Entry) { *field(e) = int64(d.uvarint()) ^ *field(prev) },
	}
}

// text is a column of strings that are often those of the entry before: 0, or one more than the length.
func text(field func(*Entry) *string) column {
	put := func(b []byte, prev, e *Entry) []byte {
		if *field(e) == *field(prev) {
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(len(*field(e)))+1)
		return append(b, *field(e)...)
	}
	get := func(d *decoder, prev, e *Entry) {
		*field(e) = *field(prev)
		if n := d.uvarint(); n > 0 {
			*field(e) = string(d.bytes(n - 1))
		}
	}
	return column{put, get}
}

const (
	flagOverwritten = 1 << iota
	flagSynthetic
	flagSparse
	flagDigest
)

func putFlags(b []byte, _, e *Entry) []byte {
	var f byte
	for i, on := range []bool{e.Overwritten, e.Synthetic, e.Sparse != nil, e.SHA256 != [32]byte{}} {
		if on {
			f |= 1 << i
		}
	}
	return append(b, f)
}

func getFlags(d *decoder, _, e *Entry) {
	f := d.byte()
	e.Overwritten = f&flagOverwritten != 0
	e.Synthetic = f&flagSynthetic != 0
	if f&flagSparse != 0 {
		e.Sparse = []Extent{}
	}
	if f&flagDigest != 0 {
		e.SHA256[0] = 1 // the digests stand elsewhere; until then: there is one
	}
}

// A name is mostly the path in one of these forms. Otherwise the column has otherForm and the name.
var nameForms = []struct{ before, after string }{{"", ""}, {"./", ""}, {"", "/"}, {"./", "/"}, {"/", ""}, {"/", "/"}}

const (
	otherForm = 0xff
	noName    = 0xfe
)

func putName(b []byte, _, e *Entry) []byte {
	if e.Name == "" {
		return append(b, noName)
	}
	for i, f := range nameForms {
		middle := len(e.Name) - len(f.before) - len(f.after)
		if middle == len(e.Path) && strings.HasPrefix(e.Name, f.before) && strings.HasSuffix(e.Name, f.after) &&
			e.Name[len(f.before):len(f.before)+middle] == e.Path {
			return append(b, byte(i))
		}
	}
	return appendString(append(b, otherForm), e.Name)
}

func getName(d *decoder, _, e *Entry) {
	switch f := d.byte(); {
	case f == otherForm:
		e.Name = d.string()
	case f == 0:
		e.Name = e.Path
	case int(f) < len(nameForms):
		e.Name = nameForms[f].before + e.Path + nameForms[f].after
	}
}

func putSeconds(b []byte, prev, e *Entry) []byte {
	return binary.AppendVarint(b, e.ModTime.Unix()-prev.ModTime.Unix())
}

func getSeconds(d *decoder, prev, e *Entry) {
	e.ModTime = time.Unix(prev.ModTime.Unix()+d.varint(), 0).UTC()
}

// stored returns how many bytes of content the archive has.
func (e *Entry) stored() int64 {
	switch {
	case !e.hasContent():
		return 0
	case e.Sparse != nil:
		return storedSize(e.Sparse)
	}
	return e.Size
}

// after is where the next header of a tar archive stands.
func (e *Entry) after() int64 {
	end := e.Data + e.stored()
	return end + -end&(blockSize-1)
}

func putHeader(b []byte, prev, e *Entry) []byte { return appendDistance(b, e.Header-prev.after()) }

func getHeader(d *decoder, prev, e *Entry) {
	e.Header = d.distance() + prev.after()
	e.Data += e.Header
}

// appendDistance appends a number that is mostly one of whole blocks.
func appendDistance(b []byte, n int64) []byte {
	if n%blockSize == 0 {
		return binary.AppendVarint(b, n/blockSize*2)
	}
	return binary.AppendVarint(b, n<<1|1)
}

func (d *decoder) distance() int64 {
	n := d.varint()
	if n&1 == 0 {
		return n / 2 * blockSize
	}
	return n >> 1
}

func putSparse(b []byte, _, e *Entry) []byte {
	if e.Sparse == nil {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(e.Sparse)))
	at := int64(0)
	for _, x := range e.Sparse {
		b = binary.AppendUvarint(b, uint64(x.Offset-at))
		b = binary.AppendUvarint(b, uint64(x.Length))
		at = x.end()
	}
	return b
}

func getSparse(d *decoder, _, e *Entry) {
	if e.Sparse == nil {
		return
	}
	at := int64(0)
	for range d.count(len(d.b) / 2) {
		x := Extent{at + int64(d.uvarint()), int64(d.uvarint())}
		e.Sparse = append(e.Sparse, x)
		at = x.end()
	}
	d.bad = d.bad || !validExtents(e.Sparse, e.Size)
}

func putRecords(b []byte, _, e *Entry) []byte {
	b = binary.AppendUvarint(b, uint64(len(e.Records)))
	if len(e.Records) == 0 {
		return b
	}
	for _, k := range slices.Sorted(maps.Keys(e.Records)) {
		b = appendString(appendString(b, k), e.Records[k])
	}
	return b
}

func getRecords(d *decoder, _, e *Entry) {
	n := d.count(len(d.b) / 2)
	if n == 0 {
		return
	}
	e.Records = make(map[string]string, n)
	for range n {
		k := d.string()
		e.Records[k] = d.string()
	}
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendEntry appends e on its own, without its path.
func appendEntry(b []byte, e *Entry) []byte {
	for _, c := range columns {
		b = c.put(b, &origin, e)
	}
	if e.SHA256 != [32]byte{} {
		b = append(b, e.SHA256[:]...)
	}
	return b
}

// row reads what appendEntry wrote.
func (d *decoder) row(e *Entry) {
	for _, c := range columns {
		c.get(d, &origin, e)
	}
	if e.SHA256 != [32]byte{} {
		copy(e.SHA256[:], d.bytes(32))
	}
}

// decoder reads numbers and strings and remembers whether something was not there.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) byte() byte {
	if p := d.bytes(1); p != nil {
		return p[0]
	}
	return 0
}

func (d *decoder) string() string { return string(d.bytes(d.uvarint())) }

func (d *decoder) uvarint() uint64 {
	x, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return x
}

func (d *decoder) varint() int64 {
	x := d.uvarint()
	return int64(x>>1) ^ -int64(x&1)
}

// count reads a number that is at most limit.
func (d *decoder) count(limit int) int {
	x := d.uvarint()
	if x > uint64(limit) {
		d.bad = true
		return 0
	}
	return int(x)
}
