package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"log"

	"vitrine/explore/archive"
)

func layer() []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "etc/motd", Mode: 0o644, Size: 6}); err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(w, "hello\n")
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	if err := z.Close(); err != nil {
		log.Fatal(err)
	}
	return buf.Bytes()
}

func Example() {
	blob := layer()
	a, err := archive.Open(context.Background(), bytes.NewReader(blob), int64(len(blob)), "", nil)
	if err != nil {
		log.Fatal(err)
	}
	text, err := fs.ReadFile(a.FS(), "etc/motd")
	fmt.Printf("%s: %s%v\n", a.Format, text, err)
	// Output:
	// tar+gzip: hello
	// <nil>
}

// An index is made while a blob passes by, and kept.
func ExampleBuildIndex() {
	blob := layer()
	x, err := archive.BuildIndex(context.Background(), bytes.NewReader(blob), nil)
	if err != nil {
		log.Fatal(err)
	}
	var kept bytes.Buffer
	if _, err := x.WriteTo(&kept); err != nil {
		log.Fatal(err)
	}

	x, err = archive.OpenIndex(bytes.NewReader(kept.Bytes()), int64(kept.Len()))
	if err != nil {
		log.Fatal(err)
	}
	a, err := archive.Open(context.Background(), bytes.NewReader(blob), int64(len(blob)), "", &archive.Options{Index: x})
	if err != nil {
		log.Fatal(err)
	}
	list, err := fs.ReadDir(a.FS(), "etc")
	fmt.Println(list, err)
	// Output:
	// [- motd] <nil>
}
