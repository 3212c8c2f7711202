package inspect

import (
	"debug/elf"
	"fmt"
	"strings"
)

const (
	maxDynamic  = 4096 // entries
	maxVersions = 2000
)

// elfDynamic is what the dynamic linker reads: found by the segments as it finds it, whatever the section headers say.
type elfDynamic struct {
	entries  []elfEntry
	strings  int64 // offset in the file
	needed   []string
	soname   string
	needs    []elfVersion
	defs     []elfVersion
	versions map[uint16]string // by index, as symbols have it
}

type elfEntry struct {
	tag   elf.DynTag
	value uint64
	text  string // of the tags whose value is a string
}

type elfVersion struct {
	file  string // of a need
	name  string
	index uint16
	flags uint16
}

// value returns that of the first entry with this tag.
func (d *elfDynamic) value(tag elf.DynTag) uint64 {
	for _, x := range d.entries {
		if x.tag == tag {
			return x.value
		}
	}
	return 0
}

func (d *elfDynamic) has(tag elf.DynTag) bool {
	for _, x := range d.entries {
		if x.tag == tag {
			return true
		}
	}
	return false
}

// textTags are those whose values are strings.
var textTags = map[elf.DynTag]bool{
	elf.DT_NEEDED: true, elf.DT_SONAME: true, elf.DT_RPATH: true, elf.DT_RUNPATH: true, elf.DT_AUXILIARY: true, elf.DT_FILTER: true,
	elf.DT_CONFIG: true, elf.DT_DEPAUDIT: true, elf.DT_AUDIT: true,
}

func (e *elfFile) readDynamic() (d elfDynamic) {
	p := e.segment(elf.PT_DYNAMIC)
	if p == nil {
		return d
	}
	c := e.cursor(e.content(p.Off, p.Filesz, maxDynamic*int64(e.either(8, 16))))
	for len(c.b) > 0 {
		x := elfEntry{tag: elf.DynTag(c.word()), value: c.word()}
		if x.tag == elf.DT_NULL || c.bad {
			break
		}
		d.entries = append(d.entries, x)
	}
	d.strings = e.offsetOf(d.value(elf.DT_STRTAB))
	d.versions = map[uint16]string{}
	for i := range d.entries {
		x := &d.entries[i]
		if textTags[x.tag] {
			x.text = e.dynString(&d, x.value)
		}
		switch x.tag {
		case elf.DT_NEEDED:
			d.needed = append(d.needed, x.text)
		case elf.DT_SONAME:
			d.soname = x.text
		}
	}
	e.readNeeds(&d)
	e.readDefs(&d)
	return d
}

// offsetOf returns where in the file that is what is loaded at addr, or -1.
func (e *elfFile) offsetOf(addr uint64) int64 {
	for _, p := range e.segments {
		if p.Type == elf.PT_LOAD && addr >= p.Vaddr && addr-p.Vaddr < p.Filesz {
			if off := addr - p.Vaddr + p.Off; off < uint64(e.size) {
				return int64(off)
			}
		}
	}
	return -1
}

func (e *elfFile) dynString(d *elfDynamic, at uint64) string {
	if d.strings < 0 || at > uint64(e.size) {
		return ""
	}
	s, err := e.cstring(d.strings+int64(at), maxName)
	if err != nil {
		return ""
	}
	return s
}

// at returns a cursor over n bytes at an offset that a stranger's numbers made.
func (e *elfFile) at(off int64, n int64) cursor {
	if off < 0 {
		off = e.size + 1
	}
	return e.cursor(e.content(uint64(off), uint64(n), n))
}

// readNeeds follows the chain of the versions that are wanted of other files. A step goes forward or is the last, and the steps are counted.
func (e *elfFile) readNeeds(d *elfDynamic) {
	at := e.offsetOf(d.value(elf.DT_VERNEED))
	for range min(d.value(elf.DT_VERNEEDNUM), maxVersions) {
		c := e.at(at, 16)
		c.u16() // version of this structure
		count, file, aux, next := c.u16(), c.u32(), c.u32(), c.u32()
		if c.bad {
			return
		}
		e.readAux(d, at+int64(aux), int(count), e.dynString(d, uint64(file)))
		if next == 0 {
			return
		}
		at += int64(next)
	}
}

func (e *elfFile) readAux(d *elfDynamic, at int64, count int, file string) {
	for range count {
		c := e.at(at, 16)
		c.u32() // hash
		v := elfVersion{file: file, flags: c.u16(), index: c.u16()}
		name, next := c.u32(), c.u32()
		if c.bad || len(d.needs) == maxVersions {
			return
		}
		v.name = e.dynString(d, uint64(name))
		d.needs = append(d.needs, v)
		d.versions[v.index&0x7fff] = v.name
		if next == 0 {
			return
		}
		at += int64(next)
	}
}

// readDefs follows the chain of the versions that the file itself defines. The first is its own name.
func (e *elfFile) readDefs(d *elfDynamic) {
	at := e.offsetOf(d.value(elf.DT_VERDEF))
	for range min(d.value(elf.DT_VERDEFNUM), maxVersions) {
		c := e.at(at, 20)
		c.u16() // version of this structure
		v := elfVersion{flags: c.u16(), index: c.u16()}
		c.u16() // number of names, of which the first is the version's
		c.u32() // hash
		aux, next := c.u32(), c.u32()
		name := e.at(at+int64(aux), 4)
		if c.bad {
			return
		}
		v.name = e.dynString(d, uint64(name.u32()))
		d.defs = append(d.defs, v)
		if v.index > 1 { // 1 is what has no version
			d.versions[v.index&0x7fff] = v.name
		}
		if next == 0 {
			return
		}
		at += int64(next)
	}
}

// dynamicSections shows what the dynamic linker reads.
func (e *elfFile) dynamicSections() []Section {
	dyn := table("Dynamic section", "Tag", "Value")
	for i, x := range e.dynamic.entries {
		if i == maxRows {
			dyn.Note = fmt.Sprintf("%d more", len(e.dynamic.entries)-i)
			break
		}
		dyn.row(Value{Text: strings.TrimPrefix(x.tag.String(), "DT_")}, e.dynamicValue(x))
	}
	needs := table("Version references", "File", "Version", "Index")
	for _, v := range e.dynamic.needs {
		needs.row(refer(v.file, RefFind, v.file), plain(v.name), number(v.index))
	}
	defs := table("Version definitions", "Version", "Index")
	for _, v := range e.dynamic.defs {
		defs.row(plain(v.name), number(v.index))
	}
	return []Section{dyn, needs, defs}
}

// dynamicValue shows a value as what it means. An RPATH may be several directories, of which those that are absolute are looked for.
func (e *elfFile) dynamicValue(x elfEntry) Value {
	switch x.tag {
	case elf.DT_NEEDED:
		return refer(x.text, RefFind, x.text)
	case elf.DT_RPATH, elf.DT_RUNPATH:
		if first, _, _ := strings.Cut(x.text, ":"); strings.HasPrefix(first, "/") {
			return refer(x.text, RefPath, first)
		}
	case elf.DT_FLAGS:
		return Value{Text: elf.DynFlag(x.value).String()}
	case elf.DT_FLAGS_1:
		return Value{Text: elf.DynFlag1(x.value).String()}
	}
	if textTags[x.tag] {
		return plain(x.text)
	}
	return hexNumber(x.value)
}
