package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vitrine/storage/disk"
)

// gc removes what deleting has left behind from a root that no other process uses: blobs that no manifest and no file of their
// repository names and that are older than an upload may be, and content that no repository holds.
func gc(ctx context.Context, p *process) error {
	dry := slices.Contains(p.args, "--dry-run")
	args := slices.DeleteFunc(slices.Clone(p.args), func(a string) bool { return a == "--dry-run" })
	c, _, rest, err := load(args, p.env, "root", "uploads.expire")
	if err != nil {
		return err
	}
	if err := noArgs(rest); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(c.root, "vitrine.json")); err != nil {
		return fmt.Errorf("%s: no store is there: %w", c.root, err)
	}
	store, err := disk.Open(c.root, nil)
	if err != nil {
		return fmt.Errorf("root %s: %w", c.root, err)
	}
	defer store.Close()
	found, err := store.Collect(ctx, disk.CollectOptions{Dry: dry, Before: time.Now().Add(-c.uploadAge)})
	if err != nil {
		return fmt.Errorf("%s: %w", c.root, err)
	}
	would := ""
	if dry {
		would = "would be "
	}
	fmt.Fprintf(p.stdout, "%s: %d blobs that no manifest and no file names %sdropped from repositories, %d files (%d bytes) that no repository holds %[3]sremoved\n",
		c.root, found.Links, would, found.Files, found.Bytes)
	return nil
}
