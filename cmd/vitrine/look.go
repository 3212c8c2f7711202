package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"vitrine/explore/tarfs"
	"vitrine/storage/oci"
)

const lsHelp = `vitrine ls [--root DIR] [--layer N] FILE|IMAGE [PATH]

Lists the files of an archive (tar, tar.gz, zip, apk, deb, rpm, cpio, ...) or of a layer as tar -tv does: all of them, or PATH and what lies below.
Nothing is unpacked. Without --layer and PATH it lists the layers of an image, or the images of an index.

IMAGE is one of

    NAME[:TAG], NAME@DIGEST    of the registry in the root, which may be running; DIGEST may be that of a layer
    DIR[:TAG], DIR@DIGEST      of an OCI image layout, a directory

--layer counts from 1, the lowest. An image of one layer needs none.
`

const catHelp = `vitrine cat [--root DIR] [--layer N] FILE|IMAGE PATH

Prints a file out of an archive or of a layer; "vitrine help ls" says what these are. Symbolic links are followed inside the layer. Of an archive
that holds a single file, such as a gzip, PATH may be left out.
`

const indexHelp = `vitrine index FILE...

Reads each archive once and writes FILE.vindex: with it, ls and cat open the archive at once. It counts as long as it is not older than FILE.
`

// query is what the arguments of ls and cat ask for.
type query struct {
	root  string // of the registry
	what  string // a file, a layout or a repository's image
	path  string // in it, as package fs has it; "" if none was given
	layer int    // 1 is the lowest; 0: none was given
}

// parseQuery understands [flags] REF|FILE [PATH]; --layer N may stand anywhere.
func parseQuery(p *process) (*query, error) {
	args, layer, err := cutLayer(p.args)
	if err != nil {
		return nil, err
	}
	c, _, rest, err := load(args, p.env, "root")
	if err != nil {
		return nil, err
	}
	if len(rest) == 0 {
		return nil, usagef("want a file or an image, such as layer.tar.gz or app:1")
	}
	q := &query{root: c.root, what: rest[0], layer: layer}
	if len(rest) > 1 {
		q.path = path.Clean("/" + rest[1])[1:]
		if q.path == "" {
			q.path = "."
		}
		return q, noArgs(rest[2:])
	}
	return q, nil
}

// cutLayer takes --layer N out of args.
func cutLayer(args []string) (rest []string, layer int, err error) {
	i := slices.IndexFunc(args, func(a string) bool { return a == "--layer" || strings.HasPrefix(a, "--layer=") })
	if i < 0 {
		return args, 0, nil
	}
	_, text, joined := strings.Cut(args[i], "=")
	rest = slices.Concat(args[:i], args[i+1:])
	if !joined && i < len(rest) {
		text = rest[i]
		rest = slices.Delete(rest, i, i+1)
	}
	layer, err = strconv.Atoi(text)
	if err != nil || layer < 1 {
		return nil, 0, usagef("--layer wants a number from 1 on, not %.64q", text)
	}
	return rest, layer, nil
}

// openQuery understands the arguments and opens what they name.
func openQuery(ctx context.Context, p *process) (*query, *opened, error) {
	q, err := parseQuery(p)
	if err != nil {
		return nil, nil, err
	}
	o, err := q.open(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", q.what, err)
	}
	return q, o, nil
}

// ls lists the files of a layer or an archive as tar -tv does; of an image, its layers.
func ls(ctx context.Context, p *process) error {
	q, o, err := openQuery(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	if o.archive == nil && q.path == "" {
		return printImage(p.stdout, o.image)
	}
	if o.archive == nil {
		return fmt.Errorf("%s: %w", q.what, o.choose())
	}
	if q.path == "" {
		q.path = "."
	}
	l := newListing(p.stdout)
	err = l.walk(o.archive.WithContext(ctx), q.path)
	return errors.Join(err, l.flush())
}

// printImage prints the layers of an image, from the lowest, or the images of an index.
func printImage(w io.Writer, image *oci.Contents) error {
	for _, d := range image.Manifests {
		what := d.ArtifactType
		if d.Platform != nil {
			what = strings.TrimRight(d.Platform.OS+"/"+d.Platform.Architecture+"/"+d.Platform.Variant, "/")
		}
		if _, err := fmt.Fprintf(w, "%s %12d %s\n", d.Digest, d.Size, visible(what)); err != nil {
			return err
		}
	}
	for i, d := range image.Layers {
		if _, err := fmt.Fprintf(w, "%3d %s %12d %s\n", i+1, d.Digest, d.Size, visible(d.MediaType)); err != nil {
			return err
		}
	}
	return nil
}

// cat prints one file.
func cat(ctx context.Context, p *process) error {
	q, o, err := openQuery(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	if o.archive == nil {
		return fmt.Errorf("%s: %w", q.what, o.choose())
	}
	fsys := o.archive.WithContext(ctx)
	if q.path == "" {
		if q.path, err = onlyFile(fsys); err != nil {
			return err
		}
	}
	return copyFile(p.stdout, fsys, q.path)
}

// onlyFile returns the name of the file that is all there is: of a compressed file, say.
func onlyFile(fsys fs.FS) (string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return "", err
	}
	if len(entries) != 1 || !entries[0].Type().IsRegular() {
		return "", usagef("which file? \"vitrine ls\" lists them")
	}
	return entries[0].Name(), nil
}

func copyFile(w io.Writer, fsys fs.FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return readable(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err == nil && fi.IsDir() {
		err = fmt.Errorf("%s is a directory", visible(name))
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// readable makes an error of a file system one that names the file as it may be printed.
func readable(err error) error {
	var p *fs.PathError
	if !errors.As(err, &p) {
		return err
	}
	name := visible(p.Path)
	switch {
	case errors.Is(err, tarfs.ErrNoTarget):
		return fmt.Errorf("%s: %w: in a layer below, perhaps", name, tarfs.ErrNoTarget)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return fmt.Errorf("%s: %w", name, p.Err)
}
