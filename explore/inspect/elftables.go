package inspect

import (
	"debug/elf"
	"fmt"
	"strings"
)

// header shows the ELF header, and what the kernel starts instead of the program.
func (e *elfFile) header() []Section {
	s := Section{Title: "Header"}
	s.add("Type", Value{Text: e.kind.String()})
	s.add("Machine", Value{Text: e.machine.String()})
	s.add("ABI", Value{Text: e.abi.String()})
	s.add("Flags", hexNumber(e.flags))
	s.add("Entry", hexNumber(e.entry))
	if p := e.segment(elf.PT_INTERP); p != nil {
		path := e.text(p.Off, p.Filesz)
		s.add("Interpreter", refer(path, RefPath, path))
	}
	if e.dynamic.soname != "" {
		s.add("Name", plain(e.dynamic.soname).tip("SONAME: what others link to"))
	}
	for _, lib := range e.dynamic.needed[:min(len(e.dynamic.needed), maxRows)] {
		s.add("Needs", refer(lib, RefFind, lib))
	}
	return []Section{s}
}

// text reads a string that ends at a NUL.
func (e *elfFile) text(off, size uint64) string {
	s, _, _ := strings.Cut(string(e.content(off, size, maxName)), "\x00")
	return s
}

func (e *elfFile) segmentTable() []Section {
	s := table("Program headers", "Type", "Offset", "Address", "#In file", "#In memory", "Flags", "#Align")
	for _, p := range e.segments {
		s.row(Value{Text: strings.TrimPrefix(p.Type.String(), "PT_")}, e.offset(p.Off), hexNumber(p.Vaddr), number(p.Filesz), number(p.Memsz),
			Value{Text: access(p.Flags)}, hexNumber(p.Align))
	}
	return []Section{s}
}

// offset shows where something is, as a position that can be looked at if it is one.
func (e *elfFile) offset(off uint64) Value {
	if off >= uint64(e.size) {
		return hexNumber(off)
	}
	return offset(int64(off))
}

// access prints flags as ls prints modes.
func access(f elf.ProgFlag) string {
	b := []byte("---")
	for i, flag := range []elf.ProgFlag{elf.PF_R, elf.PF_W, elf.PF_X} {
		if f&flag != 0 {
			b[i] = "rwx"[i]
		}
	}
	return string(b)
}

func (e *elfFile) sectionTable() []Section {
	s := table("Sections", "#Nr", "Name", "Type", "Address", "Offset", "#Size", "Flags")
	for i, h := range e.sections {
		if i == maxRows {
			s.Note = fmt.Sprintf("%d more sections", len(e.sections)-i)
			break
		}
		at := e.offset(h.Offset)
		if h.FileSize == 0 {
			at.Ref = Ref{}
		}
		s.row(number(i), plain(h.Name), Value{Text: strings.TrimPrefix(h.Type.String(), "SHT_")}, hexNumber(h.Addr), at, number(h.Size),
			Value{Text: sectionFlags(h.Flags)})
	}
	return []Section{s}
}

func sectionFlags(f elf.SectionFlag) string {
	var b strings.Builder
	for _, x := range []struct {
		flag   elf.SectionFlag
		letter byte
	}{
		{elf.SHF_WRITE, 'W'}, {elf.SHF_ALLOC, 'A'}, {elf.SHF_EXECINSTR, 'X'}, {elf.SHF_MERGE, 'M'}, {elf.SHF_STRINGS, 'S'},
		{elf.SHF_INFO_LINK, 'I'}, {elf.SHF_LINK_ORDER, 'L'}, {elf.SHF_GROUP, 'G'}, {elf.SHF_TLS, 'T'}, {elf.SHF_COMPRESSED, 'C'},
	} {
		if f&x.flag != 0 {
			b.WriteByte(x.letter)
		}
	}
	return b.String()
}

// symbolTables shows the dynamic symbols, then the others.
func (e *elfFile) symbolTables() (all []Section) {
	for _, t := range []struct {
		kind  elf.SectionType
		title string
	}{{elf.SHT_DYNSYM, "Dynamic symbols"}, {elf.SHT_SYMTAB, "Symbols"}} {
		for _, s := range e.sections {
			if s.Type == t.kind && len(all) < 4 { // there is one of each, or somebody plays with us
				all = append(all, e.symbolTable(t.title, s))
			}
		}
	}
	return all
}

func (e *elfFile) symbolTable(title string, s elfSection) Section {
	out := table(title, "Value", "#Size", "Type", "Binding", "Section", "Name")
	width := int64(e.either(16, 24))
	total := min(s.FileSize, uint64(e.size)) / uint64(width)
	c := e.cursor(e.content(s.Offset, s.FileSize, (maxRows+1)*width))
	c.take(int(width)) // the first is none
	var names elfSection
	if s.Link < uint32(len(e.sections)) {
		names = e.sections[s.Link]
	}
	versions := e.symbolVersions(title)
	for i := 1; len(c.b) >= int(width); i++ {
		out.row(e.symbol(&c, names, versions[min(i, len(versions)):])...)
	}
	if shown := uint64(len(out.Table.Rows)) + 1; total > shown {
		out.Note = fmt.Sprintf("%d more symbols", total-shown)
	}
	return out
}

// symbolVersions returns the index of the version of each of the first dynamic symbols, two bytes each.
func (e *elfFile) symbolVersions(title string) []string {
	if title != "Dynamic symbols" || !e.dynamic.has(elf.DT_VERSYM) {
		return nil
	}
	c := e.at(e.offsetOf(e.dynamic.value(elf.DT_VERSYM)), 2*(maxRows+1))
	var names []string
	for len(c.b) >= 2 {
		names = append(names, e.dynamic.versions[c.u16()&0x7fff])
	}
	return names
}

// symbol takes a symbol and makes a row of it. Its version is the first of versions, if there is any.
func (e *elfFile) symbol(c *cursor, names elfSection, versions []string) []Value {
	var value, size uint64
	name := c.u32()
	if !e.wide {
		value, size = c.word(), c.word()
	}
	info, other, index := c.u8(), c.u8(), elf.SectionIndex(c.u16())
	if e.wide {
		value, size = c.word(), c.word()
	}
	_ = other
	text := e.stringAt(names, name)
	if len(versions) > 0 && versions[0] != "" {
		text += "@" + versions[0]
	}
	return []Value{hexNumber(value), number(size), trimmed(elf.ST_TYPE(info).String(), "STT_"), trimmed(elf.ST_BIND(info).String(), "STB_"),
		e.symbolSection(index), plain(text)}
}

func trimmed(s, prefix string) Value { return Value{Text: strings.TrimPrefix(s, prefix)} }

func (e *elfFile) symbolSection(i elf.SectionIndex) Value {
	switch {
	case i == elf.SHN_UNDEF:
		return Value{Text: "*UND*", Tip: "defined elsewhere"}
	case i < elf.SHN_LORESERVE && int(i) < len(e.sections):
		return plain(e.sections[i].Name)
	}
	return trimmed(i.String(), "SHN_")
}
