package disk

import (
	"context"
	"io/fs"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// Collected counts what Collect has found to be in nobody's sight.
type Collected struct {
	Files int64
	Bytes int64
}

// Collect removes content that no repository links to any more; with dry it only counts. It must be the only call that
// runs on the store: content that is linked while it looks would be taken for rubbish.
func (s *Store) Collect(ctx context.Context, dry bool) (Collected, error) {
	linked := map[digest.Digest]bool{}
	mark := func(name string, e fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil || e.IsDir() {
			return firstError(err, ctx.Err())
		}
		if _, kind, rest, ok := splitRecord(name); ok && (kind == "_blobs" || kind == "_manifests") {
			linked[digest.Digest(strings.Replace(rest, "/", ":", 1))] = true
		}
		return nil
	}
	if err := fs.WalkDir(s.tree.root.FS(), "repos", mark); err != nil {
		return Collected{}, err
	}
	var c Collected
	sweep := func(name string, e fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil || e.IsDir() {
			return firstError(err, ctx.Err())
		}
		d, err := oci.ParseDigest(path.Base(path.Dir(path.Dir(name))) + ":" + e.Name())
		if err != nil || linked[d] {
			return nil // what is not content is left for a person to look at
		}
		return s.sweep(name, e, dry, &c)
	}
	return c, fs.WalkDir(s.tree.root.FS(), "blobs", sweep)
}

// sweep counts one file and, unless it is a dry run, removes it.
func (s *Store) sweep(name string, e fs.DirEntry, dry bool, c *Collected) error {
	fi, err := e.Info()
	if err != nil {
		return err
	}
	if !dry {
		if err := s.tree.remove(name); err != nil {
			return err
		}
	}
	c.Files++
	c.Bytes += fi.Size()
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
