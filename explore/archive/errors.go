package archive

import (
	"errors"
	"fmt"
)

var (
	// ErrFormat says that a blob is damaged: it is not what its first bytes promise.
	ErrFormat = errors.New("damaged archive")
	// ErrIndex says that a stored index is not one, of another version, damaged, or that of another blob.
	ErrIndex = errors.New("archive: invalid index")
)

// Error says where a blob cannot be read, in bytes of what it decompresses to, and why. It wraps [ErrFormat], [tarfs.ErrLimit] or
// [io.ErrUnexpectedEOF].
type Error struct {
	Offset int64
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("archive: at offset %d: %v", e.Offset, e.Err) }

func (e *Error) Unwrap() error { return e.Err }
