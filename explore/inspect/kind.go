package inspect

// Kind is what a file is, by its first bytes. The zero Kind is none that [Detect] returns.
type Kind string

// What [Detect] tells apart.
const (
	KindEmpty  Kind = "empty"
	KindBinary Kind = "binary" // none of the others
	KindText   Kind = "text"   // of no kind that has a decoder

	KindJSON      Kind = "json"
	KindJSONLines Kind = "json lines" // one JSON value after another
	KindPEM       Kind = "pem"        // certificates, keys, signatures between lines of dashes
	KindCert      Kind = "certificate"
	KindDER       Kind = "der" // other ASN.1
	KindSSH       Kind = "ssh public keys"
	KindCBOR      Kind = "cbor"

	KindELF   Kind = "elf"
	KindMachO Kind = "mach-o" // for one or several architectures
	KindPE    Kind = "pe"
	KindWasm  Kind = "wasm"
	KindClass Kind = "java class"
	KindPyc   Kind = "python bytecode"

	KindGGUF        Kind = "gguf"
	KindSafetensors Kind = "safetensors"

	KindPNG  Kind = "png"
	KindJPEG Kind = "jpeg"
	KindGIF  Kind = "gif"
	KindWebP Kind = "webp"
	KindSVG  Kind = "svg"
	KindICO  Kind = "ico"
	KindBMP  Kind = "bmp"
	KindAVIF Kind = "avif"

	KindArchive Kind = "archive" // package archive knows which, or what it is compressed by
	KindSQLite  Kind = "sqlite"
	KindGitPack Kind = "git pack"
	KindGitIdx  Kind = "git index"
	KindPDF     Kind = "pdf"
	KindFont    Kind = "font"
	KindTZif    Kind = "time zone"
	KindMO      Kind = "message catalogue"
	KindBitcode Kind = "llvm bitcode"
	KindLdCache Kind = "ld.so.cache"
	KindJournal Kind = "journal"

	KindDpkg      Kind = "dpkg status"   // stanzas of packages: also a package's control file, and a repository's index
	KindApk       Kind = "apk installed" // the same of Alpine
	KindPkgInfo   Kind = ".PKGINFO"
	KindOSRelease Kind = "os-release"
	KindPasswd    Kind = "passwd"
	KindGroup     Kind = "group"
	KindChart     Kind = "helm chart"
	KindScript    Kind = "script" // begins with #!
)

const (
	plainText = "text/plain; charset=utf-8"
	octets    = "application/octet-stream"
)

// mediaTypes are those of the kinds that are neither plain text nor plain bytes. What a browser would run is text.
var mediaTypes = map[Kind]string{
	KindJSON:      "application/json",
	KindJSONLines: "application/jsonl",
	KindCert:      "application/pkix-cert",
	KindCBOR:      "application/cbor",
	KindWasm:      "application/wasm",
	KindPNG:       "image/png",
	KindJPEG:      "image/jpeg",
	KindGIF:       "image/gif",
	KindWebP:      "image/webp",
	KindSVG:       "image/svg+xml",
	KindICO:       "image/vnd.microsoft.icon",
	KindBMP:       "image/bmp",
	KindAVIF:      "image/avif",
	KindSQLite:    "application/vnd.sqlite3",
	KindPDF:       "application/pdf",
	KindTZif:      "application/tzif",
}

// textKinds are those that [ReadText] shows well.
var textKinds = map[Kind]bool{
	KindEmpty: true, KindText: true, KindJSON: true, KindJSONLines: true, KindPEM: true, KindSSH: true, KindSVG: true, KindDpkg: true, KindApk: true,
	KindPkgInfo: true, KindOSRelease: true, KindPasswd: true, KindGroup: true, KindChart: true, KindScript: true,
}

// imageKinds are those that browsers show.
var imageKinds = map[Kind]bool{
	KindPNG: true, KindJPEG: true, KindGIF: true, KindWebP: true, KindSVG: true, KindICO: true, KindBMP: true, KindAVIF: true,
}

// MediaType returns what the content may be served as. It is the same on every machine, and never one that a browser runs as a page or a
// script; an SVG image is the exception, which is harmless inside <img> only and otherwise wants a Content-Security-Policy of sandbox.
func (k Kind) MediaType() string {
	switch m := mediaTypes[k]; {
	case m != "":
		return m
	case textKinds[k]:
		return plainText
	}
	return octets
}

// IsText tells whether [ReadText] shows the content well.
func (k Kind) IsText() bool { return textKinds[k] }

// IsImage tells whether browsers show the content inside <img>.
func (k Kind) IsImage() bool { return imageKinds[k] }
