package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"vitrine/storage/disk"
)

// verify reads everything in a root, which may be in use, and prints a line for each thing that is damaged.
func verify(ctx context.Context, p *process) error {
	c, _, rest, err := load(p.args, p.env, "root")
	if err != nil {
		return err
	}
	if err := noArgs(rest); err != nil {
		return err
	}
	sum, err := disk.Verify(ctx, c.root, func(problem disk.Problem) { fmt.Fprintln(p.stdout, problem) })
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no store is there: %w", c.root, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.root, err)
	}
	fmt.Fprintf(p.stdout, "%s: %d blobs (%d bytes), %d links, %d manifests, %d tags and %d paths of files read, %d problems\n",
		c.root, sum.Blobs, sum.Bytes, sum.Links, sum.Manifests, sum.Tags, sum.Files, sum.Problems)
	if sum.Problems > 0 {
		return errProblems
	}
	return nil
}
