package inspect

import (
	"bytes"
	"io"
	"path"
	"strings"
)

// maxSettings is how much is read of files that people write by hand.
const maxSettings = 1 << 20

// OSRelease is what os-release(5) says of a distribution.
type OSRelease struct {
	ID         string // "debian"
	VersionID  string // "12"; perhaps empty
	Codename   string // "bookworm"; perhaps empty
	PrettyName string // "Debian GNU/Linux 12 (bookworm)"
	all        [][2]string
}

// ReadOSRelease reads /etc/os-release or /usr/lib/os-release, of which 1 MiB counts. The errors are those of r.
func ReadOSRelease(r io.ReaderAt, size int64) (*OSRelease, error) {
	b, err := readAt(r, 0, min(size, maxSettings))
	if err != nil {
		return nil, err
	}
	o := &OSRelease{ID: "linux", PrettyName: "Linux"} // what the specification says for want of one
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") || len(o.all) == 100 {
			continue
		}
		value = shellValue(value)
		o.all = append(o.all, [2]string{key, value})
		switch key {
		case "ID":
			o.ID = value
		case "VERSION_ID":
			o.VersionID = value
		case "VERSION_CODENAME":
			o.Codename = value
		case "PRETTY_NAME":
			o.PrettyName = value
		}
	}
	return o, nil
}

// shellValue takes off the quotes, and the backslashes where they are no content.
func shellValue(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '"' && s[0] != '\'' {
		return s
	}
	if s[0] == '\'' {
		return s[1 : len(s)-1]
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\$`, `$`, "\\`", "`").Replace(s[1 : len(s)-1])
}

func decodeOSRelease(f *file) (*Doc, error) {
	o, err := ReadOSRelease(f, f.size)
	if err != nil {
		return nil, err
	}
	s := Section{Title: "Operating system"}
	for _, x := range o.all {
		v := plain(x[1])
		v.Ref = webRef(x[1])
		s.add(visible(x[0], 64), v)
	}
	d := &Doc{Kind: string(KindOSRelease), Title: visible(o.PrettyName, 200)}
	d.addSection(s)
	return d, nil
}

// decodeColons makes a decoder of a table whose columns are between colons. A column whose name ends in / holds paths.
func decodeColons(kind Kind, title string, names ...string) decoder {
	return func(f *file) (*Doc, error) {
		b, err := f.bytes(0, min(f.size, maxSettings))
		if err != nil {
			return nil, err
		}
		heads := make([]string, len(names))
		for i, n := range names {
			heads[i] = strings.TrimSuffix(n, "/")
		}
		s := table("", heads...)
		for line := range bytes.Lines(b) {
			cells := strings.Split(strings.TrimRight(string(line), "\r\n"), ":")
			if len(cells) < len(names) {
				continue
			}
			if len(s.Table.Rows) == maxRows {
				s.Note = "and more"
				break
			}
			row := make([]Value, len(names))
			for i, n := range names {
				row[i] = plain(cells[i])
				if strings.HasSuffix(n, "/") && strings.HasPrefix(cells[i], "/") {
					row[i] = refer(cells[i], RefPath, cells[i])
				}
			}
			s.row(row...)
		}
		d := &Doc{Kind: string(kind), Title: plural(len(s.Table.Rows), title)}
		d.addSection(s)
		return d, nil
	}
}

var (
	decodePasswd = decodeColons(KindPasswd, "user", "User", "Password", "#UID", "#GID", "Name", "Home/", "Shell/")
	decodeGroup  = decodeColons(KindGroup, "group", "Group", "Password", "#GID", "Members")
)

// decodeScript tells what runs a script, which env looks for and others have at a place.
func decodeScript(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, 256))
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(b[2:], []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) == 0 {
		return nil, nil
	}
	s := Section{Title: "Script"}
	s.add("Interpreter", refer(words[0], RefPath, words[0]))
	name := path.Base(words[0])
	if name == "env" {
		for _, w := range words[1:] {
			if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
				s.add("Runs", refer(w, RefFind, w))
				name = w
				break
			}
		}
	}
	s.add("Arguments", plain(strings.Join(words[1:], " ")))
	d := &Doc{Kind: string(KindScript), Title: "script for " + visible(name, 64)}
	d.addSection(s)
	return d, nil
}
