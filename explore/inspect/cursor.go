package inspect

import (
	"bytes"
	"encoding/binary"
)

// cursor takes numbers from the front of bytes. Behind the end they are 0, and bad is set.
type cursor struct {
	b     []byte
	order binary.ByteOrder
	wide  bool // words have 8 bytes, not 4
	bad   bool
}

// take returns the next n bytes, or nil behind the end.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.b, c.bad = nil, true
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) u8() uint8 {
	if p := c.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if p := c.take(2); p != nil {
		return c.order.Uint16(p)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if p := c.take(4); p != nil {
		return c.order.Uint32(p)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if p := c.take(8); p != nil {
		return c.order.Uint64(p)
	}
	return 0
}

func (c *cursor) word() uint64 {
	if c.wide {
		return c.u64()
	}
	return uint64(c.u32())
}

// fixed takes n bytes that hold a string which NULs fill up.
func (c *cursor) fixed(n int) string {
	s, _, _ := bytes.Cut(c.take(n), []byte{0})
	return string(s)
}

// uvarint takes a number of seven bits a byte, the lowest first, as in LEB128.
func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.b, c.bad = nil, true
		return 0
	}
	c.b = c.b[n:]
	return v
}
