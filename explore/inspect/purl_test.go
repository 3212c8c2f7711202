package inspect

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// purls has a purl, its canonical form, and its page.
var purls = []struct{ in, canonical, page string }{
	{"pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie", "", "https://packages.debian.org/jessie/curl"},
	{"pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc", "", "https://packages.debian.org/bookworm/libc6"},
	{"pkg:deb/debian/libstdc%2B%2B6@12?distro=debian-12.5", "", "https://packages.debian.org/bookworm/libstdc++6"},
	{"pkg:deb/debian/glibc@2.36-9?arch=source", "", "https://tracker.debian.org/pkg/glibc"},
	{"pkg:deb/debian/dpkg@1.19.0.4", "", "https://packages.debian.org/search?keywords=dpkg"},
	{"pkg:deb/ubuntu/dpkg@1.19?distro=ubuntu-22.04", "", "https://packages.ubuntu.com/jammy/dpkg"},
	{"pkg:deb/ubuntu/dpkg@1.19?arch=source", "", "https://launchpad.net/ubuntu/+source/dpkg/1.19"},
	{"pkg:deb/kali/dpkg@1.19", "", ""},
	{"pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18.4", "", "https://pkgs.alpinelinux.org/packages?arch=x86_64&branch=v3.18&name=musl"},
	{"pkg:apk/alpine/musl@1.2.4-r2", "", "https://pkgs.alpinelinux.org/packages?name=musl"},
	{"pkg:apk/wolfi/glibc-locale@2.39?origin=glibc", "", "https://github.com/wolfi-dev/os/blob/main/glibc.yaml"},
	{"pkg:apk/chainguard/bash@5", "", "https://github.com/wolfi-dev/os/blob/main/bash.yaml"},
	{"pkg:rpm/fedora/bash@5.2.26-3.fc40?arch=x86_64&upstream=bash-5.2.26-3.fc40.src.rpm", "", "https://packages.fedoraproject.org/pkgs/bash/bash/"},
	{"pkg:rpm/fedora/bash@5.2?upstream=bash", "", "https://packages.fedoraproject.org/search?query=bash"},
	{"pkg:rpm/redhat/bash@5.2", "", "https://pkgs.org/search/?q=bash"},
	{"pkg:rpm/opensuse/curl@7", "", "https://software.opensuse.org/package/curl"},
	{"pkg:npm/%40angular/animation@12.3.1", "", "https://www.npmjs.com/package/@angular/animation/v/12.3.1"},
	{"pkg:npm/@angular/animation", "pkg:npm/%40angular/animation", "https://www.npmjs.com/package/@angular/animation"},
	{"pkg:npm/foobar@12.3.1", "", "https://www.npmjs.com/package/foobar/v/12.3.1"},
	{"pkg:golang/google.golang.org/genproto@v0.1.0#/googleapis/../api/annotations/", "pkg:golang/google.golang.org/genproto@v0.1.0#googleapis/api/annotations", "https://pkg.go.dev/google.golang.org/genproto@v0.1.0/googleapis/api/annotations"},
	{"pkg:golang/stdlib@1.22.3", "", "https://pkg.go.dev/std@go1.22.3"},
	{"pkg:pypi/django@1.11.1", "", "https://pypi.org/project/django/1.11.1"},
	{"pkg:pypi/django", "", "https://pypi.org/project/django/"},
	{"pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?classifier=sources&packaging=sources", "", "https://central.sonatype.com/artifact/org.apache.xmlgraphics/batik-anim/1.9.1"},
	{"pkg:maven/alone@1", "", ""},
	{"pkg:cargo/rand@0.7.2", "", "https://crates.io/crates/rand/0.7.2"},
	{"pkg:gem/jruby-launcher@1.1.2?platform=java", "", "https://rubygems.org/gems/jruby-launcher/versions/1.1.2"},
	{"pkg:nuget/EnterpriseLibrary.Common@6.0.1304", "", "https://www.nuget.org/packages/EnterpriseLibrary.Common/6.0.1304"},
	{"pkg:composer/laravel/laravel@5.5.0", "", "https://packagist.org/packages/laravel/laravel#5.5.0"},
	{"pkg:hex/jason@1.1.2", "", "https://hex.pm/packages/jason/1.1.2"},
	{"pkg:pub/characters@1.2.0", "", "https://pub.dev/packages/characters/versions/1.2.0"},
	{"pkg:cran/A3@1.0.0", "", "https://cran.r-project.org/package=A3"},
	{"pkg:conda/absl-py@0.4.1?build=py36h06a4308_0&channel=conda-forge&subdir=linux-64", "", "https://anaconda.org/conda-forge/absl-py"},
	{"pkg:conda/absl-py@0.4.1?channel=main", "", "https://anaconda.org/anaconda/absl-py"},
	{"pkg:swift/github.com/Alamofire/Alamofire@5.4.3", "", "https://github.com/Alamofire/Alamofire/tree/5.4.3"},
	{"pkg:swift/evil%20host/a/b@1", "", ""},
	{"pkg:hackage/3d-graphics-examples@0.0.0.2", "", "https://hackage.haskell.org/package/3d-graphics-examples-0.0.0.2"},
	{"pkg:GitHub/package-url/purl-spec@244fd47e07d1004#everybody/loves/dogs", "pkg:github/package-url/purl-spec@244fd47e07d1004#everybody/loves/dogs", "https://github.com/package-url/purl-spec/tree/244fd47e07d1004/everybody/loves/dogs"},
	{"pkg:github/package-url/purl-spec", "", "https://github.com/package-url/purl-spec"},
	{"pkg:bitbucket/birkenfeld/pygments-main@244fd47e07d1014f0aed9c", "", "https://bitbucket.org/birkenfeld/pygments-main/src/244fd47e07d1014f0aed9c"},
	{"pkg:gitlab/gitlab-org/security/gitlab@v16", "", "https://gitlab.com/gitlab-org/security/gitlab/-/tree/v16"},
	{"pkg:docker/cassandra@sha256:244fd47e07d1004f0aed9c", "", "https://hub.docker.com/_/cassandra"},
	{"pkg:docker/docker.io/library/alpine@3.19?platform=linux%2Famd64", "", "https://hub.docker.com/_/alpine"},
	{"pkg:docker/customer/dockerimage@sha256:244f?repository_url=gcr.io", "", ""},
	{"pkg:docker/quay.io/a/b@1", "", "https://quay.io/repository/a/b"},
	{"pkg:oci/debian@sha256:244f?repository_url=docker.io/library/debian&arch=amd64&tag=latest", "pkg:oci/debian@sha256:244f?arch=amd64&repository_url=docker.io%2Flibrary%2Fdebian&tag=latest", "https://hub.docker.com/_/debian"},
	{"pkg:generic/openssl@1.1.10g?download_url=https://openssl.org/a%26b.tar.gz&x=", "pkg:generic/openssl@1.1.10g?download_url=https:%2F%2Fopenssl.org%2Fa%26b.tar.gz", ""},
	{"pkg://npm//foobar@1/?$x=y", "pkg:npm/foobar@1", "https://www.npmjs.com/package/foobar/v/1"},
	{"pkg:npm/a%22%3E%3Cscript%3E@%2F..%2F?#", "pkg:npm/a%22%3E%3Cscript%3E@%2F..%2F", "https://www.npmjs.com/package/a%22%3E%3Cscript%3E/v/%2F..%2F"},
}

