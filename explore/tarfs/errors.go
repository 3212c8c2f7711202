package tarfs

import (
	"errors"
	"fmt"
)

var (
	// ErrHeader says that a block is not a header of tar, or that one of its fields or extended records is wrong.
	ErrHeader = errors.New("invalid tar header")
	// ErrLimit says that an archive is larger than the [Options] allow.
	ErrLimit = errors.New("tar exceeds a limit")
	// ErrTable says that a stored table is not one, of another version, or damaged.
	ErrTable = errors.New("tarfs: invalid table")
	// ErrNoTarget says that a hard link's target is not in the archive.
	ErrNoTarget = errors.New("target of the hard link is not in the archive")
)

// Error is what [Index] returns for an archive that cannot be read: where in the uncompressed stream, and why. It wraps [ErrHeader],
// [ErrLimit], [io.ErrUnexpectedEOF] or the error of the reader.
type Error struct {
	Offset int64 // bytes from the start of the stream
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("tarfs: at offset %d: %v", e.Offset, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

func isFormat(err error) bool { return errors.Is(err, ErrHeader) || errors.Is(err, ErrLimit) }
