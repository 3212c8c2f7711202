package inspect

import (
	"bytes"
	"debug/elf"
	"slices"
	"strings"
)

// maxStringTable is how much of the names of symbols is searched for those that compilers leave.
const maxStringTable = 4 << 20

// security says in words what hardens a program, as far as a file shows it.
func (e *elfFile) security() []Section {
	if e.kind != elf.ET_EXEC && e.kind != elf.ET_DYN {
		return nil
	}
	s := Section{Title: "Security"}
	s.add("Position independent", e.pieWords())
	s.add("Executable stack", e.stackWords())
	s.add("RELRO", e.relroWords())
	names := e.symbolNames()
	s.add("Stack canary", canaryWords(names))
	s.add("Fortified", fortifyWords(names))
	if e.dynamic.has(elf.DT_TEXTREL) {
		s.add("Text relocations", Value{Text: "yes", Tip: "code is made writable at start"})
	}
	for _, p := range e.segments {
		if p.Type == elf.PT_LOAD && p.Flags&(elf.PF_W|elf.PF_X) == elf.PF_W|elf.PF_X {
			s.add("Writable code", hexNumber(p.Vaddr).tip("a segment that can be both written and executed"))
		}
	}
	s.add("Stripped", e.strippedWords())
	return []Section{s}
}

func (e *elfFile) pieWords() Value {
	switch {
	case e.kind == elf.ET_EXEC:
		return Value{Text: "no", Tip: "loaded at a fixed address"}
	case !e.isPIE():
		return Value{Text: "shared library"}
	case e.segment(elf.PT_INTERP) == nil:
		return Value{Text: "yes, static"}
	}
	return Value{Text: "yes"}
}

func (e *elfFile) stackWords() Value {
	switch p := e.segment(elf.PT_GNU_STACK); {
	case p == nil:
		return Value{Text: "not said", Tip: "no GNU_STACK: the kernel decides"}
	case p.Flags&elf.PF_X != 0:
		return Value{Text: "yes"}
	}
	return Value{Text: "no"}
}

func (e *elfFile) relroWords() Value {
	now := e.dynamic.has(elf.DT_BIND_NOW) || elf.DynFlag(e.dynamic.value(elf.DT_FLAGS))&elf.DF_BIND_NOW != 0 ||
		elf.DynFlag1(e.dynamic.value(elf.DT_FLAGS_1))&elf.DF_1_NOW != 0
	switch {
	case e.segment(elf.PT_GNU_RELRO) == nil:
		return Value{Text: "none"}
	case now || len(e.dynamic.entries) == 0:
		return Value{Text: "full", Tip: "relocations are read-only once the program runs"}
	}
	return Value{Text: "partial", Tip: "functions are bound late, so their table stays writable"}
}

// symbolNames returns the names of dynamic symbols and, where a table is left, of others; nil if there is neither.
func (e *elfFile) symbolNames() (names []byte) {
	for _, s := range e.sections {
		if (s.Type == elf.SHT_DYNSYM || s.Type == elf.SHT_SYMTAB) && s.Link < uint32(len(e.sections)) && len(names) < maxStringTable {
			t := e.sections[s.Link]
			names = append(names, e.content(t.Offset, t.FileSize, maxStringTable)...)
		}
	}
	return names
}

func canaryWords(names []byte) Value {
	switch {
	case len(names) == 0:
		return Value{Text: "not known", Tip: "no symbols"}
	case bytes.Contains(names, []byte("\x00__stack_chk_fail")), bytes.Contains(names, []byte("\x00__stack_chk_guard")):
		return Value{Text: "yes"}
	}
	return Value{Text: "none found"}
}

// fortifyWords lists the functions of libc that are called in the form that checks sizes.
func fortifyWords(names []byte) Value {
	var found []string
	rest := names
	for len(found) < 100 {
		i := bytes.Index(rest, []byte("_chk\x00"))
		if i < 0 {
			break
		}
		name := rest[bytes.LastIndexByte(rest[:i], 0)+1 : i]
		if short, ok := bytes.CutPrefix(name, []byte("__")); ok && len(short) < 32 {
			found = append(found, string(short))
		}
		rest = rest[i+4:]
	}
	if len(found) == 0 {
		return Value{}
	}
	slices.Sort(found)
	return plain(strings.Join(slices.Compact(found), ", "))
}

func (e *elfFile) strippedWords() Value {
	hasType := func(s elfSection) bool { return s.Type == elf.SHT_SYMTAB }
	_, debug := e.named(".debug_info")
	_, compressed := e.named(".zdebug_info")
	switch {
	case len(e.sections) == 0:
		return Value{Text: "yes", Tip: "no section headers"}
	case debug || compressed:
		return Value{Text: "no, with debug info"}
	case slices.ContainsFunc(e.sections, hasType):
		return Value{Text: "no"}
	}
	return Value{Text: "yes"}
}
