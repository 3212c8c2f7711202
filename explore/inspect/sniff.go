package inspect

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"vitrine/explore/archive"
)

// HeadSize is how many first bytes [Detect] wants to see. Fewer mean that there are no more.
const HeadSize = 4096

// Detect tells what begins with head. name, a path or a media type, is asked only where bytes leave it open: which text, which DER.
func Detect(name string, head []byte) Kind {
	head = head[:min(len(head), HeadSize)]
	if len(head) == 0 {
		return KindEmpty
	}
	for _, m := range magics {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.magic)) && (m.and == nil || m.and(head)) {
			return m.kind
		}
	}
	if archive.Detect(head, name) != archive.Plain {
		return KindArchive
	}
	if head[0] >= 0x80 && namesCBOR(name) {
		return KindCBOR
	}
	if isText(head) {
		return textKind(name, head)
	}
	return binaryKind(name, head)
}

// magics are what files begin with. The first that fits counts, if also and says so.
var magics = []struct {
	kind  Kind
	at    int
	magic string
	and   func(head []byte) bool
}{
	{KindELF, 0, "\x7fELF", nil},
	{KindMachO, 0, "\xfe\xed\xfa\xce", nil},
	{KindMachO, 0, "\xfe\xed\xfa\xcf", nil},
	{KindMachO, 0, "\xce\xfa\xed\xfe", nil},
	{KindMachO, 0, "\xcf\xfa\xed\xfe", nil},
	{KindMachO, 0, "\xca\xfe\xba\xbe", isFat},
	{KindMachO, 0, "\xca\xfe\xba\xbf", isFat},
	{KindClass, 0, "\xca\xfe\xba\xbe", isClass},
	{KindPE, 0, "MZ", isPE},
	{KindWasm, 0, "\x00asm", nil},
	{KindBitcode, 0, "BC\xc0\xde", nil},
	{KindGGUF, 0, "GGUF", isGGUF},
	{KindSafetensors, 8, "{", isSafetensors},
	{KindPNG, 0, "\x89PNG\r\n\x1a\n", nil},
	{KindJPEG, 0, "\xff\xd8\xff", nil},
	{KindGIF, 0, "GIF87a", nil},
	{KindGIF, 0, "GIF89a", nil},
	{KindWebP, 8, "WEBP", func(h []byte) bool { return bytes.HasPrefix(h, []byte("RIFF")) }},
	{KindAVIF, 4, "ftypavi", nil}, // avif, avis
	{KindICO, 0, "\x00\x00\x01\x00", isICO},
	{KindBMP, 0, "BM", isBMP},
	{KindSQLite, 0, "SQLite format 3\x00", nil},
	{KindGitPack, 0, "PACK\x00\x00\x00", nil},
	{KindGitIdx, 0, "\xfftOc", nil},
	{KindGitIdx, 0, "DIRC\x00\x00\x00", nil},
	{KindPDF, 0, "%PDF-", nil},
	{KindFont, 0, "wOFF", nil},
	{KindFont, 0, "wOF2", nil},
	{KindFont, 0, "OTTO\x00", nil},
	{KindFont, 0, "\x00\x01\x00\x00\x00", isTrueType},
	{KindTZif, 0, "TZif", nil},
	{KindMO, 0, "\xde\x12\x04\x95", nil},
	{KindMO, 0, "\x95\x04\x12\xde", nil},
	{KindLdCache, 0, "glibc-ld.so.cache", nil},
	{KindLdCache, 0, "ld.so-1.7.0\x00", nil},
	{KindJournal, 0, "LPKSHHRH", nil},
	{KindPyc, 2, "\r\n", isPyc},
	{KindCBOR, 0, "\xd9\xd9\xf7", nil}, // RFC 8949, 3.4.6
	{KindCBOR, 0, "\xd2\x84", func(h []byte) bool { return len(h) > 2 && h[2]>>5 == 2 }}, // COSE_Sign1: RFC 9052, 4.2
}

// u32be, u32 and u64 return the number at an offset, or 0 behind the end.
func u32be(b []byte, at int) uint32 {
	if len(b) < at+4 {
		return 0
	}
	return binary.BigEndian.Uint32(b[at:])
}

func u16(b []byte, at int) uint16 {
	if len(b) < at+2 {
		return 0
	}
	return binary.LittleEndian.Uint16(b[at:])
}

func u32(b []byte, at int) uint32 {
	if len(b) < at+4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b[at:])
}

func u64(b []byte, at int) uint64 {
	if len(b) < at+8 {
		return 0
	}
	return binary.LittleEndian.Uint64(b[at:])
}

