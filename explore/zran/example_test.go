package zran_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"vitrine/explore/zran"
)

// numbers returns a gzip stream of 30,000 lines with the numbers from 0 on, nine bytes each.
func numbers() []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for i := range 30_000 {
		fmt.Fprintf(w, "%08d\n", i)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}

// One pass makes the index; what is decoded on the way goes where it is needed anyway, here to a counter of lines.
func ExampleBuilder() {
	stream := numbers()
	b := zran.NewBuilder(bytes.NewReader(stream), &zran.Options{Span: 128 << 10, MaxSize: 1 << 30})
	content, err := io.ReadAll(b)
	if err != nil {
		log.Fatal(err)
	}
	x, err := b.Index()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Count(string(content), "\n"), "lines,", x.Len(), "checkpoints")
	// Output: 30000 lines, 3 checkpoints
}

// With the index, which may come from a file, any part can be read.
func ExampleReader() {
	stream := numbers()
	b := zran.NewBuilder(bytes.NewReader(stream), nil)
	if _, err := io.Copy(io.Discard, b); err != nil {
		log.Fatal(err)
	}
	x, err := b.Index()
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := x.WriteTo(&file); err != nil {
		log.Fatal(err)
	}

	x, err = zran.OpenIndex(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		log.Fatal(err)
	}
	r := zran.NewReader(bytes.NewReader(stream), int64(len(stream)), x, nil)
	line := make([]byte, 8)
	if _, err := r.ReadAt(line, 9*22_222); err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line), "of", r.Size()/9)
	// Output: 00022222 of 30000
}

// A request reads through a view that stops when the request does.
func ExampleReader_WithContext() {
	stream := numbers()
	b := zran.NewBuilder(bytes.NewReader(stream), nil)
	if _, err := io.Copy(io.Discard, b); err != nil {
		log.Fatal(err)
	}
	x, err := b.Index()
	if err != nil {
		log.Fatal(err)
	}
	r := zran.NewReader(bytes.NewReader(stream), int64(len(stream)), x, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = r.WithContext(ctx).WriteTo(io.Discard)
	fmt.Println(err)
	// Output: context canceled
}
