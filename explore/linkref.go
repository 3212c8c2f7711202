package explore

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"vitrine/explore/apk"
	"vitrine/explore/inspect"
)

// maxDocRows bounds the rows of a Doc that a page shows, over all of its tables: the symbols of a large program are a hundred times as many.
const maxDocRows = 3000

// docView is a Doc with the links that its values have where it is shown. In JSON it is the Doc, whole.
type docView struct {
	*inspect.Doc
	Tables []docTable `json:"-"` // one for each section, cut to what a page holds; without rows where a section has none
	linker
}

// docTable is a table with its links.
type docTable struct {
	Columns []inspect.Column
	Rows    [][]docValue
	Left    int64 // rows that are left out
}

// docValue is a value with what is said about it.
type docValue = textSpan

// docView makes links of the references of a Doc, which is what a decoder says of what c says; of c, page, target and parts count, and of where the
// root of absolute paths is.
func (h *handler) docView(r *request, c jsonContext, d *inspect.Doc) *docView {
	v := &docView{Doc: d, linker: linker{h: h, r: r, c: c}}
	room := maxDocRows
	for _, s := range d.Sections {
		t := docTable{}
		if s.Table != nil {
			t.Columns = s.Table.Columns
			n := min(room, len(s.Table.Rows))
			room, t.Left = room-n, int64(len(s.Table.Rows)-n)
			t.Rows = v.rows(s.Table.Rows[:n])
		}
		v.Tables = append(v.Tables, t)
	}
	return v
}

func (v *docView) rows(rows [][]inspect.Value) [][]docValue {
	all := make([][]docValue, len(rows))
	for i, row := range rows {
		for _, x := range row {
			all[i] = append(all[i], v.Cell(x))
		}
	}
	return all
}

// Cell returns a value with its link.
func (v *docView) Cell(x inspect.Value) docValue {
	l := v.ref(x.Ref)
	if l.Href == "" && strings.HasPrefix(x.Text, "http") {
		l = docURL(x.Text)
	}
	if x.Tip != "" {
		l.Tip = x.Tip
	}
	return l.on(x.Text)
}

// MarshalJSON writes the Doc.
func (v *docView) MarshalJSON() ([]byte, error) { return json.Marshal(v.Doc) }

// refs make links of references, by their kind.
var refs = map[inspect.RefKind]func(l *linker, to string) link{
	inspect.RefURL:    func(_ *linker, to string) link { return docURL(to) },
	inspect.RefPath:   func(l *linker, to string) link { return link{Href: l.path(to)} },
	inspect.RefFind:   findLink,
	inspect.RefDigest: blobLink,
	inspect.RefImage:  func(l *linker, to string) link { return l.imageLink(to, "") },
	inspect.RefPurl:   (*linker).purl,
	inspect.RefPart:   func(l *linker, to string) link { return link{Href: l.part("jq", to)} },
	inspect.RefOffset: offsetLink,
	inspect.RefOID:    oidLink,
	inspect.RefFile:   fileLink,

	inspect.RefNeeded:   neededLink,
	inspect.RefProvided: providedLink,
}

func (l *linker) ref(ref inspect.Ref) link {
	if f := refs[ref.Kind]; f != nil && ref.To != "" {
		return f(l, ref.To)
	}
	return link{}
}

// path is the URL of an absolute path in the file system that the document lies in, or that it describes.
func (l *linker) path(s string) string {
	if l.c.page != "fs" && l.c.page != "layers" {
		return l.inImage(s)
	}
	if !strings.HasPrefix(s, "/") {
		return ""
	}
	t, err := l.c.target.inside(s)
	if err != nil {
		return ""
	}
	return t.href(l.c.page)
}

// findLink looks for a file by its name in the same layer or image.
func findLink(l *linker, name string) link {
	page, t := l.c.page, l.c.target.with(".", true)
	if page != "fs" && page != "layers" {
		page, t = "layers", t.at(l.c.of)
	}
	if t.Digest == "" {
		return link{}
	}
	return link{Href: withQuery(t.href(page), "search", name)}
}

func blobLink(l *linker, s string) link {
	d, ok := asDigest("", s)
	if !ok {
		return link{}
	}
	return link{Href: l.to("blob", d)}
}

// offsetLink shows the bytes at an offset of the file.
func offsetLink(l *linker, offset string) link {
	if strings.Trim(offset, "0123456789") != "" {
		return link{}
	}
	return link{Href: l.part("render", "xxd", "off", offset)}
}

var dotted = regexp.MustCompile(`^[0-2](\.[0-9]+)+$`)

func oidLink(_ *linker, oid string) link {
	if len(oid) > 256 || !dotted.MatchString(oid) {
		return link{}
	}
	return link{Href: inspect.OIDDoc(oid), Doc: true}
}

// fileLink looks for files with this content.
func fileLink(_ *linker, sum string) link {
	if d, ok := asDigest("sha256", sum); ok {
		return link{Href: "/search?q=" + url.QueryEscape(string(d))}
	}
	return link{}
}

// neededLink leads to what a package of Alpine depends on: in its index, or else to the file or the package that has the name.
func neededLink(l *linker, to string) link {
	d, err := apk.ParseDep(to)
	if err != nil {
		return link{}
	}
	d.Conflict = false
	_, name, _ := strings.Cut(d.Name, ":")
	switch {
	case l.c.index != "":
		return link{Href: withQuery(l.c.index, "provide", d.String()), Tip: "what provides it"}
	case d.Kind() == "pc":
		return findLink(l, name+".pc")
	case d.Kind() != "":
		return findLink(l, name)
	case strings.HasPrefix(d.Name, "/"):
		return link{Href: l.path(d.Name)}
	}
	return l.purl("pkg:apk/alpine/" + url.PathEscape(d.Name))
}

// providedLink leads to what needs something that a package provides, or else to the file that has the name.
func providedLink(l *linker, to string) link {
	d, err := apk.ParseDep(to)
	switch {
	case err != nil:
		return link{}
	case l.c.index != "":
		return link{Href: withQuery(l.c.index, "depend", d.Name), Tip: "what needs it"}
	case d.Kind() != "":
		return neededLink(l, d.Name)
	}
	return link{}
}
