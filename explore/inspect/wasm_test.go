package inspect

import (
	"encoding/binary"
	"strings"
	"testing"
)

// leb makes a number of seven bits a byte.
func leb(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

// counted puts the length in front.
func counted(s string) string { return leb(len(s)) + s }

func wasmPart(id byte, content string) string { return string(id) + counted(content) }

const (
	wasmHead      = "\x00asm\x01\x00\x00\x00"
	componentHead = "\x00asm\x0d\x00\x01\x00"
)

func TestWasm(t *testing.T) {
	types := "\x03\x60\x02\x7f\x7e\x01\x7d\x60\x00\x00\x5f\x00" // of two functions, and of a structure, which is not read
	imports := leb(5) + counted("env") + counted("f") + "\x00\x00" + counted("env") + counted("g") + "\x00\x02" +
		counted("env") + counted("table") + "\x01\x70\x00\x01" + counted("env") + counted("memory") + "\x02\x03\x01\x10" + counted("env") + counted("x\u202e") + "\x03\x7f\x00"
	exports := leb(2) + counted("run") + "\x00\x05" + counted("memory") + "\x02\x00"
	producers := leb(1) + counted("language") + leb(2) + counted("Rust") + counted("") + counted("C") + counted("11")
	module := wasmHead + wasmPart(1, types) + wasmPart(2, imports) + wasmPart(5, "\x01\x00\x11") + wasmPart(7, exports) + wasmPart(10, strings.Repeat("c", 300)) +
		wasmPart(0, counted("producers")+producers) + wasmPart(0, counted("name")+"\x00"+counted(counted("main"))) +
		wasmPart(0, counted("target_features")+"\x02+"+counted("simd128")+"-"+counted("atomics")) + wasmPart(0, counted("source")+"https://example.com/x")
	d, err := inspect(t, "a", []byte(module))
	if err != nil {
		t.Fatal(err)
	}
	want := `wasm: WebAssembly module
== Header
Version: 1
Memory: 17 pages or more
Name: main
Features: +simd128 -atomics
source: https://example.com/x <url https://example.com/x>
== Produced by
language: Rust
language: C 11
== Imports
# Module | Name | Kind | Type
env | f | function | (i32, i64) → f32
env | g | function | 
env | table | table | 1 elements or more
env | memory | memory | 1 to 16 pages, shared
env | x<U+202E> | global | i32
== Exports
# Name | Kind | Index
run | function | 5
memory | memory | 0
== Sections
# Section | Name | Offset | Size
type |  | 0xa <offset 10> | 12
import |  | 0x18 <offset 24> | 58
memory |  | 0x54 <offset 84> | 3
export |  | 0x59 <offset 89> | 16
code |  | 0x6c <offset 108> | 300
custom | producers | 0x19a <offset 410> | 32
custom | name | 0x1bc <offset 444> | 12
custom | target_features | 0x1ca <offset 458> | 35
custom | source | 0x1ef <offset 495> | 28
`
	if got := printDoc(d); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestWasmComponent(t *testing.T) {
	imports := leb(3) + "\x00" + counted("wasi:cli/run@0.2.0") + "\x05\x00" + "\x02" + counted("a:b/c@1") + counted(".2.3") + "\x01\x07" + "\x00" + counted("m") + "\x00\x11\x00"
	exports := leb(2) + "\x00" + counted("run") + "\x01\x03\x00" + "\x00" + counted("core") + "\x00\x11\x02\x01\x00\x11\x00"
	d, err := inspect(t, "a", []byte(componentHead+wasmPart(1, wasmHead)+wasmPart(10, imports)+wasmPart(11, exports)+wasmPart(0, counted("component-name")+"\x00"+counted(counted("greet")))))
	if err != nil {
		t.Fatal(err)
	}
	want := `wasm: WebAssembly component
== Header
Version: 13
Name: greet
== Imports
# Module | Name | Kind | Type
 | wasi:cli/run@0.2.0 | instance | 
 | a:b/c@1.2.3 | function | 
 | m | core module | 
== Exports
# Name | Kind | Index
run | function | 3
core | core module | 2
`
	if got := printDoc(d); !strings.HasPrefix(got, want) {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestWasmHostile(t *testing.T) {
	many := leb(1 << 60)
	for what, data := range map[string]string{
		"a section behind the end": wasmHead + "\x0a\xff\xff\x7f",
		"an unknown section":       wasmHead + "\x40\x00",
		"a number without end":     wasmHead + "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"a cut section":            wasmHead + wasmPart(1, types1000())[:100],
		"many types":               wasmHead + wasmPart(1, many+strings.Repeat("\x60\x00\x00", 20_000)),
		"many imports":             wasmHead + wasmPart(2, many+"\x01a\x01b\x00\x00"),
		"many exports":             wasmHead + wasmPart(7, many+strings.Repeat("\x01a\x00\x00", 20_000)),
		"a long name":              wasmHead + wasmPart(2, "\x01"+many),
		"many producers":           wasmHead + wasmPart(0, counted("producers")+many+strings.Repeat("\x00"+many, 100)),
		"many sections":            wasmHead + strings.Repeat("\x0a\x00", 100_000),
		"components":               componentHead + wasmPart(10, many+strings.Repeat("\x00\x01a\x03\x00\x00", 5000)),
	} {
		if spent := allocated(func() { inspect(t, what, []byte(data)) }); spent > 16<<20 {
			t.Errorf("%s: %d bytes of memory", what, spent)
		}
	}
}

func types1000() string { return leb(1000) + strings.Repeat("\x60\x01\x7f\x00", 1000) }

func FuzzWasm(f *testing.F) {
	f.Add([]byte(wasmPart(1, "\x01\x60\x01\x7f\x00") + wasmPart(2, "\x01\x01a\x01b\x00\x00")))
	f.Add([]byte(wasmPart(0, counted("producers")+"\x01\x01a\x01\x01b\x01c")))
	f.Fuzz(func(t *testing.T, sections []byte) {
		inspect(t, "a", append([]byte(wasmHead), sections...))
		inspect(t, "a", append([]byte(componentHead), sections...))
	})
}
