package inspect

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

const (
	maxRPMEntries = 1 << 16  // of a header, as in RPM itself
	maxPaths      = 64 << 20 // bytes of all paths of a package
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

// The tags of RPM that a Package has.
const (
	tagName       = 1000
	tagVersion    = 1001
	tagRelease    = 1002
	tagEpoch      = 1003
	tagSummary    = 1004
	tagSize       = 1009
	tagVendor     = 1011
	tagLicense    = 1014
	tagURL        = 1020
	tagArch       = 1022
	tagSource     = 1044
	tagDirIndexes = 1116
	tagBaseNames  = 1117
	tagDirNames   = 1118
	tagLongSize   = 5009
)

// rpmStore is what a header holds, by tag: data that begins with the value, and how many values there are.
type rpmStore map[uint32]rpmEntry

type rpmEntry struct {
	data  []byte
	count uint32
}

// rpmHeader reads a header: the number of entries, the size of the data, the entries (tag, type, offset, count), the data.
func rpmHeader(b []byte) (p Package, ok bool) {
	c := cursor{b: b, order: binary.BigEndian}
	n, size := c.u32(), c.u32()
	if n > maxRPMEntries || uint64(n)*16+uint64(size) > uint64(len(c.b)) {
		return p, false
	}
	entries := cursor{b: c.take(int(n) * 16), order: binary.BigEndian}
	data := c.take(int(size))
	s := rpmStore{}
	for range n {
		tag, _, at, count := entries.u32(), entries.u32(), entries.u32(), entries.u32()
		if at < size {
			s[tag] = rpmEntry{data[at:], count}
		}
	}
	p = Package{Type: "rpm", Name: s.text(tagName), Version: s.text(tagVersion), Arch: s.text(tagArch), Source: s.text(tagSource), Size: s.size(),
		Description: s.text(tagSummary), License: s.text(tagLicense), URL: s.text(tagURL), Maintainer: s.text(tagVendor)}
	if release := s.text(tagRelease); release != "" {
		p.Version += "-" + release
	}
	if e, ok := s[tagEpoch]; ok && len(e.data) >= 4 {
		p.Epoch = fmt.Sprint(u32be(e.data, 0))
	}
	p.Files = s.files()
	return p, p.Name != "" && p.Name != "gpg-pubkey"
}

// text returns a string, or the first of several.
func (s rpmStore) text(tag uint32) string {
	b, _, _ := bytes.Cut(s[tag].data, []byte{0})
	return string(b[:min(len(b), maxStanzaLine)])
}

func (s rpmStore) size() int64 {
	if e, ok := s[tagLongSize]; ok && len(e.data) >= 8 {
		return max(int64(binary.BigEndian.Uint64(e.data)), 0)
	}
	return int64(u32be(s[tagSize].data, 0))
}

// texts returns all strings of a tag.
func (s rpmStore) texts(tag uint32) (all []string) {
	e := s[tag]
	rest := e.data
	for range min(e.count, maxStanzaFiles) {
		b, after, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			break
		}
		all, rest = append(all, string(b)), after
	}
	return all
}

// files puts paths together, which are stored as folders, last elements, and which of the folders each of these is in.
func (s rpmStore) files() (all []string) {
	folders, indexes := s.texts(tagDirNames), s[tagDirIndexes].data
	room := maxPaths
	for i, base := range s.texts(tagBaseNames) {
		at := u32be(indexes, 4*i)
		if len(indexes) < 4*i+4 || int(at) >= len(folders) {
			continue
		}
		if room -= len(folders[at]) + len(base); room < 0 {
			break
		}
		all = append(all, strings.TrimPrefix(folders[at]+base, "/"))
	}
	return all
}
