package archive

import (
	"bufio"
	"bytes"
	"context"
	"io"

	"vitrine/explore/tarfs"
	"vitrine/explore/zran"
)

// Options are what [BuildIndex] and [Open] may take from a blob that a stranger made, and their choices. Nil and zero are the defaults.
type Options struct {
	Hint string // media type or file name: what to think of blobs whose bytes do not tell

	Span    int64         // of checkpoints: zran.Options
	MaxSize int64         // how many bytes a gzip may decompress to: 64 GiB by default
	Tar     tarfs.Options // bounds of the table, of all formats

	// MaxMemory bounds what is in memory as long as an archive is open: what a bzip2 decompresses to, which has no random access, and the directory of
	// a zip, which is reckoned to take eight times what it has in the archive, and 512 bytes a file. 64 MiB by default: 131,072 files.
	MaxMemory int64

	Index *Index             // of this blob, made before; nil: Open makes it
	Cache zran.ReaderOptions // of decompressed data
}

func (o *Options) withDefaults() *Options {
	d := Options{}
	if o != nil {
		d = *o
	}
	if d.MaxSize == 0 {
		d.MaxSize = 64 << 30
	}
	if d.MaxMemory == 0 {
		d.MaxMemory = 64 << 20
	}
	return &d
}

// BuildIndex reads a blob once, to its end, and returns its index, which is in memory. Besides the calling goroutine one decompresses and one hashes the
// blob. The errors are *[UnsupportedError] for a format that has no index (zip and bzip2, too), *[Error], *[tarfs.Error],
// *[zran.CorruptError], [zran.ErrTooLarge], that of ctx, or r's.
func BuildIndex(ctx context.Context, r io.Reader, o *Options) (*Index, error) {
	o = o.withDefaults()
	h := newHasher()
	defer h.Sum()
	in := &input{ctx: ctx, r: r, hash: h}
	x := &Index{}
	err := x.build(in, o)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	x.BlobSHA256, x.BlobSize = h.Sum(), in.size
	if x.Variant == "" {
		x.Variant = variant(x.Format, in.tail)
	}
	if err != nil {
		return nil, err
	}
	return x, nil
}

// build finds out what the blob is and scans it.
func (x *Index) build(in *input, o *Options) error {
	r := newPeeker(in)
	head, err := peek(r)
	if err != nil {
		return err
	}
	x.Format = Detect(head, o.Hint)
	if x.Format == RPM {
		return x.buildRPM(r, o)
	}
	if x.Format == Gzip {
		return x.buildGzip(r, nil, o)
	}
	scan := scanners[x.Format]
	if scan == nil {
		return &UnsupportedError{Format: x.Format}
	}
	x.table, err = scan(r, x.name(o), &o.Tar)
	return err
}

// scanners make the table of a stream, which they read to its end.
var scanners = map[Format]func(r reader, name string, o *tarfs.Options) (*tarfs.Table, error){
	Tar:   func(r reader, _ string, o *tarfs.Options) (*tarfs.Table, error) { return tarfs.Index(r, o) },
	Ar:    func(r reader, _ string, o *tarfs.Options) (*tarfs.Table, error) { return scanAr(r, o) },
	Deb:   func(r reader, _ string, o *tarfs.Options) (*tarfs.Table, error) { return scanAr(r, o) },
	Cpio:  func(r reader, _ string, o *tarfs.Options) (*tarfs.Table, error) { return scanCpio(r, o) },
	Plain: scanFile,
}

// HasIndex reports whether blobs that [Detect] finds to be f are opened by an index. The others have none, or cannot be opened.
func (f Format) HasIndex() bool { return f == Gzip || f == RPM || scanners[f] != nil }

func (x *Index) name(o *Options) string { return fileName(o.Hint, x.Format == Gzip) }

func newPeeker(r io.Reader) reader { return bufio.NewReaderSize(r, peekSize) }

// peek returns the bytes that decide, fewer where there are no more.
func peek(r reader) ([]byte, error) {
	head, err := r.Peek(headSize)
	if err == io.EOF {
		err = nil
	}
	return head, err
}

// buildGzip decompresses on a goroutine of its own what is scanned on this one. header is that of an RPM, or nil.
func (x *Index) buildGzip(r io.Reader, header []byte, o *Options) error {
	b := zran.NewBuilder(r, &zran.Options{Span: o.Span, MaxSize: o.MaxSize})
	p := newPieces(zran.PieceBuffer)
	stop := p.feed(b)
	defer stop()
	err := x.scanGzip(p, header, o)
	stop()
	if err != nil {
		return err
	}
	x.zran, err = b.Index()
	return err
}

// scanGzip makes the table of what a gzip stream decompresses to.
func (x *Index) scanGzip(r reader, header []byte, o *Options) error {
	head, err := peek(r)
	if err != nil {
		return err
	}
	inside := Detect(head, "")
	switch {
	case header != nil && isStripped(head):
		x.table, err = scanStripped(r, header, &o.Tar)
		return err
	case inside == Tar && isAPK(head):
		x.Format = APK
	case inside == Tar && x.Format == Gzip:
		x.Format = TarGzip
	case inside == Cpio && x.Format == Gzip:
		x.Format = CpioGzip
	case inside == Plain && len(bytes.Trim(head, "\x00")) == 0 && hintsTar(o.Hint):
		inside, x.Format = Tar, TarGzip
	case inside != Tar && inside != Cpio:
		inside = Plain
	}
	x.table, err = scanners[inside](r, x.name(o), &o.Tar)
	return err
}

// isAPK reports whether the first file of an archive is one with which Alpine's packages begin: a signature or their description.
func isAPK(head []byte) bool {
	return bytes.HasPrefix(head, []byte(".SIGN.")) || bytes.HasPrefix(head, []byte(".PKGINFO\x00"))
}
