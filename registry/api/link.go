package api

import (
	"net/url"
	"strings"
)

// NextLink formats a Link header (RFC 8288) to the next page of a list: path with the query that params, pairs of key
// and value, make. Pairs whose value is empty are left out.
func NextLink(path string, params ...string) string {
	var b strings.Builder
	b.WriteByte('<')
	b.WriteString(path)
	sep := byte('?')
	for i := 0; i+1 < len(params); i += 2 {
		if params[i+1] == "" {
			continue
		}
		b.WriteByte(sep)
		b.WriteString(params[i])
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(params[i+1]))
		sep = '&'
	}
	b.WriteString(`>; rel="next"`)
	return b.String()
}

// ParseNextLink returns the reference, absolute or relative, of the first link to a next page among the values of Link
// headers, "" if there is none.
func ParseNextLink(values []string) string {
	for _, v := range values {
		for v != "" {
			ref, params, rest := cutLink(v)
			if isNext(params) {
				return ref
			}
			v = rest
		}
	}
	return ""
}

// cutLink takes the first link off a header: "<ref>; params, rest". A comma inside quotes separates nothing.
func cutLink(s string) (ref, params, rest string) {
	_, s, ok := strings.Cut(s, "<")
	if !ok {
		return "", "", ""
	}
	ref, s, _ = strings.Cut(s, ">")
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return ref, s[:i], s[i+1:]
		}
	}
	return ref, s, ""
}

// isNext reports whether the parameters of a link name the relation "next", perhaps among others.
func isNext(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(k), "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(v), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}
