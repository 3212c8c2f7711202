package disk

import (
	"errors"
	"io/fs"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
)

// fileHolds reports whether a record of r names the content. Called with the lock held; the first time for a repository it reads all of them.
func (s *Store) fileHolds(r *repo, d digest.Digest) (bool, error) {
	x, err := s.filesOf(r)
	if err != nil {
		return false, err
	}
	if x.holds == nil {
		holds := map[digest.Digest]int{}
		err := s.walkRecords(r, func(_ string, f storage.File, err error) error {
			if err == nil {
				holds[f.Digest]++
			}
			return nil
		})
		if err != nil {
			return false, err
		}
		x.holds = holds
	}
	return x.holds[d] > 0, nil
}

// walkRecords calls f with the place of every record of r, those of generations too; with an error where it cannot be read.
func (s *Store) walkRecords(r *repo, f func(place string, file storage.File, err error) error) error {
	err := s.walkTree(r.dir(fileTree), func(name string) error {
		target, err := s.tree.readlink(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		var file storage.File
		if err == nil {
			file, err = parseFile(target)
		}
		return f(name, file, err)
	})
	if err != nil {
		return err
	}
	return s.walkTree(r.dir(generations), func(name string) error {
		files, err := s.readGeneration(name)
		if err != nil {
			return f(name, storage.File{}, err)
		}
		for _, file := range files {
			if err := f(name, file, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// walkTree calls f for each file or link below dir that is none of a stranger's.
func (s *Store) walkTree(dir string, f func(name string) error) error {
	names, err := s.tree.names(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		e := parseElem(n)
		switch name := dir + "/" + n; e.kind {
		case dirElem, longElem:
			err = s.walkTree(name, f)
		case fileElem:
			err = f(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tidyDirs removes the directories below dir in which nothing stands: what a crash has left of a file that was deleted, or was to come.
func (s *Store) tidyDirs(dir string) error {
	names, err := s.tree.names(dir)
	for _, n := range names {
		if k := parseElem(n).kind; k == dirElem || k == longElem {
			err = errors.Join(err, s.tidyDirs(dir+"/"+n), s.tree.removeDirs(dir+"/"+n, dir))
		}
	}
	return err
}
