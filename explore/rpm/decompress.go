package rpm

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"io"
)

// codecs are told by what they begin with. Those without a decoder are not in the standard library.
var codecs = []struct {
	magic, name string
	decode      func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", "gzip", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"BZh", "bzip2", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"\xfd7zXZ\x00", "xz", nil},
	{"\x28\xb5\x2f\xfd", "zstd", nil},
	{"\x00ZCK1", "zchunk", nil},
	{"\x5d\x00\x00", "lzma", nil},
}

// Codec names what begins with head is compressed by, "" if it is not, and tells whether [Decompress] knows it.
func Codec(head []byte) (name string, known bool) {
	for _, c := range codecs {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			return c.name, c.decode != nil
		}
	}
	return "", true
}

// Decompress returns what a file of metadata decompresses to: gzip, bzip2, or not compressed. The error is a *[CodecError] for another codec.
func Decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for _, c := range codecs {
		switch {
		case !bytes.HasPrefix(head, []byte(c.magic)):
		case c.decode == nil:
			return nil, &CodecError{c.name}
		default:
			return c.decode(b)
		}
	}
	return b, nil
}
