package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// field is a key of an object and where its value goes.
type field struct {
	key string
	to  any
}

// decodeFields decodes the values of raw, which has to be valid JSON, by exact key: encoding/json alone would take "DIGEST"
// for "digest". Of several values of one key the last counts. null leaves everything as it is.
func decodeFields(raw []byte, fields []field) error {
	if raw = trim(raw); string(raw) == "null" {
		return nil
	}
	values := make([][]byte, len(fields))
	err := walk(raw, '{', func(key, value []byte) error {
		for i := range fields {
			if fields[i].key == string(key) {
				values[i] = value
			}
		}
		return nil
	})
	for i := 0; i < len(fields) && err == nil; i++ {
		if values[i] == nil {
			continue
		}
		if err = decodeValue(values[i], fields[i].to); err != nil {
			err = fmt.Errorf("%s: %w", fields[i].key, err)
		}
	}
	return err
}

func decodeValue(raw []byte, to any) error {
	switch to := to.(type) {
	case **Descriptor:
		if string(raw) == "null" {
			return nil
		}
		*to = new(Descriptor)
		return (*to).decode(raw)
	case *[]Descriptor:
		return decodeDescriptors(raw, to)
	}
	return json.Unmarshal(raw, to)
}

// decodeDescriptors gives up at the first element that is no descriptor: "{}," is 3 bytes of a manifest and would be
// fifty times as many in memory.
func decodeDescriptors(raw []byte, to *[]Descriptor) error {
	if string(raw) == "null" {
		return nil
	}
	*to = []Descriptor{}
	return walk(raw, '[', func(_, value []byte) error {
		var d Descriptor
		if err := d.decode(value); err != nil {
			return err
		}
		*to = append(*to, d)
		return nil
	})
}

func (d *Descriptor) decode(raw []byte) error {
	err := decodeFields(raw, []field{
		{"mediaType", &d.MediaType}, {"digest", &d.Digest}, {"size", &d.Size}, {"urls", &d.URLs}, {"annotations", &d.Annotations},
		{"data", &d.Data}, {"platform", &d.Platform}, {"artifactType", &d.ArtifactType},
	})
	if err != nil {
		return err
	}
	return d.check()
}

// check refuses what no client could follow, and what would make lists of referrers long.
func (d *Descriptor) check() error {
	if _, err := ParseDigest(string(d.Digest)); err != nil {
		return err
	}
	if d.Size < 0 {
		return fmt.Errorf("size %d of %s", d.Size, d.Digest)
	}
	if len(d.MediaType) > MaxMediaType || len(d.ArtifactType) > MaxMediaType {
		return fmt.Errorf("a media type of %s has more than %d bytes", d.Digest, MaxMediaType)
	}
	return nil
}

// walk calls visit for what raw holds, which has to be valid JSON: the values of an object, if open is '{', of an array, if it
// is '['. Keys and values are parts of raw.
func walk(raw []byte, open byte, visit func(key, value []byte) error) error {
	if raw = trim(raw); len(raw) < 2 || raw[0] != open {
		return errors.New(map[byte]string{'{': "not an object", '[': "not an array"}[open])
	}
	for rest := trim(raw[1:]); rest[0] != '}' && rest[0] != ']'; {
		var key []byte
		if open == '{' {
			n := valueLen(rest)
			key = unquote(rest[:n])
			rest = trim(trim(rest[n:])[1:]) // over the colon
		}
		n := valueLen(rest)
		if err := visit(key, rest[:n]); err != nil {
			return err
		}
		if rest = trim(rest[n:]); rest[0] == ',' {
			rest = trim(rest[1:])
		}
	}
	return nil
}

// unquote returns what a string of JSON says.
func unquote(s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s[1 : len(s)-1]
	}
	var text string
	json.Unmarshal(s, &text) // it is valid
	return []byte(text)
}

func trim(s []byte) []byte { return bytes.TrimLeft(s, " \t\r\n") }

// valueLen returns the length of the value that s begins with.
func valueLen(s []byte) int {
	if c := s[0]; c != '"' && c != '{' && c != '[' { // a number, true, false, null
		if n := bytes.IndexAny(s, ",]} \t\r\n"); n >= 0 {
			return n
		}
		return len(s)
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += stringLen(s[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(s)
}

// stringLen returns the length of the string that s begins with, quotes included.
func stringLen(s []byte) int {
	i := 1
	for s[i] != '"' {
		if s[i] == '\\' {
			i++
		}
		i++
	}
	return i + 1
}
