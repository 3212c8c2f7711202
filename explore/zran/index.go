package zran

import "io"

// An Index is the list of checkpoints of one gzip stream. It stays in its encoded form, wherever that is kept; a lookup reads a few
// hundred bytes of it. Its methods may be called at the same time.
type Index struct{}

// OpenIndex returns the index whose encoding, as [Index.WriteTo] made it, is the size bytes of r. It reads the header only; the
// rest is read, and checked, when it is needed. Errors wrap [ErrIndex], or are r's.
func OpenIndex(r io.ReaderAt, size int64) (*Index, error) { panic("not yet") }

// WriteTo writes the index's encoding to w.
func (x *Index) WriteTo(w io.Writer) (int64, error) { panic("not yet") }

// Verify reads the whole index and compares its checksum.
func (x *Index) Verify() error { panic("not yet") }

// Size returns how many bytes the stream decodes to.
func (x *Index) Size() int64 { panic("not yet") }

// CompressedSize returns the length of the gzip stream in bytes.
func (x *Index) CompressedSize() int64 { panic("not yet") }

// EncodedSize returns how many bytes WriteTo writes.
func (x *Index) EncodedSize() int64 { panic("not yet") }

// Len returns the number of checkpoints, which is that of spans.
func (x *Index) Len() int64 { panic("not yet") }
