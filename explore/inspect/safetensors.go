package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxTensorHeader is how much JSON is read. The format allows 100 MB; models of a thousand files have some hundred KB in each.
const maxTensorHeader = 16 << 20

// tensor is what the header says of one.
type tensor struct {
	name, kind, shape string
	parameters        uint64
	from, to          int64 // behind the header
}

// decodeSafetensors shows the header: its length in 8 bytes, then JSON that has the kind, the shape and the place of each tensor.
func decodeSafetensors(f *file) (*Doc, error) {
	head, err := f.bytes(0, 8)
	if err != nil {
		return nil, err
	}
	size := u64(head, 0)
	if size > maxTensorHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrLimit, size)
	}
	raw, err := f.bytes(8, int64(size))
	if err != nil {
		return nil, err
	}
	root, err := ParseJSON(raw, nil)
	if err != nil {
		return nil, err
	}
	d := &Doc{Kind: string(KindSafetensors), Command: fmt.Sprintf("tail -c +9 | head -c %d | jq .", size)}
	meta := Section{Title: "Metadata"}
	var all []tensor
	for _, n := range root.All() {
		if n.Key != "__metadata__" {
			all = append(all, readTensor(n))
			continue
		}
		for _, m := range n.All()[:min(len(n.All()), 100)] {
			meta.add(visible(m.Key, 100), plain(m.String()))
		}
	}
	slices.SortFunc(all, func(a, b tensor) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.name, b.name)) })
	list := tensorTable(all, int64(size)+8)
	d.Title = "safetensors, " + plural(len(all), "tensor")
	d.addSection(meta)
	d.addSection(list)
	if n := len(all); n > 0 && all[n-1].to > f.size-8-int64(size) {
		d.Note = "The file is cut: the last tensor ends behind its end."
	}
	return d, nil
}

func readTensor(n *Node) tensor {
	t := tensor{name: n.Key, kind: n.Str("dtype"), parameters: 1}
	var sizes []string
	for _, s := range n.Get("shape").All() {
		size, _ := s.Int()
		t.parameters *= uint64(size)
		if len(sizes) < 8 {
			sizes = append(sizes, strconv.FormatInt(size, 10))
		}
	}
	t.shape = strings.Join(sizes, " × ")
	t.from, _ = n.Get("data_offsets", 0).Int()
	t.to, _ = n.Get("data_offsets", 1).Int()
	return t
}

func tensorTable(all []tensor, data int64) Section {
	s := table("Tensors", "Name", "Type", "Shape", "#Parameters", "#Bytes", "Offset")
	kinds := map[string]uint64{}
	var total uint64
	for i, t := range all {
		total += t.parameters
		kinds[t.kind] += t.parameters
		if i < maxRows {
			s.row(plain(t.name), plain(t.kind), Value{Text: t.shape}, number(t.parameters), number(t.to-t.from), offset(data+t.from))
		}
	}
	s.add("Parameters", Value{Text: strconv.FormatUint(total, 10), Tip: amount(total)})
	for _, k := range sortedKeys(kinds)[:min(len(kinds), 32)] {
		s.add("of "+visible(k, 16), number(kinds[k]))
	}
	if len(all) > maxRows {
		s.Note = fmt.Sprintf("%d more tensors", len(all)-maxRows)
	}
	return s
}
