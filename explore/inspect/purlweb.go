package inspect

import (
	"net/url"
	"strings"
)

// PurlURL returns the page that people read about a package, and false for packages that have none that is known of.
func PurlURL(p Purl) (page string, ok bool) {
	f := purlPages[p.Type]
	if f == nil {
		return "", false
	}
	page = f(p)
	return page, page != ""
}

// web makes a URL of a pattern in which {x} stands for something of p, escaped; it is empty where one of them is. The words are those of
// Purl in lower case; {path} is namespace and name; {query} is the name in a query; {/v/|version} is /v/ and the version, or nothing.
func (p Purl) web(pattern string) string {
	path := escapeSegments(p.Name)
	if p.Namespace != "" {
		path = escapeSegments(p.Namespace) + "/" + path
	}
	values := map[string]string{"namespace": escapeSegments(p.Namespace), "name": url.PathEscape(p.Name),
		"path": path, "version": url.PathEscape(p.Version), "query": url.QueryEscape(p.Name), "subpath": escapeSegments(p.Subpath)}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(pattern, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		word, rest, _ := strings.Cut(rest, "}")
		prefix, key, optional := strings.Cut(word, "|")
		if !optional {
			prefix, key = "", word
		}
		switch value := values[key]; {
		case value != "":
			b.WriteString(prefix + value)
		case !optional:
			return ""
		}
		pattern = rest
	}
}

// pattern is the page of a type that has one for all of its packages.
func pattern(s string) func(Purl) string {
	return func(p Purl) string { return p.web(s) }
}

// purlPages are the web sites of package types; the patterns are described at Purl.web.
var purlPages = map[string]func(Purl) string{
	"alpm":          pattern("https://archlinux.org/packages/?name={query}"),
	"apk":           apkPage,
	"bitbucket":     pattern("https://bitbucket.org/{namespace}/{name}{/src/|version}"),
	"brew":          pattern("https://formulae.brew.sh/formula/{name}"),
	"cargo":         pattern("https://crates.io/crates/{name}{/|version}"),
	"cocoapods":     pattern("https://cocoapods.org/pods/{name}"),
	"composer":      pattern("https://packagist.org/packages/{namespace}/{name}{#|version}"),
	"conan":         pattern("https://conan.io/center/recipes/{name}{?version=|version}"),
	"conda":         condaPage,
	"cpan":          pattern("https://metacpan.org/dist/{name}"),
	"cran":          pattern("https://cran.r-project.org/package={name}"),
	"deb":           debPage,
	"docker":        imagePage,
	"gem":           pattern("https://rubygems.org/gems/{name}{/versions/|version}"),
	"github":        githubPage,
	"githubactions": githubPage,
	"gitlab":        pattern("https://gitlab.com/{path}{/-/tree/|version}"),
	"golang":        golangPage,
	"hackage":       pattern("https://hackage.haskell.org/package/{name}{-|version}"),
	"hex":           pattern("https://hex.pm/packages/{path}{/|version}"),
	"huggingface":   pattern("https://huggingface.co/{path}{/tree/|version}"),
	"luarocks":      pattern("https://luarocks.org/modules/{path}{/|version}"),
	"maven":         pattern("https://central.sonatype.com/artifact/{namespace}/{name}{/|version}"),
	"npm":           npmPage,
	"nuget":         pattern("https://www.nuget.org/packages/{name}{/|version}"),
	"oci":           imagePage,
	"opam":          pattern("https://opam.ocaml.org/packages/{name}/"),
	"pub":           pattern("https://pub.dev/packages/{name}{/versions/|version}"),
	"pypi":          pattern("https://pypi.org/project/{name}/{|version}"),
	"rpm":           rpmPage,
	"swift":         swiftPage,
}

// imagePage knows the registries whose web site shows what an image's name says. Others are for PurlImage.
func imagePage(p Purl) string {
	ref, _ := PurlImage(p)
	name, _, _ := strings.Cut(ref, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	host, path, hasHost := strings.Cut(name, "/")
	if !hasHost || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, path = "docker.io", name
	}
	path = escapeSegments(path)
	switch {
	case path == "":
		return ""
	case host == "quay.io":
		return "https://quay.io/repository/" + path
	case host == "cgr.dev":
		return "https://images.chainguard.dev/directory/image/" + path[strings.LastIndexByte(path, '/')+1:] + "/overview"
	case host != "docker.io" && host != "index.docker.io" && host != "registry-1.docker.io" && host != "hub.docker.com":
		return ""
	}
	if official := strings.TrimPrefix(path, "library/"); !strings.Contains(official, "/") {
		return "https://hub.docker.com/_/" + official
	}
	return "https://hub.docker.com/r/" + path
}

func githubPage(p Purl) string {
	if p.Subpath != "" && p.Version == "" {
		p.Version = "HEAD"
	}
	return p.web("https://github.com/{namespace}/{name}{/tree/|version}{/|subpath}")
}

func golangPage(p Purl) string {
	if p.Namespace == "" && (p.Name == "stdlib" || p.Name == "std") {
		p.Name, p.Version = "std", strings.TrimPrefix(p.Version, "go")
		return p.web("https://pkg.go.dev/{name}{@go|version}")
	}
	return p.web("https://pkg.go.dev/{path}{@|version}{/|subpath}")
}

func npmPage(p Purl) string {
	if p.Namespace != "" { // the scope is shown with its @, as people write it
		return p.web("https://www.npmjs.com/package/@" + escapeSegments(strings.TrimPrefix(p.Namespace, "@")) + "/{name}{/v/|version}")
	}
	return p.web("https://www.npmjs.com/package/{name}{/v/|version}")
}

func condaPage(p Purl) string {
	channel := p.Qualifiers["channel"]
	if channel == "" || channel == "main" || strings.Contains(channel, "/") {
		channel = "anaconda"
	}
	return p.web("https://anaconda.org/" + url.PathEscape(channel) + "/{name}")
}

// swiftPage: the namespace is host and owner.
func swiftPage(p Purl) string {
	host, owner, _ := strings.Cut(p.Namespace, "/")
	if owner == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || !strings.Contains(host, ".") {
		return ""
	}
	return p.web("https://{path}{/tree/|version}")
}
