package inspect

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestPE compares with package debug/pe.
func TestPE(t *testing.T) {
	for name, data := range goroot(t, "debug/pe/testdata", "") {
		f, err := pe.NewFile(bytes.NewReader(data))
		if err != nil || Detect(name, data[:min(len(data), HeadSize)]) != KindPE {
			continue // an object, or no PE
		}
		d, err := inspect(t, name, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var sections, imports []string
		for _, s := range f.Sections {
			sections = append(sections, fmt.Sprintf("%s %d", s.Name, s.Size))
		}
		compare(t, name+" sections", joined(column(d, "Sections", "Name"), prefixed(" ", column(d, "Sections", "In file"))), sections)
		symbols, err := f.ImportedSymbols()
		if err != nil || f.Section(".idata") == nil {
			continue
		}
		for _, s := range symbols {
			function, dll, _ := strings.Cut(s, ":")
			imports = append(imports, dll+" "+function)
		}
		compare(t, name+" imports", joined(column(d, "Imports", "File"), prefixed(" ", column(d, "Imports", "Function"))), imports)
	}
}

// peImage makes a PE file of one section, which is loaded at 0x1000 and stands at 0x200. dirs are the data directories.
func peImage(t *testing.T, dirs string, section []byte) []byte {
	t.Helper()
	le := binary.LittleEndian
	head := words(t, le, "MZ"+strings.Repeat(" 1:0", 0x3a)+" 4:0x40 PE\\x00\\x00 2:0x8664 2:1 4:0x5f000000 4:0 4:0 2:240 2:0x2022")
	optional := words(t, le, "2:0x20b 1:14 1:2 4:0 4:0 4:0 4:0x1000 4:0 8:0x180000000 4:0 4:0 8:0 8:0 4:0 4:0 4:0 2:3 2:0x4160 8:0 8:0 8:0 8:0 4:0 4:16 "+dirs)
	optional = append(optional, make([]byte, 240-len(optional))...)
	header := words(t, le, fmt.Sprintf(".rdata\\x00\\x00 4:%d 4:0x1000 4:%d 4:0x200 4:0 4:0 4:0 4:0x40000040", len(section), len(section)))
	all := slices.Concat(head, optional, header)
	return slices.Concat(all, make([]byte, 0x200-len(all)), section)
}

// TestPEWords: exports, forwarded ones, imports by number, and the resource with the version.
func TestPEWords(t *testing.T) {
	exports := "4:0 4:0 4:0 4:0x1060 4:5 4:2 4:2 4:0x1028 4:0x1030 4:0x1038 4:0x2000 4:0x1040 4:0x1064 4:0x106a 2:0 2:1 4:0" + // 0x1000
		" ntdll.Go\\x00" + strings.Repeat(" 1:0", 23) + " one\\x00 first\\x00 second\\x00" // 0x1040, 0x1060
	section := words(t, binary.LittleEndian, exports)
	section = append(section, make([]byte, 0x80-len(section))...)
	imports := "4:0x10a8 4:0 4:0 4:0x10c0 4:0" + strings.Repeat(" 4:0", 5) + " 4:7 4:0x80000000 8:0x10c8 8:0 two.dll\\x00 2:0 call\\x00" // 0x1080
	section = append(section, words(t, binary.LittleEndian, imports)...)
	section = append(section, make([]byte, 0x100-len(section))...)
	const resources = "4:0 4:0 4:0 2:0 2:1 4:16 4:0x80000018 " + // 0x1100: the types
		"4:0 4:0 4:0 2:0 2:1 4:1 4:0x80000030 " + // 0x1118: the names
		"4:0 4:0 4:0 2:0 2:1 4:1033 4:0x48 " + // 0x1130: the languages
		"4:0x1158 4:200 4:0 4:0" // 0x1148: the content
	section = append(section, words(t, binary.LittleEndian, resources)...)
	section = append(section, versionNode("VS_VERSION_INFO", words(t, binary.LittleEndian, "4:0xfeef04bd 4:0 4:0x00010002 4:0x00030004 4:0x00050006 4:0x00070008"), 0,
		versionNode("StringFileInfo", nil, 0, versionNode("040904b0", nil, 0, versionNode("ProductName", []byte(utf16le("Käse\x00")), 1))))...)
	dirs := "4:0x1000 4:0x60 4:0x1080 4:40 4:0x1100 4:0x200 4:0 4:0 4:0x900 4:1912"
	d, err := inspect(t, "a", peImage(t, dirs, section))
	if err != nil {
		t.Fatal(err)
	}
	got := printDoc(d)
	for _, want := range []string{
		"pe: PE32+ DLL (console), x86-64\n",
		"Position independent: yes\n64 bits of randomness: yes\nNo executable data: yes\nControl flow guard: yes\nSignature is enforced: no\n" +
			"Signature: 1912 bytes of Authenticode <offset 2304>\n",
		"== Version\nFile version: 1.2.3.4\nProduct version: 5.6.7.8\nProductName: Käse\n",
		"== Imports\n# File | Function\ntwo.dll <find two.dll> | #7\ntwo.dll <find two.dll> | call\n",
		"== Exports\nName: one\n# Number | Address | Name | Forwarded to\n5 | 0x2000 | first | \n6 | 0x1040 | second | ntdll.Go <find ntdll.dll>\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
}

// versionNode makes a node of a version's resource.
func versionNode(key string, value []byte, kind uint16, below ...[]byte) []byte {
	b := append(make([]byte, 6), utf16le(key+"\x00")...)
	pad := func() {
		for len(b)%4 > 0 {
			b = append(b, 0)
		}
	}
	pad()
	b = append(b, value...)
	for _, n := range below {
		pad()
		b = append(b, n...)
	}
	size := len(value)
	if kind == 1 {
		size /= 2
	}
	binary.LittleEndian.PutUint16(b, uint16(len(b)))
	binary.LittleEndian.PutUint16(b[2:], uint16(size))
	binary.LittleEndian.PutUint16(b[4:], kind)
	return b
}

// TestPEHostile: numbers that promise more than there is cost an error or an empty table, not memory.
func TestPEHostile(t *testing.T) {
	self := strings.Repeat("4:0x1000 4:0xffffffff ", 16)
	many := strings.Repeat("4:0x1000 ", 10_000)
	loop := "4:0 4:0 4:0 2:0xffff 2:0xffff " + strings.Repeat("4:16 4:0x80000000 ", 1000)
	for _, section := range []string{"", many, loop} {
		data := peImage(t, self, words(t, binary.LittleEndian, section))
		if spent := allocated(func() { inspect(t, "a", data) }); spent > 16<<20 {
			t.Errorf("%.40s: %d bytes of memory", section, spent)
		}
	}
	data := peImage(t, "", nil)
	for n := range len(data) {
		inspect(t, "a", data[:n])
	}
}
