package inspect

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestMachO compares with package debug/macho.
func TestMachO(t *testing.T) {
	for name, data := range goroot(t, "debug/macho/testdata", ".base64") {
		d, err := inspect(t, name, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		archs := []*macho.File{}
		if fat, err := macho.NewFatFile(bytes.NewReader(data)); err == nil {
			for _, a := range fat.Arches {
				archs = append(archs, a.File)
			}
		} else if f, err := macho.NewFile(bytes.NewReader(data)); err == nil {
			archs = append(archs, f)
		} else {
			continue // debug/macho looks at more, such as the indirect symbols
		}
		for _, f := range archs {
			prefix := ""
			if len(archs) > 1 {
				prefix = cpuName(f.Cpu, f.SubCpu) + ": "
			}
			compareMachO(t, name, prefix, d, f)
		}
	}
}

func compareMachO(t *testing.T, name, prefix string, d *Doc, f *macho.File) {
	t.Helper()
	var sections, segments, symbols []string
	for _, s := range f.Sections {
		sections = append(sections, fmt.Sprintf("%s %s %d", s.Seg, s.Name, s.Size))
	}
	for _, l := range f.Loads {
		if s, ok := l.(*macho.Segment); ok {
			segments = append(segments, fmt.Sprintf("%s %d", s.Name, s.Filesz))
		}
	}
	if f.Symtab != nil {
		for _, s := range f.Symtab.Syms {
			symbols = append(symbols, s.Name)
		}
	}
	cells := func(title string, names ...string) (all []string) {
		all = column(d, prefix+title, names[0])
		for _, n := range names[1:] {
			all = joined(all, prefixed(" ", column(d, prefix+title, n)))
		}
		return all
	}
	compare(t, name+" sections", cells("Sections", "Segment", "Name", "Size"), sections)
	compare(t, name+" segments", cells("Segments", "Name", "In file"), segments)
	compare(t, name+" symbols", cells("Symbols", "Name"), symbols)
	libs, _ := f.ImportedLibraries()
	for _, lib := range libs {
		if !slices.Contains(fieldsOf(d, "Needs"), lib) {
			t.Errorf("%s: needs %q, want %q", name, fieldsOf(d, "Needs"), lib)
		}
	}
}

// TestMachOWords: what is shown of load commands that debug/macho leaves as bytes.
func TestMachOWords(t *testing.T) {
	command := func(s string) []byte {
		b := words(t, binary.LittleEndian, s)
		for len(b)%8 > 0 {
			b = append(b, 0)
		}
		binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
		return b
	}
	commands := slices.Concat(
		command("4:0x32 4:0 4:1 4:0x000d0100 4:0x000e0200 4:0"),
		command("4:0x1b 4:0 0123456789abcdef"),
		command("4:0xc 4:0 4:24 4:2 4:0x00010203 4:0x10000 /usr/lib/libSystem.B.dylib\\x00"),
		command("4:0x80000018 4:0 4:24 4:2 4:0x10000 4:0x10000 @rpath/libweak.dylib\\x00"),
		command("4:0x8000001c 4:0 4:12 @loader_path/../lib\\x00"),
		command("4:0xe 4:0 4:12 /usr/lib/dyld\\x00"),
		command("4:0x1d 4:0 4:8 4:16"),
		command("4:0x2a 4:0 8:0x0000010000000000"),
		command("4:0x80000028 4:0 8:4 8:0"),
	)
	file := words(t, binary.LittleEndian, fmt.Sprintf("4:0xfeedfacf 4:0x0100000c 4:2 4:2 4:9 4:%d 4:0x200085 4:0", len(commands)))
	d, err := inspect(t, "a", append(file, commands...))
	if err != nil {
		t.Fatal(err)
	}
	want := `mach-o: Mach-O exec, arm64e
== Security
Position independent: yes
Executable stack: no
== Header
Flags: 0x200085
Runs on: macOS 13.1.0 or later
SDK: 14.2.0
UUID: 30313233-3435-3637-3839-616263646566
Needs: /usr/lib/libSystem.B.dylib <path /usr/lib/libSystem.B.dylib>
Needs: @rpath/libweak.dylib <find libweak.dylib>
RPATH: @loader_path/../lib
Interpreter: /usr/lib/dyld <path /usr/lib/dyld>
Code signature: 16 bytes at offset 0x8 <offset 8>
Source version: 1.0.0.0.0
Entry: 0x4 <offset 4>
`
	if got := printDoc(d); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestMachOHostile: numbers that promise more than there is cost an error or a note, not memory.
func TestMachOHostile(t *testing.T) {
	for _, s := range []string{
		"4:0xfeedfacf 4:0x01000007 4:3 4:2 4:0xffffffff 4:0xffffffff 4:0 4:0",
		"4:0xfeedfacf 4:0x01000007 4:3 4:2 4:0xffffffff 4:24 4:0 4:0 4:2 4:24 4:0 4:0xffffffff 4:0 4:0xffffffff",
		"4:0xfeedfacf 4:0x01000007 4:3 4:2 4:0xffffffff 4:8 4:0 4:0 4:2 4:0",
		"4:0xfeedface 4:7 4:3 4:2 4:1 4:56 4:0 4:1 4:56 " + strings.Repeat("4:0 ", 10) + "4:0xffffffff 4:0",
	} {
		data := words(t, binary.LittleEndian, s)
		if spent := allocated(func() { inspect(t, s, data) }); spent > 8<<20 {
			t.Errorf("%s: %d bytes of memory", s, spent)
		}
	}
	fat := words(t, binary.BigEndian, "4:0xcafebabe 4:2 4:7 4:3 4:0 4:48 4:0 4:7 4:3 4:0xffffffff 4:1 4:0")
	if _, err := inspect(t, "fat", fat); err == nil {
		t.Error("an architecture behind the end: no error")
	}
}
