//go:build linux

package e2e

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
)

// dropConfig is the configuration of a server with a repository of files that is called drop.
func dropConfig(t *testing.T) string {
	t.Helper()
	name := filepath.Join(tempDir(t), "drop.json")
	write(t, name, []byte(`{"repositories": {"drop": {"type": "local", "package": "generic"}}}`))
	return name
}

// paths is what a server acknowledged of files.
type paths struct {
	may   map[string]map[digest.Digest]bool // what the path may have
	acked map[string]bool                   // paths that must be there
	gone  map[string]bool                   // paths that must not
}

func newPaths() paths {
	return paths{map[string]map[digest.Digest]bool{}, map[string]bool{}, map[string]bool{}}
}

// merge takes over what a later round acknowledged.
func (f *paths) merge(later paths) {
	for path, ds := range later.may {
		if later.acked[path] || f.may[path] == nil {
			f.may[path] = ds
		} else {
			maps.Copy(f.may[path], ds)
		}
		delete(f.gone, path)
	}
	maps.Copy(f.acked, later.acked)
	for path := range later.gone {
		f.gone[path] = true
		delete(f.acked, path)
	}
}

// check holds a server that came back to its word.
func (f *paths) check(t *testing.T, s *server) {
	t.Helper()
	for path := range f.acked {
		a, err := s.send("GET", "/files/drop/"+path, nil)
		if d := digest.FromBytes(a.body); err != nil || a.status != 200 || !f.may[path][d] {
			t.Errorf("the file %s: %v, status %d, %s, want one of %v", path, err, a.status, d, slices.Collect(maps.Keys(f.may[path])))
		}
	}
	for path := range f.gone {
		if a, err := s.send("GET", "/files/drop/"+path, nil); err != nil || a.status != 404 {
			t.Errorf("the file %s, which was deleted: %v, status %d", path, err, a.status)
		}
	}
}

// filesOf puts a file of its own, one that changes, and one that it deletes again, alone in its directory.
func (p *pusher) filesOf(tag string) error {
	own, moves, goes := p.repo+"/"+tag+"/file", p.repo+"/moves", p.repo+"/"+tag+"-goes/file"
	for _, path := range []string{own, moves, goes} {
		if err := p.file(path); err != nil {
			return err
		}
	}
	p.j.note(func() { delete(p.j.files.acked, goes) })
	if _, err := p.send(anyOK, "DELETE", "/files/drop/"+goes, nil); err != nil {
		return err
	}
	p.j.note(func() { p.j.files.gone[goes] = true })
	return nil
}

func (p *pusher) file(path string) error {
	c := p.fresh(100_000)
	f := p.j.files
	p.j.note(func() {
		if f.may[path] == nil {
			f.may[path] = map[digest.Digest]bool{}
		}
		f.may[path][c.digest()] = true
	})
	if _, err := p.send(anyOK, "PUT", "/files/drop/"+path, c.bytes()); err != nil {
		return err
	}
	p.j.note(func() { f.may[path], f.acked[path] = map[digest.Digest]bool{c.digest(): true}, true })
	return nil
}
