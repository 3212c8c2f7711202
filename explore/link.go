package explore

import (
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/inspect"
	"vitrine/storage/oci"
)

// linker makes links of what stands in a document.
type linker struct {
	h *handler
	r *request
	c jsonContext
}

// spot is a value of a document, with where it stands.
type spot struct {
	*linker
	n *inspect.Node
}

// rule says what becomes of a value, or of a key.
type rule struct {
	// where has the keys down to the value, the last one its own; those of an array's members are the array's. "^" pins the first to the root, "*"
	// is any one key, "%20" a space in a key.
	where string
	kinds []docKind // that the document has to be; none: any
	link  func(spot) link
}

// ruleSet finds rules by the last key of where they apply.
type ruleSet map[string][]compiled

type compiled struct {
	rule
	above []string // keys, from the value's own outwards, without it
	root  bool
}

func compile(tables ...[]rule) ruleSet {
	set := ruleSet{}
	for _, table := range tables {
		for _, r := range table {
			keys := strings.Fields(r.where)
			for i := range keys {
				keys[i] = strings.ReplaceAll(keys[i], "%20", " ")
			}
			c := compiled{rule: r, root: keys[0] == "^"}
			if c.root {
				keys = keys[1:]
			}
			last := keys[len(keys)-1]
			c.above = keys[:len(keys)-1]
			slices.Reverse(c.above)
			set[last] = append(set[last], c)
		}
	}
	return set
}

// rules are compiled when the first document is shown.
var rules = sync.OnceValue(func() (s struct{ values, keys ruleSet }) {
	s.values = compile(descriptorRules, imageRules, annotationRules, signatureRules, packageRules)
	s.keys = compile(keyRules)
	return s
})

// owner is the member of an object that n is, or that the arrays around n are; nil where n is in no object.
func owner(n *inspect.Node) *inspect.Node {
	for n != nil && n.Parent.Is(inspect.Array) {
		n = n.Parent
	}
	if n == nil || n.Parent == nil {
		return nil
	}
	return n
}

// fits reports whether n stands where c says.
func (c *compiled) fits(kind docKind, n *inspect.Node) bool {
	if len(c.kinds) > 0 && !slices.Contains(c.kinds, kind) {
		return false
	}
	at := owner(n)
	for _, key := range c.above {
		if at = owner(at.Parent); at == nil || key != "*" && at.Key != key {
			return false
		}
	}
	return !c.root || owner(at.Parent) == nil
}

// find returns the first link that a rule of key makes.
func (s ruleSet) find(l *linker, key string, n *inspect.Node) link {
	for i := range s[key] {
		if c := &s[key][i]; c.fits(l.c.kind, n) {
			if found := c.link(spot{l, n}); found != (link{}) {
				return found
			}
		}
	}
	return link{}
}

// valueLink says what is to be said about a value: by its key, and where no rule is for that, by what it looks like.
func (l *linker) valueLink(n *inspect.Node) link {
	if at := owner(n); at != nil {
		if found := rules().values.find(l, at.Key, n); found != (link{}) {
			return found
		}
	}
	if n.Is(inspect.String) {
		return l.textLink(n)
	}
	return link{}
}

// keyLink says what is to be said about the key of n.
func (l *linker) keyLink(n *inspect.Node) link {
	found := rules().keys.find(l, n.Key, n)
	if found == (link{}) && n.Shadowed {
		found.Tip = "This key stands again further down, and programs take that one."
	}
	if found == (link{}) && inAnnotations(n) {
		found = doc(inspect.KeyDoc(n.Key))
	}
	return found
}

// maxSniffed bounds the strings that are looked into for what they may be.
const maxSniffed = 1 << 20

// textLink goes by what a string looks like.
func (l *linker) textLink(n *inspect.Node) link {
	s := n.Text
	switch {
	case len(s) < 4 || len(s) > maxSniffed:
	case strings.HasPrefix(s, "http"):
		return docURL(s)
	case strings.HasPrefix(s, "pkg:"):
		return l.purl(s)
	case strings.HasPrefix(s, "-----BEGIN "):
		return link{Href: l.part("jq", n.Path())}
	case s[0] == '{' && len(s) > 8:
		if root, err := inspect.ParseJSON([]byte(s), nil); err == nil && root.Is(inspect.Object) {
			return link{Href: l.part("jq", n.Path()), Tip: "JSON inside a string"}
		}
	}
	return link{}
}

// docURL links to what a stranger's document names on the web, if it is a web site, as all browsers show it.
func docURL(s string) link {
	if webURL(s) {
		return link{Href: s, Doc: true}
	}
	return link{}
}

// webURL reports whether s is a URL that a page may link to.
func webURL(s string) bool {
	if len(s) > 4096 || strings.ContainsAny(s, " <>'`") || strings.ContainsFunc(s, special) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// page is the URL of the page that the document is on, with what led to it and more.
func (c jsonContext) href(pairs ...string) string {
	all := slices.Clone(c.keep)
	if c.page == "blob" {
		all = append(all, "mt", c.mediaType, "manifest", string(c.manifest))
	}
	for _, p := range c.parts {
		all = append(all, "jq", p)
	}
	return withQuery(c.target.href(c.page), append(all, pairs...)...)
}

// part is the URL of a part of the document: pairs of "jq" or "render" and its value, with the document's own before them.
func (l *linker) part(pairs ...string) string { return l.c.href(pairs...) }

// to is the URL of a page about something in the same repository.
func (l *linker) to(page string, d digest.Digest, pairs ...string) string {
	t := target{Name: l.c.target.Name, Digest: d}
	if page == "fs" || page == "layers" || page == "size" || page == "sizes" {
		t.Path = "."
	}
	return withQuery(t.href(page), pairs...)
}

// inPath is the URL of a path in the image that a config or a manifest is of; "" if that is not known or s is no path.
func (l *linker) inImage(s string) string {
	if l.c.of == "" || !strings.HasPrefix(s, "/") {
		return ""
	}
	t, err := target{Name: l.c.target.Name, Digest: l.c.of}.inside(s)
	if err != nil {
		return ""
	}
	return t.href("layers")
}

// digest returns the digest that s is, in the long form or as bare hex digits of alg.
func asDigest(alg, s string) (digest.Digest, bool) {
	if !strings.Contains(s, ":") {
		s = alg + ":" + s
	}
	d, err := oci.ParseDigest(s)
	return d, err == nil
}
