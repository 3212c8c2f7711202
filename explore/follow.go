package explore

import (
	"context"
	"io/fs"
	"iter"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/tarfs"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// Indexed reports whether Open answers at once, with a layer or with an error: false means that it has to read the whole blob first, and that Follow
// has something to show meanwhile.
func (x *Indexer) Indexed(ctx context.Context, r storage.BlobReader, repo oci.Name, d digest.Digest) bool {
	size, err := r.StatBlob(ctx, repo, d)
	if err != nil || x.pool.has(d, size) || x.verdicts.failed(d) != nil {
		return true
	}
	blob, err := r.OpenBlob(ctx, repo, d)
	if err != nil {
		return true
	}
	defer blob.Close()
	there, err := x.indexed(ctx, blob, source{d: d})
	return there || err != nil
}

// Follow yields the entries of a blob while its index is being made, so that a page can show them as they come: in the order of the archive, from the
// first on, however late the caller comes. Where the index is there already, where the format is none of those that are read in order, and where the
// caller has fallen more than some 40,000 entries behind, they come out of the table, in its order: the same entries, each once. Directories that are
// not in the archive are left out; links are as recorded. If the pass fails the last pair is the error, one of those of Open. Like Open it asks r first.
func (x *Indexer) Follow(ctx context.Context, r storage.BlobReader, repo oci.Name, d digest.Digest, hint string) iter.Seq2[*tarfs.Entry, error] {
	return func(yield func(*tarfs.Entry, error) bool) {
		w := &follower{x: x, yield: yield, last: -1}
		var err error
		if x.Indexed(ctx, r, repo, d) {
			err = w.open(ctx, r, repo, d, hint)
		} else {
			err = w.follow(ctx, blobSource(r, repo, d, hint))
		}
		if err != nil && !w.gone {
			yield(nil, err)
		}
	}
}

// follower is somebody who is shown entries.
type follower struct {
	x     *Indexer
	yield func(*tarfs.Entry, error) bool
	n     int   // entries of the archive that he has seen
	last  int64 // where the header of the last of them stands
	gone  bool  // he wants no more
}

func (w *follower) show(e *tarfs.Entry) bool {
	w.n, w.last = w.n+1, e.Header
	w.gone = !w.yield(e, nil)
	return !w.gone
}

// open shows what needs no pass.
func (w *follower) open(ctx context.Context, r storage.BlobReader, repo oci.Name, d digest.Digest, hint string) error {
	l, err := w.x.Open(ctx, r, repo, d, hint)
	if err != nil {
		return err
	}
	defer l.Close()
	if t, ok := l.FS().(*tarfs.FS); ok {
		return l.Report(w.rest(t.Table()))
	}
	return w.walk(l.FS())
}

// follow shows the entries of the pass that is under way, or of one that it starts. As build does, it tries again where that fails for a reason that
// is not the blob's.
func (w *follower) follow(ctx context.Context, s source) error {
	for {
		f, mine := w.x.join(ctx, s, true)
		err := w.play(ctx, f)
		w.x.leave(f, s, mine)
		switch {
		case err != nil || w.gone:
			return err
		case f.err == nil && w.n > 0 && w.n == f.tape.total():
			return nil
		case f.err == nil:
			return w.rest(f.index.Table())
		case f.final || mine:
			return f.err
		}
	}
}

// play shows what is on the tape until f is done, and all of it seen that is still there.
func (w *follower) play(ctx context.Context, f *flight) error {
	var buf [64]*tarfs.Entry
	for landed := false; ; {
		n, more, ok := f.tape.from(w.n, buf[:])
		if !ok {
			return f.wait(ctx)
		}
		for _, e := range buf[:n] {
			if !w.show(e) {
				return nil
			}
		}
		if n > 0 {
			continue
		}
		if landed {
			return nil
		}
		select {
		case <-more:
		case <-f.done:
			landed = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rest shows the entries of a table that he has not seen.
func (w *follower) rest(t *tarfs.Table) error {
	seen := w.last
	for e, err := range t.Entries() {
		if err != nil {
			return err
		}
		if !e.Synthetic && e.Header > seen && !w.show(e) {
			return nil
		}
	}
	return nil
}

// walk shows the files of a zip, as entries.
func (w *follower) walk(fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
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
		if !w.show(e) {
			return fs.SkipAll
		}
		return nil
	})
}
