package inspect

import (
	"fmt"
	"strings"
)

// wasmKinds are what can be imported and exported, by number.
var wasmKinds = []string{"function", "table", "memory", "global", "tag"}

func wasmKind(kinds []string, i uint8) string {
	if int(i) < len(kinds) {
		return kinds[i]
	}
	return fmt.Sprintf("kind %d", i)
}

func (w *wasmFile) readImports(c *cursor) string {
	n := c.uvarint()
	for range n {
		module, name, kind := c.wasmName(), c.wasmName(), c.u8()
		what := ""
		switch kind {
		case 0:
			if i := c.uvarint(); i < uint64(len(w.types)) {
				what = w.types[i]
			}
		case 1:
			c.u8() // type of its elements
			what = wasmLimits(c, "elements")
		case 2:
			what = wasmLimits(c, "pages")
		case 3:
			what = valueTypes[c.u8()]
			c.u8() // whether it changes
		default:
			c.u8()
			c.uvarint()
		}
		if c.bad || len(w.imports.Table.Rows) == maxRows {
			w.imports.Note = fmt.Sprintf("%d imports in all", n)
			break
		}
		w.imports.row(plain(module), plain(name), Value{Text: wasmKind(wasmKinds, kind)}, plain(what))
	}
	return ""
}

// wasmLimits takes a minimum and perhaps a maximum.
func wasmLimits(c *cursor, of string) string {
	const hasMax, shared, wide = 1, 2, 4
	flags, least := c.u8(), c.uvarint()
	s := fmt.Sprintf("%d %s or more", least, of)
	if flags&hasMax != 0 {
		s = fmt.Sprintf("%d to %d %s", least, c.uvarint(), of)
	}
	if flags&shared != 0 {
		s += ", shared"
	}
	if flags&wide != 0 {
		s += ", of 64 bits"
	}
	return s
}

func (w *wasmFile) readMemory(c *cursor) string {
	for range min(c.uvarint(), 100) {
		if s := wasmLimits(c, "pages"); !c.bad {
			w.about.add("Memory", Value{Text: s, Tip: "of 64 KiB"})
		}
	}
	return ""
}

func (w *wasmFile) readExports(c *cursor) string {
	n := c.uvarint()
	for range n {
		name, kind, index := c.wasmName(), c.u8(), c.uvarint()
		if c.bad || len(w.exports.Table.Rows) == maxRows {
			w.exports.Note = fmt.Sprintf("%d exports in all", n)
			break
		}
		w.exports.row(plain(name), Value{Text: wasmKind(wasmKinds, kind)}, number(index))
	}
	return ""
}

// customSections are the custom sections that are read.
var customSections = map[string]func(w *wasmFile, c *cursor){
	"producers":        (*wasmFile).readProducers,
	"target_features":  (*wasmFile).features,
	"name":             (*wasmFile).moduleName,
	"sourceMappingURL": func(w *wasmFile, c *cursor) { w.about.add("Source map", plain(c.wasmName())) },
	"build_id": func(w *wasmFile, c *cursor) {
		w.about.add("Build ID", Value{Text: fmt.Sprintf("%x", c.take(min(len(c.b), 64)))})
	},
	"component-name": (*wasmFile).moduleName,
}

// metadata are the custom sections of a text that is the value of an annotation of the same meaning.
var metadata = []string{"version", "description", "authors", "licenses", "homepage", "source", "revision"}

func (w *wasmFile) custom(c *cursor) string {
	name := c.wasmName()
	if read := customSections[name]; read != nil {
		read(w, c)
	}
	for _, m := range metadata {
		if name == m && len(c.b) <= maxValue {
			v := plain(string(c.b))
			v.Ref = webRef(string(c.b))
			w.about.add(m, v)
		}
	}
	return name
}

// readProducers lists languages, tools and SDKs, each with a version.
func (w *wasmFile) readProducers(c *cursor) {
	for range min(c.uvarint(), 10) {
		field := c.wasmName()
		for range min(c.uvarint(), 100) {
			name, version := c.wasmName(), c.wasmName()
			if c.bad {
				return
			}
			w.producers.add(visible(field, 64), plain(strings.TrimSpace(name+" "+version)))
		}
	}
}

func (w *wasmFile) features(c *cursor) {
	var names []string
	for range min(c.uvarint(), 100) {
		sign, name := c.u8(), c.wasmName()
		if c.bad {
			break
		}
		names = append(names, string(rune(sign))+name)
	}
	w.about.add("Features", plain(strings.Join(names, " ")))
}

// moduleName takes the first of the names: that of the whole.
func (w *wasmFile) moduleName(c *cursor) {
	if c.u8() == 0 && c.uvarint() > 0 {
		w.about.add("Name", plain(c.wasmName()))
	}
}

// componentKinds are what components import and export, by number; 0 is of the core.
var componentKinds = []string{"core module", "function", "value", "type", "component", "instance"}

// componentName takes a name, which a byte says the form of, and in the last form a suffix of its version.
func componentName(c *cursor) string {
	form, name := c.u8(), c.wasmName()
	if form == 2 {
		name += c.wasmName()
	}
	return name
}

// describe takes what an import or export is, of which only the kind is shown. See the explainer "Binary.md" of the component model.
func (c *cursor) describe() (kind string) {
	k := c.u8()
	switch k {
	case 0:
		c.u8() // 0x11, a module
		c.uvarint()
	case 2, 3: // of a value or a type: the same as another one, or one of its own
		if bound := c.u8(); bound == 0 || k == 2 {
			c.uvarint()
		}
	default:
		c.uvarint()
	}
	return wasmKind(componentKinds, k)
}

func (w *wasmFile) componentImports(c *cursor) string {
	for range min(c.uvarint(), maxRows) {
		name, kind := componentName(c), c.describe()
		if c.bad {
			break
		}
		w.imports.row(Value{}, plain(name), Value{Text: kind}, Value{})
	}
	return ""
}

func (w *wasmFile) componentExports(c *cursor) string {
	for range min(c.uvarint(), maxRows) {
		name, sort := componentName(c), c.u8()
		if sort == 0 {
			c.u8()
		}
		index, kind := c.uvarint(), wasmKind(componentKinds, sort)
		if c.u8() == 1 {
			kind = c.describe()
		}
		if c.bad {
			break
		}
		w.exports.row(plain(name), Value{Text: kind}, number(index))
	}
	return ""
}
