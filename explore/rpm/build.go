package rpm

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"
	"time"
)

// BuildOptions are what [Build] needs besides the packages.
type BuildOptions struct {
	// Create returns where the bytes of a document go, compressed as they are to be served. What kind it has in the end [Generation] says: its
	// name has its checksum in it.
	Create func(kind string) (io.Writer, error)

	Time     time.Time // of the generation; not now: the same packages make the same bytes
	Revision string    // empty: Time in seconds
	Data     []Data    // more that repomd.xml is to name, such as "group", and that is there already
	Max      int       // packages: 1 Mi if 0

	// Each, if not nil, is called for each package that is taken, in the order of primary.xml. It must not change e.
	Each func(member int, e *Entry)
}

// Generation is the metadata of a repository at one time: all of it is published at once, or none.
type Generation struct {
	*Repomd
	Packages int
	Left     []Left // the first hundred
	LeftOut  int    // how many there were
}

const (
	defaultMax = 1 << 20
	maxLeft    = 100
)

// Build makes primary.xml, filelists.xml and other.xml of the packages of all members, and the repomd.xml that names them, whose bytes [Repomd.Bytes]
// returns. So it writes a local repository (of its last generation, without what is deleted, and what is new), or merges those of a virtual one. The errors
// are those of the members, of Create and what it returns, and [ErrLimit].
func Build(members []Member, o BuildOptions) (*Generation, error) {
	if o.Max == 0 {
		o.Max = defaultMax
	}
	if o.Revision == "" {
		o.Revision = strconv.FormatInt(o.Time.Unix(), 10)
	}
	b := &build{o: o, members: members, g: &Generation{Repomd: &Repomd{Revision: o.Revision}}, taken: map[key]*choice{}}
	if err := b.choose(); err != nil {
		return nil, err
	}
	for i := range documents {
		d, err := b.write(i)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", documents[i].kind, err)
		}
		b.g.Data = append(b.g.Data, d)
	}
	b.g.Data = append(b.g.Data, o.Data...)
	return b.g, nil
}

// key stands for a string in little memory: 128 bits of a SHA-256, so that nobody makes two that are the same.
type key [16]byte

func keyOf(s string) key {
	sum := sha256.Sum256([]byte(s))
	return key(sum[:])
}

// choice is a package that is taken, and the documents that have it already, a bit each.
type choice struct {
	id      key // of name, version and path: others in the same member may have the checksum as well
	member  int32
	written uint8
}

func (e *Entry) id(at key) key { return keyOf(e.NEVRA.key() + string(at[:])) }

func (l Location) key() key { return keyOf(l.Base + "\x00" + l.Href) }

type build struct {
	o       BuildOptions
	members []Member
	g       *Generation
	taken   map[key]*choice // by checksum, by which documents name packages
}

// choose goes through all packages and decides which are taken: the number of them stands in front of each document.
func (b *build) choose() error {
	same, places, owned := map[key]bool{}, map[key]bool{}, owners{}
	for i, m := range b.members {
		for e, err := range m.Packages(documents[0].kind) {
			if err != nil {
				return fmt.Errorf("member %d: primary: %w", i, err)
			}
			if m.Keep != nil && !m.Keep(e) || same[keyOf(e.NEVRA.key())] {
				continue
			}
			place, sum := m.place(e.Location), keyOf(e.Checksum.Hex)
			at := place.key()
			why := b.refuses(e, place, places[at])
			if name := owned.claimed(e, i); why == "" && name != "" {
				why = "an earlier member owns " + strconv.Quote(name)
			}
			if why != "" {
				b.leave(i, e, why)
				continue
			}
			if b.g.Packages++; b.g.Packages > b.o.Max {
				return fmt.Errorf("%w: more than %d packages", ErrLimit, b.o.Max)
			}
			if m.Owns {
				owned.own(e.Name, i)
			}
			same[keyOf(e.NEVRA.key())], places[at], b.taken[sum] = true, true, &choice{id: e.id(at), member: int32(i)}
		}
	}
	return nil
}

// owners are the names that belong to a member, by its number plus one.
type owners map[string]int

// own gives a name to a member, if nobody has it.
func (o owners) own(name string, member int) {
	if o[name] == 0 {
		o[name] = member + 1
	}
}

