package inspect

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// ggufText makes a string with its length, as words does numbers.
func ggufText(s string) string { return fmt.Sprintf("8:%d %s", len(s), s) }

func TestGGUF(t *testing.T) {
	file := "GGUF 4:3 8:2 8:7 " +
		ggufText("general.architecture") + " 4:8 " + ggufText("llama") + " " +
		ggufText("general.name") + " 4:8 " + ggufText("Tiny") + " " +
		ggufText("general.url") + " 4:8 " + ggufText("https://example.com/m") + " " +
		ggufText("a.b") + " 4:6 4:0x3fc00000 " +
		ggufText("flag") + " 4:7 1:1 " +
		ggufText("tokens") + " 4:9 4:8 8:20 " + strings.Repeat("8:2 t\\n ", 20) +
		ggufText("numbers") + " 4:9 4:5 8:18 " + strings.Repeat("4:-1 ", 18) +
		ggufText("blk.0.weight") + " 4:2 8:64 8:32 4:12 8:0 " +
		ggufText("norm") + " 4:1 8:64 4:0 8:4096 "
	d, err := inspect(t, "a", words(t, binary.LittleEndian, file))
	if err != nil {
		t.Fatal(err)
	}
	tokens := "[" + strings.Repeat(`t\x0a, `, 16) + "… (20)]"
	want := `gguf: GGUF version 3, llama, Tiny
== 7 keys
# Key | Value
general.architecture | llama
general.name | Tiny
general.url | https://example.com/m <url https://example.com/m>
a.b | 1.5
flag | true
tokens | ` + tokens + `
numbers | [` + strings.Repeat("-1, ", 16) + `… (18)]
== 2 tensors
Parameters: 2112
# Name | Type | Shape | Parameters | Offset in data
blk.0.weight | Q4_K | 64 × 32 | 2048 | 0
norm | F32 | 64 | 64 | 4096
`
	if got := printDoc(d); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestGGUFVersions: the first has lengths of 4 bytes; files of big-endian machines are big-endian throughout.
func TestGGUFVersions(t *testing.T) {
	for _, c := range []struct {
		order binary.AppendByteOrder
		file  string
	}{
		{binary.LittleEndian, "GGUF 4:1 4:0 4:1 4:1 a 4:10 8:7"},
		{binary.LittleEndian, "GGUF 4:2 8:0 8:1 8:1 a 4:10 8:7"},
		{binary.BigEndian, "GGUF 4:3 8:0 8:1 8:1 a 4:10 8:7"},
	} {
		d, err := inspect(t, "a", words(t, c.order, c.file))
		if err != nil || !strings.HasSuffix(printDoc(d), "\na | 7\n== 0 tensors\nParameters: 0\n# Name | Type | Shape | Parameters | Offset in data\n") {
			t.Errorf("%s: %v", c.file, err)
		}
	}
}

func TestModelsHostile(t *testing.T) {
	const many = "8:0x7fffffffffffffff"
	for what, file := range map[string]string{
		"many keys":           "GGUF 4:3 8:0 " + many + " 8:1 a 4:10 8:7",
		"many tensors":        "GGUF 4:3 " + many + " 8:0",
		"a long key":          "GGUF 4:3 8:0 8:1 " + many,
		"a long string":       "GGUF 4:3 8:0 8:1 8:1 a 4:8 " + many,
		"a long array":        "GGUF 4:3 8:0 8:1 8:1 a 4:9 4:8 " + many,
		"an array of numbers": "GGUF 4:3 8:0 8:1 8:1 a 4:9 4:10 " + many + strings.Repeat(" 8:1", 100),
		"arrays in arrays":    "GGUF 4:3 8:0 8:1 8:1 a 4:9" + strings.Repeat(" 4:9 8:1", 1000),
		"many dimensions":     "GGUF 4:3 8:1 8:0 8:1 a 4:0xffffffff",
		"no such type":        "GGUF 4:3 8:0 8:1 8:1 a 4:77",
		"no such version":     "GGUF 4:9 8:0 8:0",
		"a long header":       "8:90000000 {\\x22",
		"a header cut":        "8:100 {\\x22",
		"no JSON":             "8:4 {\\x22a:",
	} {
		data := words(t, binary.LittleEndian, file)
		spent := allocated(func() {
			if _, err := inspect(t, what, data); err == nil {
				t.Errorf("%s: no error", what)
			}
		})
		if spent > 8<<20 {
			t.Errorf("%s: %d bytes of memory", what, spent)
		}
	}
}

func safetensorsFile(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestSafetensors(t *testing.T) {
	header := `{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},` +
		`"one":{"dtype":"I64","shape":[],"data_offsets":[32,40]}}`
	d, err := inspect(t, "a", safetensorsFile(header, 40))
	if err != nil {
		t.Fatal(err)
	}
	want := `safetensors: safetensors, 3 tensors
== Metadata
format: pt
== Tensors
Parameters: 11
of BF16: 4
of F32: 6
of I64: 1
# Name | Type | Shape | Parameters | Bytes | Offset
a | BF16 | 4 | 4 | 8 | 0xce <offset 206>
b | F32 | 2 × 3 | 6 | 24 | 0xd6 <offset 214>
one | I64 |  | 1 | 8 | 0xee <offset 238>
`
	if got := printDoc(d); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	d, err = inspect(t, "a", safetensorsFile(header, 39))
	if err != nil || !strings.Contains(d.Note, "cut") {
		t.Errorf("a file that lacks a byte: %q, %v", d.Note, err)
	}
}

func FuzzGGUF(f *testing.F) {
	for _, s := range []string{"8:1 8:1 8:1 a 4:9 4:8 8:1 8:1 b 8:1 w 4:1 8:2 4:0 8:0", "8:0 8:2 8:1 a 4:6 4:1 8:1 b 4:9 4:5 8:1 4:1"} {
		f.Add(words(f, binary.LittleEndian, s))
	}
	f.Fuzz(func(t *testing.T, rest []byte) {
		inspect(t, "a", append([]byte("GGUF\x03\x00\x00\x00"), rest...))
		inspect(t, "a", append([]byte("GGUF\x01\x00\x00\x00"), rest...))
	})
}

func FuzzSafetensors(f *testing.F) {
	f.Add(`{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"__metadata__":{"a":"b"}}`)
	f.Fuzz(func(t *testing.T, header string) { inspect(t, "a", safetensorsFile(header, 24)) })
}
