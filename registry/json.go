package registry

import (
	"slices"
	"strconv"
	"unicode/utf8"

	"vitrine/storage/oci"
)

// appendDescriptor appends what a list of referrers says of a manifest, as encoding/json would, without its reflection:
// a page may hold thousands.
func appendDescriptor(b []byte, d oci.Descriptor) []byte {
	b = appendString(append(b, `{"mediaType":`...), d.MediaType)
	b = appendString(append(b, `,"digest":`...), string(d.Digest))
	b = strconv.AppendInt(append(b, `,"size":`...), d.Size, 10)
	if d.ArtifactType != "" {
		b = appendString(append(b, `,"artifactType":`...), d.ArtifactType)
	}
	if len(d.Annotations) > 0 {
		b = appendMap(append(b, `,"annotations":`...), d.Annotations)
	}
	return append(b, '}')
}

// appendMap appends m with its keys in order, so that an answer looks the same each time.
func appendMap(b []byte, m map[string]string) []byte {
	keys := make([]string, 0, 16) // stays on the stack
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	sep := byte('{')
	for _, k := range keys {
		b = appendString(append(b, sep), k)
		b = appendString(append(b, ':'), m[k])
		sep = ','
	}
	return append(b, '}')
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string (RFC 8259, 7). What is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0 // s[:done] has been appended
	for i := 0; i < len(s); {
		size, escape := scan(s[i:])
		if escape {
			b = append(b, s[done:i]...)
			b = appendEscaped(b, s[i])
			done = i + size
		}
		i += size
	}
	b = append(b, s[done:]...)
	return append(b, '"')
}

// scan returns the length of the first character of s, and whether it may not stand in a JSON string as it is.
func scan(s string) (size int, escape bool) {
	if c := s[0]; c < utf8.RuneSelf {
		return 1, c < ' ' || c == '"' || c == '\\'
	}
	r, size := utf8.DecodeRuneInString(s)
	return size, r == utf8.RuneError && size == 1
}

func appendEscaped(b []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c < ' ':
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
	return append(b, "\ufffd"...)
}