// claimed returns the name that a package has, provides or takes the place of although an earlier member owns it; nothing if there is none.
func (o owners) claimed(e *Entry, member int) string {
	owned := func(name string) bool { return o[name] > 0 && o[name] <= member }
	if owned(e.Name) {
		return e.Name
	}
	for _, k := range []Kind{Provides, Obsoletes} {
		for _, r := range e.Relations[k] {
			if owned(r.Name) {
				return r.Name
			}
		}
	}
	return ""
}

// refuses says why a package cannot be taken, nothing if it can.
func (b *build) refuses(e *Entry, place Location, there bool) string {
	switch {
	case e.Name == "" || e.Checksum.Hex == "" || e.Checksum.Type == "":
		return "without a name or a checksum"
	case place.Base == "" && !place.IsLocal():
		return "not a path in a repository"
	case there:
		return "another package has its path"
	case b.taken[keyOf(e.Checksum.Hex)] != nil:
		return "another package has its checksum"
	}
	return ""
}

func (b *build) leave(member int, e *Entry, why string) {
	if b.g.LeftOut++; b.g.LeftOut <= maxLeft {
		b.g.Left = append(b.g.Left, Left{member, e.NEVRA, why})
	}
}

// place is where a package of the member lies in the generation.
func (m *Member) place(l Location) Location {
	if l.Base == "" {
		l.Href = m.Prefix + l.Href
	}
	return l
}

// write makes the document of this number.
func (b *build) write(n int) (d Data, err error) {
	doc := &documents[n]
	w, err := b.o.Create(doc.kind)
	if err != nil {
		return d, err
	}
	s := newSink(w)
	s.buf = fmt.Appendf(s.buf, "%s%s packages=\"%d\">\n", xmlHeader, doc.root, b.g.Packages)
	written, err := b.entries(s, n, doc.kind)
	if err == nil && written < b.g.Packages && n > 0 { // a member that names packages in primary.xml alone
		more := 0
		more, err = b.entries(s, n, documents[0].kind)
		written += more
	}
	switch {
	case err != nil:
		return d, err
	case written != b.g.Packages:
		return d, damaged("%d packages, of which %d are there when they are read again", b.g.Packages, written)
	}
	s.buf = append(s.buf, doc.end...)
	if err := s.close(); err != nil {
		return d, err
	}
	return s.data(doc.kind, ".xml.gz", b.o.Time.Unix()), nil
}

// entries writes the packages that are taken and are not in the document yet, out of those of a kind, and returns how many.
func (b *build) entries(s *sink, n int, kind string) (written int, err error) {
	doc, bit := &documents[n], uint8(1)<<n
	for i, m := range b.members {
		for e, err := range m.Packages(kind) {
			if err != nil {
				return written, fmt.Errorf("member %d: %w", i, err)
			}
			c := b.taken[keyOf(e.Checksum.Hex)]
			if c == nil || c.member != int32(i) || c.written&bit != 0 {
				continue
			}
			moved := *e
			moved.Location = m.place(e.Location)
			if n == 0 && moved.id(moved.Location.key()) != c.id {
				continue
			}
			c.written |= bit
			written++
			if n == 0 && b.o.Each != nil {
				b.o.Each(i, &moved)
			}
			s.buf = doc.append(s.buf, &moved)
			if err := s.flush(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

// sink compresses a document and knows what repomd.xml says about it.
type sink struct {
	buf       []byte
	out       *bufio.Writer
	z         *gzip.Writer
	sum, open hash.Hash
	size      int64
	openSize  int64
}

func newSink(w io.Writer) *sink {
	s := &sink{sum: sha256.New(), open: sha256.New()}
	s.out = bufio.NewWriterSize(io.MultiWriter(w, s.sum, (*counter)(&s.size)), 64<<10)
	s.z = gzip.NewWriter(s.out)
	return s
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// flush passes on what is in buf.
func (s *sink) flush() error {
	s.open.Write(s.buf)
	s.openSize += int64(len(s.buf))
	_, err := s.z.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

func (s *sink) close() error {
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.z.Close(); err != nil {
		return err
	}
	return s.out.Flush()
}

// data is what repomd.xml says of the document, of which suffix ends the name.
func (s *sink) data(kind, suffix string, seconds int64) Data {
	d := Data{Type: kind, Checksum: Checksum{"sha256", hex.EncodeToString(s.sum.Sum(nil))}, Open: Checksum{"sha256", hex.EncodeToString(s.open.Sum(nil))},
		Timestamp: seconds, Size: s.size, OpenSize: s.openSize}
	d.Location.Href = "repodata/" + d.Checksum.Hex + "-" + kind + suffix
	return d
}
