package registry

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// maxPage is the most that a page of tags or of repositories holds, and what it holds if the client does not say.
const maxPage = 10_000

// tags lists the tags of a repository, in byte order, in pages [end-8a, end-8b].
func (h *handler) tags(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	q, n, err := pageQuery(r)
	if err != nil {
		return err
	}
	var last oci.Tag
	if s := q.Get("last"); s != "" {
		if last, err = oci.ParseTag(s); err != nil {
			return err
		}
	}
	buf := listBuffers.Get().(*[]byte)
	defer putBuffer(buf)
	b := append((*buf)[:0], `{"name":"`...)
	b = append(b, askedName(r, "/tags/list")...)
	b = append(b, `","tags":[`...)
	b, next, err := appendPage(b, h.store.Tags(r.Context(), rt.Name, last), n)
	*buf = b
	if err != nil {
		return err
	}
	if next != "" {
		w.Header()["Link"] = []string{h.nextLink(r, q, "n", strconv.Itoa(n), "last", string(next))}
	}
	return sendPage(w, append(b, "]}"...))
}

// catalog lists the repositories, in byte order, in pages. It is Docker's; the OCI spec has none.
func (h *handler) catalog(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	q, n, err := pageQuery(r)
	if err != nil {
		return err
	}
	var last oci.Name
	if s := q.Get("last"); s != "" {
		if last, err = oci.ParseName(s); err != nil {
			return err
		}
	}
	buf := listBuffers.Get().(*[]byte)
	defer putBuffer(buf)
	b := append((*buf)[:0], `{"repositories":[`...)
	b, next, err := appendPage(b, h.store.Repositories(r.Context(), last), n)
	*buf = b
	if err != nil {
		return err
	}
	if next != "" {
		w.Header()["Link"] = []string{api.NextLink(rt.Path(), "n", strconv.Itoa(n), "last", string(next))}
	}
	return sendPage(w, append(b, "]}"...))
}

// pageQuery parses the query of a list. n is the page's size, 0 to maxPage.
func pageQuery(r *http.Request) (q url.Values, n int, err error) {
	q, err = query(r)
	if err != nil || !q.Has("n") {
		return q, maxPage, err
	}
	s := q.Get("n")
	u, err := strconv.ParseUint(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) { // a number all the same
		return q, maxPage, nil
	}
	if err != nil {
		return q, 0, fmt.Errorf("%w: n=%.32q: want a number of entries", api.ErrQuery, s)
	}
	return q, int(min(u, maxPage)), nil
}

// appendPage appends the first n entries of list as JSON strings. next is the last of them if there are more.
// Names and tags have no character that JSON would have to escape.
func appendPage[T ~string](b []byte, list iter.Seq2[T, error], n int) (page []byte, next T, err error) {
	var last T
	count := 0
	for s, err := range list {
		if err != nil {
			return b, "", err
		}
		if count == n { // there is one more, so a page of none has no next one either: nothing would lead on from it
			return b, last, nil
		}
		if count > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, s...)
		b = append(b, '"')
		last = s
		count++
	}
	return b, "", nil
}

// sendPage answers with a page of a list.
func sendPage(w http.ResponseWriter, body []byte) error {
	header := w.Header()
	header["Content-Type"] = typeJSON
	header["Cache-Control"] = revalidate
	return send(w, body)
}

// listBuffers holds the bodies of lists while they are made: 100 tags have some 2 KiB.
var listBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// putBuffer gives b back, unless it is so large that keeping it would cost more than making another.
func putBuffer(b *[]byte) {
	if cap(*b) <= 1<<20 {
		listBuffers.Put(b)
	}
}

// maxReferrers is the size in bytes that a page of referrers stays under: it is a manifest, and clients read as much of one.
const maxReferrers = oci.MaxManifest - 1

const (
	referrersHead = `{"schemaVersion":2,"mediaType":"` + oci.MediaTypeImageIndex + `","manifests":[`
	referrersTail = `]}`
)

var typeIndex = []string{oci.MediaTypeImageIndex}

// referrers lists the manifests that refer to a digest, which need not exist, as an index [end-12a, end-12b]. The pages
// follow the order of the digests.
func (h *handler) referrers(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	q, err := query(r)
	if err != nil {
		return err
	}
	after := q.Get("last")
	if after != "" {
		if _, err := oci.ParseDigest(after); err != nil {
			return err
		}
	}
	kind := q.Get("artifactType")
	page, err := h.referrersPage(rt, after, kind, wanted(h.store.Referrers(r.Context(), rt.Name, rt.Digest), after, kind))
	if err != nil {
		return err
	}
	header := w.Header()
	if page.next != "" {
		header["Link"] = []string{h.nextLink(r, q, "artifactType", kind, "last", page.next)}
	}
	if kind != "" {
		header["Oci-Filters-Applied"] = []string{"artifactType"}
	}
	header["Content-Type"] = typeIndex
	header["Cache-Control"] = revalidate
	return send(w, page.body)
}

// referrersPage encodes list, or finds that it has been encoded before.
func (h *handler) referrersPage(rt api.Route, after, kind string, list iter.Seq2[oci.Descriptor, error]) (*referrersPage, error) {
	key := rt.Path() + " " + after + " " + kind
	if page := h.pages.get(key); page != nil && page.holds(list) {
		return page, nil
	}
	page := &referrersPage{}
	body, next, err := appendReferrers([]byte(referrersHead), page.noting(list))
	if err != nil {
		return nil, err
	}
	page.body, page.next = append(body, referrersTail...), next
	if next != "" { // the one that did not fit was noted too
		page.listed = page.listed[:len(page.listed)-1]
	}
	if len(page.listed) > 0 { // there is no end of digests that nothing refers to
		h.pages.put(key, page)
	}
	return page, nil
}

// wanted is the part of list behind the digest after, and of the artifact type kind, where those are not "".
func wanted(list iter.Seq2[oci.Descriptor, error], after, kind string) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		for d, err := range list {
			if err == nil && (string(d.Digest) <= after || kind != "" && d.ArtifactType != kind) {
				continue
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// appendReferrers appends descriptors as long as the page stays under its bound. next is the digest of the last of them
// if there are more. One that is too large for any page is listed without its annotations, which its manifest still has.
func appendReferrers(b []byte, list iter.Seq2[oci.Descriptor, error]) (page []byte, next string, err error) {
	const room = maxReferrers - len(referrersTail)
	var last string
	for d, err := range list {
		if errors.Is(err, storage.ErrRepoUnknown) { // a repository that is going to be has no referrers yet
			return b, "", nil
		}
		if err != nil {
			return b, "", err
		}
		start := len(b)
		if last != "" {
			b = append(b, ',')
		}
		if b = appendDescriptor(b, d); len(b) > room && last != "" {
			return b[:start], last, nil
		}
		if len(b) > room {
			d.Annotations = nil
			b = appendDescriptor(b[:start], d)
		}
		if len(b) > room { // its types alone: no manifest that is taken today has such
			b = b[:start]
			continue
		}
		last = string(d.Digest)
	}
	return b, "", nil
}
