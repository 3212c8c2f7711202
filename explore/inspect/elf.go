package inspect

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// The bounds of what is read and shown of an ELF file. Package debug/elf makes as many headers and symbols, with names as long, as a file
// says there are, which may be more than there is memory; so the parsing is ours, and the names of numbers are its.
const (
	maxSections = 1 << 16 // whose headers are read: objects of C++ have as many
	maxSegments = 1 << 10
	maxName     = 512 // bytes of a section's or symbol's name
	maxNames    = 4 << 20
	maxRows     = 1000
)

// elfFile is the headers of an ELF file.
type elfFile struct {
	*file
	order    binary.ByteOrder
	wide     bool // 64 bits
	abi      elf.OSABI
	kind     elf.Type
	machine  elf.Machine
	entry    uint64
	flags    uint32
	segments []elf.ProgHeader
	sections []elfSection
	dynamic  elfDynamic
	note     string
}

type elfSection struct {
	elf.SectionHeader
	name uint32 // where its name begins
}

// decodeELF shows what objdump -x and readelf show, and what scanners look for.
func decodeELF(f *file) (*Doc, error) {
	e, err := openELF(f)
	if err != nil {
		return nil, err
	}
	d := &Doc{Kind: string(KindELF), Title: e.title(), Command: "cat > a.out; readelf -aW a.out", Note: e.note}
	for _, part := range []func() []Section{
		e.security, e.header, e.dynamicSections, e.noteSections, e.buildSections, e.segmentTable, e.sectionTable, e.symbolTables,
	} {
		for _, s := range part() {
			d.addSection(s)
		}
	}
	return d, nil
}

// openELF reads all headers. Without those of sections, or with false ones, a program still runs: then there are none, and a note.
func openELF(f *file) (*elfFile, error) {
	head, err := f.bytes(0, min(f.size, 64))
	if err != nil {
		return nil, err
	}
	e := &elfFile{file: f}
	c := cursor{b: head}
	ident := c.take(16)
	if c.bad {
		return nil, fmt.Errorf("%w: an ELF header of %d bytes", ErrSyntax, len(head))
	}
	class, data := elf.Class(ident[elf.EI_CLASS]), elf.Data(ident[elf.EI_DATA])
	e.abi, e.wide = elf.OSABI(ident[elf.EI_OSABI]), class == elf.ELFCLASS64
	switch {
	case class != elf.ELFCLASS64 && class != elf.ELFCLASS32:
		return nil, fmt.Errorf("%w: ELF of class %d", ErrSyntax, class)
	case data == elf.ELFDATA2LSB:
		e.order = binary.LittleEndian
	case data == elf.ELFDATA2MSB:
		e.order = binary.BigEndian
	default:
		return nil, fmt.Errorf("%w: ELF with byte order %d", ErrSyntax, data)
	}
	c.order, c.wide = e.order, e.wide
	return e, e.readHeaders(&c)
}

// elfTable says where headers are.
type elfTable struct {
	off         uint64
	entry, size uint32
}

// readHeaders reads what follows the identification.
func (e *elfFile) readHeaders(c *cursor) error {
	e.kind, e.machine = elf.Type(c.u16()), elf.Machine(c.u16())
	c.u32() // version
	e.entry = c.word()
	progs, sections := elfTable{off: c.word()}, elfTable{off: c.word()}
	e.flags = c.u32()
	c.u16() // size of this header
	progs.entry, progs.size = uint32(c.u16()), uint32(c.u16())
	sections.entry, sections.size = uint32(c.u16()), uint32(c.u16())
	names := uint32(c.u16())
	if c.bad {
		return fmt.Errorf("%w: the ELF header is cut", ErrSyntax)
	}
	if err := e.readSections(sections, names, &progs.size); err != nil {
		e.sections = nil
		e.note = "The section headers cannot be read: " + visible(err.Error(), maxName)
	}
	if progs.size > maxSegments {
		return fmt.Errorf("%w: %d program headers", ErrLimit, progs.size)
	}
	return e.readSegments(progs)
}

// rows returns a cursor over the headers of a table, each of which has at least want bytes.
func (e *elfFile) rows(t elfTable, want uint32) (each func(i uint32) cursor, err error) {
	if t.size > 0 && t.entry < want || t.off > uint64(e.size) {
		return nil, fmt.Errorf("%w: headers of %d bytes at offset %d", ErrSyntax, t.entry, t.off)
	}
	b, err := e.bytes(int64(t.off), int64(t.entry)*int64(t.size))
	if err != nil {
		return nil, err
	}
	return func(i uint32) cursor { return e.cursor(b[i*t.entry : (i+1)*t.entry]) }, nil
}

func (e *elfFile) cursor(b []byte) cursor { return cursor{b: b, order: e.order, wide: e.wide} }

// either returns narrow in files of 32 bits and wide in others.
func (e *elfFile) either(narrow, wide uint32) uint32 {
	if e.wide {
		return wide
	}
	return narrow
}

// readSections reads the section headers. The first holds the numbers that are too large for the ELF header: that of sections, that of
// program headers, and which one has the names.
func (e *elfFile) readSections(t elfTable, names uint32, progs *uint32) error {
	if t.off == 0 {
		return nil
	}
	first := elfTable{t.off, t.entry, 1}
	row, err := e.rows(first, e.either(40, 64))
	if err != nil {
		return err
	}
	zero := parseSection(row(0))
	if t.size == 0 {
		t.size = uint32(min(zero.Size, maxSections+1))
	}
	if names == uint32(elf.SHN_XINDEX) {
		names = zero.Link
	}
	if *progs == 0xffff {
		*progs = zero.Info
	}
	if t.size > maxSections {
		return fmt.Errorf("%w: more than %d sections", ErrLimit, maxSections)
	}
	if row, err = e.rows(t, e.either(40, 64)); err != nil {
		return err
	}
	for i := range t.size {
		e.sections = append(e.sections, parseSection(row(i)))
	}
	if names < t.size {
		e.nameSections(e.sections[names])
	}
	return nil
}

