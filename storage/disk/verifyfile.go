package disk

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// file checks one thing of _files: the record of a path, or a generation. What has gone since it was listed is no problem.
func (v *verifier) file(name string, repo oci.Name, rest string) {
	all, err := v.records(name, rest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		v.problem(Problem{Path: name, Repo: repo, What: "no record of the store"})
	}
	for _, f := range all {
		v.sum.Files++
		if err := v.held(repo, f); err != nil && v.isThere(name) {
			v.problem(Problem{Path: name, Repo: repo, Digest: f.Digest, What: err.Error()})
		}
	}
}

// isThere reports whether a path or a generation still is.
func (v *verifier) isThere(name string) bool {
	_, err := v.root.Lstat(name)
	return err == nil
}

var errNoRecord = errors.New("no record")

// records reads what stands under name.
func (v *verifier) records(name, rest string) (all []storage.File, err error) {
	kind, _, _ := strings.Cut(rest, "/")
	if parseElem(path.Base(name)).kind != fileElem {
		return nil, errNoRecord
	}
	switch kind {
	case "tree":
		target, err := v.root.Readlink(name)
		if err != nil {
			return nil, err
		}
		f, err := parseFile(target)
		if err != nil {
			return nil, err
		}
		return []storage.File{f}, nil
	case "generations":
		if _, ok := parseGenerationName(path.Base(name)); ok {
			return v.generation(name)
		}
	}
	return nil, errNoRecord
}

func (v *verifier) generation(name string) (all []storage.File, err error) {
	f, err := v.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxGenerationBytes))
	if err != nil {
		return nil, err
	}
	files, err := parseGeneration(raw)
	for _, f := range files {
		all = append(all, f)
	}
	return all, err
}

// held checks that the repository has the content that a record names.
func (v *verifier) held(in oci.Name, f storage.File) error {
	if _, link := (&repo{name: in}).linkPath(blobs, f.Digest); !v.isThere(link) {
		return errors.New("its content is not linked into the repository")
	}
	fi, err := v.root.Lstat(file(f.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("its content is missing")
	}
	if err != nil {
		return err
	}
	return checkSize(fi, f.Size)
}
