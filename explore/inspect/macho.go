package inspect

import (
	"debug/macho"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// The bounds of what is read of a Mach-O file. Package debug/macho reads all symbols at once, so the parsing is ours.
const (
	maxArchs    = 16
	maxCommands = 1 << 20 // bytes of load commands
)

// machFile is one architecture of a Mach-O file.
type machFile struct {
	*file
	base     int64 // where it begins in the whole file
	order    binary.ByteOrder
	wide     bool
	cpu      macho.Cpu
	sub      uint32
	kind     macho.Type
	flags    uint32
	header   int64 // its size
	ncmds    uint32
	segments []machSegment
	sections []machSection
	about    Section
	symtab   Section
}

type machSegment struct {
	name                       string
	addr, memory, offset, size uint64
	prot                       uint32
}

type machSection struct {
	segment, name string
	addr, size    uint64
	offset, flags uint32
}

// decodeMachO shows what otool -l shows, for each architecture.
func decodeMachO(f *file) (*Doc, error) {
	head, err := f.bytes(0, min(f.size, HeadSize))
	if err != nil {
		return nil, err
	}
	d := &Doc{Kind: string(KindMachO), Command: "cat > a.out; llvm-objdump --macho --all-headers a.out"}
	if !isFat(head) || u32be(head, 0)&^1 != macho.MagicFat {
		m := &machFile{file: f}
		err := m.decode(d, "")
		d.Title = "Mach-O " + m.title()
		return d, err
	}
	var names []string
	for _, a := range fatArchs(head) {
		if a.off < 0 || a.size < 0 || a.off > f.size || a.size > f.size-a.off {
			return d, fmt.Errorf("%w: an architecture at offset %d of %d", ErrSyntax, a.off, f.size)
		}
		m := &machFile{file: f.part(a.off, a.size), base: a.off}
		if err := m.decode(d, a.cpu+": "); err != nil {
			return d, err
		}
		names = append(names, m.title())
	}
	d.Title = "Mach-O for several architectures: " + strings.Join(names, "; ")
	return d, nil
}

type fatArch struct {
	cpu       string
	off, size int64
}

// fatArchs reads the table of architectures, which is big-endian.
func fatArchs(head []byte) (all []fatArch) {
	c := cursor{b: head, order: binary.BigEndian}
	c.wide = c.u32() == macho.MagicFat|1
	for range min(c.u32(), maxArchs) {
		a := fatArch{cpu: cpuName(macho.Cpu(c.u32()), c.u32())}
		a.off, a.size = int64(c.word()), int64(c.word())
		c.word() // alignment; and what is reserved behind it
		if c.bad {
			break
		}
		all = append(all, a)
	}
	return all
}

func cpuName(c macho.Cpu, sub uint32) string {
	switch {
	case c == macho.CpuAmd64 && sub&0xff == 8:
		return "x86_64h"
	case c == macho.CpuAmd64:
		return "x86_64"
	case c == macho.CpuArm64 && sub&0xff == 2:
		return "arm64e"
	}
	return strings.ToLower(strings.TrimPrefix(c.String(), "Cpu"))
}

func (m *machFile) title() string {
	return fmt.Sprintf("%s, %s", strings.ToLower(m.kind.String()), cpuName(m.cpu, m.sub))
}

// decode reads the header and the load commands, and appends what they say.
func (m *machFile) decode(d *Doc, prefix string) error {
	head, err := m.bytes(0, min(m.size, 32))
	if err != nil {
		return err
	}
	m.order = binary.LittleEndian
	if u32be(head, 0)&^1 == macho.Magic32 {
		m.order = binary.BigEndian
	}
	c := cursor{b: head, order: m.order}
	m.header = 28
	if m.wide = c.u32() == macho.Magic64; m.wide {
		m.header = 32
	}
	m.cpu, m.sub, m.kind, m.ncmds = macho.Cpu(c.u32()), c.u32(), macho.Type(c.u32()), c.u32()
	size := c.u32()
	m.flags = c.u32()
	if c.bad || size > maxCommands {
		return fmt.Errorf("%w: a Mach-O header with %d bytes of commands", ErrSyntax, size)
	}
	commands, err := m.bytes(m.header, int64(size))
	if err != nil {
		return err
	}
	m.commands(commands)
	for _, s := range append([]Section{m.security(), m.about}, append(m.goBuild(), m.segmentTable(), m.sectionTable(), m.symtab)...) {
		s.Title = prefix + s.Title
		d.addSection(s)
	}
	return nil
}

// security says what the flags of the header harden.
func (m *machFile) security() Section {
	s := Section{Title: "Security"}
	if m.kind == macho.TypeExec {
		s.add("Position independent", yesNo(m.flags&macho.FlagPIE != 0))
		s.add("Executable stack", yesNo(m.flags&macho.FlagAllowStackExecution != 0))
	}
	for _, x := range m.sections {
		if x.segment == "__RESTRICT" {
			s.add("Restricted", Value{Text: "yes", Tip: "the environment does not change what is loaded"})
		}
	}
	return s
}

func yesNo(b bool) Value {
	if b {
		return Value{Text: "yes"}
	}
	return Value{Text: "no"}
}

func (m *machFile) segmentTable() Section {
	s := table("Segments", "Name", "Address", "#In memory", "Offset", "#In file", "Flags")
	for _, x := range m.segments {
		s.row(plain(x.name), hexNumber(x.addr), number(x.memory), m.offset(x.offset, x.size), number(x.size), Value{Text: machAccess(x.prot)})
	}
	return s
}

func (m *machFile) sectionTable() Section {
	s := table("Sections", "Segment", "Name", "Address", "Offset", "#Size")
	for i, x := range m.sections {
		if i == maxRows {
			s.Note = fmt.Sprintf("%d more sections", len(m.sections)-i)
			break
		}
		s.row(plain(x.segment), plain(x.name), hexNumber(x.addr), m.offset(uint64(x.offset), x.size), number(x.size))
	}
	return s
}

// offset shows where something is in the whole file.
func (m *machFile) offset(off, size uint64) Value {
	if off >= uint64(m.size) || size == 0 {
		return hexNumber(off)
	}
	return offset(m.base + int64(off))
}

func machAccess(prot uint32) string {
	b := []byte("---")
	for i := range b {
		if prot&(1<<i) != 0 {
			b[i] = "rwx"[i]
		}
	}
	return string(b)
}

func (m *machFile) goBuild() []Section {
	for _, x := range m.sections {
		if x.name == "__go_buildinfo" {
			g := goImage{m.file, m.order, m.offsetOf}
			return g.sections(int64(x.offset), int64(min(x.size, maxGoSearch)))
		}
	}
	return nil
}

func (m *machFile) offsetOf(addr uint64) int64 {
	for _, x := range m.segments {
		if addr >= x.addr && addr-x.addr < x.size && x.offset <= uint64(m.size) && addr-x.addr <= uint64(m.size)-x.offset {
			return int64(addr - x.addr + x.offset)
		}
	}
	return -1
}

// uuid prints 16 bytes as a UUID.
func uuid(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	h := hex.EncodeToString(b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
