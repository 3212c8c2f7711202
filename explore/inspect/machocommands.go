package inspect

import (
	"debug/macho"
	"fmt"
	"path"
	"strings"
)

// Load commands that debug/macho does not name. The high bit marks those that the dynamic linker must understand.
const (
	loadIDDylib     = 0xd
	loadDylinker    = 0xe
	loadUUID        = 0x1b
	loadCodeSign    = 0x1d
	loadEncryption  = 0x21
	loadVersionMac  = 0x24
	loadVersionIOS  = 0x25
	loadSource      = 0x2a
	loadEncryption2 = 0x2c
	loadBuild       = 0x32
	loadWeak        = 0x80000018
	loadReexport    = 0x8000001f
	loadUpward      = 0x80000023
	loadMain        = 0x80000028
)

// machCommands are the load commands that are shown.
var machCommands = map[uint32]func(m *machFile, c *cursor){
	uint32(macho.LoadCmdSegment):    (*machFile).segment,
	uint32(macho.LoadCmdSegment64):  (*machFile).segment,
	uint32(macho.LoadCmdDylib):      func(m *machFile, c *cursor) { m.dylib("Needs", "", c) },
	loadDylinker:                    func(m *machFile, c *cursor) { m.pathCommand("Interpreter", c) },
	uint32(macho.LoadCmdRpath):      func(m *machFile, c *cursor) { m.pathCommand("RPATH", c) },
	uint32(macho.LoadCmdSymtab):     (*machFile).symbols,
	uint32(macho.LoadCmdUnixThread): func(m *machFile, c *cursor) { m.about.add("Entry", Value{Text: "a thread's registers"}) },
	loadUUID:                        func(m *machFile, c *cursor) { m.about.add("UUID", Value{Text: uuid(c.take(16))}) },
	loadIDDylib:                     func(m *machFile, c *cursor) { m.dylib("Name", "what others link to", c) },
	loadWeak:                        func(m *machFile, c *cursor) { m.dylib("Needs", "weak: may be missing", c) },
	loadReexport:                    func(m *machFile, c *cursor) { m.dylib("Needs", "passed on to those who link to this", c) },
	loadUpward:                      func(m *machFile, c *cursor) { m.dylib("Needs", "upward", c) },
	loadCodeSign:                    (*machFile).signature,
	loadEncryption:                  (*machFile).encryption,
	loadEncryption2:                 (*machFile).encryption,
	loadVersionMac:                  func(m *machFile, c *cursor) { m.versions("macOS", c) },
	loadVersionIOS:                  func(m *machFile, c *cursor) { m.versions("iOS", c) },
	loadBuild:                       (*machFile).build,
	loadSource:                      (*machFile).source,
	loadMain:                        func(m *machFile, c *cursor) { m.about.add("Entry", m.offset(c.u64(), 1)) },
}

// commands reads load commands: a number, a size, and what is in them.
func (m *machFile) commands(b []byte) {
	m.about = Section{Title: "Header"}
	m.about.add("Flags", hexNumber(m.flags))
	c := cursor{b: b, order: m.order, wide: m.wide}
	for range m.ncmds {
		kind, size := c.u32(), c.u32()
		body := c.take(int(min(size, maxCommands)) - 8)
		if c.bad {
			m.about.Note = "the load commands are cut"
			return
		}
		if show := machCommands[kind]; show != nil && len(m.about.Fields) < maxRows {
			show(m, &cursor{b: body, order: m.order, wide: m.wide})
		}
	}
}

func (m *machFile) segment(c *cursor) {
	s := machSegment{name: c.fixed(16), addr: c.word(), memory: c.word(), offset: c.word(), size: c.word()}
	c.u32() // the most that it may be protected to
	s.prot = c.u32()
	n := c.u32()
	c.u32() // flags
	if c.bad || len(m.segments) == maxRows {
		return
	}
	m.segments = append(m.segments, s)
	for range n {
		x := machSection{name: c.fixed(16), segment: c.fixed(16), addr: c.word(), size: c.word(), offset: c.u32()}
		c.take(12) // alignment, relocations
		x.flags = c.u32()
		c.take(8)
		if m.wide {
			c.u32()
		}
		if c.bad {
			return
		}
		m.sections = append(m.sections, x)
	}
}

// commandText returns the string of a command, whose offset is counted from its first byte.
func commandText(c *cursor) string {
	whole := *c
	at := int64(c.u32()) - 8
	if at < 0 || at > int64(len(whole.b)) {
		return ""
	}
	return whole.fixedFrom(int(at))
}

