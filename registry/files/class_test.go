package files_test

import (
	"strings"
	"testing"

	"vitrine/registry/files"
	"vitrine/storage"
)

// TestClass: what is an index, and what a file, by format.
func TestClass(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	for _, tt := range []struct {
		pkg            files.Package
		indexes, files string
	}{
		{files.RPM,
			"repodata/repomd.xml x/repodata/repomd.xml.asc x/repodata/repomd.xml.key x/repodata/primary.xml.gz x/repodata/comps.xml x/repodata/productid x/repodata/" + hex[:8] + "-primary.xml.gz" +
				" mirrorlist metalink x/mirrorlist-9.txt .treeinfo treeinfo media.repo fedora.repo RPM-GPG-KEY-x CHECKSUM Fedora-CHECKSUM repoindex.xml content content.asc content.key products images/boot.iso" +
				" isolinux/vmlinuz isolinux/initrd.img linux/development/rawhide/x.rpm README latest.json",
			"x/repodata/" + hex + "-primary.xml.gz repodata/" + hex[:40] + "-comps.xml repodata/" + hex + "-other.sqlite.bz2 repodata/" + hex + "-primary.xml.zck repodata/" + hex + "-modules.yaml.zst" +
				" Packages/a/a-1-1.x86_64.rpm a.drpm a.srpm a.iso a.qcow2 c++.rpm"},
		{files.Alpine,
			"main/x86_64/APKINDEX.tar.gz main/x86_64/Packages.adb x.adb latest-stable/main/x86_64/a-1-r0.apk MIRRORS.txt last-updated releases/x86/latest-releases.yaml keys/a.rsa.pub README",
			"main/x86_64/a-1-r0.apk main/x86_64/c++-1-r0.apk releases/x86/alpine-1.iso releases/x86/alpine-1.iso.sha256 releases/x86/alpine-1.iso.asc releases/x86/alpine-1.tar.gz"},
		{files.Generic,
			"latest.tar.gz app-latest-linux.zip app_current.zip SHA256SUMS SHA256SUMS.txt a.json a.yaml a.yml a/b/README index.html a.asc a.sig x.key dists/stable/InRelease dists/stable/Release.gpg nightly.zip",
			"a-1.0.tar.gz a/b/c.zip a.deb a.whl a.iso a.exe v1/tool.bin"},
	} {
		for _, class := range []struct {
			want  storage.FileClass
			paths string
		}{{storage.ClassIndex, tt.indexes}, {storage.ClassFile, tt.files}} {
			for p := range strings.FieldsSeq(class.paths) {
				if got := tt.pkg.Class(p); got != class.want {
					t.Errorf("%s: %s is of class %s, want %s", tt.pkg, p, got, class.want)
				}
			}
		}
	}
}
