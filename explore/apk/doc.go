// Package apk reads and writes what Alpine's package manager, apk, keeps in repositories: packages and indexes of version 2.
//
// Both are gzip members one behind the other, each with a part of a tar archive:
//
//	NAME-VERSION.apk     signature   .SIGN.RSA.KEY.rsa.pub, ...            perhaps none; without the end of a tar archive
//	                     control     .PKGINFO, .post-install, ...          signed; SHA-1 of its compressed bytes is C: of the index
//	                     data        the files                             SHA-256 of its compressed bytes is datahash of .PKGINFO
//
//	APKINDEX.tar.gz      signature   as above
//	                     index       DESCRIPTION, APKINDEX                 signed, to the end of the file
//
// APKINDEX is text: a line for each field, of a letter, a colon and the value; an empty line behind each package. apk trusts an index by the key that
// signed it, and a package by the index. [Verify] does for a package what apk does before it installs.
//
// Packages and indexes of version 3 (ADB) are told from others, and not read: [ErrV3].
package apk

import (
	"errors"
	"fmt"
)

var (
	// ErrFormat says that a file is not what apk would read.
	ErrFormat = errors.New("apk: damaged, or no package or index")
	// ErrLimit says that a file has more of something than is read.
	ErrLimit = errors.New("apk: over a limit")
	// ErrV3 says that a file is of version 3, in apk's own binary format.
	ErrV3 = errors.New("apk: version 3 (ADB), which is not read")
	// ErrMismatch says that a package is not the one that the index describes, or that its data is not what its control part describes.
	ErrMismatch = errors.New("apk: not what was described")
	// ErrUntrusted says that no signature is by a key that is trusted.
	ErrUntrusted = errors.New("apk: not signed by a trusted key")
	// ErrSignature says that a signature by a trusted key is wrong.
	ErrSignature = errors.New("apk: wrong signature")
	// ErrKey says that a key, or the name of one, cannot be used.
	ErrKey = errors.New("apk: invalid key")
)

// The bounds of what is read, all of which a stranger may have made.
const (
	maxSignature   = 1 << 20   // bytes that a signature member decompresses to: apk reads signatures of 64 KiB
	maxSignMembers = 8         // members of signatures: there is one
	maxControl     = 4 << 20   // bytes that a control member decompresses to: scripts and .PKGINFO
	maxInfo        = 2 << 20   // bytes of .PKGINFO: that of a large framework has a few hundred KiB of provides
	maxIndex       = 1 << 30   // bytes that an index decompresses to: the largest that are known have 100 MB
	maxRecords     = 1 << 21   // packages of an index
	maxRecord      = 4 << 20   // bytes of one
	maxLine        = 128 << 10 // bytes of a line: apk's own buffer
	maxDescription = 160       // bytes of DESCRIPTION: apk ignores longer ones
)

// Span is a part of a file.
type Span struct{ Offset, Size int64 }

// End is the offset behind the span.
func (s Span) End() int64 { return s.Offset + s.Size }

// Error says where in a file something is wrong, in bytes of the file or, for lines of an index, of its text.
type Error struct {
	Offset int64
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("%v at offset %d", e.Err, e.Offset) }

func (e *Error) Unwrap() error { return e.Err }

func badFormat(offset int64, format string, args ...any) error {
	return &Error{offset, fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)}
}
