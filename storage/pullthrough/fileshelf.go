package pullthrough

import (
	"cmp"
	"errors"
	"slices"

	"vitrine/storage"
)

// keeps notes that the file is kept and was used. Indexes do not go, so they do not count.
func (s *Files) keeps(path string, f storage.File) {
	i := item{path: path}
	if s.shelf == nil || s.isIndex(path, f) || s.shelf.use(i) {
		return
	}
	i.path = own(path)
	s.shelf.add(&entry{item: i, size: f.Size}, true)
	s.makeRoom()
}

func (s *Files) isIndex(path string, f storage.File) bool {
	if f.Class == storage.ClassIndex {
		return true
	}
	rule := s.o.Rule(path)
	return rule.Class == storage.ClassIndex || rule.Root != ""
}

func (s *Files) makeRoom() {
	if s.shelf.begin() {
		s.spawn(s.evict)
	}
}

// evict drops the least recently used, until the rest is within the bound.
func (s *Files) evict() {
	for e := s.shelf.next(); e != nil && s.ctx.Err() == nil; e = s.shelf.next() {
		if err := s.drop(e.path); err != nil {
			s.log.Warn("what is to be evicted stays", "repository", s.name, "path", e.path, "error", err)
		}
	}
}

// drop removes one file, and its content if no other names it. Who reads it goes on reading.
func (s *Files) drop(path string) error {
	f, err := s.local.StatFile(s.ctx, s.name, path)
	if err == nil {
		err = s.local.DeleteFile(s.ctx, s.name, path, storage.Still(f.Digest))
	}
	if errors.Is(err, storage.ErrFileUnknown) || errors.Is(err, storage.ErrFileMatch) || errors.Is(err, storage.ErrFileGeneration) {
		return nil // somebody else has seen to it
	}
	if err != nil {
		return err
	}
	s.evicted.Add(1)
	s.dropBlob(f.Digest)
	return nil
}

// takeStock puts on the shelf what is there from before: what came last goes last.
func (s *Files) takeStock() {
	var all []storage.Entry
	for e, err := range storage.WalkFiles(s.ctx, s.local, s.name, "") {
		if err != nil {
			s.log.Warn("what is kept cannot be listed", "repository", s.name, "error", err)
			break
		}
		if !s.isIndex(e.Name, e.File) {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b storage.Entry) int {
		return cmp.Or(b.File.Stored.Compare(a.File.Stored), cmp.Compare(b.Name, a.Name))
	})
	for _, e := range all {
		s.shelf.add(&entry{item: item{path: e.Name}, size: e.File.Size}, false)
	}
	s.makeRoom()
}
