package inspect

import (
	"cmp"
	"net/url"
	"strings"
)

// apkPage: the branch stands in the qualifier distro, "alpine-3.22.1" or "3.22.1".
func apkPage(p Purl) string {
	switch p.Namespace {
	case "alpine":
		query := url.Values{"name": {p.Name}}
		version := strings.SplitN(strings.TrimPrefix(p.Qualifiers["distro"], "alpine-"), ".", 3)
		if len(version) >= 2 {
			query.Set("branch", "v"+version[0]+"."+version[1])
		}
		if arch := p.Qualifiers["arch"]; arch != "" {
			query.Set("arch", arch)
		}
		return "https://pkgs.alpinelinux.org/packages?" + query.Encode()
	case "wolfi", "chainguard": // one file a source package; the qualifiers that name it are those of apko and of syft
		p.Name = cmp.Or(p.Qualifiers["origin"], p.Qualifiers["upstream"], p.Name)
		return p.web("https://github.com/wolfi-dev/os/blob/main/{name}.yaml")
	}
	return ""
}

// suites are the code names of the versions that the qualifier distro has: "debian-12", "ubuntu-22.04".
var suites = map[string]string{
	"debian-8": "jessie", "debian-9": "stretch", "debian-10": "buster", "debian-11": "bullseye", "debian-12": "bookworm",
	"debian-13": "trixie", "debian-14": "forky",
	"ubuntu-14.04": "trusty", "ubuntu-16.04": "xenial", "ubuntu-18.04": "bionic", "ubuntu-20.04": "focal", "ubuntu-22.04": "jammy",
	"ubuntu-24.04": "noble", "ubuntu-24.10": "oracular", "ubuntu-25.04": "plucky", "ubuntu-25.10": "questing", "ubuntu-26.04": "resolute",
}

// debSites are the pages of distributions: before the suite, of a source package, and where the suite is not known.
var debSites = map[string]struct{ packages, source, search string }{
	"debian": {"https://packages.debian.org/", "https://tracker.debian.org/pkg/{name}", "https://packages.debian.org/search?keywords={query}"},
	"ubuntu": {"https://packages.ubuntu.com/", "https://launchpad.net/ubuntu/+source/{name}{/|version}", "https://packages.ubuntu.com/search?keywords={query}"},
}

func debPage(p Purl) string {
	site, ok := debSites[p.Namespace]
	if !ok {
		return ""
	}
	if p.Qualifiers["arch"] == "source" {
		return p.web(site.source)
	}
	distro := p.Qualifiers["distro"]
	major, _, _ := strings.Cut(distro, ".") // debian-12.5
	for _, known := range []string{suites[distro], suites[major], strings.TrimPrefix(distro, p.Namespace+"-")} {
		if known != "" && strings.Trim(known, "abcdefghijklmnopqrstuvwxyz") == "" {
			return p.web(site.packages + known + "/{name}")
		}
	}
	return p.web(site.search)
}

// rpmPage: Fedora's pages are below the source package, which the qualifier upstream names with its version: "bash-5.2.26-3.fc40.src.rpm".
func rpmPage(p Purl) string {
	switch p.Namespace {
	case "fedora":
		if source := rpmName(p.Qualifiers["upstream"]); source != "" {
			return "https://packages.fedoraproject.org/pkgs/" + url.PathEscape(source) + "/" + url.PathEscape(p.Name) + "/"
		}
		return p.web("https://packages.fedoraproject.org/search?query={query}")
	case "opensuse", "opensuse-leap", "opensuse-tumbleweed":
		return p.web("https://software.opensuse.org/package/{name}")
	case "mageia":
		return p.web("https://madb.mageia.org/package/show/name/{name}")
	}
	return p.web("https://pkgs.org/search/?q={query}")
}

// rpmName cuts version, release and suffix off the name of an RPM file.
func rpmName(file string) string {
	name, ok := strings.CutSuffix(file, ".src.rpm")
	for range 2 {
		i := strings.LastIndexByte(name, '-')
		if i <= 0 || !ok {
			return ""
		}
		name = name[:i]
	}
	return name
}
