package tarfs

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
)

// source is the stream that is indexed: buffered, counted, hashed as it comes.
type source struct {
	r      PieceReader
	unread []byte // of the piece that was read last
	off    int64  // of unread, in the stream
	sum    *digest
}

// PieceReader is a reader that has its bytes in memory already: [Index] takes them from there instead of copying them.
type PieceReader interface {
	// NextPiece returns the next bytes of the stream, which stay good until the next call. There are none only with an error, which is io.EOF
	// at the end.
	NextPiece() ([]byte, error)
}

// buffered is any reader as a PieceReader.
type buffered struct {
	r   io.Reader
	buf []byte
}

const bufferSize = 128 << 10 // stays in the second-level cache between the two hashes

func pieces(r io.Reader) PieceReader {
	if p, ok := r.(PieceReader); ok {
		return p
	}
	return &buffered{r, make([]byte, bufferSize)}
}

func (b *buffered) NextPiece() ([]byte, error) {
	for range 100 {
		if n, err := b.r.Read(b.buf); n > 0 || err != nil {
			return b.buf[:n], err
		}
	}
	return nil, io.ErrNoProgress
}

// fill reads more when nothing is unread. It returns io.EOF at the end of the stream.
func (s *source) fill() error {
	if len(s.unread) > 0 {
		return nil
	}
	s.sum.wait()
	piece, err := s.r.NextPiece()
	if len(piece) == 0 {
		return err
	}
	s.unread = piece
	s.sum.start(piece)
	return nil
}

// digest hashes a piece on a goroutine of its own while the caller, who has files to hash, goes on with the same piece.
type digest struct {
	hash.Hash
	pieces chan []byte
	hashed chan struct{}
	busy   bool
}

func newDigest() *digest {
	d := &digest{Hash: sha256.New(), pieces: make(chan []byte, 1), hashed: make(chan struct{}, 1)}
	go func(pieces <-chan []byte) {
		for p := range pieces {
			d.Write(p)
			d.hashed <- struct{}{}
		}
	}(d.pieces)
	return d
}

// start has p hashed, which must stay as it is until wait returns.
func (d *digest) start(p []byte) {
	d.pieces <- p
	d.busy = true
}

func (d *digest) wait() {
	if d.busy {
		<-d.hashed
		d.busy = false
	}
}

// stop waits, and ends the goroutine.
func (d *digest) stop() {
	d.wait()
	if d.pieces != nil {
		close(d.pieces)
		d.pieces = nil
	}
}

// take calls f with the next n bytes, in pieces. It returns the number of bytes that were not there: above zero only with an error.
func (s *source) take(n int64, f func([]byte)) (missing int64, err error) {
	for n > 0 {
		if err := s.fill(); err != nil {
			return n, err
		}
		piece := s.unread[:min(n, int64(len(s.unread)))]
		f(piece)
		s.unread = s.unread[len(piece):]
		s.off += int64(len(piece))
		n -= int64(len(piece))
	}
	return 0, nil
}

// read reads len(p) bytes: io.EOF if there is none, io.ErrUnexpectedEOF if there are too few.
func (s *source) read(p []byte) error {
	n := int64(len(p))
	missing, err := s.take(n, func(piece []byte) { p = p[copy(p, piece):] })
	if err == io.EOF && missing < n {
		return io.ErrUnexpectedEOF
	}
	return err
}

// full is read where an end would cut something.
func (s *source) full(p []byte) error { return unexpected(s.read(p)) }

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// scanner walks from header to header. It accepts what archive/tar accepts and reads it in the same way.
type scanner struct {
	in      source
	head    block
	entry   Entry
	content hash.Hash
	at      int64 // where the header stands that is being read
	left    int64 // bytes of the entry's data that are not read
	pad     int64 // bytes after them, to the next header
	holes   int64 // how many zeros of sparse files may still be hashed
	skip    bool  // the digests of contents
}

func newScanner(r io.Reader, o *Options) *scanner {
	return &scanner{
		in:      source{r: pieces(r), sum: newDigest()},
		content: sha256.New(),
		holes:   o.MaxHoles,
		skip:    o.SkipDigests,
	}
}

// next reads the headers of the next entry into s.entry, which is good until the next call. io.EOF is the end of the archive.
func (s *scanner) next() error {
	var ext extended
	start := int64(-1)
	for {
		if _, err := s.in.take(s.pad, func([]byte) {}); err != nil {
			return err // padding may be missing at the end, as in archive/tar
		}
		s.pad, s.at = 0, s.in.off
		if start < 0 {
			start = s.at
		}
		f, err := s.readHeader()
		if err != nil {
			return err
		}
		meta, err := s.extend(&ext)
		if err != nil {
			return err
		}
		if meta && s.entry.Type != TypeGlobal {
			continue
		}
		if meta {
			s.entry.Header, s.entry.Data = start, s.in.off+s.pad
			return nil
		}
		err = s.finish(f, &ext)
		s.entry.Header, s.entry.Data = start, s.in.off
		return err
	}
}

