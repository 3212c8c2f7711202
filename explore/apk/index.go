package apk

import (
	"archive/tar"
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
)

// Index is an open APKINDEX.tar.gz. Its packages are read when they are asked for.
type Index struct {
	Size        int64 // of the file
	Signatures  []Signature
	Signed      Span   // what the signatures are over: all that is behind them
	Description string // what DESCRIPTION says of the repository; apk ignores more than 160 bytes

	r io.ReaderAt
}

// OpenIndex reads what is in front of an index's packages. r must stay open as long as the Index is used. The errors wrap [ErrFormat], [ErrLimit], [ErrV3]
// or are r's.
func OpenIndex(r io.ReaderAt, size int64) (*Index, error) {
	c := newCursor(r, size)
	found, next, err := c.skipSignatures()
	if err != nil {
		return nil, err
	}
	x := &Index{Size: size, Signatures: found, Signed: Span{next.at, size - next.at}, r: r}
	_, err = x.text(next)
	return x, err
}

// text goes to the beginning of APKINDEX, and reads DESCRIPTION on the way, which stands before it.
func (x *Index) text(m *member) (*indexText, error) {
	m.z.Multistream(true) // whoever compresses on several processors makes several members
	t := &indexText{limited: &limited{m.plain, maxIndex}, at: m.at}
	t.tar = tar.NewReader(t.limited)
	for {
		h, err := t.tar.Next()
		switch {
		case err == io.EOF:
			return nil, badFormat(m.at, "no APKINDEX")
		case err != nil:
			return nil, damage(m.at, err)
		case h.Typeflag != tar.TypeReg:
			return nil, badFormat(m.at, "%.64q is no regular file", h.Name)
		case h.Name == "APKINDEX":
			return t, nil
		case h.Name == "DESCRIPTION" && h.Size <= maxDescription:
			raw, err := io.ReadAll(t.tar)
			if err != nil {
				return nil, damage(m.at, err)
			}
			x.Description = string(raw)
		case len(h.Name) > 0 && h.Name[0] == '.':
			return nil, badFormat(m.at, "%.64q: this is a package", h.Name)
		}
	}
}

// limited fails where a member decompresses to more than it may.
type limited struct {
	r    *bufio.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("%w: an index of more than %d bytes", ErrLimit, maxIndex)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// indexText is APKINDEX. Behind it, the rest of the file is read, whose checksum says whether all of it was right.
type indexText struct {
	tar     *tar.Reader
	limited *limited
	at      int64
	ctx     context.Context
}

func (t *indexText) Read(p []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := t.tar.Read(p)
	if err == io.EOF {
		if _, rest := io.Copy(io.Discard, t.limited); rest != nil {
			return n, damage(t.at, rest)
		}
		return n, io.EOF
	}
	return n, damage(t.at, err)
}

// Records reads the packages, anew each time, as the function [Records] does. The errors are also ctx's.
func (x *Index) Records(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		text, err := x.open(ctx)
		if err != nil {
			yield(Record{}, err)
			return
		}
		Records(text)(yield)
	}
}

// Files are what the files of a repository must be, by their names, of which the first counts.
func (x *Index) Files(ctx context.Context) (map[string]Identity, error) {
	files := map[string]Identity{}
	for r, err := range x.Records(ctx) {
		if err != nil {
			return nil, err
		}
		if _, known := files[r.FileName()]; !known {
			files[r.FileName()] = r.Identity
		}
	}
	return files, nil
}

// Text is APKINDEX itself.
func (x *Index) Text(ctx context.Context) (io.Reader, error) { return x.open(ctx) }

func (x *Index) open(ctx context.Context) (*indexText, error) {
	c := newCursor(io.NewSectionReader(x.r, x.Signed.Offset, x.Signed.Size), x.Signed.Size)
	m, err := c.next()
	if err != nil {
		return nil, err
	}
	t, err := (&Index{}).text(m)
	if err != nil {
		return nil, err
	}
	t.ctx = ctx
	return t, nil
}

// Verify checks the signature, and returns the name of the key that made it. The errors wrap [ErrUntrusted] or [ErrSignature], or are those of reading.
func (x *Index) Verify(ctx context.Context, keys Keys) (key string, err error) {
	return verify(ctx, x.r, x.Signed, x.Signatures, keys)
}
