package files

import (
	"context"
	"fmt"
	"iter"
	"regexp"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Filter returns a FileReader that lets through the files that one of the patterns matches, anywhere in the path or in the full path NAME/PATH, and all indexes.
// What none matches is ErrDenied, before r is asked. Without patterns it is r.
func Filter(r storage.FileReader, p Package, patterns []*regexp.Regexp) storage.FileReader {
	if len(patterns) == 0 {
		return r
	}
	return &filter{r, p, patterns}
}

type filter struct {
	files    storage.FileReader
	pkg      Package
	patterns []*regexp.Regexp
}

func (f *filter) allows(repo oci.Name, path string) bool {
	if f.pkg.Class(path) == storage.ClassIndex {
		return true
	}
	full := string(repo) + "/" + path
	for _, p := range f.patterns {
		if p.MatchString(path) || p.MatchString(full) {
			return true
		}
	}
	return false
}

func (f *filter) ask(repo oci.Name, path string) error {
	if f.allows(repo, path) {
		return nil
	}
	return fmt.Errorf("%w: %.256q is none of the paths that are let through to the server behind %s", storage.ErrDenied, path, repo)
}

// StatFile implements storage.FileReader.
func (f *filter) StatFile(ctx context.Context, repo oci.Name, path string) (storage.File, error) {
	if err := f.ask(repo, path); err != nil {
		return storage.File{}, err
	}
	return f.files.StatFile(ctx, repo, path)
}

// OpenFile implements storage.FileReader.
func (f *filter) OpenFile(ctx context.Context, repo oci.Name, path string) (storage.Blob, storage.File, error) {
	if err := f.ask(repo, path); err != nil {
		return nil, storage.File{}, err
	}
	return f.files.OpenFile(ctx, repo, path)
}

// ListFiles implements storage.FileReader: directories, and the files that are let through.
func (f *filter) ListFiles(ctx context.Context, repo oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	return func(yield func(storage.Entry, error) bool) {
		for e, err := range f.files.ListFiles(ctx, repo, dir, after) {
			if err == nil && !e.IsDir() && !f.allows(repo, join(dir, e.Name)) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
