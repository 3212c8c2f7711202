// Package apktest builds packages of Alpine for tests, with the standard library alone.
package apktest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// Package is what a package is made of.
type Package struct {
	Name, Version, Arch string

	Info    string            // more lines of .PKGINFO, each with its end
	Scripts map[string]string // by name: ".post-install"
	Files   map[string]string // by path; a directory's ends in a slash, and has no content
	Sign    func(control []byte) (member []byte, err error)

	NoDataHash bool // .PKGINFO does not vouch for the data
}

// when is the time of all files.
var when = time.Unix(1_700_000_000, 0)

// Build makes a package's file.
func Build(t testing.TB, p Package) []byte {
	t.Helper()
	data := Gzip(t, Tar(t, true, files(p.Files)...))
	info := fmt.Sprintf("# Generated for a test\npkgname = %s\npkgver = %s\narch = %s\n%s", p.Name, p.Version, p.Arch, p.Info)
	if !p.NoDataHash {
		sum := sha256.Sum256(data)
		info += "datahash = " + hex.EncodeToString(sum[:]) + "\n"
	}
	control := Gzip(t, Tar(t, false, append([]File{{Name: ".PKGINFO", Content: info}}, files(p.Scripts)...)...))
	var signature []byte
	if p.Sign != nil {
		var err error
		if signature, err = p.Sign(control); err != nil {
			t.Fatal(err)
		}
	}
	return slices.Concat(signature, control, data)
}

// File is a file of an archive.
type File struct{ Name, Content string }

func files(all map[string]string) (sorted []File) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, File{name, all[name]})
	}
	return sorted
}

// Tar makes an archive, with its end or, as the members in front of the last have it, without. Files have the checksums that apk wants of data.
func Tar(t testing.TB, end bool, all ...File) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range all {
		h := &tar.Header{Name: f.Name, Mode: 0o644, Size: int64(len(f.Content)), ModTime: when, Uname: "root", Gname: "root", Format: tar.FormatUSTAR}
		switch {
		case strings.HasSuffix(f.Name, "/"):
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		case end:
			sum := sha1.Sum([]byte(f.Content))
			h.Format, h.PAXRecords = tar.FormatPAX, map[string]string{"APK-TOOLS.checksum.SHA1": hex.EncodeToString(sum[:])}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.Content)); err != nil {
			t.Fatal(err)
		}
	}
	finish := w.Flush
	if end {
		finish = w.Close
	}
	if err := finish(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Gzip makes a member.
func Gzip(t testing.TB, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed) // some tests want megabytes
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
