package inspect

import (
	"debug/pe"
	"fmt"
	"strings"
)

const (
	maxDLLs      = 256
	maxPESymbols = 2000 // of all imports, and of exports
)

// directories are the names of the data directories.
var directories = []string{"exports", "imports", "resources", "exceptions", "certificates", "base relocations", "debug", "architecture",
	"global pointer", "thread-local storage", "load configuration", "bound imports", "import addresses", "delayed imports", ".NET", "reserved"}

func (p *peFile) directoryTable() Section {
	s := table("Data directories", "Name", "Address", "#Size")
	for i, d := range p.dirs {
		if d.Size > 0 || d.VirtualAddress > 0 {
			s.row(Value{Text: directories[i]}, hexNumber(d.VirtualAddress), number(d.Size))
		}
	}
	return s
}

func (p *peFile) sectionTable() Section {
	s := table("Sections", "Name", "Address", "#In memory", "Offset", "#In file", "Flags")
	for _, x := range p.sections {
		at := hexNumber(x.PointerToRawData)
		if x.SizeOfRawData > 0 && int64(x.PointerToRawData) < p.size {
			at = offset(int64(x.PointerToRawData))
		}
		s.row(plain(p.sectionName(x.Name[:])), hexNumber(x.VirtualAddress), number(x.VirtualSize), at, number(x.SizeOfRawData), Value{Text: peAccess(x.Characteristics)})
	}
	return s
}

// sectionName returns a name of up to 8 bytes, or the longer one that /N leads to: N bytes into the strings behind the symbols.
func (p *peFile) sectionName(b []byte) string {
	c := cursor{b: b}
	name := c.fixed(len(b))
	var at int64
	if n, err := fmt.Sscanf(name, "/%d", &at); n != 1 || err != nil || p.coff.PointerToSymbolTable == 0 {
		return name
	}
	long, err := p.cstring(int64(p.coff.PointerToSymbolTable)+18*int64(p.coff.NumberOfSymbols)+at, maxName)
	if err != nil {
		return name
	}
	return long
}

func peAccess(f uint32) string {
	b := []byte("---")
	for i, flag := range []uint32{pe.IMAGE_SCN_MEM_READ, pe.IMAGE_SCN_MEM_WRITE, pe.IMAGE_SCN_MEM_EXECUTE} {
		if f&flag != 0 {
			b[i] = "rwx"[i]
		}
	}
	return string(b)
}

// imports lists the functions that are wanted of each DLL.
func (p *peFile) imports() Section {
	s := table("Imports", "File", "Function")
	c := p.at(p.dir(pe.IMAGE_DIRECTORY_ENTRY_IMPORT).VirtualAddress, 20*maxDLLs)
	for len(c.b) >= 20 && len(s.Table.Rows) < maxPESymbols {
		names := c.u32()
		c.take(8) // date, forwarding
		dll, addresses := c.u32(), c.u32()
		if dll == 0 {
			break
		}
		if names == 0 { // linkers of Borland
			names = addresses
		}
		p.importsOf(&s, p.text(dll), names)
	}
	if len(s.Table.Rows) == maxPESymbols {
		s.Note = "and perhaps more"
	}
	return s
}

// importsOf reads the names or numbers of functions at an address, up to one that is 0.
func (p *peFile) importsOf(s *Section, dll string, at uint32) {
	file := refer(dll, RefFind, dll)
	room := maxPESymbols - len(s.Table.Rows)
	c := p.at(at, int64(room)*8)
	byNumber := uint64(1) << 31
	if p.wide {
		byNumber = 1 << 63
	}
	for range room {
		f := c.word()
		switch {
		case f == 0 || c.bad:
			return
		case f&byNumber != 0:
			s.row(file, Value{Text: fmt.Sprintf("#%d", f&0xffff)})
		default:
			s.row(file, plain(p.text(uint32(f)+2))) // behind a hint
		}
	}
}

// exports lists the functions with names. What is in the directory itself is forwarded to another DLL.
func (p *peFile) exports() Section {
	s := table("Exports", "#Number", "Address", "Name", "Forwarded to")
	d := p.dir(pe.IMAGE_DIRECTORY_ENTRY_EXPORT)
	c := p.at(d.VirtualAddress, 40)
	c.take(12)
	own, base, functions, named := c.u32(), c.u32(), c.u32(), c.u32()
	addresses, names, numbers := c.u32(), c.u32(), c.u32()
	if c.bad || d.Size == 0 {
		return s
	}
	s.add("Name", plain(p.text(own)))
	shown := min(named, maxPESymbols)
	where := p.at(addresses, 4*int64(min(functions, 1<<16)))
	name, index := p.at(names, 4*int64(shown)), p.at(numbers, 2*int64(shown))
	for range shown {
		i, n := index.u16(), name.u32()
		if index.bad || name.bad {
			break
		}
		at, forward := u32(where.b, 4*int(i)), ""
		if at >= d.VirtualAddress && at-d.VirtualAddress < d.Size {
			forward = p.text(at)
		}
		dll, _, _ := strings.Cut(forward, ".")
		to := plain(forward)
		if dll != "" {
			to = refer(forward, RefFind, dll+".dll")
		}
		s.row(number(base+uint32(i)), hexNumber(at), plain(p.text(n)), to)
	}
	if functions > shown {
		s.Note = fmt.Sprintf("%d functions in all", functions)
	}
	return s
}
