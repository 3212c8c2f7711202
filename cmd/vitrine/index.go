package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vitrine/explore/archive"
)

// indexSuffix is what the index of a local file is called behind the name of the file.
const indexSuffix = ".vindex"

// indexFiles makes the index of each file, and puts it beside the file for ls and cat.
func indexFiles(ctx context.Context, p *process) error {
	if len(p.args) == 0 {
		return usagef("want files: vitrine index FILE...")
	}
	for _, name := range p.args {
		if strings.HasPrefix(name, "-") && name != "-" {
			return usagef("unknown flag %.64s", name)
		}
		if err := indexLocal(ctx, p, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func indexLocal(ctx context.Context, p *process, name string) error {
	f, size, err := openRegular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	bar := newProgress(p.stderr, filepath.Base(name), size)
	start := time.Now()
	x, err := archive.BuildIndex(ctx, io.TeeReader(f, bar), &archive.Options{Hint: filepath.Base(name)})
	bar.clear()
	if unsupported := (*archive.UnsupportedError)(nil); errors.As(err, &unsupported) && unsupported.Format == archive.Zip {
		_, err = fmt.Fprintf(p.stdout, "%s: zip, which has an index of its own\n", visible(name))
		return err
	}
	if err != nil {
		return err
	}
	if err := writeIndex(x, name+indexSuffix); err != nil {
		return err
	}
	info := x.Table().Info()
	_, err = fmt.Fprintf(p.stdout, "%s: %s, %d entries, %s of %s; sha256:%x, uncompressed sha256:%x; index %s; %v\n", visible(name), formatName(x),
		x.Table().Len(), bytesText(info.Size), bytesText(x.BlobSize), x.BlobSHA256, info.SHA256, bytesText(x.Size()), time.Since(start).Round(time.Millisecond))
	return err
}

func formatName(x *archive.Index) string {
	if x.Variant != "" {
		return string(x.Format) + " (" + x.Variant + ")"
	}
	return string(x.Format)
}

// writeIndex writes the file whole or not at all.
func writeIndex(x *archive.Index, name string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".vindex-*")
	if err != nil {
		return err
	}
	_, err = x.WriteTo(f)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func openRegular(name string) (*os.File, int64, error) {
	fi, err := os.Stat(name) // first: opening a pipe would wait
	if err != nil {
		return nil, 0, errors.Unwrap(err)
	}
	if !fi.Mode().IsRegular() {
		return nil, 0, errors.New("not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, errors.Unwrap(err)
	}
	return f, fi.Size(), nil
}

// openLocal opens a file, with its index if there is one that is not older than the file.
func openLocal(ctx context.Context, name string) (*opened, error) {
	f, size, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	o := &opened{closers: []io.Closer{f}}
	options := &archive.Options{}
	if x, stored := storedIndex(f, size); stored != nil {
		options.Index = x
		o.closers = append(o.closers, stored)
	}
	if o.archive, err = archive.Open(ctx, f, size, filepath.Base(name), options); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// storedIndex returns what "vitrine index" has left beside f; nil if that is nothing, or not of this file.
func storedIndex(f *os.File, size int64) (*archive.Index, io.Closer) {
	stored, indexSize, err := openRegular(f.Name() + indexSuffix)
	if err != nil {
		return nil, nil
	}
	of, err1 := f.Stat()
	is, err2 := stored.Stat()
	if err1 == nil && err2 == nil && !is.ModTime().Before(of.ModTime()) {
		if x, err := archive.OpenIndex(stored, indexSize); err == nil && x.BlobSize == size {
			return x, stored
		}
	}
	stored.Close()
	return nil, nil
}
