package main

import (
	"context"
	"fmt"
	"slices"

	"vitrine/storage/disk"
)

// gc removes content that no repository holds any more from a root that no other process uses.
func gc(ctx context.Context, p *process) error {
	dry := slices.Contains(p.args, "--dry-run")
	args := slices.DeleteFunc(slices.Clone(p.args), func(a string) bool { return a == "--dry-run" })
	c, _, rest, err := load(args, p.env, "root")
	if err != nil {
		return err
	}
	if err := noArgs(rest); err != nil {
		return err
	}
	store, err := disk.Open(c.root, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	found, err := store.Collect(ctx, dry)
	if err != nil {
		return fmt.Errorf("%s: %w", c.root, err)
	}
	done := "removed"
	if dry {
		done = "would be removed"
	}
	fmt.Fprintf(p.stdout, "%s: %d files of %d bytes that no repository holds %s\n", c.root, found.Files, found.Bytes, done)
	return nil
}
