package inspect

import (
	"context"
	"fmt"
	"io"
	"strings"

	"vitrine/explore/rpm"
)

// rpmTable returns where the table of packages begins that RPM has in its data base (rpmdb.sqlite, since RPM 4.16), or 0.
func rpmTable(all []sqliteObject) uint32 {
	for _, o := range all {
		if o.kind == "table" && o.name == "Packages" && strings.Contains(o.sql, "hnum") && strings.Contains(o.sql, "blob") {
			return o.root
		}
	}
	return 0
}

// rpmPackages reads the packages of a data base of RPM. It reads all of it, some 64 KiB at a time.
func rpmPackages(r io.ReaderAt, size int64, yield func(Package, error) bool) {
	f := newFile(context.Background(), "", r, size)
	f.maxFetch, f.maxServe = 8*size+blockSize, 4*size+blockSize // a large one is read all the same, but not again and again
	s, _, err := openSQLite(f)
	if err != nil {
		yield(Package{}, err)
		return
	}
	all, err := s.schema()
	root := rpmTable(all)
	if err == nil && root == 0 {
		err = fmt.Errorf("%w: a data base without packages", ErrSyntax)
	}
	if err == nil {
		err = s.rows(root, func(_ int64, payload []byte) bool {
			row := sqliteRow(payload)
			if len(row) < 2 {
				return true
			}
			p, ok := rpmHeader(row[1].bytes)
			return !ok || yield(p, nil)
		})
	}
	if err != nil {
		yield(Package{}, err)
	}
}

// rpmHeader reads a header as the data base has it.
func rpmHeader(b []byte) (p Package, ok bool) {
	h, err := rpm.ParseHeader(b)
	if err != nil {
		return p, false
	}
	i := h.Info()
	p = Package{Type: "rpm", Name: i.Name, Version: i.Version, Epoch: i.Epoch, Arch: h.Text(rpm.TagArch), Source: i.SourceRPM, Size: i.InstalledSize,
		Description: i.Summary, License: i.License, URL: i.URL, Maintainer: i.Vendor}
	if i.Release != "" {
		p.Version += "-" + i.Release
	}
	for path, err := range h.Paths() {
		if err != nil {
			break
		}
		p.Files = append(p.Files, strings.TrimPrefix(path, "/"))
	}
	return p, p.Name != "" && p.Name != "gpg-pubkey"
}
