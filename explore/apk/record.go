package apk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// Info is what packages and indexes say of a package, with the letters that indexes have for it. Numbers that are none are 0, as with apk.
type Info struct {
	Name        string // P
	Version     string // V
	Arch        string // A
	Installed   int64  // I: the size of its files, in bytes
	Description string // T
	URL         string // U
	License     string // L
	Origin      string // o: what it was built from
	Maintainer  string // m
	Built       int64  // t: seconds since 1970
	Commit      string // c
	Priority    int64  // k: among those that provide the same

	// Each is a dependency as [ParseDep] reads it.
	Depends   []string // D
	Provides  []string // p
	InstallIf []string // i: it is installed once all of these are
}

// FileName is what the package's file is called in a repository.
func (i *Info) FileName() string { return i.Name + "-" + i.Version + ".apk" }

// Identity is by what an index knows a package's file: [Verify].
type Identity struct {
	Checksum Checksum // C; zero where there is none, or none that can be read
	Size     int64    // S: in bytes
}

// Record is a package of an index.
type Record struct {
	Info
	Identity

	Raw string // all lines as they stand in the index, those of unknown fields too, each with its end
}

// Field returns the value of the last line of a letter, "" where there is none.
func (r *Record) Field(letter byte) string {
	value := ""
	for line := range strings.Lines(r.Raw) {
		if len(line) > 2 && line[0] == letter && line[1] == ':' {
			value = strings.TrimSuffix(line[2:], "\n")
		}
	}
	return value
}

// set takes a field; false for a letter that Info has not. What apk sets, a later line sets again; what it collects, a later line adds to.
func (i *Info) set(letter byte, value string) bool {
	switch letter {
	case 'P':
		i.Name = value
	case 'V':
		i.Version = value
	case 'A':
		i.Arch = value
	case 'I':
		i.Installed = number(value)
	case 'T':
		i.Description = value
	case 'U':
		i.URL = value
	case 'L':
		i.License = value
	case 'o':
		i.Origin = value
	case 'm':
		i.Maintainer = value
	case 't':
		i.Built = number(value)
	case 'c':
		i.Commit = value
	case 'k':
		i.Priority = number(value)
	default:
		return i.collect(letter, value)
	}
	return true
}

func (i *Info) collect(letter byte, value string) bool {
	switch letter {
	case 'D':
		i.Depends = append(i.Depends, strings.Fields(value)...)
	case 'p':
		i.Provides = append(i.Provides, strings.Fields(value)...)
	case 'i':
		i.InstallIf = append(i.InstallIf, strings.Fields(value)...)
	default:
		return false
	}
	return true
}

// number reads the digits in front, as apk does; 0 for more than an int64 holds.
func number(s string) int64 {
	n, err := strconv.ParseInt(s[:len(s)-len(strings.TrimLeft(s, "0123456789"))], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// ParseRecord reads the lines of one package.
func ParseRecord(raw string) (Record, error) {
	r := Record{Raw: raw}
	for line := range strings.Lines(raw) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) < 2 || line[1] != ':' {
			return r, fmt.Errorf("%w: the line %.64q of an index", ErrFormat, line)
		}
		switch letter, value := line[0], line[2:]; letter {
		case 'C':
			r.Checksum, _ = ParseChecksum(value) // who needs one, asks whether there is one
		case 'S':
			r.Size = number(value)
		default:
			r.set(letter, value)
		}
	}
	if r.Name == "" {
		return r, fmt.Errorf("%w: %.64q and so on of an index is a package without a name", ErrFormat, raw)
	}
	return r, nil
}

// Records reads the text of an index, APKINDEX, or of the data base of what is installed, from front to back. One package is in memory. An error is the
// last element: r's, or one that wraps [ErrFormat] or [ErrLimit], in an [Error] with the offset in the text.
func Records(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		s := stanzas{r: bufio.NewReaderSize(r, maxLine)}
		for range maxRecords {
			rec, err := s.next()
			if err == io.EOF {
				return
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
		yield(Record{}, &Error{s.at, fmt.Errorf("%w: more than %d packages", ErrLimit, maxRecords)})
	}
}

// stanzas reads packages, between which are empty lines.
type stanzas struct {
	r    *bufio.Reader
	at   int64
	text []byte
}

// next returns the next package, and io.EOF behind the last. A line of one character is as good as an empty one.
func (s *stanzas) next() (Record, error) {
	s.text = s.text[:0]
	start := s.at
	for {
		line, err := s.r.ReadSlice('\n')
		s.at += int64(len(line))
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return Record{}, &Error{s.at, fmt.Errorf("%w: a line of more than %d bytes", ErrLimit, maxLine)}
		case err != nil && err != io.EOF:
			return Record{}, err
		case len(s.text)+len(line) > maxRecord:
			return Record{}, &Error{s.at, fmt.Errorf("%w: a package of more than %d bytes", ErrLimit, maxRecord)}
		case len(line) > 2 || len(line) == 2 && line[1] != '\n':
			s.text = append(s.text, line...)
			if err == nil {
				continue
			}
			s.text = append(s.text, '\n')
		}
		if len(s.text) > 0 {
			rec, err := ParseRecord(string(s.text))
			if err != nil {
				err = &Error{start, err}
			}
			return rec, err
		}
		if err != nil {
			return Record{}, err
		}
		start = s.at
	}
}
