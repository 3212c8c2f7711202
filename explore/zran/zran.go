// Package zran reads any part of a gzip stream without decoding what comes before it.
//
// A gzip stream can only be decoded from its start: where the bits of a symbol begin, which Huffman codes are in force and what
// the last 32 KiB of output were is known only to who has read everything up to there. A [Builder] decodes the stream once and
// notes all that at a checkpoint about every 512 KiB of output; the checkpoints are the [Index]. A [Reader] finds the last
// checkpoint before the wanted offset, and decodes from there.
//
//	compressed  ...|<- block header ->|<- symbols ... | symbols ...              |<- next header ...
//	               ^ head                             ^ bit: decoding goes on here
//	               read again for its Huffman codes
//
//	output      ...|<------- window: 32 KiB -------->|<--------- span ------------------------->|
//	                   ##   #   ####      ## #       ^ out        | page | page | page | ...    ^ next checkpoint
//	                   only the bytes that the span's matches            32 KiB each,
//	                   reach back to are kept                            with a CRC-32 each
//
// A checkpoint may lie inside a block, so the distance between two of them is bounded even where a single block is the whole
// stream. What a Reader returns has been checked against the CRC-32 of its page; a damaged stream or index is an error.
//
// The decoder is written here (RFC 1951, RFC 1952) since the one of the standard library can neither tell where it stands nor go
// on from there. It is also about three times as fast.
package zran

import (
	"errors"
	"fmt"
)

const (
	// DefaultSpan is how many bytes of output lie between two checkpoints when [Options] says nothing.
	DefaultSpan = 512 << 10

	// MinSpan is the least that [Options.Span] can be: below, the windows take more than they save.
	MinSpan = 64 << 10

	// MaxSpan is the most: a span is decoded into memory.
	MaxSpan = 16 << 20
)

// ErrTooLarge is returned when a stream decodes to more than the caller's limit.
var ErrTooLarge = errors.New("zran: the decoded stream exceeds the limit")

// ErrIndex is wrapped by every error that tells of a damaged or foreign index. The stream may be whole: make a new index.
var ErrIndex = errors.New("zran: bad index")

// A CorruptError tells that a gzip stream is damaged.
type CorruptError struct {
	Offset int64  // into the compressed stream, in bytes, about where the damage was noticed
	What   string // what is wrong with it
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("zran: corrupt gzip stream at offset %d: %s", e.Offset, e.What)
}
