package rpm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// The bounds of a repomd.xml: those of distributions have 4 KiB and a dozen pieces of data.
const (
	MaxRepomd = 4 << 20
	maxPieces = 1000
)

// Repomd is the root of a repository's metadata.
type Repomd struct {
	Revision string // mostly seconds since 1970
	Content  []string
	Repo     []string
	Distro   []Distro
	Data     []Data
}

// Distro says what distribution a repository is for.
type Distro struct{ CPE, Text string }

// Data is a file of metadata. What is not said is zero.
type Data struct {
	Type      string // "primary", "filelists", "other", "group", "updateinfo", "modules" and so on; "primary_zck" and others for zchunk
	Checksum  Checksum
	Open      Checksum // of what it decompresses to
	Header    Checksum // of the header of zchunk
	Location  Location
	Timestamp int64 // seconds since 1970

	Size, OpenSize, HeaderSize int64

	DatabaseVersion int64 // of SQLite
}

// ParseRepomd reads a repomd.xml of up to [MaxRepomd] bytes. The errors wrap [ErrFormat] or [ErrLimit].
func ParseRepomd(raw []byte) (*Repomd, error) {
	if len(raw) > MaxRepomd {
		return nil, fmt.Errorf("%w: repomd.xml of %d bytes", ErrLimit, len(raw))
	}
	s, m := newScanner(bytes.NewReader(raw)), &Repomd{}
	for {
		start, err := s.next()
		switch {
		case err == io.EOF:
			return m, nil
		case err != nil:
			return nil, err
		case !start:
			continue
		case s.depth() == 1 && string(s.name) != "repomd":
			return nil, s.bad("a root that is no repomd")
		case s.depth() > 1:
			err = m.element(s)
		}
		if err != nil {
			return nil, err
		}
	}
}

// element reads an element below the root, or a tag.
func (m *Repomd) element(s *scanner) error {
	into := map[string]*[]string{"content": &m.Content, "repo": &m.Repo}[string(s.name)]
	switch name := string(s.name); {
	case name == "data" && len(m.Data) == maxPieces:
		return fmt.Errorf("%w: more than %d pieces of metadata", ErrLimit, maxPieces)
	case name == "data":
		d := Data{Type: string(s.attr("type"))}
		err := d.read(s)
		m.Data = append(m.Data, d)
		return err
	case name == "tags":
		return nil
	case name == "revision", into != nil, name == "distro":
		cpe := string(s.attr("cpeid"))
		b, err := s.content()
		switch {
		case name == "revision":
			m.Revision = string(bytes.TrimSpace(b))
		case into != nil:
			*into = append(*into, string(b))
		default:
			m.Distro = append(m.Distro, Distro{cpe, string(b)})
		}
		return err
	}
	return s.skip()
}

// read reads the elements of a piece of data.
func (d *Data) read(s *scanner) error {
	sums := map[string]*Checksum{"checksum": &d.Checksum, "open-checksum": &d.Open, "header-checksum": &d.Header}
	numbers := map[string]*int64{"timestamp": &d.Timestamp, "size": &d.Size, "open-size": &d.OpenSize, "header-size": &d.HeaderSize,
		"database_version": &d.DatabaseVersion}
	depth := s.depth()
	for s.depth() >= depth {
		start, err := s.next()
		if err != nil {
			return s.unexpected(err)
		}
		if !start {
			continue
		}
		switch name := string(s.name); {
		case sums[name] != nil:
			*sums[name], err = s.checksum()
		case numbers[name] != nil:
			*numbers[name], err = s.whole()
		case name == "location":
			d.Location = s.location()
		default:
			err = s.skip()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// whole reads an element that is a number; some write seconds with a fraction.
func (s *scanner) whole() (int64, error) {
	b, err := s.content()
	b, _, _ = bytes.Cut(b, []byte("."))
	return number(b), err
}

// Find returns the data of a type, nil if there is none.
func (m *Repomd) Find(kind string) *Data {
	for i := range m.Data {
		if m.Data[i].Type == kind {
			return &m.Data[i]
		}
	}
	return nil
}

// Bytes writes it as a repomd.xml.
func (m *Repomd) Bytes() []byte {
	b := append([]byte(xmlHeader), `<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">`+"\n"...)
	b = element(b, 1, "revision", m.Revision)
	b = m.appendTags(b)
	for _, d := range m.Data {
		b = d.append(b)
	}
	return append(b, "</repomd>\n"...)
}

func (m *Repomd) appendTags(b []byte) []byte {
	if len(m.Content)+len(m.Repo)+len(m.Distro) == 0 {
		return b
	}
	b = append(b, "  <tags>\n"...)
	for _, s := range m.Content {
		b = element(b, 2, "content", s)
	}
	for _, s := range m.Repo {
		b = element(b, 2, "repo", s)
	}
	for _, d := range m.Distro {
		b = tag(b, 2, "distro", d.Text, "cpeid", d.CPE)
	}
	return append(b, "  </tags>\n"...)
}

func (d *Data) append(b []byte) []byte {
	b = append(attributes(append(b, "  <data"...), "type", d.Type), ">\n"...)
	for _, c := range []struct {
		name string
		Checksum
	}{{"checksum", d.Checksum}, {"open-checksum", d.Open}, {"header-checksum", d.Header}} {
		if c.Type != "" {
			b = tag(b, 2, c.name, c.Hex, "type", c.Type)
		}
	}
	b = empty(b, 2, "location", "xml:base", d.Location.Base, "href", d.Location.Href)
	for _, n := range []struct {
		name  string
		value int64
	}{{"timestamp", d.Timestamp}, {"size", d.Size}, {"open-size", d.OpenSize}, {"header-size", d.HeaderSize}, {"database_version", d.DatabaseVersion}} {
		if n.value > 0 {
			b = element(b, 2, n.name, strconv.FormatInt(n.value, 10))
		}
	}
	return append(b, "  </data>\n"...)
}

// Verify reads a file of metadata to its end and compares it with size and checksum. The errors wrap [ErrMismatch], [ErrFormat] where repomd.xml has no
// checksum that could be made, or are r's.
func (d *Data) Verify(r io.Reader) error {
	return d.Checksum.check(fmt.Sprintf("%.100q", d.Location.Href), r, d.Size)
}

// Verify compares all files that it names, which open opens. Those that lie elsewhere are not asked for. The errors are those of open and of
// [Data.Verify], joined, and [ErrFormat] for a path that leaves the repository.
func (m *Repomd) Verify(open func(*Data) (io.ReadCloser, error)) error {
	var errs []error
	for i := range m.Data {
		d := &m.Data[i]
		if d.Location.Base != "" {
			continue
		}
		errs = append(errs, d.verify(open))
	}
	return errors.Join(errs...)
}

func (d *Data) verify(open func(*Data) (io.ReadCloser, error)) error {
	if !d.Location.IsLocal() {
		return damaged("%s lies at %.100q", d.Type, d.Location.Href)
	}
	r, err := open(d)
	if err != nil {
		return err
	}
	return errors.Join(d.Verify(r), r.Close())
}
