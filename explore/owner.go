package explore

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"vitrine/explore/inspect"
	"vitrine/explore/overlay"
)

// maxOwnerBytes bounds what is read to find the package of one file: the lists of some 3,000 packages.
const maxOwnerBytes = 64 << 20

// Where packages tell which files are theirs: lists, a file for each package, and data bases of all.
var (
	listFolders = []string{"var/lib/dpkg/info", "var/lib/dpkg/status.d"}
	packageData = []string{"lib/apk/db/installed", "usr/lib/apk/db/installed", "var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite"}
)

// hasPackages reports whether an image has a list of what packages own.
func (l *look) hasPackages() bool {
	return slices.ContainsFunc(slices.Concat(listFolders, packageData), func(p string) bool {
		n, err := l.resolve(p)
		return err == nil && n != nil
	})
}

// ownerSearch looks for the package of a file.
type ownerSearch struct {
	*look
	names []string // of the file: where /bin is a link to /usr/bin, packages may say either
	left  int64    // bytes that may be read
}

// packageOf returns the package that says that the file p is its own, "" if none does.
func (l *look) packageOf(p string) (string, error) {
	done, err := l.h.turn(l.r.Context())
	if err != nil {
		return "", err
	}
	defer done()
	s := &ownerSearch{look: l, names: []string{p, l.lastPath(), strings.TrimPrefix(p, "usr/"), "usr/" + p}, left: maxOwnerBytes}
	for _, folder := range listFolders {
		if name, err := s.inLists(folder); name != "" || err != nil {
			return name, err
		}
	}
	for _, file := range packageData {
		if name, err := s.inData(file); name != "" || err != nil {
			return name, err
		}
	}
	return "", nil
}

// inLists looks into the lists of dpkg: of a package's two kinds only that with directories and links.
func (s *ownerSearch) inLists(folder string) (string, error) {
	at, err := s.resolve(folder)
	if err != nil {
		return "", unlessMissing(err)
	}
	for n, err := range s.dir(at.Path, "") {
		if err != nil {
			return "", s.report(err)
		}
		owner := inspect.ListOwner(n.Base())
		if owner == "" || n.State != overlay.Live || folder == listFolders[0] && strings.HasSuffix(n.Path, ".md5sums") {
			continue
		}
		if found, err := s.has(n); found || err != nil {
			return owner, err
		}
	}
	return "", nil
}

// has reports whether a list has one of the names.
func (s *ownerSearch) has(n *overlay.Node) (bool, error) {
	f, err := s.within(n)
	if f == nil || err != nil {
		return false, err
	}
	defer f.Close()
	for name, err := range inspect.FileList(f, f.size) {
		if err != nil {
			return false, s.report(err)
		}
		if slices.Contains(s.names, name) {
			return true, nil
		}
	}
	return false, nil
}

// within opens a file if it may still be read, nil otherwise.
func (s *ownerSearch) within(n *overlay.Node) (*held, error) {
	if err := s.r.Context().Err(); err != nil {
		return nil, err
	}
	f, err := s.file(n)
	if err != nil {
		return nil, unlessMissing(err)
	}
	if s.left -= f.size; s.left < 0 {
		return nil, f.Close()
	}
	return f, nil
}

// inData looks into a data base of packages.
func (s *ownerSearch) inData(file string) (string, error) {
	n, err := s.resolve(file)
	if err != nil {
		return "", unlessMissing(err)
	}
	f, err := s.within(n)
	if f == nil || err != nil {
		return "", err
	}
	defer f.Close()
	for p, err := range inspect.Packages(f, f.size) {
		if err != nil {
			return "", s.report(err)
		}
		if slices.ContainsFunc(p.Files, func(name string) bool { return slices.Contains(s.names, name) }) {
			return p.Name + " " + p.Version, nil
		}
	}
	return "", nil
}

// unlessMissing is err, or nil if it says that something is not there.
func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