// nameSections cuts the names out of the table of names, which they share: however many there are, they take no more memory.
func (e *elfFile) nameSections(table elfSection) {
	all := string(e.content(table.Offset, table.FileSize, maxNames))
	for i := range e.sections {
		s := &e.sections[i]
		if uint64(s.name) < uint64(len(all)) {
			s.Name, _, _ = strings.Cut(all[s.name:min(len(all), int(s.name)+maxName)], "\x00")
		}
	}
}

func parseSection(c cursor) (s elfSection) {
	s.name = c.u32()
	s.Type = elf.SectionType(c.u32())
	s.Flags = elf.SectionFlag(c.word())
	s.Addr, s.Offset, s.Size = c.word(), c.word(), c.word()
	s.Link, s.Info = c.u32(), c.u32()
	s.Addralign, s.Entsize = c.word(), c.word()
	s.FileSize = s.Size
	if s.Type == elf.SHT_NOBITS {
		s.FileSize = 0
	}
	return s
}

func (e *elfFile) readSegments(t elfTable) error {
	row, err := e.rows(t, e.either(32, 56))
	if err != nil {
		return err
	}
	for i := range t.size {
		c := row(i)
		var p elf.ProgHeader
		p.Type = elf.ProgType(c.u32())
		if e.wide {
			p.Flags = elf.ProgFlag(c.u32())
		}
		p.Off, p.Vaddr, p.Paddr, p.Filesz, p.Memsz = c.word(), c.word(), c.word(), c.word(), c.word()
		if !e.wide {
			p.Flags = elf.ProgFlag(c.u32())
		}
		p.Align = c.word()
		e.segments = append(e.segments, p)
	}
	e.dynamic = e.readDynamic()
	return nil
}

// segment returns the first of a type, or nil.
func (e *elfFile) segment(t elf.ProgType) *elf.ProgHeader {
	i := slices.IndexFunc(e.segments, func(p elf.ProgHeader) bool { return p.Type == t })
	if i < 0 {
		return nil
	}
	return &e.segments[i]
}

// content reads up to max bytes of what a header says is at off.
func (e *elfFile) content(off, size uint64, max int64) []byte {
	if off > uint64(e.size) {
		return nil
	}
	b, err := e.bytes(int64(off), min(int64(min(size, 1<<62)), max, e.size-int64(off)))
	if err != nil {
		return nil
	}
	return b
}

// stringAt returns a string of a table of strings, or nothing.
func (e *elfFile) stringAt(table elfSection, at uint32) string {
	if uint64(at) >= table.FileSize || table.Offset > uint64(e.size) {
		return ""
	}
	s, err := e.cstring(int64(table.Offset)+int64(at), int(min(maxName, table.FileSize-uint64(at))))
	if err != nil {
		return ""
	}
	return s
}

// named returns the first section of a name.
func (e *elfFile) named(name string) (elfSection, bool) {
	for _, s := range e.sections {
		if s.Name == name {
			return s, true
		}
	}
	return elfSection{}, false
}

// machines are the names that people use.
var machines = map[elf.Machine]string{
	elf.EM_X86_64: "x86-64", elf.EM_386: "i386", elf.EM_AARCH64: "aarch64", elf.EM_ARM: "arm", elf.EM_RISCV: "riscv", elf.EM_PPC64: "powerpc64",
	elf.EM_S390: "s390", elf.EM_LOONGARCH: "loongarch", elf.EM_MIPS: "mips", elf.EM_PPC: "powerpc", elf.EM_SPARCV9: "sparc64", elf.EM_BPF: "bpf",
}

func (e *elfFile) machineName() string {
	if m := machines[e.machine]; m != "" {
		return m
	}
	return strings.TrimPrefix(e.machine.String(), "EM_")
}

// title says on one line what it is, much as file(1) does.
func (e *elfFile) title() string {
	bits, order, kind := "32-bit", "LSB", ""
	if e.wide {
		bits = "64-bit"
	}
	if e.order == binary.BigEndian {
		order = "MSB"
	}
	switch e.kind {
	case elf.ET_REL:
		kind = "relocatable object"
	case elf.ET_EXEC:
		kind = "executable"
	case elf.ET_DYN:
		kind = "shared library"
		if e.isPIE() {
			kind = "pie executable"
		}
	case elf.ET_CORE:
		kind = "core file"
	default:
		kind = e.kind.String()
	}
	return strings.Join([]string{"ELF", bits, order, kind + ",", e.machineName()}, " ") + e.linking()
}

func (e *elfFile) linking() string {
	switch {
	case e.kind != elf.ET_EXEC && e.kind != elf.ET_DYN:
		return ""
	case len(e.dynamic.needed) > 0 || e.segment(elf.PT_INTERP) != nil:
		return ", dynamically linked"
	}
	return ", statically linked"
}

func (e *elfFile) isPIE() bool {
	return e.kind == elf.ET_DYN && (elf.DynFlag1(e.dynamic.value(elf.DT_FLAGS_1))&elf.DF_1_PIE != 0 || e.segment(elf.PT_INTERP) != nil && e.dynamic.soname == "")
}
