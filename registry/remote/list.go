package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// Bounds of lists.
const (
	pageLength   = 1000     // entries that we ask for: the most that registries have in common
	maxListPage  = 4 << 20  // bytes of a page: some send all at once
	maxListBytes = 16 << 20 // of all pages of one list
	maxListPages = 1000
)

// Tags implements storage.ManifestReader.
func (r *Registry) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	type body struct {
		Tags []string `json:"tags"`
	}
	l := &listing[oci.Tag]{r: r, route: api.Route{Endpoint: api.Tags, Name: repo}, parse: oci.ParseTag}
	l.read = func(raw []byte) ([]string, error) {
		var b body
		err := json.Unmarshal(raw, &b)
		return b.Tags, err
	}
	return l.after(ctx, after)
}

// Repositories implements storage.Reader. It yields ErrUnsupported where the registry does not let us see a catalog.
func (r *Registry) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	type body struct {
		Repositories []string `json:"repositories"`
	}
	l := &listing[oci.Name]{r: r, route: api.Route{Endpoint: api.Catalog}, parse: oci.ParseName}
	l.read = func(raw []byte) ([]string, error) {
		var b body
		err := json.Unmarshal(raw, &b)
		return b.Repositories, err
	}
	return func(yield func(oci.Name, error) bool) {
		for name, err := range l.after(ctx, after) {
			if !yield(name, noCatalog(err)) {
				return
			}
		}
	}
}

// noCatalog makes ErrUnsupported of the ways in which registries say that they show nobody, or not us, what they have.
func noCatalog(err error) error {
	u, ok := errors.AsType[*storage.UpstreamError](err)
	if !ok || errors.Is(err, storage.ErrUnsupported) {
		return err
	}
	switch u.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return &storage.UpstreamError{Host: u.Host, Status: u.Status, Err: fmt.Errorf("%w: a catalog: %s", storage.ErrUnsupported, brief(u.Err))}
	}
	return err
}

// listing is a list of names or of tags.
type listing[T ~string] struct {
	r     *Registry
	route api.Route
	read  func([]byte) ([]string, error)
	parse func(string) (T, error)
}

// after yields what is greater than after, in byte order. The protocol wants lists to be in some lexical order, and not all registries keep to it: a list
// that fits one page is sorted here, and of a registry that has shown not to sort longer ones all pages are read first. That is found out as
// soon as it can be, which may be too late for the list in which it is.
func (l *listing[T]) after(ctx context.Context, after T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		switch l.r.listOrder() {
		case sorted:
			l.pages(ctx, after, after, yield)
		case unsorted:
			l.whole(ctx, after, yield)
		default: // what is behind after, to a registry with an order of its own, may be what is before it
			l.pages(ctx, "", after, yield)
		}
	}
}

// pages yields page by page, beginning behind from.
func (l *listing[T]) pages(ctx context.Context, from, after T, yield func(T, error) bool) {
	var last T
	yielded := false
	for page, err := range l.r.eachPage(ctx, l.call(string(from)), maxListPage) {
		if err != nil {
			yield("", err)
			return
		}
		names, inOrder, err := l.names(page)
		if err != nil {
			yield("", err)
			return
		}
		next := l.judge(names, last, from, after, page.next != "", inOrder)
		if next == unsorted && !yielded {
			l.whole(ctx, after, yield)
			return
		}
		if next == sorted {
			l.pages(ctx, after, after, yield)
			return
		}
		for _, n := range names {
			if n > after && !yield(n, nil) {
				return
			}
			yielded = yielded || n > after
		}
		if len(names) > 0 {
			last = names[len(names)-1]
		}
	}
}

// judge learns from a page whether the registry sorts its lists, last being the end of the page before. It returns unsorted if not, sorted if it
// does and the pages up to after can be left out, and 0 to go on.
func (l *listing[T]) judge(names []T, last, from, after T, more, inOrder bool) order {
	switch {
	case len(names) == 0 || last == "" && !more: // one page, which is sorted by now
		return 0
	case !inOrder || names[0] <= last:
		l.r.setOrder(unsorted)
		return unsorted
	case last != "" || len(names) == 1:
		return 0
	}
	l.r.setOrder(sorted)
	if from < after && names[len(names)-1] <= after {
		return sorted
	}
	return 0
}

