package archive

import (
	"encoding/binary"
	"io"
)

// An RPM is a lead of 96 bytes, two headers (the signature, padded to 8 bytes, and the package's), and the payload. A header is
//
//	8e ad e8 01, 4 bytes, number of entries u32, bytes of data u32 (big-endian); 16 bytes an entry; the data
const (
	rpmLead       = 96
	rpmHeaderSize = 16

	maxRPMHeader = 256 << 20 // as rpm itself has it
)

// skipRPM reads up to the payload and returns its offset.
func skipRPM(r reader) (int64, error) {
	s := newStream(r)
	if _, err := s.bytes(rpmLead); err != nil {
		return 0, err
	}
	for range 2 {
		if err := s.skip(8); err != nil {
			return 0, err
		}
		at := s.off
		h, err := s.bytes(rpmHeaderSize)
		if err != nil {
			return 0, err
		}
		size := 16*int64(binary.BigEndian.Uint32(h[8:])) + int64(binary.BigEndian.Uint32(h[12:]))
		if string(h[:4]) != "\x8e\xad\xe8\x01" || size > maxRPMHeader {
			return 0, s.bad(at, "no header of rpm")
		}
		if _, err := io.CopyN(io.Discard, s, size); err != nil {
			return 0, s.cut(err)
		}
	}
	return s.off, nil
}
