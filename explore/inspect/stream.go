package inspect

import (
	"encoding/binary"
	"fmt"
	"math"
)

// stream reads a file from front to back. After an error all that it reads is zero.
type stream struct {
	*file
	off   int64
	order binary.ByteOrder
	buf   []byte // what was read ahead of off
	err   error
}

// take returns the next n bytes, of which the caller has said that it wants to have them in memory.
func (s *stream) take(n int) []byte {
	if s.err != nil {
		return nil
	}
	if n > len(s.buf) {
		ahead := max(int64(n), min(blockSize, s.size-s.off))
		if s.buf, s.err = s.bytes(s.off, ahead); s.err != nil {
			return nil
		}
	}
	p := s.buf[:n:n]
	s.buf, s.off = s.buf[n:], s.off+int64(n)
	return p
}

func (s *stream) skip(n uint64) {
	switch {
	case s.err != nil:
	case n > uint64(s.size-s.off):
		s.err = fmt.Errorf("%w: %d bytes at offset %d of %d", ErrSyntax, n, s.off, s.size)
	default:
		s.buf, s.off = s.buf[min(n, uint64(len(s.buf))):], s.off+int64(n)
	}
}

func (s *stream) u8() uint8 {
	if p := s.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (s *stream) u16() uint16 {
	if p := s.take(2); p != nil {
		return s.order.Uint16(p)
	}
	return 0
}

func (s *stream) u32() uint32 {
	if p := s.take(4); p != nil {
		return s.order.Uint32(p)
	}
	return 0
}

func (s *stream) u64() uint64 {
	if p := s.take(8); p != nil {
		return s.order.Uint64(p)
	}
	return 0
}

func (s *stream) f32() float64 { return float64(math.Float32frombits(s.u32())) }
func (s *stream) f64() float64 { return math.Float64frombits(s.u64()) }

// text takes up to max of n bytes, and skips the others.
func (s *stream) text(n, max uint64) string {
	p := s.take(int(min(n, max)))
	s.skip(n - min(n, max))
	return string(p)
}
