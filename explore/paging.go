package explore

import "strconv"

// pageLinks lead through a list in parts.
type pageLinks struct {
	Page  int    `json:"page"` // from 1
	Pages int    `json:"pages"`
	Prev  string `json:"previous,omitempty"`
	Next  string `json:"next,omitempty"`
}

// paged returns the part of n things, size to a page, that ?page= names, and the links to the others: href with "page" added to the query. A page that
// there is none of is the last one: lists become shorter.
func paged(r *request, n, size int, href string, pairs ...string) (from, to int, links pageLinks, err error) {
	links = pageLinks{Page: 1, Pages: max(1, (n+size-1)/size)}
	if s := r.query.Get("page"); s != "" {
		if links.Page, err = strconv.Atoi(s); err != nil || links.Page < 1 {
			return 0, 0, links, badRequest("%.32q is no number of a page", s)
		}
		links.Page = min(links.Page, links.Pages)
	}
	to = min(links.Page*size, n)
	url := func(page int) string {
		return withQuery(href, append([]string{"page", strconv.Itoa(page)}, pairs...)...)
	}
	if links.Page > 1 {
		links.Prev = url(links.Page - 1)
	}
	if links.Page < links.Pages {
		links.Next = url(links.Page + 1)
	}
	return (links.Page - 1) * size, to, links, nil
}
