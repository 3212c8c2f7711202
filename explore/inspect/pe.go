package inspect

import (
	"debug/pe"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// maxPESections is how many sections are read: more than any linker writes.
const maxPESections = 1 << 10

// peFile is the headers of a PE file. Package debug/pe reads all symbols and relocations at once, of which sections may share the bytes, so the
// parsing is ours.
type peFile struct {
	*file
	coff      pe.FileHeader
	wide      bool
	entry     uint32
	imageBase uint64
	subsystem uint16
	harden    uint16
	dirs      []pe.DataDirectory
	sections  []pe.SectionHeader32
	linker    string
}

// decodePE shows what objdump -x shows, and the resource with the version.
func decodePE(f *file) (*Doc, error) {
	p := &peFile{file: f}
	if err := p.open(); err != nil {
		return nil, err
	}
	d := &Doc{Kind: string(KindPE), Title: p.title(), Command: "cat > a.exe; objdump -x a.exe"}
	d.addSection(p.security())
	d.addSection(p.header())
	d.addSection(p.versionInfo())
	for _, s := range p.goBuild() {
		d.addSection(s)
	}
	d.addSection(p.directoryTable())
	d.addSection(p.sectionTable())
	d.addSection(p.imports())
	d.addSection(p.exports())
	return d, nil
}

func (p *peFile) open() error {
	dos, err := p.bytes(0, 0x40)
	if err != nil {
		return err
	}
	at := int64(u32(dos, 0x3c))
	head, err := p.bytes(at, 24)
	if err != nil {
		return err
	}
	if string(head[:4]) != "PE\x00\x00" {
		return fmt.Errorf("%w: no PE header at offset %d", ErrSyntax, at)
	}
	c := cursor{b: head[4:], order: binary.LittleEndian}
	p.coff = pe.FileHeader{Machine: c.u16(), NumberOfSections: c.u16(), TimeDateStamp: c.u32(), PointerToSymbolTable: c.u32(), NumberOfSymbols: c.u32(),
		SizeOfOptionalHeader: c.u16(), Characteristics: c.u16()}
	if p.coff.NumberOfSections > maxPESections {
		return fmt.Errorf("%w: %d sections", ErrLimit, p.coff.NumberOfSections)
	}
	b, err := p.bytes(at+24, int64(p.coff.SizeOfOptionalHeader)+40*int64(p.coff.NumberOfSections))
	if err != nil {
		return err
	}
	c = cursor{b: b, order: binary.LittleEndian}
	p.optional(&cursor{b: c.take(int(p.coff.SizeOfOptionalHeader)), order: c.order})
	p.readSections(&c)
	return nil
}

// optional reads the header that only objects lack.
func (p *peFile) optional(c *cursor) {
	p.wide = c.u16() == 0x20b
	p.linker = fmt.Sprintf("%d.%d", c.u8(), c.u8())
	c.take(12) // sizes
	p.entry = c.u32()
	c.u32() // base of code
	if p.wide {
		p.imageBase = c.u64()
	} else {
		c.u32() // base of data
		p.imageBase = uint64(c.u32())
	}
	c.take(36) // alignments, versions, sizes, checksum
	p.subsystem, p.harden = c.u16(), c.u16()
	c.wide = p.wide
	for range 4 {
		c.word() // stack and heap
	}
	c.u32() // flags of the loader
	for range min(c.u32(), 16) {
		p.dirs = append(p.dirs, pe.DataDirectory{VirtualAddress: c.u32(), Size: c.u32()})
	}
}

func (p *peFile) readSections(c *cursor) {
	for range p.coff.NumberOfSections {
		var s pe.SectionHeader32
		copy(s.Name[:], c.take(8))
		s.VirtualSize, s.VirtualAddress, s.SizeOfRawData, s.PointerToRawData = c.u32(), c.u32(), c.u32(), c.u32()
		c.take(12) // relocations and line numbers
		s.Characteristics = c.u32()
		p.sections = append(p.sections, s)
	}
}

// dir returns a data directory, which may be empty.
func (p *peFile) dir(i int) pe.DataDirectory {
	if i < len(p.dirs) {
		return p.dirs[i]
	}
	return pe.DataDirectory{}
}

// offsetOf returns where in the file that is what is loaded at rva, or -1.
func (p *peFile) offsetOf(rva uint64) int64 {
	for _, s := range p.sections {
		if start := uint64(s.VirtualAddress); rva >= start && rva-start < uint64(s.SizeOfRawData) {
			return int64(rva - start + uint64(s.PointerToRawData))
		}
	}
	return -1
}

// at returns a cursor over up to n bytes of what is loaded at rva.
func (p *peFile) at(rva uint32, n int64) cursor {
	off := p.offsetOf(uint64(rva))
	if off < 0 || off >= p.size {
		return cursor{order: binary.LittleEndian}
	}
	b, err := p.bytes(off, min(n, p.size-off))
	if err != nil {
		b = nil
	}
	return cursor{b: b, order: binary.LittleEndian, wide: p.wide}
}

// text returns the string that is loaded at rva.
func (p *peFile) text(rva uint32) string {
	s, err := p.cstring(p.offsetOf(uint64(rva)), maxName)
	if err != nil {
		return ""
	}
	return s
}

// peMachines are the names that people use.
var peMachines = map[uint16]string{
	pe.IMAGE_FILE_MACHINE_AMD64: "x86-64", pe.IMAGE_FILE_MACHINE_I386: "i386", pe.IMAGE_FILE_MACHINE_ARM64: "aarch64", pe.IMAGE_FILE_MACHINE_ARMNT: "arm",
	pe.IMAGE_FILE_MACHINE_RISCV64: "riscv64", pe.IMAGE_FILE_MACHINE_LOONGARCH64: "loongarch64", pe.IMAGE_FILE_MACHINE_EBC: "EFI byte code",
}

var subsystems = map[uint16]string{
	pe.IMAGE_SUBSYSTEM_NATIVE: "native", pe.IMAGE_SUBSYSTEM_WINDOWS_GUI: "GUI", pe.IMAGE_SUBSYSTEM_WINDOWS_CUI: "console",
	pe.IMAGE_SUBSYSTEM_EFI_APPLICATION: "EFI application", pe.IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER: "EFI boot service driver",
	pe.IMAGE_SUBSYSTEM_EFI_RUNTIME_DRIVER: "EFI runtime driver",
}

func (p *peFile) title() string {
	kind := "executable"
	if p.coff.Characteristics&pe.IMAGE_FILE_DLL != 0 {
		kind = "DLL"
	}
	format := "PE32"
	if p.wide {
		format = "PE32+"
	}
	parts := []string{format, kind}
	if s := subsystems[p.subsystem]; s != "" {
		parts = append(parts, "("+s+")")
	}
	if p.dir(pe.IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR).VirtualAddress != 0 {
		parts = append(parts, "of .NET")
	}
	return strings.Join(parts, " ") + ", " + p.machineName()
}

func (p *peFile) machineName() string {
	if m := peMachines[p.coff.Machine]; m != "" {
		return m
	}
	return fmt.Sprintf("machine %#x", p.coff.Machine)
}

func (p *peFile) security() Section {
	s := Section{Title: "Security"}
	for _, x := range []struct {
		name, tip string
		flag      uint16
	}{
		{"Position independent", "ASLR: DYNAMIC_BASE", pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE},
		{"64 bits of randomness", "HIGH_ENTROPY_VA", pe.IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA},
		{"No executable data", "DEP: NX_COMPAT", pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT},
		{"Control flow guard", "GUARD_CF", pe.IMAGE_DLLCHARACTERISTICS_GUARD_CF},
		{"Signature is enforced", "FORCE_INTEGRITY", pe.IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY},
	} {
		s.add(x.name, yesNo(p.harden&x.flag != 0).tip(x.tip))
	}
	signed := Value{Text: "no"}
	if d := p.dir(pe.IMAGE_DIRECTORY_ENTRY_SECURITY); d.Size > 0 { // which holds an offset, unlike the others
		signed = Value{Text: fmt.Sprintf("%d bytes of Authenticode", d.Size), Ref: offset(int64(d.VirtualAddress)).Ref, Tip: "not verified"}
	}
	s.add("Signature", signed)
	return s
}

func (p *peFile) header() Section {
	s := Section{Title: "Header"}
	s.add("Machine", Value{Text: p.machineName()})
	stamp := time.Unix(int64(p.coff.TimeDateStamp), 0).UTC().Format(time.RFC3339)
	s.add("Time stamp", Value{Text: fmt.Sprintf("%#x", p.coff.TimeDateStamp), Tip: stamp + ", or a hash where builds are reproducible"})
	s.add("Characteristics", hexNumber(p.coff.Characteristics))
	s.add("Linker", Value{Text: p.linker})
	s.add("Entry", hexNumber(p.imageBase+uint64(p.entry)))
	s.add("Image base", hexNumber(p.imageBase))
	s.add("Symbols", number(p.coff.NumberOfSymbols))
	s.add("Debug info in", p.debugFile())
	return s
}

// debugFile returns the name of the PDB file, which the first CodeView record holds.
func (p *peFile) debugFile() Value {
	d := p.dir(pe.IMAGE_DIRECTORY_ENTRY_DEBUG)
	c := p.at(d.VirtualAddress, min(int64(d.Size), 28*16))
	const codeView, signatureAndAge = 2, 24
	for len(c.b) >= 28 {
		c.take(12)
		kind, size := c.u32(), c.u32()
		c.u32() // its address
		at := int64(c.u32())
		if kind != codeView || size < signatureAndAge {
			continue
		}
		b, err := p.bytes(at, min(int64(size), signatureAndAge+maxName))
		if err == nil && string(b[:4]) == "RSDS" {
			name := cursor{b: b}
			return plain(name.fixedFrom(signatureAndAge))
		}
	}
	return Value{}
}

func (p *peFile) goBuild() []Section {
	const writableData = pe.IMAGE_SCN_CNT_INITIALIZED_DATA | pe.IMAGE_SCN_MEM_READ | pe.IMAGE_SCN_MEM_WRITE
	for _, s := range p.sections {
		if s.Characteristics&writableData == writableData && int64(s.PointerToRawData) < p.size {
			g := goImage{p.file, binary.LittleEndian, func(addr uint64) int64 { return p.offsetOf(addr - p.imageBase) }}
			return g.sections(int64(s.PointerToRawData), int64(min(s.SizeOfRawData, maxGoSearch)))
		}
	}
	return nil
}
