package inspect

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"vitrine/explore/archive"
)

const (
	maxControl = 16 << 20 // bytes that control.tar.gz is decompressed to, before the file in it is found
	arHeader   = 60
	maxMembers = 16
)

// decodeArchive shows what packages say of themselves. Other archives are opened, not decoded.
func decodeArchive(f *file) (*Doc, error) {
	head, err := f.bytes(0, min(f.size, HeadSize))
	if err != nil {
		return nil, err
	}
	switch archive.Detect(head, f.name) {
	case archive.RPM:
		return decodeRPM(f)
	case archive.Deb:
		return decodeDeb(f)
	case archive.Gzip:
		return decodeAPK(f)
	}
	return nil, nil
}

// decodeAPK shows the .PKGINFO of a package of Alpine, which is near the beginning; nothing of another tar in gzip.
func decodeAPK(f *file) (*Doc, error) {
	info, err := gzippedMember(io.NewSectionReader(f, 0, f.size), func(name string) (found, more bool) {
		return name == ".PKGINFO", strings.HasPrefix(name, ".SIGN.")
	})
	if info == nil || err != nil {
		return nil, nil // a gzip of something else: that it cannot be read is for those to say who open it
	}
	return decodePkgInfo(newFile(f.ctx, ".PKGINFO", bytes.NewReader(info), int64(len(info))))
}

// gzippedMember returns a file of a tar in gzip, up to 1 MiB of it, or nil. want says of each name whether that is it, and if not, whether to go on.
func gzippedMember(r io.Reader, want func(name string) (found, more bool)) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	t := tar.NewReader(io.LimitReader(z, maxControl))
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		found, more := want(h.Name)
		if found {
			return io.ReadAll(io.LimitReader(t, maxSettings))
		}
		if !more {
			return nil, nil
		}
	}
}

// decodeDeb shows a Debian package: its members, and its control file, if that is in gzip or not compressed.
func decodeDeb(f *file) (*Doc, error) {
	d := &Doc{Kind: "deb", Title: "Debian package", Command: "dpkg-deb --info /dev/stdin"}
	members := table("Members", "Name", "#Size", "At")
	at := int64(len("!<arch>\n"))
	for range maxMembers {
		h, err := f.bytes(at, min(arHeader, f.size-at))
		if err != nil || len(h) < arHeader {
			break
		}
		name := strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/")
		size, err := strconv.ParseInt(strings.TrimRight(string(h[48:58]), " "), 10, 64)
		at += arHeader
		if err != nil || size < 0 || size > f.size-at {
			return d, fmt.Errorf("%w: a member of ar at offset %d", ErrSyntax, at-arHeader)
		}
		members.row(plain(name), number(size), offset(at))
		if strings.HasPrefix(name, "control.tar") {
			d.addControl(f, name, io.NewSectionReader(f, at, size))
		}
		at += size + size&1
	}
	d.addSection(members)
	return d, nil
}

// addControl adds what the control file of a package says.
func (d *Doc) addControl(f *file, name string, r *io.SectionReader) {
	if path.Ext(name) != ".gz" {
		d.Note = fmt.Sprintf("What the package says of itself is in %s, which is not decompressed here.", visible(name, 32))
		return
	}
	b, err := gzippedMember(r, func(name string) (found, more bool) { return path.Clean(name) == "control", true })
	if b == nil || err != nil {
		d.Note = "There is no control file that could be read."
		return
	}
	c, err := decodeControl(newFile(f.ctx, "control", bytes.NewReader(b), int64(len(b))))
	if c != nil && err == nil {
		d.Title = c.Title
		d.Sections = append(d.Sections, c.Sections...)
	}
}