// order is whether a registry's lists are in byte order; 0 where it is not known.
type order int

const (
	sorted order = iota + 1
	unsorted
)

func (r *Registry) listOrder() order {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.order
}

// setOrder notes what a list has shown. One that was not in order counts for good.
func (r *Registry) setOrder(o order) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order = max(r.order, o)
}

// whole reads all pages before it yields.
func (l *listing[T]) whole(ctx context.Context, after T, yield func(T, error) bool) {
	var all []T
	for page, err := range l.r.eachPage(ctx, l.call(""), maxListPage) {
		if err != nil {
			yield("", err)
			return
		}
		names, _, err := l.names(page)
		if err != nil {
			yield("", err)
			return
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	for _, n := range slices.Compact(all) {
		if n > after && !yield(n, nil) {
			return
		}
	}
}

func (l *listing[T]) call(last string) call {
	q := url.Values{}
	if l.r.pageLength() {
		q.Set("n", strconv.Itoa(pageLength))
	}
	if last != "" {
		q.Set("last", last)
	}
	return call{method: http.MethodGet, route: l.route, query: q.Encode(), accept: "application/json"}
}

// names returns what a page lists, in byte order, and whether it was so. What nobody could ask for is left out.
func (l *listing[T]) names(p listPage) (names []T, inOrder bool, err error) {
	texts, err := l.read(p.raw)
	if err != nil {
		return nil, false, nonsense(p.res, "a list", err)
	}
	for _, s := range texts {
		if n, err := l.parse(s); err == nil {
			names = append(names, n)
		}
	}
	inOrder = slices.IsSorted(names)
	slices.Sort(names)
	return names, inOrder, nil
}

// listPage is one answer of a list.
type listPage struct {
	res  *http.Response
	raw  []byte
	next string // the query of the next one, "" for none
}

// eachPage sends c and follows the links to the next page (distribution-spec, "Listing Tags"). Of a link only the query counts: the next page is where
// this one is, whatever host a link names.
func (r *Registry) eachPage(ctx context.Context, c call, limit int64) iter.Seq2[listPage, error] {
	return func(yield func(listPage, error) bool) {
		left := int64(maxListBytes)
		for range maxListPages {
			res, raw, err := r.small(ctx, c, min(limit, left))
			if shorter, ok := r.withoutLength(c, err); ok {
				c = shorter
				res, raw, err = r.small(ctx, c, limit)
			}
			page := listPage{res: res, raw: raw}
			if err == nil {
				page.next, err = nextQuery(c, res)
			}
			if !yield(page, err) || err != nil || page.next == "" {
				return
			}
			left -= int64(len(raw))
			c.query = page.next
		}
		yield(listPage{}, r.endless())
	}
}

func (r *Registry) endless() error {
	return &storage.UpstreamError{Host: r.base.Host, Status: http.StatusOK, Err: final{fmt.Errorf("%w: a list of more than %d pages", storage.ErrUpstream, maxListPages)}}
}

// nextQuery is the query of the link to the next page, "" if there is none.
func nextQuery(c call, res *http.Response) (string, error) {
	ref := api.ParseNextLink(res.Header.Values("Link"))
	if ref == "" {
		return "", nil
	}
	u, err := url.Parse(ref)
	switch {
	case err != nil || u.Path != "" && !strings.HasSuffix(u.Path, c.route.Path()):
		return "", nonsense(res, "a link to the next page", fmt.Errorf("it is to %.128q", ref))
	case u.RawQuery == "" || u.RawQuery == c.query:
		return "", nonsense(res, "a link to the next page", errors.New("it is to the same page"))
	}
	return u.RawQuery, nil
}

// withoutLength returns c without a length of page, if the registry has refused it for that.
func (r *Registry) withoutLength(c call, err error) (call, bool) {
	u, is := errors.AsType[*storage.UpstreamError](err)
	q, bad := url.ParseQuery(c.query)
	if !is || u.Status != http.StatusBadRequest || bad != nil || !q.Has("n") {
		return c, false
	}
	r.mu.Lock()
	r.noPageLength = true
	r.mu.Unlock()
	q.Del("n")
	c.query = q.Encode()
	return c, true
}

func (r *Registry) pageLength() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.noPageLength
}
