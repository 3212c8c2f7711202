package explore

import (
	"vitrine/explore/inspect"
)

// doc is a link to documentation, none where there is none.
func doc(href string) link {
	if !webURL(href) {
		return link{}
	}
	return link{Href: href, Doc: true}
}

// documented makes a rule's function of one that finds the documentation of a name.
func documented(find func(string) string) func(spot) link {
	return func(s spot) link {
		if !s.n.Is(inspect.String) {
			return link{}
		}
		return doc(find(s.n.Text))
	}
}

// purl leads to the page of a package; of an image, to that.
func (l *linker) purl(s string) link {
	p, err := inspect.ParsePurl(s)
	if err != nil {
		return link{}
	}
	if ref, ok := inspect.PurlImage(p); ok {
		if found := l.imageLink(ref, ""); found.Href != "" {
			return found
		}
	}
	page, _ := inspect.PurlURL(p)
	if !webURL(page) {
		return link{}
	}
	return link{Href: page}
}