// fixedFrom returns what is between at and the next NUL, or the end.
func (c *cursor) fixedFrom(at int) string {
	c.take(at)
	return c.fixed(min(len(c.b), maxName))
}

// dylib shows a library by its install name, which @rpath and the like may begin.
func (m *machFile) dylib(field, tip string, c *cursor) {
	name := commandText(c)
	c.u32() // date
	v := refer(name, RefPath, name)
	if !strings.HasPrefix(name, "/") {
		v = refer(name, RefFind, path.Base(name))
	}
	if version := version(c.u32()); tip == "" {
		v.Tip = "version " + version
	} else {
		v.Tip = tip
	}
	m.about.add(field, v)
}

// version is X.Y.Z, of 16, 8 and 8 bits.
func version(v uint32) string { return fmt.Sprintf("%d.%d.%d", v>>16, v>>8&0xff, v&0xff) }

func (m *machFile) pathCommand(field string, c *cursor) {
	s := commandText(c)
	v := plain(s)
	if strings.HasPrefix(s, "/") {
		v = refer(s, RefPath, s)
	}
	m.about.add(field, v)
}

func (m *machFile) signature(c *cursor) {
	off, size := c.u32(), c.u32()
	v := m.offset(uint64(off), uint64(size))
	m.about.add("Code signature", Value{Text: fmt.Sprintf("%d bytes at offset %s", size, v.Text), Ref: v.Ref})
}

func (m *machFile) encryption(c *cursor) {
	c.take(8)
	if c.u32() != 0 {
		m.about.add("Encrypted", Value{Text: "yes"})
	}
}

func (m *machFile) versions(system string, c *cursor) {
	m.about.add("Runs on", Value{Text: system + " " + version(c.u32()) + " or later"})
	m.about.add("SDK", Value{Text: version(c.u32())})
}

// platforms are those of the command LC_BUILD_VERSION, from 1.
var platforms = []string{"macOS", "iOS", "tvOS", "watchOS", "bridgeOS", "Mac Catalyst", "iOS simulator", "tvOS simulator", "watchOS simulator",
	"DriverKit", "visionOS", "visionOS simulator"}

func (m *machFile) build(c *cursor) {
	n := c.u32()
	name := fmt.Sprintf("platform %d", n)
	if n-1 < uint32(len(platforms)) {
		name = platforms[n-1]
	}
	m.versions(name, c)
}

func (m *machFile) source(c *cursor) {
	v := c.u64()
	m.about.add("Source version", Value{Text: fmt.Sprintf("%d.%d.%d.%d.%d", v>>40, v>>30&0x3ff, v>>20&0x3ff, v>>10&0x3ff, v&0x3ff)})
}

// symbols shows the first of them.
func (m *machFile) symbols(c *cursor) {
	off, n, names, size := c.u32(), c.u32(), c.u32(), c.u32()
	if m.symtab.Table != nil {
		return
	}
	m.symtab = table("Symbols", "Value", "Type", "Section", "Name")
	width := int64(12)
	if m.wide {
		width = 16
	}
	b, err := m.bytes(int64(off), min(int64(n), maxRows)*width)
	if err != nil {
		m.symtab.Note = visible(err.Error(), maxName)
		return
	}
	x := cursor{b: b, order: m.order, wide: m.wide}
	for len(x.b) > 0 {
		name, kind, section := x.u32(), x.u8(), x.u8()
		x.u16()
		value := x.word()
		text := ""
		if name < size {
			text, _ = m.cstring(int64(names)+int64(name), maxName)
		}
		m.symtab.row(hexNumber(value), Value{Text: symbolKind(kind)}, m.sectionName(section), plain(text))
	}
	if n > maxRows {
		m.symtab.Note = fmt.Sprintf("%d more symbols", n-maxRows)
	}
}

// symbolKind says what the bits of a symbol's type mean: for a debugger, private, external, undefined.
func symbolKind(k uint8) string {
	const debug, private, mask, external = 0xe0, 0x10, 0x0e, 0x01
	switch {
	case k&debug != 0:
		return "debug"
	case k&mask == 0 && k&external != 0:
		return "undefined"
	case k&private != 0:
		return "private"
	case k&external != 0:
		return "external"
	}
	return "local"
}

func (m *machFile) sectionName(i uint8) Value {
	if i == 0 || int(i) > len(m.sections) {
		return Value{}
	}
	s := m.sections[i-1]
	return plain(s.segment + "," + s.name)
}
