package disk

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// dirKey is a directory of a repository, and listing the names in it, in byte order, as they were at a version of repoFiles.
type (
	dirKey struct {
		repo oci.Name
		dir  string
	}
	listing struct {
		version int64
		names   []string
	}
)

// nameOverhead is what remembering a name costs besides its bytes.
const nameOverhead = 16

// ListFiles implements storage.FileReader. A directory is read once, and its records one by one as they are asked for.
func (s *Store) ListFiles(ctx context.Context, name oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	return func(yield func(storage.Entry, error) bool) {
		r, err := s.find(name)
		if err = errors.Join(storage.CheckDir(dir), ctx.Err(), err); err != nil {
			yield(storage.Entry{}, err)
			return
		}
		if r == nil {
			return
		}
		names, err := s.listDir(r, dir)
		if err != nil {
			yield(storage.Entry{}, err)
			return
		}
		i, found := slices.BinarySearch(names, after)
		if found {
			i++
		}
		for _, n := range names[i:] {
			e, ok, err := s.entry(r, dir, n)
			if err = errors.Join(err, ctx.Err()); err != nil {
				yield(storage.Entry{}, err)
				return
			}
			if ok && !yield(e, nil) {
				return
			}
		}
	}
}

// entry reads one entry of a directory, if it is still there.
func (s *Store) entry(r *repo, dir, name string) (storage.Entry, bool, error) {
	e := storage.Entry{Name: name}
	if e.IsDir() {
		return e, true, nil
	}
	path := name
	if dir != "" {
		path = dir + "/" + name
	}
	f, ok, err := s.statFile(r, path)
	e.File = f
	return e, ok, err
}

// listDir returns the names in a directory, in order. The caller must not change them.
func (s *Store) listDir(r *repo, dir string) ([]string, error) {
	var version int64
	names := map[string]bool{}
	err := s.readFiles(r, func(x *repoFiles) {
		version = x.version
		x.names(dir, names)
	})
	if err != nil {
		return nil, err
	}
	key := dirKey{r.name, dir}
	if l, ok := s.listings.get(key); ok && l.version == version {
		return l.names, nil
	}
	if err := s.readDir(treePath(r.dir(fileTree), dir), "", names); err != nil {
		return nil, err
	}
	l := &listing{version, make([]string, 0, len(names))}
	cost := nameOverhead
	for n := range names {
		l.names = append(l.names, n)
		cost += len(n) + nameOverhead
	}
	slices.Sort(l.names)
	key.dir = strings.Clone(dir)
	s.listings.put(key, l, cost)
	return l.names, nil
}

// names enters what the last generations have in dir.
func (x *repoFiles) names(dir string, all map[string]bool) {
	for base, g := range x.last {
		if base != dir && !storage.InDir(base, dir) && !storage.InDir(dir, base) {
			continue
		}
		for path := range g.Files {
			if storage.InDir(path, dir) {
				rest := strings.TrimPrefix(path[len(dir):], "/")
				if i := strings.IndexByte(rest, '/'); i >= 0 {
					rest = rest[:i+1]
				}
				all[rest] = true
			}
		}
	}
}

// readDir enters what stands in a directory of the tree, each name behind prefix.
func (s *Store) readDir(dir, prefix string, all map[string]bool) error {
	names, err := s.tree.names(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		switch e := parseElem(n); e.kind {
		case fileElem:
			all[prefix+e.name] = true
		case dirElem:
			all[prefix+e.name+"/"] = true
		case longElem:
			err = s.readDir(dir+"/"+n, prefix+e.name, all)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
