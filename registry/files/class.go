package files

import (
	"path"
	"regexp"
	"strings"

	"vitrine/storage"
)

// Package is a format of packages: what is an index in a repository, and what a package.
type Package string

// The formats.
const (
	Generic Package = "generic"
	RPM     Package = "rpm"
	Alpine  Package = "alpine"
)

// classRule gives the paths that match a class.
type classRule struct {
	class   storage.FileClass
	pattern *regexp.Regexp
}

func index(pattern string) classRule {
	return classRule{storage.ClassIndex, regexp.MustCompile(pattern)}
}

func immutable(pattern string) classRule {
	return classRule{storage.ClassFile, regexp.MustCompile(pattern)}
}

// classes are the tables of the formats. The first rule that matches the path counts; of what none matches, the generic ones do.
var classes = map[Package][]classRule{
	RPM: {
		immutable(`(^|/)repodata/[0-9a-f]{32,128}-[^/]*\.(xml|sqlite|yaml|txt)(\.(gz|bz2|xz|zst|zck))?$`), // the name is the checksum
		index(`(^|/)repodata/`),
		index(`(^|/)development/rawhide/`), // changes as a whole
		immutable(`\.(rpm|drpm|srpm)$`),
		index(`(^|/)(mirrorlist|metalink)[^/]*$`),
		index(`(^|/)(\.?treeinfo|media\.repo|[^/]*\.repo|RPM-GPG-KEY[^/]*|[^/]*CHECKSUM[^/]*|repoindex\.xml|content(\.asc|\.key)?|products)$`),
		index(`(^|/)(images/|vmlinuz|initrd\.img)`),
		immutable(`\.(iso|qcow2|img|xz)$`),
	},
	Alpine: {
		index(`(^|/)APKINDEX\.tar\.gz$`),
		index(`\.adb$`),
		index(`(^|/)latest-stable/`),
		index(`(^|/)(MIRRORS\.txt|last-updated|latest-releases\.yaml|[^/]*\.rsa\.pub)$`),
		immutable(`\.apk$`),
		immutable(`(^|/)releases/.*\.(iso|tar\.gz|sha256|sha512|asc)$`),
	},
	Generic: {
		index(`(^|/)[^/]*(latest|current|nightly|snapshot)[^/]*$`),
		index(`(^|/)[^/]*(SUMS|CHECKSUM)[^/]*$`),
		index(`\.(json|ya?ml|xml|html?|txt|asc|sig|key|repo)$`),
		index(`(^|/)(In)?Release(\.gpg)?$`),
		index(`(^|/)[^./]+$`), // without an extension
	},
}

// Class says how the file at the path ages.
func (p Package) Class(path string) storage.FileClass {
	for _, rules := range [][]classRule{classes[p], classes[Generic]} {
		for _, r := range rules {
			if r.pattern.MatchString(path) {
				return r.class
			}
		}
		if p == Generic {
			break
		}
	}
	return storage.ClassFile
}

// mediaTypes are those of files that nobody gave one. The system's own table is not asked: it differs from machine to machine.
var mediaTypes = map[string]string{
	".apk": "application/vnd.alpine.apk", ".rpm": "application/x-rpm", ".deb": "application/vnd.debian.binary-package", ".gz": "application/gzip", ".tgz": "application/gzip",
	".bz2": "application/x-bzip2", ".xz": "application/x-xz", ".zst": "application/zstd", ".zip": "application/zip", ".jar": "application/java-archive", ".tar": "application/x-tar",
	".json": "application/json", ".xml": "application/xml", ".yaml": "application/yaml", ".yml": "application/yaml", ".pdf": "application/pdf", ".wasm": "application/wasm",
	".txt": "text/plain; charset=utf-8", ".md": "text/markdown; charset=utf-8", ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".csv": "text/csv; charset=utf-8",
	".asc": "text/plain; charset=utf-8", ".sha256": "text/plain; charset=utf-8", ".pub": "text/plain; charset=utf-8", ".repo": "text/plain; charset=utf-8",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".svg": "image/svg+xml", ".webp": "image/webp", ".iso": "application/vnd.efi.iso",
}

// mediaType is what the file at the path is served as. stated is what was said of it, "" if nothing.
func mediaType(p, stated string) string {
	if stated != "" {
		return stated
	}
	if t := mediaTypes[strings.ToLower(path.Ext(p))]; t != "" {
		return t
	}
	return "application/octet-stream"
}
