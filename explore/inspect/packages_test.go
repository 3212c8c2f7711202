package inspect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

const dpkgStatus = `Package: libc6
Status: install ok installed
Priority: optional
Installed-Size: 12986
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+deb12u13
Description: GNU C Library: Shared libraries
 Contains the standard libraries that are used by nearly all programs.
 .
 Version: 9
Homepage: https://www.gnu.org/software/libc/libc.html

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1:2~rc1

`

const apkInstalled = `C:Q1x
P:musl
V:1.2.5-r0
A:x86_64
S:394210
I:667648
T:the musl c library (libc) implementation
U:https://musl.libc.org/
L:MIT
o:musl
m:Natanael Copa <ncopa@alpinelinux.org>
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1y
R:libc.musl-x86_64.so.1

P:musl-utils
V:1.2.5-r0
A:x86_64
I:139264
o:musl
F:
R:rootfile
F:usr
F:usr/bin
R:ldd
`

func readPackages(t *testing.T, s string) (all []Package) {
	t.Helper()
	for p, err := range Packages(strings.NewReader(s), int64(len(s))) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestPackages(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{dpkgStatus, "pkg:deb/x/libc6@2.36-9%2Bdeb12u13?arch=amd64&distro=x-1&upstream=glibc 13297664 true GNU C Library: Shared libraries []\n" +
			"pkg:deb/x/gone@1:2~rc1?arch=all&distro=x-1 0 false  []\n"},
		{apkInstalled, "pkg:apk/x/musl@1.2.5-r0?arch=x86_64&distro=x-1 667648 true the musl c library (libc) implementation [lib/ld-musl-x86_64.so.1 lib/libc.musl-x86_64.so.1]\n" +
			"pkg:apk/x/musl-utils@1.2.5-r0?arch=x86_64&distro=x-1&origin=musl 139264 true  [rootfile usr/bin/ldd]\n"},
		{"", ""},
		{"\n\nno stanza\n\n", ""},
		{"Package: a\nInstalled-Size: -1\r\nVersion: 2", "pkg:deb/x/a@2?distro=x-1 0 true  []\n"},
	} {
		got := ""
		for _, p := range readPackages(t, c.text) {
			got += fmt.Sprintln(p.Purl("x", "1"), p.Size, p.Installed(), p.Description, p.Files)
		}
		if got != c.want {
			t.Errorf("%.30q: %s\nwant %s", c.text, got, c.want)
		}
	}
}

// TestPackagesStop: a reader may stop, a failing one is heard of, and a line without end costs no memory.
func TestPackagesStop(t *testing.T) {
	for p, err := range Packages(strings.NewReader(dpkgStatus), int64(len(dpkgStatus))) {
		if p.Name != "libc6" || err != nil {
			t.Errorf("first: %q, %v", p.Name, err)
		}
		break
	}
	broken := errors.New("broken")
	var got error
	for _, err := range Packages(failingReader{broken}, 100) {
		got = err
	}
	if got != broken {
		t.Errorf("a reader that fails: %v", got)
	}
	long := "Package: a\nDepends: " + strings.Repeat("b, ", 4<<20) + "\nVersion: 3\n"
	spent := allocated(func() {
		if all := readPackages(t, long); len(all) != 1 || all[0].Version != "3" {
			t.Errorf("a long line: %+v", all)
		}
	})
	if spent > 2<<20 {
		t.Errorf("a long line: %d bytes of memory", spent)
	}
}

type failingReader struct{ err error }

func (f failingReader) ReadAt([]byte, int64) (int, error) { return iotest.ErrReader(f.err).Read(nil) }

// TestPackagesHere compares with dpkg itself, where there is one.
func TestPackagesHere(t *testing.T) {
	status, err := os.ReadFile("/var/lib/dpkg/status")
	program, notFound := exec.LookPath("dpkg-query")
	if err != nil || notFound != nil {
		t.Skip("there is no dpkg here")
	}
	out, err := exec.Command(program, "-W", "-f", "${Package} ${Version} ${Architecture} ${source:Package} ${Status}\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range readPackages(t, string(status)) {
		source := p.Source
		if source == "" {
			source = p.Name
		}
		got = append(got, strings.Join([]string{p.Name, p.Version, p.Arch, source, p.Status}, " "))
	}
	want := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d packages, want %d: the first are %.3q and %.3q", len(got), len(want), got[:3], want[:3])
	}
}

func TestFileList(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"/.\n/etc\n/etc/a file\n/usr/bin/x", "etc|etc/a file|usr/bin/x"},
		{"0123456789abcdef0123456789abcdef  usr/bin/x\n", "usr/bin/x"},
		{"", ""},
	} {
		var got []string
		for name, err := range FileList(strings.NewReader(c.text), int64(len(c.text))) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, name)
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%q: %q, want %s", c.text, got, c.want)
		}
	}
	for base, want := range map[string]string{"libc6:amd64.list": "libc6", "bash.list": "bash", "base.md5sums": "base", "bash.postinst": "", "format": ""} {
		if got := ListOwner(base); got != want {
			t.Errorf("ListOwner(%q) = %q, want %q", base, got, want)
		}
	}
	var got error
	for _, err := range FileList(failingReader{io.ErrClosedPipe}, 10) {
		got = err
	}
	if got != io.ErrClosedPipe {
		t.Errorf("a reader that fails: %v", got)
	}
}

