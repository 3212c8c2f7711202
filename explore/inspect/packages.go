package inspect

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// The bounds of what is read of a data base of packages. It is read as a stream, so that its size has none.
const (
	maxStanzaLine  = 64 << 10 // bytes, of which the rest is left out: lists of dependencies have a few thousand
	maxStanzaFiles = 1 << 20  // of one package
	readAhead      = 256 << 10
)

// Package is a package as the data base of a distribution, or the package itself, describes it.
type Package struct {
	Type        string   `json:"type"` // as in purls: "deb", "apk", "rpm"
	Name        string   `json:"name"`
	Epoch       string   `json:"epoch,omitempty"` // of RPM: a number that counts before the version
	Version     string   `json:"version"`
	Arch        string   `json:"arch,omitempty"`
	Source      string   `json:"source,omitempty"` // the name of what it was built from, where that differs or is said
	Size        int64    `json:"size,omitempty"`   // of its files, in bytes
	Description string   `json:"description,omitempty"`
	License     string   `json:"license,omitempty"`
	URL         string   `json:"url,omitempty"`
	Maintainer  string   `json:"maintainer,omitempty"`
	Status      string   `json:"status,omitempty"` // of dpkg: "install ok installed"
	Files       []string `json:"files,omitempty"`  // of apk and RPM: paths without a slash in front
}

// Installed tells whether the files of the package are there, and not only its settings.
func (p *Package) Installed() bool {
	return p.Status == "" || strings.HasSuffix(p.Status, " installed")
}

// Purl returns the package URL. distro is the ID of os-release, which is the namespace; version its VERSION_ID, perhaps empty.
func (p *Package) Purl(distro, version string) string {
	if distro != "" && version != "" {
		version = distro + "-" + version
	}
	from := "upstream"
	if p.Type == "apk" {
		from = "origin"
	}
	source := p.Source
	if source == p.Name {
		source = ""
	}
	return makePurl(p.Type, distro+"/"+p.Name, p.Version, "arch", p.Arch, "distro", version, "epoch", p.Epoch, from, source)
}

// Packages reads the packages of /var/lib/dpkg/status, /lib/apk/db/installed, and what is written in the same way: a Debian package's control file, the
// indexes of repositories. It reads these from front to back, in pieces of 256 KiB. It also reads RPM's rpmdb.sqlite, in pieces of 64 KiB. One package is in
// memory. An error is the last element: r's, or [ErrSyntax] or [ErrLimit] for a data base of RPM.
func Packages(r io.ReaderAt, size int64) iter.Seq2[Package, error] {
	return func(yield func(Package, error) bool) {
		if head, err := readAt(r, 0, min(size, sqliteHeader)); err == nil && Detect("", head) == KindSQLite {
			rpmPackages(r, size, yield)
			return
		}
		lines := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), readAhead)
		var s stanza
		for {
			line, err := readLine(lines, maxStanzaLine)
			if len(line) > 0 && err == nil {
				s.line(line)
				continue
			}
			if s.p.Name != "" && !yield(s.p, nil) {
				return
			}
			s = stanza{}
			switch {
			case err == io.EOF:
				return
			case err != nil:
				yield(Package{}, err)
				return
			}
		}
	}
}

// readLine reads a line without what ends it, and leaves out what is beyond max bytes. The error is io.EOF behind the last.
func readLine(r *bufio.Reader, max int) ([]byte, error) {
	var line []byte
	for {
		piece, more, err := r.ReadLine()
		if err != nil {
			return nil, err
		}
		if !more && line == nil {
			return piece[:min(len(piece), max)], nil
		}
		line = append(line, piece[:min(len(piece), max-len(line))]...)
		if !more {
			return line, nil
		}
	}
}

// stanza is a package that is being read.
type stanza struct {
	p      Package
	folder string // of the files that follow
}

// line reads "Key: value" of dpkg or "K:value" of apk. What goes on from the line before begins with a space, and is not wanted.
func (s *stanza) line(b []byte) {
	switch {
	case b[0] == ' ' || b[0] == '\t':
	case len(b) > 1 && b[1] == ':':
		s.apk(b[0], b[2:])
	default:
		key, value, _ := bytes.Cut(b, []byte(":"))
		if set := dpkgFields[string(bytes.ToLower(key))]; set != nil {
			s.p.Type = "deb"
			set(&s.p, string(bytes.TrimSpace(value)))
		}
	}
}

// dpkgFields are the fields of deb-control(5) and dpkg's own. Sizes are in KiB.
var dpkgFields = map[string]func(p *Package, v string){
	"package":        func(p *Package, v string) { p.Name = v },
	"version":        func(p *Package, v string) { p.Version = v },
	"architecture":   func(p *Package, v string) { p.Arch = v },
	"source":         func(p *Package, v string) { p.Source, _, _ = strings.Cut(v, " ") },
	"installed-size": func(p *Package, v string) { p.Size = size(v, 1024) },
	"description":    func(p *Package, v string) { p.Description = v },
	"homepage":       func(p *Package, v string) { p.URL = v },
	"maintainer":     func(p *Package, v string) { p.Maintainer = v },
	"status":         func(p *Package, v string) { p.Status = v },
	"license":        func(p *Package, v string) { p.License = v }, // of opkg
}

