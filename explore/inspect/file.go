package inspect

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

const (
	blockSize = 64 << 10
	maxBlocks = 32 // that are kept

	fetchLimit = 64 << 20  // bytes that a decoder may make r decode
	serveLimit = 256 << 20 // bytes that it may be given, some of them again and again
)

// file is what a decoder reads: an io.ReaderAt that turns many small reads into few of a block each, and fails when there were too many. It is
// for one goroutine.
type file struct {
	name string
	size int64

	ctx     context.Context
	r       io.ReaderAt
	blocks  map[int64][]byte
	order   []int64 // of blocks, the oldest first
	fetched int64
	served  int64

	maxFetch, maxServe int64

	err error // the first of r, or that of too much: decoders go on with what they have
}

func newFile(ctx context.Context, name string, r io.ReaderAt, size int64) *file {
	return &file{name: name, size: size, ctx: ctx, r: r, blocks: map[int64][]byte{}, maxFetch: fetchLimit, maxServe: serveLimit}
}

// part returns a part of the file as one that has its own bounds, and shares the blocks of this.
func (f *file) part(off, size int64) *file {
	return newFile(f.ctx, f.name, io.NewSectionReader(f, off, size), size)
}

// ReadAt implements [io.ReaderAt].
func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off > f.size {
		return 0, io.EOF
	}
	if int64(len(p)) > f.size-off {
		p, err = p[:f.size-off], io.EOF
	}
	if f.served += int64(len(p)); f.served > f.maxServe {
		return 0, f.fail(ErrLimit)
	}
	if len(p) > blockSize {
		n, readErr := f.fetch(p, off)
		if readErr != nil {
			return n, readErr
		}
		return n, err
	}
	for n < len(p) {
		b, readErr := f.block((off + int64(n)) / blockSize)
		if readErr != nil {
			return n, readErr
		}
		n += copy(p[n:], b[(off+int64(n))%blockSize:])
	}
	return n, err
}

// block returns the block of this number, which is within the file.
func (f *file) block(i int64) ([]byte, error) {
	if b := f.blocks[i]; b != nil {
		return b, nil
	}
	b := make([]byte, min(blockSize, f.size-i*blockSize))
	if _, err := f.fetch(b, i*blockSize); err != nil {
		return nil, err
	}
	if len(f.order) == maxBlocks {
		delete(f.blocks, f.order[0])
		f.order = f.order[1:]
	}
	f.blocks[i], f.order = b, append(f.order, i)
	return b, nil
}

// fetch fills p from r.
func (f *file) fetch(p []byte, off int64) (n int, err error) {
	if f.fetched += int64(len(p)); f.fetched > f.maxFetch {
		return 0, f.fail(ErrLimit)
	}
	if err := f.ctx.Err(); err != nil {
		return 0, f.fail(err)
	}
	n, err = f.r.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, f.fail(err)
}

func (f *file) fail(err error) error {
	if f.err == nil {
		f.err = err
	}
	return err
}

// bytes reads n bytes at off. That there are fewer is [ErrSyntax], which it finds out before it makes room for them.
func (f *file) bytes(off, n int64) ([]byte, error) {
	switch {
	case off < 0 || n < 0 || off > f.size || n > f.size-off:
		return nil, fmt.Errorf("%w: %d bytes at offset %d of %d", ErrSyntax, n, off, f.size)
	case n > fetchLimit:
		return nil, fmt.Errorf("%w: %d bytes at offset %d", ErrLimit, n, off)
	}
	return readAt(f, off, n)
}

// all reads the whole file, if that is not more than max bytes.
func (f *file) all(max int64) ([]byte, error) {
	if f.size > max {
		return nil, fmt.Errorf("%w: %d bytes, of which %d may be", ErrLimit, f.size, max)
	}
	return f.bytes(0, f.size)
}

// cstring reads what is between off and the next NUL, up to max bytes and to the end of the file.
func (f *file) cstring(off int64, max int) (string, error) {
	if off < 0 || off >= f.size {
		return "", fmt.Errorf("%w: a name at offset %d of %d", ErrSyntax, off, f.size)
	}
	b, err := f.bytes(off, min(int64(max), f.size-off))
	if err != nil {
		return "", err
	}
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s), nil
}
