package inspect

import (
	"debug/pe"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

const (
	maxVersionInfo = 64 << 10
	versionType    = 16 // RT_VERSION
	maxResources   = 1 << 10
)

// versionInfo shows the resource that Explorer shows as a file's details: product, company, version.
func (p *peFile) versionInfo() Section {
	s := Section{Title: "Version"}
	root := p.dir(pe.IMAGE_DIRECTORY_ENTRY_RESOURCE).VirtualAddress
	at, ok := p.resource(root, root, versionType)
	for range 2 { // the first name, the first language
		if ok && at&(1<<31) != 0 {
			at, ok = p.resource(root, root+at&^(1<<31), -1)
		}
	}
	if !ok || root == 0 {
		return s
	}
	leaf := p.at(root+at, 8)
	data, size := leaf.u32(), leaf.u32()
	c := p.at(data, int64(min(size, maxVersionInfo)))
	readVersion(&s, c.b, 0)
	return s
}

// resource looks in the directory at an address for a number, or takes the first if that is negative. The answer is counted from the root; its high
// bit is set if it is a directory.
func (p *peFile) resource(root, at uint32, want int) (found uint32, ok bool) {
	c := p.at(at, 16+8*maxResources)
	c.take(12)
	n := int(c.u16()) + int(c.u16())
	for range min(n, maxResources) {
		id, to := c.u32(), c.u32()
		if !c.bad && (want < 0 || id == uint32(want)) {
			return to, true
		}
	}
	return 0, false
}

// readVersion reads a node: its length, that of its value, whether that is text, a key, the value, and nodes below it. There are four levels:
// VS_VERSION_INFO, StringFileInfo, a language, and the strings.
func readVersion(s *Section, b []byte, depth int) {
	const isText, leaf = 1, 3
	c := cursor{b: b, order: binary.LittleEndian}
	size, valueSize, kind := int(c.u16()), int(c.u16()), c.u16()
	if size > len(b) || size < 6 || len(s.Fields) >= 100 {
		return
	}
	key, n := utf16Text(b[6:size])
	at := align4(6 + n)
	if kind == isText {
		valueSize *= 2
	}
	if at > size {
		return
	}
	value := b[at:min(at+valueSize, size)]
	switch {
	case depth == 0 && len(value) >= 16:
		s.add("File version", Value{Text: quad(u32(value, 8), u32(value, 12))})
		s.add("Product version", Value{Text: quad(u32(value, 16), u32(value, 20))})
	case depth == leaf:
		text, _ := utf16Text(value)
		s.add(visible(key, 64), plain(text))
		return
	case depth == 1 && key != "StringFileInfo":
		return
	}
	for at = align4(at + len(value)); at+6 <= size; {
		n := align4(int(u16(b, at)))
		if n < 6 {
			return
		}
		readVersion(s, b[at:min(at+n, size)], depth+1)
		at += n
	}
}

func align4(n int) int { return (n + 3) &^ 3 }

func quad(high, low uint32) string {
	return fmt.Sprintf("%d.%d.%d.%d", high>>16, high&0xffff, low>>16, low&0xffff)
}

// utf16Text decodes up to a NUL, or the end, and returns how many bytes that were, the NUL among them.
func utf16Text(b []byte) (s string, n int) {
	var units []uint16
	for n+2 <= len(b) {
		u := binary.LittleEndian.Uint16(b[n:])
		n += 2
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), n
}
