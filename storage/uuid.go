package storage

import (
	"crypto/rand"
	"encoding/hex"
)

// NewUploadID returns a fresh random UUID (RFC 9562, 5.4) in its text form: 36 bytes, lower case, such as
// "0f8fad5b-d9cb-469f-a165-70867728950e".
func NewUploadID() string {
	var u [16]byte
	rand.Read(u[:])            // never fails
	u[6] = u[6]&0x0f | 4<<4    // version 4: random
	u[8] = u[8]&0x3f | 0b10<<6 // variant of the RFC
	b := make([]byte, 0, 36)
	for i, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return string(b)
}

// ValidUploadID reports whether s has the form that NewUploadID gives. Such an s is safe as a file name.
func ValidUploadID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		if !validAt(i, c) {
			return false
		}
	}
	return true
}

// validAt reports whether c may stand at i in the text form of a UUID of version 4.
func validAt(i int, c byte) bool {
	switch i {
	case 8, 13, 18, 23:
		return c == '-'
	case 14:
		return c == '4'
	case 19:
		return c == '8' || c == '9' || c == 'a' || c == 'b'
	}
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
}
