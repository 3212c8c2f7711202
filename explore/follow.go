package explore

import (
	"context"
	"io/fs"
	"iter"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/explore/tarfs"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// Follow yields the entries of a blob while its index is being made, so that a page can show them as they come: in the order of the archive, all of
// them however late the caller comes. Where the index is there already they come out of the table, in its order. Directories that are not in the
// archive are left out; links are as recorded. It ends with an error, and a nil entry, if the pass fails, with those of Open. Like Open it asks r
// first.
func (x *Indexer) Follow(ctx context.Context, r storage.BlobReader, repo oci.Name, d digest.Digest, hint string) iter.Seq2[*tarfs.Entry, error] {
	return func(yield func(*tarfs.Entry, error) bool) {
		l, err := x.Open(ctx, r, repo, d, hint)
		if err != nil {
			yield(nil, err)
			return
		}
		defer l.Close()
		for e, err := range entries(l.WithContext(ctx)) {
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Indexed reports whether Open answers at once, with a layer or an error: false means that it has to read the whole blob first, and that Follow has
// something to show meanwhile.
func (x *Indexer) Indexed(ctx context.Context, r storage.BlobReader, repo oci.Name, d digest.Digest) bool {
	blob, err := r.OpenBlob(ctx, repo, d)
	if err != nil {
		return true
	}
	defer blob.Close()
	if f, err := detect(blob, ""); err != nil || f == archive.Zip || f == archive.Bzip2 {
		return true
	}
	_, stored := x.cached(ctx, d, blob.Size())
	return stored != nil && stored.Close() == nil
}

// entries are those that are in an archive, whatever its format: without directories that are made up.
func entries(fsys fs.FS) iter.Seq2[*tarfs.Entry, error] {
	return func(yield func(*tarfs.Entry, error) bool) {
		t, ok := fsys.(*tarfs.FS)
		if !ok {
			walk(fsys, yield)
			return
		}
		for e, err := range t.Table().Entries() {
			if err == nil && e.Synthetic {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// walk yields what a zip has, as entries.
func walk(fsys fs.FS, yield func(*tarfs.Entry, error) bool) {
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		e := &tarfs.Entry{Path: name, Name: name, Type: tarfs.TypeReg, Mode: int64(fi.Mode().Perm()), ModTime: fi.ModTime(), Size: fi.Size()}
		switch {
		case fi.IsDir():
			e.Type, e.Size, e.Name = tarfs.TypeDir, 0, name+"/"
		case fi.Mode()&fs.ModeSymlink != 0:
			e.Type = tarfs.TypeSymlink
		}
		if !yield(e, nil) {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		yield(nil, err)
	}
}
