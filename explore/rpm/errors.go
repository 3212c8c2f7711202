package rpm

import (
	"errors"
	"fmt"
)

var (
	// ErrFormat says that something is damaged, or not what it was taken for.
	ErrFormat = errors.New("rpm: damaged")
	// ErrLimit says that something is larger than any that is in use.
	ErrLimit = errors.New("rpm: too large")
	// ErrMismatch says that bytes have another checksum or size than what is above them says.
	ErrMismatch = errors.New("rpm: mismatch")
)

// CodecError names a compression that the standard library does not have.
type CodecError struct{ Codec string }

func (e *CodecError) Error() string {
	return fmt.Sprintf("rpm: %s, which is not decompressed here", e.Codec)
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}
