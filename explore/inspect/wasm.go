package inspect

import (
	"encoding/binary"
	"fmt"
	"strings"
)

const (
	maxWasmSections = 2000
	maxWasmSection  = 4 << 20 // bytes that are read of one: code and data are skipped
	maxCustom       = 64 << 10
	maxWasmTypes    = 10_000

	wasmFunction = 0x60
)

// wasmFile is what is gathered of a WebAssembly module or component.
type wasmFile struct {
	*file
	types     []string // of functions, as far as they could be read
	about     Section
	producers Section
	imports   Section
	exports   Section
	sections  Section
}

// wasmSection is a kind of section, and what reads it, which returns a name if there is one.
type wasmSection struct {
	name string
	read func(w *wasmFile, c *cursor) string
}

// The sections of a module, and those of a component, by number.
var (
	wasmModule = []wasmSection{
		{"custom", (*wasmFile).custom}, {"type", (*wasmFile).readTypes}, {"import", (*wasmFile).readImports}, {"function", nil}, {"table", nil},
		{"memory", (*wasmFile).readMemory}, {"global", nil}, {"export", (*wasmFile).readExports}, {"start", nil}, {"element", nil}, {"code", nil},
		{"data", nil}, {"data count", nil}, {"tag", nil},
	}
	wasmComponent = []wasmSection{
		{"custom", (*wasmFile).custom}, {"core module", nil}, {"core instance", nil}, {"core type", nil}, {"component", nil}, {"instance", nil},
		{"alias", nil}, {"type", nil}, {"canon", nil}, {"start", nil}, {"import", (*wasmFile).componentImports},
		{"export", (*wasmFile).componentExports}, {"value", nil},
	}
)

// decodeWasm shows the sections of a module or a component, what it wants and what it offers.
func decodeWasm(f *file) (*Doc, error) {
	head, err := f.bytes(0, min(f.size, 8))
	if err != nil {
		return nil, err
	}
	w := &wasmFile{file: f, about: Section{Title: "Header"}, producers: Section{Title: "Produced by"},
		imports: table("Imports", "Module", "Name", "Kind", "Type"), exports: table("Exports", "Name", "Kind", "#Index"),
		sections: table("Sections", "Section", "Name", "Offset", "#Size")}
	d := &Doc{Kind: string(KindWasm), Title: "WebAssembly module", Command: "wasm-tools objdump"}
	kinds := wasmModule
	if layer := u16(head, 6); layer == 1 {
		d.Title, kinds = "WebAssembly component", wasmComponent
	}
	w.about.add("Version", number(u16(head, 4)))
	err = w.walk(kinds)
	for _, s := range []Section{w.about, w.producers, w.imports, w.exports, w.sections} {
		d.addSection(s)
	}
	return d, err
}

// walk goes over the sections: a number, a size, and the content.
func (w *wasmFile) walk(kinds []wasmSection) error {
	for at := int64(8); at < w.size; {
		if len(w.sections.Table.Rows) == maxWasmSections {
			w.sections.Note = "and more"
			return nil
		}
		head, err := w.bytes(at, min(w.size-at, 1+binary.MaxVarintLen32))
		if err != nil {
			return err
		}
		c := cursor{b: head}
		id, size := c.u8(), c.uvarint()
		body := at + int64(len(head)-len(c.b))
		if c.bad || size > uint64(w.size-body) || int(id) >= len(kinds) {
			return fmt.Errorf("%w: a section %d of %d bytes at offset %d", ErrSyntax, id, size, at)
		}
		name, err := w.read(kinds[id], body, int64(size))
		if err != nil {
			return err
		}
		w.sections.row(Value{Text: kinds[id].name}, plain(name), offset(body), number(size))
		at = body + int64(size)
	}
	return nil
}

func (w *wasmFile) read(kind wasmSection, at, size int64) (name string, err error) {
	if kind.read == nil {
		return "", nil
	}
	most := int64(maxWasmSection)
	if kind.name == "custom" { // which may be debug info
		most = maxCustom
	}
	content, err := w.bytes(at, min(size, most))
	if err != nil {
		return "", err
	}
	return kind.read(w, &cursor{b: content, order: binary.LittleEndian}), nil
}

// wasmName takes a length and as many bytes.
func (c *cursor) wasmName() string { return string(c.take(int(min(c.uvarint(), maxWasmSection)))) }

var valueTypes = map[uint8]string{0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64", 0x7b: "v128", 0x70: "funcref", 0x6f: "externref"}

// readTypes reads the types of functions, up to the first of another kind.
func (w *wasmFile) readTypes(c *cursor) string {
	list := func() string {
		var names []string
		for range min(c.uvarint(), 1000) {
			name, ok := valueTypes[c.u8()]
			c.bad = c.bad || !ok
			if c.bad {
				break
			}
			names = append(names, name)
		}
		return strings.Join(names, ", ")
	}
	for range min(c.uvarint(), maxWasmTypes) {
		if c.u8() != wasmFunction {
			break
		}
		params := list()
		results := list()
		if c.bad {
			break
		}
		w.types = append(w.types, strings.TrimSuffix("("+params+") → "+results, " → "))
	}
	return ""
}
