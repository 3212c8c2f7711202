package tarfs_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"log"

	"vitrine/explore/tarfs"
)

func archive() []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range []tar.Header{
		{Name: "./etc/motd", Typeflag: tar.TypeReg, Mode: 0o644, Size: 6},
		{Name: "./etc/hello", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "/etc/motd"},
	} {
		if err := w.WriteHeader(&h); err != nil {
			log.Fatal(err)
		}
		if h.Size > 0 {
			fmt.Fprint(w, "hello\n")
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	return buf.Bytes()
}

func Example() {
	data := archive()
	table, err := tarfs.Index(bytes.NewReader(data), nil) // reads all of it, once
	if err != nil {
		log.Fatal(err)
	}
	fsys := tarfs.New(bytes.NewReader(data), table) // reads what is asked for
	text, err := fs.ReadFile(fsys, "etc/hello")
	fmt.Printf("%s%v\n", text, err)
	list, err := fs.ReadDir(fsys, "etc")
	fmt.Println(list, err)
	// Output:
	// hello
	// <nil>
	// [L hello - motd] <nil>
}

// A table is stored beside the archive, or wherever it will be found again.
func ExampleOpenTable() {
	table, err := tarfs.Index(bytes.NewReader(archive()), nil)
	if err != nil {
		log.Fatal(err)
	}
	var stored bytes.Buffer
	if _, err := table.WriteTo(&stored); err != nil {
		log.Fatal(err)
	}

	table, err = tarfs.OpenTable(bytes.NewReader(stored.Bytes()), int64(stored.Len()))
	if err != nil {
		log.Fatal(err)
	}
	e, err := table.Lookup("etc/motd")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q: %d bytes at offset %d, sha256 %x...\n", e.Name, e.Size, e.Data, e.SHA256[:4])
	// Output:
	// "./etc/motd": 6 bytes at offset 512, sha256 5891b5b5...
}
