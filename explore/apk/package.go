package apk

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
)

// Package is an open package: its parts, and what it says of itself. Its data was not read yet.
type Package struct {
	Size       int64 // of the file
	Signatures []Signature
	Control    Span // the compressed bytes of the members
	Data       Span
	Checksum   Checksum // C: of an index: the SHA-1 of Control
	Info       *PkgInfo
	Scripts    []string // ".post-install" and the like: what else there is beside .PKGINFO

	r io.ReaderAt
}

// Open reads what is in front of a package's data, in pieces of 16 KiB: the signatures and the control member. r must stay open as long as the Package is
// used. The errors wrap [ErrFormat], [ErrLimit], [ErrV3] or are r's.
func Open(r io.ReaderAt, size int64) (*Package, error) {
	p := &Package{Size: size, r: r}
	c := newCursor(r, size)
	found, next, err := c.skipSignatures()
	if err != nil {
		return nil, err
	}
	p.Signatures = found
	plain, at, err := next.all(maxControl)
	if err != nil {
		return nil, err
	}
	p.Control, p.Data = at, Span{at.End(), size - at.End()}
	if err := p.control(plain); err != nil {
		return nil, err
	}
	compressed := make([]byte, at.Size)
	if n, err := r.ReadAt(compressed, at.Offset); n < len(compressed) {
		return nil, fmt.Errorf("reading the control member: %w", err)
	}
	p.Checksum = sumOf(compressed)
	return p, nil
}

// control reads the control member's files. All are apk's own; more of them than one .PKGINFO could mean two things.
func (p *Package) control(plain []byte) error {
	err := eachFile(plain, p.Control, func(name string, content io.Reader) error {
		switch {
		case !hidden(name):
			return badFormat(p.Control.Offset, "%.64q in the control part", name)
		case name != ".PKGINFO":
			p.Scripts = append(p.Scripts, name)
			return nil
		case p.Info != nil:
			return badFormat(p.Control.Offset, "a second .PKGINFO")
		}
		raw, err := io.ReadAll(io.LimitReader(content, maxInfo+1))
		if err == nil {
			p.Info, err = ParsePkgInfo(raw)
		}
		return err
	})
	if err == nil && p.Info == nil {
		return badFormat(p.Control.Offset, "no .PKGINFO")
	}
	return err
}

// hidden tells the files of apk itself, which lie at the root and begin with a dot.
func hidden(name string) bool {
	for i := range len(name) {
		if name[i] == '/' {
			return false
		}
	}
	return len(name) > 1 && name[0] == '.'
}

// Record is the package's record in the index of an architecture: [Info.Record].
func (p *Package) Record(arch string) (Record, error) {
	return p.Info.Record(p.Checksum, p.Size, arch)
}

// VerifyData reads the data member, and returns an error that wraps [ErrMismatch] if it is not the one that .PKGINFO describes.
func (p *Package) VerifyData(ctx context.Context) error {
	sum := sha256.New()
	if err := hashSpan(ctx, p.r, p.Data, sum); err != nil {
		return err
	}
	if [32]byte(sum.Sum(nil)) != p.Info.DataHash {
		return fmt.Errorf("%w: the data has the SHA-256 %x, and .PKGINFO has %x", ErrMismatch, sum.Sum(nil), p.Info.DataHash)
	}
	return nil
}

// VerifySignature checks the signature of the control member, which vouches for the data by its hash, and returns the name of the key: what apk does with
// a package that is named by its file. The errors wrap [ErrUntrusted] or [ErrSignature], or are those of reading.
func (p *Package) VerifySignature(ctx context.Context, keys Keys) (key string, err error) {
	return verify(ctx, p.r, p.Control, p.Signatures, keys)
}

// Verify does what apk does before it installs a package from a repository: the package must be the one that the index's record identifies, and its data
// the one of its control part. The errors wrap [ErrMismatch] where it is another, [ErrFormat], [ErrLimit] or [ErrV3] where it is none, ctx's, or r's.
func Verify(ctx context.Context, r io.ReaderAt, size int64, want Identity) error {
	if size != want.Size {
		return fmt.Errorf("%w: a package of %d bytes, and the index has one of %d", ErrMismatch, size, want.Size)
	}
	p, err := Open(r, size)
	if err != nil {
		return err
	}
	if want.Checksum.IsZero() || p.Checksum != want.Checksum {
		return fmt.Errorf("%w: the package %.64q has the checksum %s, and the index has %q", ErrMismatch, p.Info.FileName(), p.Checksum, want.Checksum)
	}
	return p.VerifyData(ctx)
}