// maxFat tells Mach-O for several architectures, which has their number here, from a Java class, which has its version.
const maxFat = 43

func isFat(h []byte) bool   { n := u32be(h, 4); return n > 0 && n < maxFat }
func isClass(h []byte) bool { return u32be(h, 4) > maxFat }

// isPE looks for the header that the old header points to, if it is within the head.
func isPE(h []byte) bool {
	at := int64(u32(h, 0x3c))
	return len(h) >= 0x40 && at >= 4 && (at+4 > int64(len(h)) && len(h) == HeadSize || at+4 <= int64(len(h)) && string(h[at:at+4]) == "PE\x00\x00")
}

func isGGUF(h []byte) bool {
	v := u32(h, 4)
	return v > 0 && v < 1<<16 || v != 0 && v<<16 == 0 // the latter is big-endian
}

// isSafetensors wants a length of JSON that somebody may have written: {"NAME":{ or {} and spaces.
func isSafetensors(h []byte) bool {
	n := u64(h, 0)
	return n >= 2 && n <= 100_000_000 && len(h) > 9 && (h[9] == '"' || h[9] == '}' || h[9] == ' ' || h[9] == '\n')
}

func isICO(h []byte) bool {
	n := u16(h, 4)
	return n > 0 && n <= 256 && len(h) >= 22 && h[9] == 0 && u32(h, 18) >= 22
}

// isBMP knows the sizes of the headers there are.
func isBMP(h []byte) bool {
	return slices.Contains([]uint32{12, 16, 40, 52, 56, 64, 108, 124}, u32(h, 14)) && u32(h, 10) < 1<<20
}

func isTrueType(h []byte) bool { return len(h) > 12 && h[4] == 0 && h[5] > 0 && h[5] < 64 }

// isPyc knows the range of numbers of Python 3.
func isPyc(h []byte) bool { n := u16(h, 0); return n >= 3000 && n < 4000 }

// binaryKind tells apart what has no magic.
func binaryKind(name string, head []byte) Kind {
	ext := strings.ToLower(path.Ext(name))
	switch {
	case isCert(head):
		return KindCert
	case isDER(head) && (slices.Contains(derExtensions, ext) || isSignedData(head)):
		return KindDER
	}
	return KindBinary
}

