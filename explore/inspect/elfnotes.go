package inspect

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const (
	maxNotes    = 100
	maxNoteSize = 64 << 10
)

// noteSections shows the notes, what compiled the file, and where its debug info is.
func (e *elfFile) noteSections() []Section {
	notes := table("Notes", "Owner", "Type", "Content")
	for _, r := range e.noteRanges() {
		e.addNotes(&notes, r)
	}
	built := Section{Title: "Built by"}
	if s, ok := e.named(".comment"); ok {
		for _, line := range distinct(strings.Split(string(e.content(s.Offset, s.FileSize, 4<<10)), "\x00")) {
			built.add("Compiler", plain(line))
		}
	}
	if s, ok := e.named(".gnu_debuglink"); ok {
		name := e.text(s.Offset, s.FileSize)
		built.add("Debug info in", refer(name, RefFind, name))
	}
	return []Section{notes, built}
}

// distinct returns what is not empty, each once.
func distinct(all []string) (out []string) {
	seen := map[string]bool{"": true}
	for _, s := range all {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

type elfRange struct{ off, size, align uint64 }

// noteRanges are the segments with notes, or the sections if there are no segments.
func (e *elfFile) noteRanges() (all []elfRange) {
	for _, p := range e.segments {
		if p.Type == elf.PT_NOTE {
			all = append(all, elfRange{p.Off, p.Filesz, p.Align})
		}
	}
	if len(e.segments) > 0 {
		return all[:min(len(all), maxNotes)]
	}
	for _, s := range e.sections {
		if s.Type == elf.SHT_NOTE && len(all) < maxNotes {
			all = append(all, elfRange{s.Offset, s.FileSize, s.Addralign})
		}
	}
	return all
}

// addNotes reads notes one after another: the sizes of name and content, a type, and the two, padded.
func (e *elfFile) addNotes(s *Section, r elfRange) {
	align := 4
	if r.align == 8 {
		align = 8
	}
	c := e.cursor(e.content(r.off, r.size, maxNoteSize))
	for len(c.b) >= 12 && len(s.Table.Rows) < maxNotes {
		nameSize, size, kind := c.u32(), c.u32(), c.u32()
		name := c.take(int(min(nameSize, maxNoteSize)))
		c.pad(12+len(name), align)
		content := c.take(int(min(size, maxNoteSize+1)))
		c.pad(len(content), align)
		if c.bad && content == nil {
			return
		}
		row := e.noteValues(strings.TrimRight(string(name), "\x00"), kind, content)
		if !slices.ContainsFunc(s.Table.Rows, func(r []Value) bool { return slices.Equal(r, row) }) { // linkers repeat them
			s.row(row...)
		}
	}
}

// pad takes what fills n bytes up to a multiple of align, or what there is.
func (c *cursor) pad(n, align int) {
	c.take(min(-n&(align-1), len(c.b)))
}

// noteNames are the notes that are shown in words.
var noteNames = []struct {
	owner string
	kind  uint32
	name  string
	show  func(e *elfFile, b []byte) Value
}{
	{"GNU", 1, "ABI", (*elfFile).abiNote},
	{"GNU", 3, "build ID", func(_ *elfFile, b []byte) Value { return Value{Text: hex.EncodeToString(b[:min(len(b), 64)])} }},
	{"GNU", 4, "linker", (*elfFile).textNote},
	{"GNU", 5, "properties", (*elfFile).propertyNote},
	{"Go", 4, "Go build ID", (*elfFile).textNote},
	{"FDO", 0xcafe1a7e, "package", (*elfFile).packageNote},
	{"FDO", 0x407c0c0a, "libraries opened at run time", (*elfFile).textNote},
}

func (e *elfFile) noteValues(owner string, kind uint32, content []byte) []Value {
	for _, n := range noteNames {
		if n.owner == owner && n.kind == kind {
			return []Value{plain(owner), {Text: n.name}, n.show(e, content)}
		}
	}
	text := hex.EncodeToString(content[:min(len(content), 32)])
	if len(content) > 32 {
		text += fmt.Sprintf("… (%d bytes)", len(content))
	}
	return []Value{plain(owner), hexNumber(kind), {Text: text}}
}

func (e *elfFile) textNote(b []byte) Value { return plain(string(bytes.TrimRight(b, "\x00"))) }

// abiNote is the system and the oldest kernel.
func (e *elfFile) abiNote(b []byte) Value {
	c := e.cursor(b)
	system := c.u32()
	names := []string{"Linux", "Hurd", "Solaris", "FreeBSD", "NetBSD", "Syllable", "NaCl"}
	name := fmt.Sprintf("system %d", system)
	if system < uint32(len(names)) {
		name = names[system]
	}
	return Value{Text: fmt.Sprintf("%s %d.%d.%d", name, c.u32(), c.u32(), c.u32()), Tip: "the oldest kernel it runs on"}
}

// properties are the bits of the properties that say which code a processor may guard.
var properties = []struct {
	kind, bit uint32
	name      string
}{
	{0xc0000002, 1, "x86: indirect branch tracking"},
	{0xc0000002, 2, "x86: shadow stack"},
	{0xc0000000, 1, "arm: branch target identification"},
	{0xc0000000, 2, "arm: pointer authentication"},
	{0xc0008002, 1, "x86-64-v1"},
	{0xc0008002, 2, "x86-64-v2"},
	{0xc0008002, 4, "x86-64-v3"},
	{0xc0008002, 8, "x86-64-v4"},
}

// propertyNote reads properties: a type, a size, and as many bytes, padded to a word.
func (e *elfFile) propertyNote(b []byte) Value {
	c := e.cursor(b)
	var names []string
	for len(c.b) >= 8 {
		kind, size := c.u32(), c.u32()
		v := e.cursor(c.take(int(min(size, maxNoteSize))))
		c.pad(int(size&7), int(e.either(4, 8)))
		bits := v.u32()
		for _, p := range properties {
			if p.kind == kind && bits&p.bit != 0 {
				names = append(names, p.name)
			}
		}
		if c.bad {
			break
		}
	}
	return Value{Text: strings.Join(names[:min(len(names), 16)], ", ")}
}

// packageNote is JSON that says which package of which distribution the file was built for (systemd, "Package Metadata for Executable Files").
func (e *elfFile) packageNote(b []byte) Value {
	v := e.textNote(b)
	n, err := ParseJSON(bytes.TrimRight(b, "\x00"), &Limits{Nodes: 100})
	if err != nil {
		return v
	}
	v.Ref = purlRef(n.Str("purl"))
	if kind, name := n.Str("type"), n.Str("name"); v.Ref == (Ref{}) && kind != "" {
		v.Ref = purlRef(makePurl(kind, n.Str("os")+"/"+name, n.Str("version"), "arch", n.Str("architecture")))
	}
	return v
}