// size reads a number of units.
func size(s string, unit int64) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<50 {
		return 0
	}
	return n * unit
}

// apkFields are the fields of apk-package(5), apart from those of files. They are those of .PKGINFO as well.
var apkFields = map[string]func(p *Package, v string){
	"P": func(p *Package, v string) { p.Name = v },
	"V": func(p *Package, v string) { p.Version = v },
	"A": func(p *Package, v string) { p.Arch = v },
	"I": func(p *Package, v string) { p.Size = size(v, 1) },
	"T": func(p *Package, v string) { p.Description = v },
	"U": func(p *Package, v string) { p.URL = v },
	"L": func(p *Package, v string) { p.License = v },
	"o": func(p *Package, v string) { p.Source = v },
	"m": func(p *Package, v string) { p.Maintainer = v },
}

// apk reads a field of one letter: F is a folder, R a file in it.
func (s *stanza) apk(key byte, value []byte) {
	s.p.Type = "apk"
	switch key {
	case 'F':
		s.folder = string(value)
	case 'R':
		if len(s.p.Files) < maxStanzaFiles {
			s.p.Files = append(s.p.Files, strings.TrimPrefix(s.folder+"/"+string(value), "/"))
		}
	default:
		if set := apkFields[string(key)]; set != nil {
			set(&s.p, string(value))
		}
	}
}

// FileList reads which files a package of dpkg owns: from /var/lib/dpkg/info/NAME.list, a path in each line, or NAME.md5sums, where a
// checksum is before it. Paths have no slash in front. An error, which is r's, is the last element.
func FileList(r io.ReaderAt, size int64) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		lines := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), readAhead)
		for {
			line, err := readLine(lines, maxStanzaLine)
			if err != nil {
				if err != io.EOF {
					yield("", err)
				}
				return
			}
			name := string(line)
			if sum, rest, ok := strings.Cut(name, "  "); ok && len(sum) == 32 && isHex(sum) {
				name = rest
			}
			name = strings.TrimPrefix(name, "/")
			if name != "" && name != "." && !yield(name, nil) {
				return
			}
		}
	}
}

// ListOwner returns the package whose files a file in /var/lib/dpkg/info or /var/lib/dpkg/status.d lists: "libc6" for "libc6:amd64.list". It is empty
// if the file is no such list.
func ListOwner(base string) string {
	for _, suffix := range []string{".list", ".md5sums"} {
		if name, ok := strings.CutSuffix(base, suffix); ok {
			name, _, _ = strings.Cut(name, ":")
			return name
		}
	}
	return ""
}

// decodePackages shows packages as a table, whose rows refer to them by purl.
func decodePackages(f *file) (*Doc, error) {
	s := table("Packages", "Package", "Version", "Architecture", "#Size", "Description")
	var shown []Package
	n, total := 0, int64(0)
	var failed error
	for p, err := range Packages(f, f.size) {
		if err != nil {
			failed = err
			break
		}
		if n++; p.Installed() {
			total += p.Size
		}
		if len(shown) < maxModules {
			p.Files = nil
			shown = append(shown, p)
		}
	}
	distro := guessDistro(shown)
	for _, p := range shown {
		s.row(p.row(distro)...)
	}
	if n > len(shown) {
		s.Note = fmt.Sprintf("%d more packages", n-len(shown))
	}
	s.add("Packages", number(n))
	s.add("Size", number(total))
	d := &Doc{Kind: "packages", Title: plural(n, "package")}
	d.addSection(s)
	return d, failed
}

func (p *Package) row(distro string) []Value {
	name := plain(p.Name)
	name.Ref = purlRef(p.Purl(distro, ""))
	version := plain(p.Version)
	if !p.Installed() {
		version.Tip = visible(p.Status, 100)
	}
	return []Value{name, version, plain(p.Arch), number(p.Size), plain(p.Description)}
}

// guessDistro tells the distribution by its packages, for want of os-release.
func guessDistro(all []Package) string {
	distro := ""
	for _, p := range all {
		switch {
		case p.Type == "deb" && (strings.Contains(p.Version, "ubuntu") || strings.Contains(p.Maintainer, "ubuntu.com")):
			return "ubuntu"
		case p.Type == "deb":
			distro = "debian"
		case p.Type == "rpm":
			return rpmDistro(p)
		case strings.HasPrefix(p.Name, "wolfi-"):
			return "wolfi"
		case strings.HasPrefix(p.Name, "chainguard-"):
			return "chainguard"
		default:
			distro = "alpine"
		}
	}
	return distro
}

// vendors are the distributions by what they call themselves in packages.
var vendors = []struct{ in, distro string }{
	{"Fedora", "fedora"}, {"Red Hat", "redhat"}, {"CentOS", "centos"}, {"Rocky", "rocky"}, {"AlmaLinux", "almalinux"}, {"Oracle", "oracle"},
	{"Amazon", "amzn"}, {"Microsoft", "azurelinux"}, {"SUSE LLC", "sles"}, {"openSUSE", "opensuse"}, {"Mageia", "mageia"},
}

func rpmDistro(p Package) string {
	for _, v := range vendors {
		if strings.Contains(p.Maintainer, v.in) {
			return v.distro
		}
	}
	return ""
}
