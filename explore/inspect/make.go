package inspect

import (
	"fmt"
	"strconv"
	"strings"
)

// maxValue is how many bytes of a stranger's text a value shows.
const maxValue = 1 << 10

// plain returns a stranger's text as a value: cut, and what could not be seen is escaped.
func plain(s string) Value { return Value{Text: visible(s, maxValue)} }

// refer returns a stranger's text that refers to something.
func refer(s string, kind RefKind, to string) Value {
	v := plain(s)
	if to != "" && len(to) <= maxValue {
		v.Ref = Ref{kind, to}
	}
	return v
}

// number returns a number as a value.
func number[T ~int | ~int64 | ~uint64 | ~uint32 | ~uint16 | ~uint8](n T) Value {
	return Value{Text: fmt.Sprint(n)}
}

// hexNumber returns a number in hexadecimal digits, as addresses are.
func hexNumber[T ~int | ~int64 | ~uint64 | ~uint32 | ~uint16](n T) Value {
	return Value{Text: fmt.Sprintf("%#x", n)}
}

// offset returns a position in the file, which refers to it.
func offset(n int64) Value {
	return Value{Text: fmt.Sprintf("%#x", n), Ref: Ref{RefOffset, strconv.FormatInt(n, 10)}}
}

// tip returns v with an explanation.
func (v Value) tip(s string) Value {
	v.Tip = s
	return v
}

// columns makes the heads of a table. A name that begins with # is that of a column of numbers.
func columns(names ...string) []Column {
	all := make([]Column, len(names))
	for i, n := range names {
		all[i] = Column{Name: n}
		if n[0] == '#' {
			all[i] = Column{n[1:], true}
		}
	}
	return all
}

// add appends a field to the section, unless its text is empty.
func (s *Section) add(name string, v Value) {
	if v.Text != "" {
		s.Fields = append(s.Fields, Field{name, v})
	}
}

// row appends a row to the section's table.
func (s *Section) row(values ...Value) { s.Table.Rows = append(s.Table.Rows, values) }

// table returns a section with a table that has no rows yet.
func table(title string, names ...string) Section {
	return Section{Title: title, Table: &Table{Columns: columns(names...)}}
}

// addSection appends what has something in it.
func (d *Doc) addSection(s Section) {
	if len(s.Fields) > 0 || s.Text != "" || s.Note != "" || s.Table != nil && len(s.Table.Rows) > 0 {
		d.Sections = append(d.Sections, s)
	}
}

// makePurl writes a package URL: path is [NAMESPACE/]NAME, pairs are names and values of qualifiers, of which the empty ones are left out.
// Without a name it is empty.
func makePurl(kind, path, version string, pairs ...string) string {
	p := Purl{Type: strings.ToLower(kind), Name: strings.Trim(path, "/"), Version: version}
	if i := strings.LastIndexByte(p.Name, '/'); i >= 0 {
		p.Namespace, p.Name = p.Name[:i], p.Name[i+1:]
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if p.Qualifiers == nil {
			p.Qualifiers = map[string]string{}
		}
		if pairs[i+1] != "" {
			p.Qualifiers[pairs[i]] = pairs[i+1]
		}
	}
	if p.Name == "" || len(path)+len(version) > maxValue {
		return ""
	}
	return p.String()
}

// purlRef refers to a package URL, if it is one.
func purlRef(purl string) Ref {
	if _, err := ParsePurl(purl); err != nil {
		return Ref{}
	}
	return Ref{RefPurl, purl}
}
