package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// A layer is a tar that is made for the measure.
type layer struct {
	name  string
	make  func(size int64) ([]byte, error)
	noise bool
}

func layers(o options) []layer {
	system := []string{"/usr/bin", "/usr/lib", "/usr/share"}
	if o.root != "" {
		system = []string{o.root}
	}
	goroot := filepath.Join(runtime.GOROOT(), "src")
	small := layer{"small files", func(size int64) ([]byte, error) { return pieces(goroot, size) }, false}
	if o.node != "" {
		small.make = func(size int64) ([]byte, error) { return tree([]string{o.node}, size) }
	}
	return []layer{
		{"system", func(size int64) ([]byte, error) { return tree(system, size) }, false},
		{"GOROOT", func(size int64) ([]byte, error) { return tree([]string{goroot}, size) }, false},
		small,
		{"noise", noise, true},
	}
}

// errFull ends a walk.
var errFull = errors.New("the layer is full")

// tree returns a tar of the regular files below dirs, about size bytes of them.
func tree(dirs []string, size int64) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, dir := range dirs {
		err := walk(dir, func(name string, content []byte) error {
			if int64(b.Len()) > size {
				return errFull
			}
			return add(w, name, content)
		})
		if err != nil && err != errFull {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}

// pieces returns a tar of many small files, cut out of those below dir.
func pieces(dir string, size int64) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	r := rand.New(rand.NewPCG(1, 2))
	err := walk(dir, func(name string, content []byte) error {
		for i := 0; len(content) > 0; i++ {
			if int64(b.Len()) > size {
				return errFull
			}
			n := min(256+r.IntN(8<<10), len(content))
			if err := add(w, fmt.Sprintf("%s/%d", name, i), content[:n]); err != nil {
				return err
			}
			content = content[n:]
		}
		return nil
	})
	if err != nil && err != errFull {
		return nil, err
	}
	return b.Bytes(), w.Close()
}

// walk calls f for every file below dir that can be read and is of moderate size.
func walk(dir string, f func(name string, content []byte) error) error {
	return filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // what cannot be read is left out
		}
		if info, err := e.Info(); err != nil || info.Size() > 64<<20 {
			return nil
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return nil
		}
		return f(p, content)
	})
}

func add(w *tar.Writer, name string, content []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

// noise returns bytes that do not compress.
func noise(size int64) ([]byte, error) {
	b := make([]byte, size)
	_, err := io.ReadFull(rand.NewChaCha8([32]byte{}), b)
	return b, err
}

// A compressor makes a gzip stream of a tar.
type compressor struct {
	name     string
	compress func(data []byte) ([]byte, error)
}

// compressors returns what there is: ours may not be the only ones.
func compressors() []compressor {
	all := []compressor{
		{"Go", func(data []byte) ([]byte, error) { return members(data, len(data)) }},
		{"members", func(data []byte) ([]byte, error) { return members(data, 1<<20) }},
	}
	for _, c := range [][]string{{"gzip", "-1"}, {"gzip", "-6"}, {"gzip", "-9"}, {"pigz"}} {
		if _, err := exec.LookPath(c[0]); err == nil {
			all = append(all, compressor{fmt.Sprint(c), func(data []byte) ([]byte, error) { return external(data, c) }})
		}
	}
	return all
}

// members compresses data with a member for each so many bytes.
func members(data []byte, each int) ([]byte, error) {
	var b bytes.Buffer
	for len(data) > 0 {
		n := min(each, len(data))
		w := gzip.NewWriter(&b)
		if _, err := w.Write(data[:n]); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		data = data[n:]
	}
	return b.Bytes(), nil
}

func external(data []byte, command []string) ([]byte, error) {
	cmd := exec.Command(command[0], append(command[1:], "-c")...)
	cmd.Stdin = bytes.NewReader(data)
	return cmd.Output()
}
