package inspect

import (
	"net/url"
	"strings"
	"unicode"
)

// isWebURL says whether a stranger's text is an absolute http or https URL with a host and without a user, so that it can be a link.
func isWebURL(s string) bool {
	if len(s) > 2048 || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// webRef refers to s if it is a URL.
func webRef(s string) Ref {
	if isWebURL(s) {
		return Ref{RefURL, s}
	}
	return Ref{}
}

// docRef refers to a page of documentation, or to nothing if there is none.
func docRef(page string) Ref {
	if page == "" {
		return Ref{}
	}
	return Ref{RefURL, page}
}

// isDigest says whether s is ALGORITHM:HEX of one of the algorithms that registries know.
func isDigest(s string) bool {
	alg, hex, _ := strings.Cut(s, ":")
	want := map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}[alg]
	return want != 0 && len(hex) == want && strings.Trim(hex, "0123456789abcdef") == ""
}
