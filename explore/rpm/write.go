package rpm

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// document is one of the files of packages: how they are written.
type document struct {
	kind   string // in repomd.xml and in file names
	root   string // the beginning of the root element
	end    string
	append func(b []byte, e *Entry) []byte
}

// documents are the three files of packages, as createrepo_c writes them.
var documents = [...]document{
	{"primary", `<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm"`, "</metadata>\n", appendPrimary},
	{"filelists", `<filelists xmlns="http://linux.duke.edu/metadata/filelists"`, "</filelists>\n", appendFilelists},
	{"other", `<otherdata xmlns="http://linux.duke.edu/metadata/other"`, "</otherdata>\n", appendOther},
}

const xmlHeader = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

func appendPrimary(b []byte, e *Entry) []byte {
	b = append(b, "<package type=\"rpm\">\n"...)
	b = element(b, 1, "name", e.Name)
	b = element(b, 1, "arch", e.Arch)
	b = append(appendEVR(append(b, "  <version"...), e.EVR), "/>\n"...)
	b = tag(b, 1, "checksum", e.Checksum.Hex, "type", e.Checksum.Type, "pkgid", "YES")
	for _, t := range []struct{ name, text string }{{"summary", e.Summary}, {"description", e.Description}, {"packager", e.Packager}, {"url", e.URL}} {
		b = element(b, 1, t.name, t.text)
	}
	b = empty(b, 1, "time", "file", decimal(e.FileTime), "build", decimal(e.BuildTime))
	b = empty(b, 1, "size", "package", decimal(e.PackageSize), "installed", decimal(e.InstalledSize), "archive", decimal(e.ArchiveSize))
	b = empty(b, 1, "location", "xml:base", e.Location.Base, "href", e.Location.Href)
	b = append(b, "  <format>\n"...)
	for _, t := range []struct{ name, text string }{{"rpm:license", e.License}, {"rpm:vendor", e.Vendor}, {"rpm:group", e.Group}, {"rpm:buildhost", e.BuildHost},
		{"rpm:sourcerpm", e.SourceRPM}} {
		b = element(b, 2, t.name, t.text)
	}
	b = empty(b, 2, "rpm:header-range", "start", decimal(e.HeaderStart), "end", decimal(e.HeaderEnd))
	for k := range Kinds {
		b = appendRelations(b, k, e.Relations[k])
	}
	for _, f := range e.Files {
		if IsPrimary(f.Path) {
			b = tag(b, 2, "file", f.Path, "type", f.Type.String())
		}
	}
	return append(b, "  </format>\n</package>\n"...)
}

func appendRelations(b []byte, k Kind, all []Relation) []byte {
	if len(all) == 0 {
		return b
	}
	b = append(append(append(b, "    <rpm:"...), k.String()...), ">\n"...)
	for _, r := range all {
		b = attributes(append(b, "      <rpm:entry"...), "name", r.Name)
		if s, ok := senses[r.Sense&comparison]; ok && r.EVR != (EVR{}) {
			b = appendEVR(attributes(b, "flags", s.xml), r.EVR)
		}
		if k == Requires && r.Pre() {
			b = attributes(b, "pre", "1")
		}
		b = append(b, "/>\n"...)
	}
	return append(append(append(b, "    </rpm:"...), k.String()...), ">\n"...)
}

// appendEVR writes a version as attributes, with an epoch always.
func appendEVR(b []byte, v EVR) []byte {
	if v.Epoch == "" {
		v.Epoch = "0"
	}
	return attributes(b, "epoch", v.Epoch, "ver", v.Version, "rel", v.Release)
}

func appendFilelists(b []byte, e *Entry) []byte {
	b = appendPackage(b, e)
	for _, f := range e.Files {
		b = tag(b, 1, "file", f.Path, "type", f.Type.String())
	}
	return append(b, "</package>\n"...)
}

func appendOther(b []byte, e *Entry) []byte {
	b = appendPackage(b, e)
	for _, c := range e.Changes {
		b = tag(b, 1, "changelog", c.Text, "author", c.Author, "date", decimal(max(c.Time.Unix(), 0)))
	}
	return append(b, "</package>\n"...)
}

// appendPackage begins a package of filelists.xml or other.xml.
func appendPackage(b []byte, e *Entry) []byte {
	b = append(attributes(append(b, "<package"...), "pkgid", e.Checksum.Hex, "name", e.Name, "arch", e.Arch), ">\n"...)
	return append(appendEVR(append(b, "  <version"...), e.EVR), "/>\n"...)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// element writes <name>text</name>.
func element(b []byte, depth int, name, text string) []byte { return tag(b, depth, name, text) }

// tag writes an element on a line of its own. pairs are names and values of attributes, of which empty ones are left out.
func tag(b []byte, depth int, name, text string, pairs ...string) []byte {
	b = append(append(append(b, "          "[:2*depth]...), '<'), name...)
	b = append(attributes(b, pairs...), '>')
	b = append(append(escape(b, text, false), "</"...), name...)
	return append(b, ">\n"...)
}

// empty writes an element without content.
func empty(b []byte, depth int, name string, pairs ...string) []byte {
	b = append(append(append(b, "          "[:2*depth]...), '<'), name...)
	return append(attributes(b, pairs...), "/>\n"...)
}

func attributes(b []byte, pairs ...string) []byte {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			b = append(append(append(b, ' '), pairs[i]...), `="`...)
			b = append(escape(b, pairs[i+1], true), '"')
		}
	}
	return b
}

// plainBytes are those that need no escaping.
var plainBytes = func() (all [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		all[c] = !strings.ContainsRune("&<>\"", rune(c))
	}
	return all
}()

// escape writes text so that whoever reads the XML gets it back, but for what XML cannot say: control characters are left out. Bytes that are no UTF-8
// are taken for Latin-1, as old packages have it.
func escape(b []byte, s string, inAttribute bool) []byte {
	for {
		n := 0
		for n < len(s) && plainBytes[s[n]] {
			n++
		}
		b, s = append(b, s[:n]...), s[n:]
		if s == "" {
			return b
		}
		c, n := utf8.DecodeRuneInString(s)
		if c == utf8.RuneError && n == 1 {
			c = rune(s[0])
		}
		b, s = escapeRune(b, c, inAttribute), s[n:]
	}
}

func escapeRune(b []byte, c rune, inAttribute bool) []byte {
	switch {
	case c == '&':
		return append(b, "&amp;"...)
	case c == '<':
		return append(b, "&lt;"...)
	case c == '>':
		return append(b, "&gt;"...)
	case c == '\r', inAttribute && strings.ContainsRune("\"\n\t", c):
		return append(strconv.AppendInt(append(b, "&#"...), int64(c), 10), ';')
	case c < ' ' && c != '\n' && c != '\t', c == 0xfffe, c == 0xffff:
		return b
	}
	return utf8.AppendRune(b, c)
}
