package archive

import (
	"bytes"
	"compress/bzip2"
	"context"
	"fmt"
	"io"
	"io/fs"

	"vitrine/explore/tarfs"
	"vitrine/explore/zran"
)

// Archive is an open blob. It may be used by many goroutines at once, if the blob may.
type Archive struct {
	Format  Format
	Variant string // [EStargz] and the like, or empty

	// Index is what the next [Open] of the same blob may be given; nil for zip and bzip2, which have none.
	Index *Index

	fsys  fs.FS
	plain *zran.Reader // what a gzip decompresses to, or nil

	inMemory   *bzip2Payload // of an RPM, or nil
	unreadable unreadable    // in its place
}

// Open finds out what the size bytes of r are, by their first bytes and, where these leave it open, by hint (a media type or a file name), and
// opens it. Without an index in the options it reads the blob once, until which ctx may stop it. The errors are those of [BuildIndex], and one that
// wraps [ErrIndex] for an index of another blob. r must stay open as long as the Archive is used.
func Open(ctx context.Context, r io.ReaderAt, size int64, hint string, o *Options) (*Archive, error) {
	o = o.withDefaults()
	o.Hint = hint
	head, err := readSection(r, 0, min(size, headSize))
	if err != nil {
		return nil, err
	}
	switch f := Detect(head, hint); {
	case f == Zip:
		return openZip(r, size, o)
	case f == Bzip2:
		return openBzip2(ctx, r, size, o)
	case !f.HasIndex():
		return nil, unsupported(r, size, f)
	}
	x := o.Index
	if x == nil {
		if x, err = BuildIndex(ctx, io.NewSectionReader(r, 0, size), o); err != nil {
			return nil, err
		}
	}
	return openIndexed(r, size, x, o)
}

// openIndexed opens what x is the index of.
func openIndexed(r io.ReaderAt, size int64, x *Index, o *Options) (*Archive, error) {
	if x.BlobSize != size || x.offset > size {
		return nil, fmt.Errorf("%w: of a blob of %d bytes, this one has %d", ErrIndex, x.BlobSize, size)
	}
	a := &Archive{Format: x.Format, Variant: x.Variant, Index: x}
	section := io.NewSectionReader(r, x.offset, size-x.offset)
	if x.zran == nil {
		data := x.payload(section, o)
		a.inMemory, _ = data.(*bzip2Payload)
		a.unreadable, _ = data.(unreadable)
		a.fsys = tarfs.New(data, x.table)
		return a, nil
	}
	a.plain = zran.NewReader(section, section.Size(), x.zran, &o.Cache)
	a.fsys = tarfs.New(a.plain, x.table)
	return a, nil
}

// FS returns the files: a *[tarfs.FS], but for zip.
func (a *Archive) FS() fs.FS { return a.fsys }

// Unreadable returns what reading any file with content ends with, where the files are listed only: an RPM whose payload cannot be decompressed. It is nil
// for all else.
func (a *Archive) Unreadable() error { return a.unreadable.err }

// WithContext returns the files for one request: reads end with ctx's error when ctx is done. They share all caches with those of FS.
func (a *Archive) WithContext(ctx context.Context) fs.FS {
	if a.plain == nil {
		return a.fsys
	}
	return tarfs.New(a.plain.WithContext(ctx), a.Index.table)
}

// CachedBytes returns how much memory decompressed data takes at the moment, of what was read and may be read again.
func (a *Archive) CachedBytes() int64 {
	switch {
	case a.plain != nil:
		return a.plain.CachedBytes()
	case a.inMemory != nil:
		return a.inMemory.held.Load()
	}
	return 0
}

func unsupported(r io.ReaderAt, size int64, f Format) error {
	tail, err := readSection(r, max(0, size-tailSize), tailSize)
	if err != nil {
		return err
	}
	return &UnsupportedError{Format: f, Variant: variant(f, tail)}
}

// openBzip2 decompresses into memory what cannot be read at random, and opens that.
func openBzip2(ctx context.Context, r io.ReaderAt, size int64, o *Options) (*Archive, error) {
	in := &input{ctx: ctx, r: io.NewSectionReader(r, 0, size), hash: io.Discard}
	plain, err := io.ReadAll(io.LimitReader(bzip2.NewReader(in), o.MaxMemory+1))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &Error{int64(len(plain)), fmt.Errorf("%w: %w", ErrFormat, err)}
	case int64(len(plain)) > o.MaxMemory:
		return nil, &UnsupportedError{Format: Bzip2, Reason: fmt.Sprintf("of more than %d bytes", o.MaxMemory)}
	}
	if Detect(plain, "") == Bzip2 { // a stream may decompress to itself
		return nil, &UnsupportedError{Format: Bzip2, Reason: "inside another"}
	}
	inside := *o
	inside.Index = nil
	hint := o.Hint
	if !isMediaType(hint) {
		hint = fileName(hint, true)
	}
	a, err := Open(ctx, bytes.NewReader(plain), int64(len(plain)), hint, &inside)
	if err != nil {
		return nil, err
	}
	a.Format, a.Index = a.Format+"+"+Bzip2, nil
	return a, nil
}