// TestSystemFiles: what is shown of the files that say what an image is made of.
func TestSystemFiles(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"var/lib/dpkg/status", dpkgStatus, `packages: 2 packages
== Packages
Packages: 2
Size: 13297664
# Package | Version | Architecture | Size | Description
libc6 <purl pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64&upstream=glibc> | 2.36-9+deb12u13 | amd64 | 13297664 | GNU C Library: Shared libraries
gone <purl pkg:deb/debian/gone@1:2~rc1?arch=all> | 1:2~rc1 | all | 0 | 
`},
		{"/lib/apk/db/installed", "P:wolfi-base\nV:1\n", `packages: 1 package
== Packages
Packages: 1
Size: 0
# Package | Version | Architecture | Size | Description
wolfi-base <purl pkg:apk/wolfi/wolfi-base@1> | 1 |  | 0 | 
`},
		{".PKGINFO", "# by abuild\npkgname = busybox\npkgver = 1.36.1-r2\nurl = https://busybox.net/\nbuilddate = 1700000000\ndepend = so:libc.musl-x86_64.so.1\n" +
			"depend = ssl_client>1\ndepend = !bad\nprovides = cmd:sh=1.36.1-r2\n", `.PKGINFO: busybox 1.36.1-r2
== Package
pkgname: busybox <purl pkg:apk/alpine/busybox@1.36.1-r2>
pkgver: 1.36.1-r2
url: https://busybox.net/ <url https://busybox.net/>
builddate: 1700000000
depend: so:libc.musl-x86_64.so.1 <needed so:libc.musl-x86_64.so.1>
depend: ssl_client>1 <needed ssl_client>1>
depend: !bad
provides: cmd:sh=1.36.1-r2 <provided cmd:sh=1.36.1-r2>
`},
		{"x/.PKGINFO", "pkgname = wolfi-base\norigin = base\ncommit = 0123456789abcdef0123456789abcdef01234567-dirty\nlicense = MIT\nlicense = GPL-2.0-only AND MIT\nlicense = custom\ncommit = x/../y\n", `.PKGINFO: wolfi-base
== Package
pkgname: wolfi-base <purl pkg:apk/wolfi/wolfi-base?origin=base>
origin: base <purl pkg:apk/wolfi/base>
commit: 0123456789abcdef0123456789abcdef01234567-dirty <url https://github.com/wolfi-dev/os/commit/0123456789abcdef0123456789abcdef01234567>
license: MIT <url https://spdx.org/licenses/MIT.html>
license: GPL-2.0-only AND MIT
license: custom
commit: x/../y
`},
		{"etc/os-release", "NAME=\"Debian \\\"GNU\\\"\"\n# no\nID=debian\nHOME_URL='https://www.debian.org/'\nPRETTY_NAME=\"Debian 12\"\n", `os-release: Debian 12
== Operating system
NAME: Debian "GNU"
ID: debian
HOME_URL: https://www.debian.org/ <url https://www.debian.org/>
PRETTY_NAME: Debian 12
`},
		{"etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbroken\nnobody:x:65534:65534:::\n", `passwd: 2 users
== 
# User | Password | UID | GID | Name | Home | Shell
root | x | 0 | 0 | root | /root <path /root> | /bin/sh <path /bin/sh>
nobody | x | 65534 | 65534 |  |  | 
`},
		{"etc/group", "adm:x:4:a,b\n", "group: 1 group\n== \n# Group | Password | GID | Members\nadm | x | 4 | a,b\n"},
		{"a", "#!/bin/sh -e\n", "script: script for sh\n== Script\nInterpreter: /bin/sh <path /bin/sh>\nArguments: -e\n"},
		{"a", "#! /usr/bin/env -S A=1 python3 -u\nx", "script: script for python3\n== Script\nInterpreter: /usr/bin/env <path /usr/bin/env>\n" +
			"Runs: python3 <find python3>\nArguments: -S A=1 python3 -u\n"},
		{"x/Chart.yaml", "apiVersion: v2\nname: nginx\nversion: 1.2.3\nhome: https://example.com\ndependencies:\n- name: common\n", `helm chart: Helm chart nginx 1.2.3
== Chart
apiVersion: v2
name: nginx
version: 1.2.3
home: https://example.com <url https://example.com>
`},
	} {
		d, err := inspect(t, c.name, []byte(c.text))
		if err != nil || d == nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := printDoc(d); got != c.want {
			t.Errorf("%s: %s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestReadOSRelease(t *testing.T) {
	text := "ID=alpine\nVERSION_ID=3.20.1\nPRETTY_NAME=\"Alpine Linux v3.20\"\n"
	o, err := ReadOSRelease(strings.NewReader(text), int64(len(text)))
	if err != nil || o.ID != "alpine" || o.VersionID != "3.20.1" || o.PrettyName != "Alpine Linux v3.20" {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := ReadOSRelease(strings.NewReader(""), 0); err != nil || o.ID != "linux" {
		t.Errorf("of nothing: %+v, %v", o, err)
	}
}
