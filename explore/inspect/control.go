package inspect

import (
	"bytes"
	"strings"
)

// debRelations are the fields that name other packages, in the order in which they are shown (deb-control(5)).
var debRelations = map[string]bool{
	"pre-depends": true, "depends": true, "recommends": true, "suggests": true, "enhances": true, "breaks": true, "conflicts": true, "replaces": true,
	"provides": true, "built-using": true,
}

// controlField is a field of a stanza.
type controlField struct{ key, value string }

// controlFields reads the first stanza: "Key: value", and lines that begin with space go on with the value of the line before. rest is what follows.
func controlFields(b []byte) (fields []controlField, rest []byte) {
	for len(b) > 0 {
		line, after, _ := bytes.Cut(b, []byte("\n"))
		b = after
		text := strings.TrimRight(string(line), " \t\r")
		key, value, ok := strings.Cut(text, ":")
		switch {
		case text == "" && len(fields) > 0:
			return fields, bytes.TrimSpace(b)
		case strings.HasPrefix(text, "#"):
		case strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t"):
			if len(fields) > 0 {
				fields[len(fields)-1].value += "\n" + strings.TrimLeft(text, " \t")
			}
		case ok && len(fields) < maxRows:
			fields = append(fields, controlField{key, strings.TrimSpace(value)})
		}
	}
	return fields, nil
}

// decodeDpkg tells the control file of one package from lists of packages by its name.
func decodeDpkg(f *file) (*Doc, error) {
	if match("control", f.name) {
		return decodeControl(f)
	}
	return decodePackages(f)
}

// decodeControl shows what a Debian package says of itself. Where there are several stanzas, it is a list of packages.
func decodeControl(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, maxSettings))
	if err != nil {
		return nil, err
	}
	fields, rest := controlFields(b)
	if len(rest) > 0 || f.size > maxSettings {
		return decodePackages(f)
	}
	p := Package{Type: "deb"}
	for _, c := range fields {
		if set := dpkgFields[strings.ToLower(c.key)]; set != nil {
			first, _, _ := strings.Cut(c.value, "\n")
			set(&p, first)
		}
	}
	distro := guessDistro([]Package{p})
	s, relations := Section{Title: "Package"}, table("Relations", "Relation", "To", "Version", "Or")
	text := ""
	for _, c := range fields {
		switch key := strings.ToLower(c.key); {
		case debRelations[key]:
			addDebRelations(&relations, c.key, c.value, distro)
		case key == "description":
			first, more, _ := strings.Cut(c.value, "\n")
			s.add(c.key, plain(first))
			text = strings.ReplaceAll(more, "\n.\n", "\n\n")
		default:
			s.add(visible(c.key, 64), controlValue(&p, key, c.value, distro))
		}
	}
	d := &Doc{Kind: "deb control", Title: strings.TrimSpace(visible(p.Name, 100) + " " + visible(p.Version, 100))}
	d.addSection(s)
	d.addSection(Section{Title: "Description", Text: visibleLines(text, maxRPMScript)})
	d.addSection(relations)
	return d, nil
}

// controlValue refers to what a field is about: the package, its source, its site.
func controlValue(p *Package, key, value, distro string) Value {
	v := plain(strings.ReplaceAll(value, "\n", " "))
	switch key {
	case "package":
		v.Ref = purlRef(p.Purl(distro, ""))
	case "source":
		name, _, _ := strings.Cut(value, " ")
		v.Ref = purlRef(makePurl("deb", distro+"/"+name, "", "arch", "source"))
	case "installed-size":
		v.Tip = "in KiB"
	default:
		v.Ref = webRef(strings.TrimSpace(value))
	}
	return v
}

// addDebRelations adds a row for each package: "a (>= 1) | b, c:any".
func addDebRelations(s *Section, key, value, distro string) {
	for want := range strings.SplitSeq(strings.ReplaceAll(value, "\n", " "), ",") {
		first, or, _ := strings.Cut(want, "|")
		name, version, _ := strings.Cut(strings.TrimSpace(first), " ")
		if name == "" || len(s.Table.Rows) == maxRows {
			continue
		}
		to := plain(name)
		bare, _, _ := strings.Cut(name, ":")
		to.Ref = purlRef(makePurl("deb", distro+"/"+bare, ""))
		s.row(plain(key), to, plain(strings.Trim(strings.TrimSpace(version), "()")), plain(strings.TrimSpace(or)))
	}
}