// readHeader reads one header. One or two blocks of zeros end the archive.
func (s *scanner) readHeader() (format, error) {
	if err := s.in.read(s.head[:]); err != nil {
		return 0, err
	}
	if s.head == (block{}) {
		switch err := s.in.read(s.head[:]); {
		case err != nil:
			return 0, err
		case s.head == block{}:
			return 0, io.EOF
		}
		return 0, fmt.Errorf("%w: a single block of zeros", ErrHeader)
	}
	f, ok := s.head.header(&s.entry)
	switch {
	case f == formatUnknown:
		return f, fmt.Errorf("%w: checksum", ErrHeader)
	case !ok:
		return f, fmt.Errorf("%w: number", ErrHeader)
	}
	return f, s.setSize()
}

// setSize prepares for the data that the entry's size promises.
func (s *scanner) setSize() error {
	s.left = s.entry.Size
	if headerOnly(s.entry.Type) {
		s.left = 0
	}
	if s.left < 0 {
		return fmt.Errorf("%w: negative size", ErrHeader)
	}
	s.pad = -s.left & (blockSize - 1)
	return nil
}

// extended is what the headers before an entry's own say about it. A later one of the same type replaces an earlier one.
type extended struct {
	records    map[string]string
	name, link string // GNU's
}

// extend takes in a header that speaks of the next one. meta is false for an entry of its own.
func (s *scanner) extend(ext *extended) (meta bool, err error) {
	typ := s.entry.Type
	switch typ {
	case typeExtended, TypeGlobal, typeLongName, typeLongLink:
	default:
		return false, nil
	}
	text, err := s.special()
	if err != nil {
		return true, err
	}
	switch typ {
	case typeLongName:
		ext.name = cString(text)
	case typeLongLink:
		ext.link = cString(text)
	default:
		var ok bool
		if ext.records, ok = parseRecords(string(text)); !ok {
			return true, fmt.Errorf("%w: PAX records", ErrHeader)
		}
	}
	if typ == TypeGlobal {
		e := Entry{Name: s.entry.Name, Type: TypeGlobal}
		apply(&e, ext.records) // only the name counts
		s.entry = Entry{Name: e.Name, Type: TypeGlobal, Records: ext.records}
	}
	return true, nil
}

// special reads the content of a header that speaks of the next one.
func (s *scanner) special() ([]byte, error) {
	if s.left > maxSpecial {
		return nil, fmt.Errorf("%w: extended header of %d bytes", ErrLimit, s.left)
	}
	var text []byte
	_, err := s.in.take(s.left, func(p []byte) { text = append(text, p...) })
	s.left = 0
	return text, unexpected(err)
}

// finish makes an entry of its own header and the extended ones.
func (s *scanner) finish(f format, ext *extended) error {
	e := &s.entry
	if !apply(e, ext.records) {
		return fmt.Errorf("%w: value of a PAX record", ErrHeader)
	}
	if ext.name != "" {
		e.Name = ext.name
	}
	if ext.link != "" {
		e.Link = ext.link
	}
	if e.Type == typeRegA {
		e.Type = TypeReg
		if n := len(e.Name); n > 0 && e.Name[n-1] == '/' { // how V7 says directory
			e.Type = TypeDir
		}
	}
	e.Records = otherRecords(ext.records)
	if err := s.setSize(); err != nil {
		return err
	}
	_, err := s.sparseMap(&s.head, f, ext.records)
	return err
}

// readContent reads the data of the entry and notes its digest, unless that means to hash too many zeros.
func (s *scanner) readContent() (err error) {
	e := &s.entry
	if !e.hasContent() {
		return nil
	}
	s.content.Reset()
	switch gaps := e.Size - s.left; {
	case s.skip || gaps > s.holes && e.Sparse != nil:
		_, err := s.in.take(s.left, func([]byte) {})
		s.left = 0
		return unexpected(err)
	case e.Sparse == nil:
		err = s.hash(s.left)
	default:
		s.holes -= gaps
		err = s.hashSparse()
	}
	s.content.Sum(e.SHA256[:0])
	s.left = 0
	return err
}

func (s *scanner) hash(n int64) error {
	_, err := s.in.take(n, func(p []byte) { s.content.Write(p) })
	return unexpected(err)
}

// hashSparse hashes a sparse file with its holes.
func (s *scanner) hashSparse() error {
	at := int64(0)
	for _, x := range s.entry.Sparse {
		s.hashZeros(x.Offset - at)
		if err := s.hash(x.Length); err != nil {
			return err
		}
		at = x.end()
	}
	s.hashZeros(s.entry.Size - at)
	return nil
}

func (s *scanner) hashZeros(n int64) {
	for ; n > 0; n -= min(n, int64(len(zeros))) {
		s.content.Write(zeros[:min(n, int64(len(zeros)))])
	}
}

var zeros [32 << 10]byte
