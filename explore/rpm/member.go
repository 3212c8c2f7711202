package rpm

import (
	"fmt"
	"io"
	"iter"
)

// Packages gives the packages of a repository as one of its documents has them: "primary", "filelists" or "other". [Build] goes through each of them, and
// through the first several times, with the same packages each time.
type Packages func(kind string) iter.Seq2[*Entry, error]

// Entries are packages that are in memory, with all that is known about them.
func Entries(all ...*Entry) Packages {
	return func(string) iter.Seq2[*Entry, error] {
		return func(yield func(*Entry, error) bool) {
			for _, e := range all {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// Metadata are the packages of metadata, of which open opens a document, compressed or not. One package is in memory.
func Metadata(open func(kind string) (io.ReadCloser, error)) Packages {
	return func(kind string) iter.Seq2[*Entry, error] {
		return func(yield func(*Entry, error) bool) {
			r, err := open(kind)
			if err != nil {
				yield(nil, err)
				return
			}
			defer r.Close()
			plain, err := Decompress(r)
			if err != nil {
				yield(nil, err)
				return
			}
			read, ok := map[string]func(io.Reader) iter.Seq2[*Entry, error]{"primary": ReadPrimary, "filelists": ReadFilelists, "other": ReadOther}[kind]
			if !ok {
				yield(nil, fmt.Errorf("rpm: no document of packages is %.32q", kind))
				return
			}
			read(plain)(yield)
		}
	}
}

// Member is a part of what [Build] makes a generation of. Of packages of the same name, version and architecture the first counts.
type Member struct {
	Packages Packages
	Prefix   string              // set before the paths of packages, such as "member/"; what lies elsewhere stays there
	Owns     bool                // later members have no packages that have, provide or obsolete the names of packages that this one has
	Keep     func(e *Entry) bool // which packages are taken; nil: all
}

// Left is a package that was left out, and why: what is no path in a repository, a path or a checksum that an earlier package has already, a name that an
// earlier member owns. Those of which there is the same name, version and architecture already are not told.
type Left struct {
	Member int
	NEVRA  NEVRA
	Why    string
}
