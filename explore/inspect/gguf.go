package inspect

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

const (
	maxGGUFKeys  = 10_000
	maxTensors   = 100_000 // that are counted; maxRows of them are shown
	maxArray     = 16      // values that are shown
	maxArrayNest = 4
)

// ggufFile is a file of the format of llama.cpp, from front to back. Lengths have 4 bytes in its first version, and 8 since.
type ggufFile struct {
	stream
	version uint32
}

// decodeGGUF shows the keys and values of a model, and its tensors.
func decodeGGUF(f *file) (*Doc, error) {
	g := &ggufFile{stream: stream{file: f, order: binary.LittleEndian}}
	g.take(4)
	if g.version = g.u32(); g.version >= 1<<16 {
		g.order, g.version = binary.BigEndian, bits.ReverseBytes32(g.version)
	}
	if g.version > 3 || g.version == 0 {
		return nil, fmt.Errorf("%w: GGUF of version %d", ErrSyntax, g.version)
	}
	tensors, keys := g.length(), g.length()
	d := &Doc{Kind: string(KindGGUF)}
	values := table(fmt.Sprintf("%d keys", keys), "Key", "Value")
	about := map[string]string{}
	for i := range min(keys, maxGGUFKeys) {
		key := g.string()
		v := g.value(g.u32(), 0)
		if g.err != nil {
			break
		}
		if i < maxRows {
			values.row(plain(key), refer(v, webRef(v).Kind, webRef(v).To))
		}
		if strings.HasPrefix(key, "general.") {
			about[key] = v
		}
	}
	list := g.tensors(tensors)
	d.Title = strings.Join(distinct([]string{fmt.Sprintf("GGUF version %d", g.version), visible(about["general.architecture"], 64),
		visible(about["general.name"], 100)}), ", ")
	d.addSection(values)
	d.addSection(list)
	return d, g.err
}

func (g *ggufFile) length() uint64 {
	if g.version == 1 {
		return uint64(g.u32())
	}
	return g.u64()
}

// string takes a string, of which more than a value shows is left out.
func (g *ggufFile) string() string { return g.text(g.length(), maxValue+1) }

// The numbers of types that are not plain numbers.
const (
	ggufString = 8
	ggufArray  = 9
)

// ggufNumbers are the other types: their sizes, and what prints them.
var ggufNumbers = map[uint32]struct {
	size  uint64
	print func(g *ggufFile) string
}{
	0:  {1, func(g *ggufFile) string { return strconv.Itoa(int(g.u8())) }},
	1:  {1, func(g *ggufFile) string { return strconv.Itoa(int(int8(g.u8()))) }},
	2:  {2, func(g *ggufFile) string { return strconv.Itoa(int(g.u16())) }},
	3:  {2, func(g *ggufFile) string { return strconv.Itoa(int(int16(g.u16()))) }},
	4:  {4, func(g *ggufFile) string { return strconv.Itoa(int(g.u32())) }},
	5:  {4, func(g *ggufFile) string { return strconv.Itoa(int(int32(g.u32()))) }},
	6:  {4, func(g *ggufFile) string { return strconv.FormatFloat(g.f32(), 'g', -1, 32) }},
	7:  {1, func(g *ggufFile) string { return strconv.FormatBool(g.u8() != 0) }},
	10: {8, func(g *ggufFile) string { return strconv.FormatUint(g.u64(), 10) }},
	11: {8, func(g *ggufFile) string { return strconv.FormatInt(int64(g.u64()), 10) }},
	12: {8, func(g *ggufFile) string { return strconv.FormatFloat(g.f64(), 'g', -1, 64) }},
}

// value takes a value of a type.
func (g *ggufFile) value(kind uint32, nest int) string {
	n, isNumber := ggufNumbers[kind]
	switch {
	case g.err != nil:
	case isNumber:
		return n.print(g)
	case kind == ggufString:
		return g.string()
	case kind == ggufArray && nest < maxArrayNest:
		return g.array(nest)
	default:
		g.err = fmt.Errorf("%w: a value of type %d at offset %d", ErrSyntax, kind, g.off)
	}
	return ""
}

// array takes an array, shows its first values, and skips the others: numbers at once, strings one after another.
func (g *ggufFile) array(nest int) string {
	kind, n := g.u32(), g.length()
	var shown []string
	for i := uint64(0); i < n && g.err == nil; i++ {
		if fixed := ggufNumbers[kind].size; i >= maxArray && fixed > 0 {
			if over, size := bits.Mul64(n-i, fixed); over == 0 {
				g.skip(size)
			} else {
				g.skip(1 << 63)
			}
			break
		}
		v := g.value(kind, nest+1)
		if i < maxArray {
			shown = append(shown, visible(v, 100))
		}
	}
	s := "[" + strings.Join(shown, ", ")
	if n > maxArray {
		return s + fmt.Sprintf(", … (%d)]", n)
	}
	return s + "]"
}

// ggufTypes are the names of the types of tensors, by number.
var ggufTypes = strings.Fields("F32 F16 Q4_0 Q4_1 4 5 Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S " +
	"IQ2_S IQ4_XS I8 I16 I32 I64 F64 IQ1_M BF16 Q4_0_4_4 Q4_0_4_8 Q4_0_8_8 TQ1_0 TQ2_0 36 37 38 MXFP4")

func (g *ggufFile) tensors(n uint64) Section {
	s := table(fmt.Sprintf("%d tensors", n), "Name", "Type", "Shape", "#Parameters", "#Offset in data")
	var total uint64
	for i := range min(n, maxTensors) {
		name := g.string()
		shape, parameters := g.shape()
		kind, at := g.u32(), g.u64()
		if g.err != nil {
			break
		}
		total += parameters
		if i < maxRows {
			v := Value{Text: fmt.Sprintf("type %d", kind)}
			if int(kind) < len(ggufTypes) {
				v.Text = ggufTypes[kind]
			}
			s.row(plain(name), v, Value{Text: shape}, number(parameters), number(at))
		}
	}
	s.add("Parameters", Value{Text: strconv.FormatUint(total, 10), Tip: amount(total)})
	if shown := uint64(len(s.Table.Rows)); n > shown {
		s.Note = fmt.Sprintf("%d more tensors", n-shown)
	}
	return s
}

// shape takes the sizes of a tensor, and multiplies them.
func (g *ggufFile) shape() (text string, product uint64) {
	n := g.u32()
	if n > 8 {
		g.err = fmt.Errorf("%w: a tensor of %d dimensions at offset %d", ErrSyntax, n, g.off)
		return "", 0
	}
	var sizes []string
	product = 1
	for range n {
		size := g.length()
		sizes = append(sizes, strconv.FormatUint(size, 10))
		product *= size
	}
	return strings.Join(sizes, " × "), product
}

// amount rounds a number as people say it: 7.2 billion.
func amount(n uint64) string {
	switch {
	case n >= 1e12:
		return fmt.Sprintf("%.1f trillion", float64(n)/1e12)
	case n >= 1e9:
		return fmt.Sprintf("%.1f billion", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f million", float64(n)/1e6)
	}
	return ""
}
