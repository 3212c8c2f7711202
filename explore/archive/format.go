package archive

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"vitrine/explore/tarfs"
)

// Format is what a blob is. A compressed one of which the inside is known is called INSIDE+COMPRESSION.
type Format string

// The formats that [Open] opens, if nothing is said otherwise.
const (
	Plain    Format = "plain" // none of the others: one file
	Tar      Format = "tar"
	TarGzip  Format = "tar+gzip"
	Gzip     Format = "gzip" // one file
	APK      Format = "apk"  // Alpine, version 2
	Zip      Format = "zip"
	Ar       Format = "ar"
	Deb      Format = "deb"
	Cpio     Format = "cpio" // newc, with or without checksums
	CpioGzip Format = "cpio+gzip"
	RPM      Format = "rpm"   // the payload; or the files its header lists, with a variant such as "xz payload"
	Bzip2    Format = "bzip2" // up to Options.MaxMemory; opened, INSIDE+bzip2

	// Recognised only.
	Zstd     Format = "zstd"
	XZ       Format = "xz"
	LZ4      Format = "lz4"
	LZMA     Format = "lzma"
	SevenZip Format = "7z"
	ADB      Format = "apk v3"
	SquashFS Format = "squashfs"
	EROFS    Format = "erofs"
	OldCpio  Format = "cpio (old)"
)

// Variants of formats that bring a table of contents of their own.
const (
	EStargz     = "eStargz"
	Stargz      = "stargz"
	ZstdChunked = "zstd:chunked"
)

// headSize is how many bytes decide: tar has its magic and checksum in the first 512, EROFS its magic at 1024.
const headSize = 1028

// magics are what formats begin with. The first that fits counts.
var magics = []struct {
	format Format
	offset int
	magic  string
}{
	{Gzip, 0, "\x1f\x8b"},
	{Zip, 0, "PK\x03\x04"},
	{Zip, 0, "PK\x05\x06"}, // without files
	{Deb, 0, "!<arch>\ndebian-binary"},
	{Ar, 0, "!<arch>\n"},
	{Cpio, 0, "070701"},
	{Cpio, 0, "070702"},
	{OldCpio, 0, "070707"},
	{OldCpio, 0, "\xc7\x71"},
	{RPM, 0, "\xed\xab\xee\xdb"},
	{Bzip2, 0, "BZh"},
	{Zstd, 0, "\x28\xb5\x2f\xfd"},
	{Zstd, 1, "\x2a\x4d\x18"}, // a skippable frame, whose first byte may be 50 to 5f
	{XZ, 0, "\xfd7zXZ\x00"},
	{LZ4, 0, "\x04\x22\x4d\x18"},
	{LZMA, 0, "\x5d\x00\x00"},
	{SevenZip, 0, "7z\xbc\xaf\x27\x1c"},
	{ADB, 0, "ADB."},
	{ADB, 0, "ADBd"},
	{SquashFS, 0, "hsqs"},
	{EROFS, 1024, "\xe2\xe1\xf5\xe0"},
}

// Detect returns the format of what begins with head, of which 1028 bytes are enough; fewer only where there are no more. It does not look into
// what is compressed.
func Detect(head []byte, hint string) Format {
	if tarfs.IsTar(head) {
		return Tar
	}
	for _, m := range magics {
		if len(head) >= m.offset && bytes.HasPrefix(head[m.offset:], []byte(m.magic)) {
			return m.format
		}
	}
	if len(bytes.Trim(head, "\x00")) == 0 && hintsTar(hint) {
		return Tar // without entries
	}
	return Plain
}

func hintsTar(hint string) bool {
	return strings.Contains(hint, ".tar") || strings.HasSuffix(hint, "+tar") || strings.HasSuffix(hint, "/x-tar")
}

// compressions are what the names of compressed files end in.
var compressions = []string{".gz", ".tgz", ".bz2"}

// fileName names the one file of a blob whose hint may be a file's name.
func fileName(hint string, compressed bool) string {
	name := path.Base(hint)
	if isMediaType(hint) || name == "." || name == "/" || name == ".." {
		return "content"
	}
	if compressed {
		for _, c := range compressions {
			if short := strings.TrimSuffix(name, c); short != name && short != "" {
				return short
			}
		}
	}
	return name
}

func isMediaType(hint string) bool {
	kind, _, found := strings.Cut(hint, "/")
	switch kind {
	case "application", "text", "image", "audio", "video", "font", "model", "multipart", "message":
		return found
	}
	return false
}

// tailSize is how many bytes at the end tell variants.
const tailSize = 72

// variant tells, by its last bytes, whether a blob has a table of contents of its own.
func variant(f Format, tail []byte) string {
	has := func(n int, at int, magic string) bool {
		return len(tail) >= n && bytes.HasPrefix(tail[len(tail)-n+at:], []byte(magic))
	}
	switch {
	case f == Zstd && (has(8, 0, "GNUlInUx") || has(8, 0, "GnUlInUx")):
		return ZstdChunked
	case f == Zstd:
		return ""
	case has(51, 0, "\x1f\x8b") && (has(51, 12, "SG") && has(51, 32, "STARGZ")): // an empty member with an extra field
		return EStargz
	case has(46, 0, "\x1f\x8b") && has(46, 16, "STARGZEXTERNALTOC"):
		return EStargz
	case has(47, 0, "\x1f\x8b") && has(47, 28, "STARGZ"):
		return Stargz
	}
	return ""
}

// UnsupportedError says what a blob is that cannot be opened.
type UnsupportedError struct {
	Format  Format
	Variant string // as zstd:chunked, or empty
	Reason  string // or empty
}

func (e *UnsupportedError) Error() string {
	what := string(e.Format)
	if e.Variant != "" {
		what = e.Variant
	}
	if e.Reason != "" {
		return fmt.Sprintf("archive: this is %s: %s", what, e.Reason)
	}
	return fmt.Sprintf("archive: this is %s, which cannot be opened", what)
}

// readSection reads up to n bytes at off.
func readSection(r io.ReaderAt, off, n int64) ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(r, off, n))
}
