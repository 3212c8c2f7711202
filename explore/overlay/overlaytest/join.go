package overlaytest

import (
	"slices"
	"strings"
)

// Join lays cases beside each other, each in a folder of its name, as the layers of one image.
func Join(cases []*Case) (layers [][]Entry) {
	for _, c := range cases {
		for i, l := range c.Layers {
			if i == len(layers) {
				layers = append(layers, nil)
			}
			if i == 0 {
				l = slices.Insert(slices.Clone(l), 0, Entry{Kind: "dir", Mode: 0o755})
			}
			for _, e := range l {
				layers[i] = append(layers[i], e.below(c.Name))
			}
		}
	}
	return layers
}

// below moves an entry into a folder. Absolute symbolic links stay: nobody follows them.
func (e Entry) below(folder string) Entry {
	e.Name = folder + "/" + e.Name
	if e.Kind == "hard" {
		e.Link = folder + "/" + e.Link
	}
	return e
}

// Live returns View without the numbers of layers and the root, sorted: what any tool has to list.
func (c *Case) Live() (lines []string) {
	for _, line := range c.View {
		_, line, _ = strings.Cut(line, " ")
		if f := strings.Fields(line); f[0] != "dir" || f[2] != "." {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}
