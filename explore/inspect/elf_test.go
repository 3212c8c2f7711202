package inspect

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// elfFiles are executables of this machine, the test itself among them, and those of many machines that Go brings along.
func elfFiles(t *testing.T) map[string][]byte {
	t.Helper()
	all := goroot(t, "debug/elf/testdata", "")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/bin/ls", "/lib/x86_64-linux-gnu/libc.so.6", self} {
		if data, err := os.ReadFile(name); err == nil {
			all[name] = data
		}
	}
	for name, data := range all {
		if Detect("", data[:min(len(data), HeadSize)]) != KindELF {
			delete(all, name)
		}
	}
	return all
}

// column returns the texts of a column of the table with this title.
func column(d *Doc, title, name string) (all []string) {
	for _, s := range d.Sections {
		if s.Title != title || s.Table == nil {
			continue
		}
		i := slices.IndexFunc(s.Table.Columns, func(c Column) bool { return c.Name == name })
		for _, row := range s.Table.Rows {
			all = append(all, row[i].Text)
		}
	}
	return all
}

// fieldsOf returns the texts of the fields of this name.
func fieldsOf(d *Doc, name string) (all []string) {
	for _, s := range d.Sections {
		for _, f := range s.Fields {
			if f.Name == name {
				all = append(all, f.Value.Text)
			}
		}
	}
	return all
}

// TestELF compares with package debug/elf.
func TestELF(t *testing.T) {
	for name, data := range elfFiles(t) {
		d, err := inspect(t, name, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var sections, segments, symbols []string
		for _, s := range f.Sections {
			if s.Flags&elf.SHF_COMPRESSED != 0 { // Size is what it decompresses to
				s.Size = s.FileSize
			}
			sections = append(sections, s.Name+fmt.Sprint(s.Size))
		}
		for _, p := range f.Progs {
			segments = append(segments, fmt.Sprint(strings.TrimPrefix(p.Type.String(), "PT_"), p.Filesz))
		}
		dynamic, _ := f.DynamicSymbols()
		for _, s := range dynamic[:min(len(dynamic), maxRows)] {
			if s.Version != "" {
				s.Name += "@" + s.Version
			}
			symbols = append(symbols, s.Name)
		}
		libs, _ := f.ImportedLibraries()
		compare(t, name+" sections", joined(column(d, "Sections", "Name"), column(d, "Sections", "Size")), sections)
		compare(t, name+" segments", joined(column(d, "Program headers", "Type"), column(d, "Program headers", "In file")), segments)
		compare(t, name+" symbols", column(d, "Dynamic symbols", "Name"), symbols)
		compare(t, name+" libraries", fieldsOf(d, "Needs"), libs)
	}
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) == maxRows && len(want) > maxRows {
		want = want[:maxRows]
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: %.2000q\nwant %.2000q", what, got, want)
	}
}

func joined(a, b []string) (all []string) {
	for i := range a {
		all = append(all, a[i]+b[i])
	}
	return all
}

// TestELFWords: what the words of the section on security say of known files.
func TestELFWords(t *testing.T) {
	for name, want := range map[string]string{
		"libtiffxx.so_":          "shared library / no / none / yes / yes",
		"gcc-amd64-linux-exec":   "no / no / none / none found / no, with debug info",
		"gcc-386-freebsd-exec":   "no / not said / none / none found / no, with debug info",
		"gcc-riscv64-linux-exec": "no / no / partial / none found / yes",
	} {
		data := elfFiles(t)[name]
		if data == nil {
			continue
		}
		d, err := inspect(t, name, data)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, field := range []string{"Position independent", "Executable stack", "RELRO", "Stack canary", "Stripped"} {
			got = append(got, fieldsOf(d, field)...)
		}
		if got := strings.Join(got, " / "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestGoBuild compares with package debug/buildinfo, on the test itself.
func TestGoBuild(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want, err := buildinfo.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	d, err := inspect(t, self, data)
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, m := range want.Deps {
		modules = append(modules, m.Path+" "+m.Version)
	}
	got := joined(column(d, "Go modules", "Module"), prefixed(" ", column(d, "Go modules", "Version")))
	compare(t, "modules", got, modules)
	compare(t, "version", fieldsOf(d, "Go"), []string{want.GoVersion})
	compare(t, "package", fieldsOf(d, "Package"), []string{want.Path})
	for _, s := range want.Settings {
		if s.Value != "" {
			compare(t, s.Key, fieldsOf(d, s.Key), []string{s.Value})
		}
	}
}

func prefixed(prefix string, all []string) []string {
	for i := range all {
		all[i] = prefix + all[i]
	}
	return all
}

// TestELFHostile: headers that promise more than there is cost an error or a note, not memory.
func TestELFHostile(t *testing.T) {
	files := elfFiles(t)
	good := files["libtiffxx.so_"]
	if good == nil {
		t.Skip("Go's test data is not here")
	}
	le := binary.LittleEndian
	for what, change := range map[string]func(b []byte){
		"sections behind the end":  func(b []byte) { le.PutUint64(b[0x28:], 1<<40) },
		"65,000 sections":          func(b []byte) { le.PutUint16(b[0x3c:], 65000) },
		"sections of no size":      func(b []byte) { le.PutUint16(b[0x3a:], 0) },
		"2^60 sections":            func(b []byte) { le.PutUint16(b[0x3c:], 0); le.PutUint64(b[le.Uint64(b[0x28:])+0x20:], 1<<60) },
		"names in the last of all": func(b []byte) { le.PutUint16(b[0x3e:], 0xfffe) },
		"names that are the file": func(b []byte) {
			at := le.Uint64(b[0x28:]) + 64*uint64(le.Uint16(b[0x3e:]))
			le.PutUint64(b[at+0x18:], 0)
			le.PutUint64(b[at+0x20:], 1<<62)
		},
		"1,000 segments": func(b []byte) { le.PutUint16(b[0x38:], 1000) },
		"no dynamic linker's strings": func(b []byte) {
			for at := uint64(64); at < 64+56*10; at += 56 {
				le.PutUint64(b[at+16:], 1<<63)
			}
		},
		"needs without end": func(b []byte) {
			at := bytes.Index(b, []byte("\x01\x00\x03\x00")) // a need of three versions
			if at > 0 {
				le.PutUint32(b[at+8:], 0)
				le.PutUint32(b[at+12:], 1<<32-1)
			}
		},
	} {
		bad := slices.Clone(good)
		change(bad)
		spent := allocated(func() {
			if d, err := inspect(t, what, bad); d == nil && err == nil {
				t.Errorf("%s: neither a Doc nor an error", what)
			}
		})
		if spent > 16<<20 {
			t.Errorf("%s: %d bytes of memory", what, spent)
		}
	}
	for n := range 100 {
		inspect(t, "cut", good[:n])
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzInspect decodes what strangers send: whatever it is, tables are square, and what is shown can be shown.
func FuzzInspect(f *testing.F) {
	for _, s := range []string{"", "text", `{"a":1}`, "#!/bin/sh\n", "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60)} {
		f.Add("etc/passwd", []byte(s))
	}
	for _, folder := range []string{"debug/elf/testdata", "debug/macho/testdata", "debug/pe/testdata"} {
		for name, data := range goroot(f, folder, "") {
			if len(data) < 12<<10 {
				f.Add(name, data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) { inspect(t, name, data) })
}
