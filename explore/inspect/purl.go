package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ErrPurl is a text that is no package URL.
var ErrPurl = errors.New("no package URL")

const (
	maxPurl       = 4096 // bytes; those of SBOMs have a few hundred
	maxQualifiers = 32
)

// Purl is a package URL (ECMA-427), decoded: pkg:Type/Namespace/Name@Version?Qualifiers#Subpath.
type Purl struct {
	Type       string            // in lower case: "deb"
	Namespace  string            // "debian", "@angular", "github.com/docker"; segments with / between them, perhaps none
	Name       string            // never empty
	Version    string            // perhaps empty
	Qualifiers map[string]string // keys in lower case; no value is empty
	Subpath    string            // perhaps empty; without . and ..
}

// ParsePurl reads a package URL. It is as lenient as the ones in SBOMs want: pkg:// and an unescaped @ before an npm scope are understood.
func ParsePurl(s string) (Purl, error) {
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok || len(s) > maxPurl {
		return Purl{}, fmt.Errorf("%w: %.64q", ErrPurl, s)
	}
	var p Purl
	var err error
	rest, subpath := cutLast(rest, "#")
	rest, qualifiers := cutLast(rest, "?")
	if p.Subpath, err = purlSegments(subpath); err == nil {
		err = p.parseQualifiers(qualifiers)
	}
	if err == nil {
		err = p.parsePath(strings.Trim(rest, "/"))
	}
	if err != nil {
		return Purl{}, fmt.Errorf("%w: %.64q: %w", ErrPurl, s, err)
	}
	return p, nil
}

func cutLast(s, sep string) (before, after string) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):]
	}
	return s, ""
}

// parsePath reads TYPE/NAMESPACE/NAME@VERSION.
func (p *Purl) parsePath(s string) (err error) {
	kind, rest, ok := strings.Cut(s, "/")
	if p.Type = strings.ToLower(kind); !ok || !isPurlType(p.Type) {
		return errors.New("it has no type")
	}
	rest = strings.Trim(rest, "/")
	if i := strings.LastIndexByte(rest, '@'); i > 0 && rest[i-1] != '/' { // an @ that begins a segment is an npm scope's
		if p.Version, err = url.PathUnescape(rest[i+1:]); err != nil {
			return err
		}
		rest = strings.TrimRight(rest[:i], "/")
	}
	namespace, name := "", rest
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		namespace, name = rest[:i], rest[i+1:]
	}
	if p.Name, err = url.PathUnescape(name); err != nil {
		return err
	}
	if p.Name == "" {
		return errors.New("it has no name")
	}
	p.Namespace, err = purlSegments(namespace)
	return err
}

func isPurlType(s string) bool {
	for i, c := range []byte(s) {
		if ('a' > c || c > 'z') && (i == 0 || ('0' > c || c > '9') && c != '.' && c != '-' && c != '+') {
			return false
		}
	}
	return s != ""
}

// purlSegments decodes what has / between its segments. Empty ones and those that go nowhere are left out.
func purlSegments(s string) (string, error) {
	var out []string
	for seg := range strings.SplitSeq(s, "/") {
		seg, err := url.PathUnescape(seg)
		if err != nil {
			return "", err
		}
		if strings.Contains(seg, "/") {
			return "", errors.New("a segment with a slash in it")
		}
		if seg != "" && seg != "." && seg != ".." {
			out = append(out, seg)
		}
	}
	return strings.Join(out, "/"), nil
}

// keyLetters may stand in the key of a qualifier.
const keyLetters = "abcdefghijklmnopqrstuvwxyz0123456789._-"

func (p *Purl) parseQualifiers(s string) error {
	for pair := range strings.SplitSeq(s, "&") {
		key, value, _ := strings.Cut(pair, "=")
		key = strings.ToLower(key)
		value, err := url.PathUnescape(value)
		switch {
		case err != nil:
			return err
		case value == "" || key == "" || strings.Trim(key, keyLetters) != "":
			continue
		case len(p.Qualifiers) == maxQualifiers:
			return fmt.Errorf("more than %d qualifiers", maxQualifiers)
		case p.Qualifiers == nil:
			p.Qualifiers = make(map[string]string)
		}
		p.Qualifiers[key] = value
	}
	return nil
}

// String returns p in its canonical form, but for the case of names in types that do not care.
func (p Purl) String() string {
	var b strings.Builder
	b.WriteString("pkg:" + p.Type + "/")
	if p.Namespace != "" {
		b.WriteString(escapeSegments(p.Namespace) + "/")
	}
	b.WriteString(purlEscape(p.Name))
	if p.Version != "" {
		b.WriteString("@" + purlEscape(p.Version))
	}
	sep := "?"
	for _, k := range sortedKeys(p.Qualifiers) {
		b.WriteString(sep + k + "=" + purlEscape(p.Qualifiers[k]))
		sep = "&"
	}
	if p.Subpath != "" {
		b.WriteString("#" + escapeSegments(p.Subpath))
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// purlEscape escapes all but letters, digits and .-_~:
func purlEscape(s string) string {
	return strings.NewReplacer("%3A", ":", "+", "%20").Replace(url.QueryEscape(s))
}

// escapeSegments escapes all but the slashes.
func escapeSegments(s string) string {
	segs := strings.Split(s, "/")
	for i := range segs {
		segs[i] = purlEscape(segs[i])
	}
	return strings.Join(segs, "/")
}

// PurlImage returns the reference of the image that a purl of the types docker and oci names: NAME[:TAG][@DIGEST].
func PurlImage(p Purl) (ref string, ok bool) {
	name := p.Name
	if p.Namespace != "" {
		name = p.Namespace + "/" + name
	}
	repository := p.Qualifiers["repository_url"]
	switch {
	case p.Type == "oci" && repository != "": // it is all of the name
		name = repository
		if !strings.HasSuffix(repository, "/"+p.Name) && repository != p.Name {
			name = strings.TrimSuffix(repository, "/") + "/" + p.Name
		}
	case p.Type == "docker" && repository != "": // it is the registry's host
		name = strings.TrimSuffix(repository, "/") + "/" + name
	case p.Type != "docker" && p.Type != "oci":
		return "", false
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "https://"), "http://")
	digest := p.Qualifiers["digest"]
	tag := cmp.Or(p.Qualifiers["tag"], p.Version)
	if strings.Contains(p.Version, ":") {
		digest, tag = p.Version, p.Qualifiers["tag"]
	}
	if tag != "" {
		name += ":" + tag
	}
	if digest != "" {
		name += "@" + digest
	}
	return name, true
}