func TestPurl(t *testing.T) {
	for _, c := range purls {
		p, err := ParsePurl(c.in)
		if err != nil {
			t.Errorf("ParsePurl(%q): %v", c.in, err)
			continue
		}
		if c.canonical == "" {
			c.canonical = c.in
		}
		if p.String() != c.canonical {
			t.Errorf("ParsePurl(%q) is %s, want %s", c.in, p, c.canonical)
		}
		if page, ok := PurlURL(p); page != c.page || ok != (page != "") {
			t.Errorf("PurlURL(%q) = %q, %v, want %q", c.in, page, ok, c.page)
		}
	}
	for _, bad := range []string{"", "pkg:", "pkg:npm", "pkg:npm/", "pkg:/npm", "npm/a@1", "pkg:n pm/a", "pkg:1a/b", "pkg:npm/a@%zz", "pkg:npm/%", "pkg:npm/a?b=%", "pkg:npm/a#%",
		"pkg:npm/" + strings.Repeat("a", maxPurl), "pkg:npm/a?" + func() (q string) {
			for i := range maxQualifiers + 1 {
				q += strings.Repeat("k", i+1) + "=1&"
			}
			return q
		}()} {
		if p, err := ParsePurl(bad); !errors.Is(err, ErrPurl) {
			t.Errorf("ParsePurl(%.40q) = %#v, %v", bad, p, err)
		}
	}
}

func TestPurlImage(t *testing.T) {
	for in, want := range map[string]string{
		"pkg:docker/cassandra@latest":                                                              "cassandra:latest",
		"pkg:docker/alpine@3.19?digest=sha256:12&platform=linux%2Famd64":                           "alpine:3.19@sha256:12",
		"pkg:docker/customer/img@sha256%3A244f?repository_url=gcr.io":                              "gcr.io/customer/img@sha256:244f",
		"pkg:oci/debian@sha256:244f?repository_url=docker.io/library/debian&arch=amd64&tag=latest": "docker.io/library/debian:latest@sha256:244f",
		"pkg:oci/static@sha256:244f?repository_url=ghcr.io/debuerreotype/":                         "ghcr.io/debuerreotype/static@sha256:244f",
		"pkg:oci/hello":        "hello",
		"pkg:npm/hello@sha1:1": "",
	} {
		p, err := ParsePurl(in)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := PurlImage(p); got != want || ok != (want != "") {
			t.Errorf("PurlImage(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPurl(f *testing.F) {
	for _, c := range purls {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePurl(s)
		if err != nil {
			return
		}
		again, err := ParsePurl(p.String())
		if len(p.String()) <= maxPurl && (err != nil || !reflect.DeepEqual(p, again)) {
			t.Fatalf("%q: %#v\nread again\n%#v: %v", s, p, again, err)
		}
		page, ok := PurlURL(p)
		u, err := url.Parse(page)
		if ok && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(page, "\"'<> \n")) {
			t.Fatalf("%q: the page %q: %v", s, page, err)
		}
	})
}
