package disk

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// CollectOptions say what Collect may take for rubbish.
type CollectOptions struct {
	Dry    bool      // only count
	Before time.Time // links to blobs that no manifest and no file of their repository names go if they were made before; zero: none go
}

// Collected counts what Collect has found.
type Collected struct {
	Links int64 // from repositories to blobs that none of their manifests and files names
	Files int64 // of content that no repository holds
	Bytes int64 // of these files
}

// Collect drops blobs from repositories whose manifests and files no longer name them, and then removes content that no repository
// holds. It must be the only call that runs on the store: what is pushed while it looks would be taken for rubbish.
// A repository with a manifest or a file's record that cannot be read keeps all its blobs.
func (s *Store) Collect(ctx context.Context, o CollectOptions) (Collected, error) {
	c := &collection{Store: s, CollectOptions: o, held: map[digest.Digest]bool{}}
	for name, err := range s.Repositories(ctx, "") {
		if err == nil {
			err = c.repository(ctx, s.repo(name))
		}
		if err != nil {
			return c.Collected, err
		}
	}
	return c.Collected, fs.WalkDir(s.tree.root.FS(), "blobs", func(name string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || e.IsDir() {
			return err
		}
		return c.file(name, e)
	})
}

// collection is one run of Collect.
type collection struct {
	*Store
	CollectOptions
	Collected
	held map[digest.Digest]bool // what some repository holds
}

// repository notes what r holds, and drops blobs that neither its manifests nor its files name.
func (c *collection) repository(ctx context.Context, r *repo) error {
	named, whole, err := c.named(ctx, r)
	if err != nil {
		return err
	}
	err = c.walkRecords(r, func(_ string, f storage.File, err error) error {
		named[f.Digest], whole = true, whole && err == nil
		return ctx.Err()
	})
	if err == nil && !c.Dry {
		err = c.tidyDirs(r.dir(fileTree))
	}
	if err != nil {
		return err
	}
	for _, alg := range oci.Algorithms {
		names, err := c.tree.names(r.dir(blobs, string(alg)))
		if err != nil {
			return err
		}
		for _, hex := range names {
			d, err := oci.ParseDigest(string(alg) + ":" + hex)
			if err != nil {
				continue
			}
			if named[d] || !whole || !c.isOld(r, d) {
				c.held[d] = true
				continue
			}
			if err := c.drop(ctx, r, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// named returns what the manifests of r name, and whether all of them could be read. The manifests are held.
func (c *collection) named(ctx context.Context, r *repo) (named map[digest.Digest]bool, whole bool, err error) {
	named, whole = map[digest.Digest]bool{}, true
	for d, err := range c.Manifests(ctx, r.name) {
		if errors.Is(err, storage.ErrRepoUnknown) {
			break
		}
		if err != nil {
			return nil, false, err
		}
		c.held[d.Digest] = true
		m, err := c.GetManifest(ctx, r.name, d.Digest)
		if err != nil {
			whole = false
			continue
		}
		contents, err := oci.ParseManifest(m.MediaType, m.Raw)
		if err != nil {
			whole = false
			continue
		}
		for _, one := range append(contents.Blobs(), contents.Manifests...) {
			named[one.Digest] = true
		}
	}
	return named, whole, nil
}

func (c *collection) isOld(r *repo, d digest.Digest) bool {
	_, name := r.linkPath(blobs, d)
	fi, err := c.tree.root.Lstat(name)
	return err == nil && fi.ModTime().Before(c.Before)
}

func (c *collection) drop(ctx context.Context, r *repo, d digest.Digest) error {
	c.Links++
	if c.Dry {
		return nil
	}
	return c.DeleteBlob(ctx, r.name, d)
}

// file removes one file of blobs/ that nobody holds. What is no content is left for a person to look at.
func (c *collection) file(name string, e fs.DirEntry) error {
	d, err := oci.ParseDigest(path.Base(path.Dir(path.Dir(name))) + ":" + e.Name())
	if err != nil || c.held[d] {
		return nil
	}
	fi, err := e.Info()
	if err != nil {
		return err
	}
	c.Files++
	c.Bytes += fi.Size()
	if c.Dry {
		return nil
	}
	return c.tree.remove(name)
}
