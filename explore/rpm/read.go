package rpm

import (
	"bytes"
	"io"
	"iter"
	"time"
)

// ReadPrimary goes through the packages of a primary.xml, which is not compressed any more ([Decompress]); one is in memory. An error, which wraps
// [ErrFormat] or [ErrLimit] or is r's, is the last element.
func ReadPrimary(r io.Reader) iter.Seq2[*Entry, error] {
	return readEntries(r, "metadata", primaryFields)
}

// ReadFilelists does the same with a filelists.xml, of which entries have name, version, checksum and files.
func ReadFilelists(r io.Reader) iter.Seq2[*Entry, error] {
	return readEntries(r, "filelists", filelistsFields)
}

// ReadOther does the same with an other.xml, of which entries have name, version, checksum and changelog.
func ReadOther(r io.Reader) iter.Seq2[*Entry, error] { return readEntries(r, "otherdata", otherFields) }

// field reads an element that has begun. It may go on to its end.
type field func(s *scanner, e *Entry) error

// readEntries reads packages below a root by the names of the elements in them.
func readEntries(r io.Reader, root string, fields map[string]field) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		s := newScanner(r)
		for {
			start, err := s.next()
			switch {
			case err == io.EOF:
				return
			case err == nil && start && s.depth() == 1 && string(s.name) != root:
				err = s.bad("a root that is no " + root)
			case err == nil && start && s.depth() == 2 && string(s.name) == "package":
				e := new(Entry)
				if err = s.entry(e, fields); err == nil && !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			s.limit = s.off + maxElement
		}
	}
}

// entry reads the package that has begun to its end. A package of filelists.xml and other.xml has attributes.
func (s *scanner) entry(e *Entry, fields map[string]field) error {
	e.Name, e.Arch, e.Checksum.Hex = string(s.attr("name")), string(s.attr("arch")), string(s.attr("pkgid"))
	depth := s.depth()
	for s.depth() >= depth {
		start, err := s.next()
		if err != nil {
			return s.unexpected(err)
		}
		switch read := fields[string(s.name)]; {
		case !start || string(s.name) == "format":
		case read == nil:
			err = s.skip()
		default:
			err = read(s, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fieldsOf adds an element for each kind of relations.
func fieldsOf(all map[string]field) map[string]field {
	for k := range Kinds {
		all[k.String()] = func(s *scanner, e *Entry) error { return s.relations(&e.Relations[k]) }
	}
	return all
}

var primaryFields = fieldsOf(map[string]field{
	"name": text(func(e *Entry) *string { return &e.Name }), "arch": text(func(e *Entry) *string { return &e.Arch }), "version": readVersion,
	"summary": text(func(e *Entry) *string { return &e.Summary }), "description": text(func(e *Entry) *string { return &e.Description }),
	"packager": text(func(e *Entry) *string { return &e.Packager }), "url": text(func(e *Entry) *string { return &e.URL }),
	"license": text(func(e *Entry) *string { return &e.License }), "vendor": text(func(e *Entry) *string { return &e.Vendor }),
	"group": text(func(e *Entry) *string { return &e.Group }), "buildhost": text(func(e *Entry) *string { return &e.BuildHost }),
	"sourcerpm": text(func(e *Entry) *string { return &e.SourceRPM }),
	"checksum": func(s *scanner, e *Entry) (err error) {
		e.Checksum, err = s.checksum()
		return err
	},
	"time": func(s *scanner, e *Entry) error {
		e.FileTime, e.BuildTime = s.number("file"), s.number("build")
		return nil
	},
	"size": func(s *scanner, e *Entry) error {
		e.PackageSize, e.InstalledSize, e.ArchiveSize = s.number("package"), s.number("installed"), s.number("archive")
		return nil
	},
	"location": func(s *scanner, e *Entry) error {
		e.Location = s.location()
		return nil
	},
	"header-range": func(s *scanner, e *Entry) error {
		e.HeaderStart, e.HeaderEnd = s.number("start"), s.number("end")
		return nil
	},
	"file": readFile,
})

var filelistsFields = map[string]field{"version": readVersion, "file": readFile}

var otherFields = map[string]field{"version": readVersion, "changelog": func(s *scanner, e *Entry) error {
	c := Change{Time: time.Unix(s.number("date"), 0).UTC(), Author: string(s.attr("author"))}
	b, err := s.content()
	c.Text = string(b)
	e.Changes = append(e.Changes, c)
	return err
}}

// text reads an element that is a string.
func text(of func(e *Entry) *string) field {
	return func(s *scanner, e *Entry) error {
		b, err := s.content()
		*of(e) = string(b)
		return err
	}
}

func readVersion(s *scanner, e *Entry) error {
	e.EVR = s.evr()
	return nil
}

func readFile(s *scanner, e *Entry) error {
	f := ListedFile{}
	switch t := s.attr("type"); string(t) {
	case "dir":
		f.Type = FileDir
	case "ghost":
		f.Type = FileGhostly
	}
	b, err := s.content()
	f.Path = string(b)
	e.Files = append(e.Files, f)
	return err
}

// evr reads a version, whose epoch metadata has as 0 where there is none.
func (s *scanner) evr() EVR {
	v := EVR{string(s.attr("epoch")), string(s.attr("ver")), string(s.attr("rel"))}
	if v.Epoch == "0" {
		v.Epoch = ""
	}
	return v
}

// relations reads the entries of the element that has begun, to its end.
func (s *scanner) relations(all *[]Relation) error {
	depth := s.depth()
	for s.depth() >= depth {
		start, err := s.next()
		if err != nil {
			return s.unexpected(err)
		}
		if !start || string(s.name) != "entry" {
			continue
		}
		r := Relation{Name: string(s.attr("name")), Sense: xmlSenses[string(s.attr("flags"))], EVR: s.evr()}
		if string(s.attr("pre")) == "1" {
			r.Sense |= Prereq
		}
		*all = append(*all, r)
	}
	return nil
}

// location reads where something lies. A path may begin with ./, as some tools write it.
func (s *scanner) location() Location {
	return Location{string(s.attr("base")), string(bytes.TrimPrefix(s.attr("href"), []byte("./")))}
}

// checksum reads the element that has begun, to its end.
func (s *scanner) checksum() (Checksum, error) {
	kind := string(s.attr("type"))
	b, err := s.content()
	return Checksum{kind, string(bytes.TrimSpace(b))}, err
}
