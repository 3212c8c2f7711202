package rpm

import (
	"slices"
	"strings"
	"time"
)

// Entry is what the metadata of a repository says about a package. Primary.xml has all but the changelog, and of the files only those that others often
// ask for; filelists.xml has NEVRA, checksum and all files; other.xml NEVRA, checksum and the changelog.
type Entry struct {
	NEVRA
	Checksum Checksum // of the package's file; without a type where another document than primary.xml was read
	Location Location

	Summary, Description, Packager, URL          string
	License, Vendor, Group, BuildHost, SourceRPM string
	FileTime, BuildTime                          int64 // seconds since 1970: of the file, and of what is in it
	PackageSize, InstalledSize, ArchiveSize      int64 // bytes of the file, of what it installs, of its payload
	HeaderStart, HeaderEnd                       int64 // bytes of the file

	Relations [Kinds][]Relation
	Files     []ListedFile
	Changes   []Change // the oldest first
}

// Location says where something lies: Href is a path from the root of the repository, or from Base where another place is meant.
type Location struct{ Base, Href string }

// IsLocal tells whether it is below the root of the repository: a path without tricks.
func (l Location) IsLocal() bool {
	if l.Base != "" || l.Href == "" || len(l.Href) > maxPath || strings.ContainsAny(l.Href, "\x00\\?#") {
		return false
	}
	for part := range strings.SplitSeq(l.Href, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// maxPath is the longest path, as Linux has it.
const maxPath = 4096

// ListedFile is a file in the metadata.
type ListedFile struct {
	Path string
	Type FileType
}

// FileType is what metadata tells apart.
type FileType uint8

// The types of files in metadata.
const (
	FileRegular FileType = iota // and links and all else
	FileDir
	FileGhostly // the package's own, but not in its payload
)

// String returns it as the metadata has it, empty for most files.
func (t FileType) String() string { return [...]string{"", "dir", "ghost"}[t] }

// maxChanges is how much of the changelog metadata has: as createrepo_c does it.
const maxChanges = 10

// Entry returns what the metadata says about a package: sum is that of its file, modified the file's time. The error is that of [Header.Files].
func (p *Package) Entry(l Location, sum Checksum, modified time.Time) (*Entry, error) {
	i := p.Info()
	e := &Entry{
		NEVRA: i.NEVRA, Checksum: sum, Location: l, FileTime: max(modified.Unix(), 0), BuildTime: i.BuildTime.Unix(),
		Summary: i.Summary, Description: i.Description, Packager: i.Packager, URL: i.URL,
		License: i.License, Vendor: i.Vendor, Group: i.Group, BuildHost: i.BuildHost, SourceRPM: i.SourceRPM,
		PackageSize: p.Size, InstalledSize: i.InstalledSize, ArchiveSize: p.ArchiveSize(), HeaderStart: p.HeaderStart, HeaderEnd: p.HeaderEnd,
	}
	for f, err := range p.Files() {
		if err != nil {
			return nil, err
		}
		e.Files = append(e.Files, ListedFile{f.Path, f.listed()})
	}
	for k := range Kinds {
		for r := range p.Relations(k) {
			e.Relations[k] = append(e.Relations[k], r)
		}
	}
	e.Relations[Requires] = e.listedRequires()
	e.addChanges(p.Header)
	return e, nil
}

func (f *File) listed() FileType {
	switch {
	case f.IsDir():
		return FileDir
	case f.Flags&FileGhost != 0:
		return FileGhostly
	}
	return FileRegular
}

// IsPrimary tells whether primary.xml has a file: one that other packages may require by its path.
func IsPrimary(path string) bool {
	return strings.HasPrefix(path, "/etc/") || strings.Contains(path, "bin/") || path == "/usr/lib/sendmail"
}

// listedRequires leaves out what no resolver needs, as createrepo_c does: what rpm itself must be able to do, what the package has itself, what was just
// said of the same name, and of the versions of glibc's symbols all but the highest.
func (e *Entry) listedRequires() (all []Relation) {
	own := map[string]bool{}
	for _, f := range e.Files {
		if IsPrimary(f.Path) {
			own[f.Path] = true
		}
	}
	for _, r := range e.Relations[Provides] {
		own[r.Name] = true
	}
	said := map[string]Relation{}
	var libc []Relation
	for _, r := range e.Relations[Requires] {
		last, ok := said[r.Name]
		switch {
		case r.IsRPMLib() || own[r.Name]:
		case strings.HasPrefix(r.Name, "libc.so.6"):
			if libc == nil || CompareVersions(symbolVersion(libc[0].Name), symbolVersion(r.Name)) < 0 {
				libc = []Relation{r}
			}
		case ok && last.sameListed(r):
		default:
			said[r.Name] = r
			all = append(all, r)
		}
	}
	return append(all, libc...)
}

// sameListed tells whether metadata says the same of both.
func (r Relation) sameListed(o Relation) bool {
	return r.Sense&comparison == o.Sense&comparison && r.EVR == o.EVR && r.Pre() == o.Pre()
}

// symbolVersion returns "2.34" of "libc.so.6(GLIBC_2.34)(64bit)", or nothing.
func symbolVersion(name string) string {
	_, rest, _ := strings.Cut(name, "(")
	version, _, _ := strings.Cut(rest, ")")
	return strings.TrimLeftFunc(version, func(c rune) bool { return c < '0' || c > '9' })
}

// addChanges takes the newest changes. Those of the same second are put one second after each other, as their order is said by nothing else.
func (e *Entry) addChanges(h *Header) {
	for c := range h.Changes() {
		if len(e.Changes) == maxChanges {
			break
		}
		c.Author = strings.TrimRight(c.Author, " ")
		e.Changes = append(e.Changes, c)
	}
	slices.Reverse(e.Changes)
	var before time.Time // as the package has it
	for i := range e.Changes {
		now := e.Changes[i].Time
		if i > 0 && !now.Before(before) && !now.After(e.Changes[i-1].Time) {
			e.Changes[i].Time = e.Changes[i-1].Time.Add(time.Second)
		}
		before = now
	}
}