func namesCBOR(name string) bool {
	for _, s := range []string{".cbor", ".cose", "/cbor", "/cose", "+cbor", "+cose"} {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

var derExtensions = []string{".der", ".cer", ".crt", ".crl", ".csr", ".key", ".p7b", ".p7c", ".p7s", ".p8", ".p12", ".pfx", ".tsr", ".tsq", ".ocsp"}

// isDER tells whether a SEQUENCE with a length begins here, which a head that is whole has to itself.
func isDER(h []byte) bool {
	body, n := derSequence(h)
	return body != nil && (len(h) == HeadSize || n == len(body))
}

// derSequence returns what follows the header of a SEQUENCE, and its length.
func derSequence(h []byte) (body []byte, n int) {
	if len(h) < 2 || h[0] != 0x30 {
		return nil, 0
	}
	long := int(h[1]) - 0x80
	switch {
	case h[1] < 0x80:
		return h[2:], int(h[1])
	case long < 1 || long > 3 || len(h) < 2+long:
		return nil, 0
	}
	for _, c := range h[2 : 2+long] {
		n = n<<8 | int(c)
	}
	return h[2+long:], n
}

// isCert tells certificates of version 3: a SEQUENCE in a SEQUENCE that begins with [0] { INTEGER 2 }, INTEGER (RFC 5280, 4.1).
func isCert(h []byte) bool {
	outer, _ := derSequence(h)
	inner, _ := derSequence(outer)
	return isDER(h) && bytes.HasPrefix(inner, []byte("\xa0\x03\x02\x01\x02\x02"))
}

// isSignedData tells PKCS #7 and CMS, by the object identifier 1.2.840.113549.1.7.2 in front.
func isSignedData(h []byte) bool {
	body, _ := derSequence(h)
	return bytes.HasPrefix(body, []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"))
}

// textKind tells texts apart: by what they begin with, then by where they are.
func textKind(name string, head []byte) Kind {
	s := strings.TrimPrefix(string(head), "\ufeff")
	switch {
	case isPEM(s):
		return KindPEM
	case isSVG(s):
		return KindSVG
	case hasSSHKey(s):
		return KindSSH
	case strings.HasPrefix(s, "#!") && strings.Contains(s[:min(len(s), 256)], "/"):
		return KindScript
	}
	if k := jsonKind([]byte(s), len(head) == HeadSize); k != "" {
		return k
	}
	for _, t := range texts {
		if match(t.path, name) && strings.Contains(s, t.has) {
			return t.kind
		}
	}
	return KindText
}

// texts are what texts are by where they lie and what they have in them. A path fits the end of a name; one with * fits any last element.
var texts = []struct {
	kind      Kind
	path, has string
}{
	{KindDpkg, "var/lib/dpkg/status", "Package: "},
	{KindDpkg, "var/lib/dpkg/status-old", "Package: "},
	{KindDpkg, "var/lib/dpkg/status.d/*", "Package: "},
	{KindDpkg, "var/lib/dpkg/available", "Package: "},
	{KindDpkg, "usr/lib/opkg/status", "Package: "},
	{KindDpkg, "control", "Package: "},
	{KindDpkg, "Packages", "Package: "},
	{KindApk, "lib/apk/db/installed", "P:"},
	{KindApk, "APKINDEX", "P:"},
	{KindPkgInfo, ".PKGINFO", "pkgname = "},
	{KindOSRelease, "etc/os-release", "="},
	{KindOSRelease, "usr/lib/os-release", "="},
	{KindOSRelease, "etc/initrd-release", "="},
	{KindPasswd, "etc/passwd", ":"},
	{KindPasswd, "etc/passwd-", ":"},
	{KindGroup, "etc/group", ":"},
	{KindGroup, "etc/group-", ":"},
	{KindChart, "Chart.yaml", "name:"},
}

func match(pattern, name string) bool {
	if dir, any := strings.CutSuffix(pattern, "*"); any {
		pattern, name = strings.TrimSuffix(dir, "/"), path.Dir(name)
	}
	return name == pattern || strings.HasSuffix(name, "/"+pattern)
}

// isPEM tells whether a line begins an object that somebody may want to see inside.
func isPEM(s string) bool {
	const begin = "-----BEGIN "
	at := strings.Index(s, begin)
	if at < 0 || at > 0 && s[at-1] != '\n' {
		return false
	}
	label, rest, ok := strings.Cut(s[at+len(begin):], "-----")
	return ok && len(label) < 64 && label == strings.ToUpper(label) && strings.HasPrefix(strings.TrimLeft(rest, "\r"), "\n")
}

// isSVG looks for the element behind what may stand before it.
func isSVG(s string) bool {
	s = strings.TrimLeft(s, " \t\r\n")
	for {
		switch {
		case strings.HasPrefix(s, "<svg"):
			return len(s) > 4 && strings.ContainsRune(" \t\r\n>/", rune(s[4]))
		case strings.HasPrefix(s, "<!--"):
			_, s, _ = strings.Cut(s, "-->")
		case strings.HasPrefix(s, "<?xml"), strings.HasPrefix(s, "<!DOCTYPE svg"):
			_, s, _ = strings.Cut(s, ">")
		default:
			return false
		}
		s = strings.TrimLeft(s, " \t\r\n")
	}
}

// jsonKind reads as much JSON as there is. cut says that there is more than head. Numbers and words alone are text.
func jsonKind(head []byte, cut bool) Kind {
	trimmed := bytes.TrimLeft(head, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(trimmed))
	depth, values := 0, 0
	for {
		t, err := d.Token()
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			if values > 1 || values == 1 && depth > 0 {
				return KindJSONLines
			}
			if cut || values == 1 {
				return KindJSON
			}
			return ""
		case err != nil:
			return ""
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			values++
		}
	}
}

// isText tells text by what it lacks: NUL and other controls. One byte in eight may be no UTF-8, as in texts of the time before.
func isText(head []byte) bool {
	if e := detectEncoding(head); e.unit == 2 {
		return isUTF16(head, e)
	}
	bad := 0
	for i := 0; i < len(head); {
		r, n := utf8.DecodeRune(head[i:])
		switch {
		case r < 0x20 && !strings.ContainsRune("\a\b\t\n\v\f\r\x1b", r):
			return false
		case r == utf8.RuneError && n == 1 && len(head)-i >= utf8.UTFMax:
			bad++
		}
		i += n
	}
	return bad <= len(head)/8
}

// isUTF16 wants no unpaired surrogates and no controls behind the mark.
func isUTF16(head []byte, e *encoding) bool {
	for i := 0; i+4 <= len(head); {
		r, n := e.next(head[i:])
		if r < 0x20 && !strings.ContainsRune("\t\n\f\r", r) || utf16.IsSurrogate(r) {
			return false
		}
		i += n
	}
	return len(head) >= 2
}
