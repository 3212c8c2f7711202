package explore

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"

	"vitrine/explore/overlay"
)

// Bounds of a list of files.
const (
	listRows     = 500    // of a page, unless ?n= says otherwise: html/template takes some 20 µs for a row
	maxListRows  = 10_000 // that it may ask for
	maxListPaths = 64     // of ?path=: more than a PATH has
	maxSearch    = 256    // bytes of ?search=
	maxVersions  = 50     // dead entries of one name that stand beside it
	maxDead      = 2      // times as many rows as names: in an image of a hundred layers all names may have many dead entries
)

// listing is what a page about files lists.
type listing struct {
	root    string
	all     bool     // all below, too
	search  string   // in names; with ^ in front at their beginning
	paths   []string // only what is below these
	sort    string   // "name", "size", "time", "tar"
	after   string   // where the page before ended
	n       int      // rows
	deleted string   // of images: "true" has whiteouts besides, "false" nothing that is dead
	pax     bool
}

// parseListing reads the query of a page about the directory root. flatSort is how a list of all files is sorted.
func parseListing(r *request, root, flatSort string) (listing, error) {
	q := r.query
	s := listing{root: root, all: q.Get("all") == "true", search: q.Get("search"), sort: q.Get("sort"), after: q.Get("after"), n: listRows,
		deleted: q.Get("deleted"), pax: q.Get("pax") == "true"}
	if len(s.search) > maxSearch {
		return s, badRequest("a name to search for has at most %d bytes", maxSearch)
	}
	for _, v := range q["path"] {
		for _, p := range strings.Split(v, ":") {
			t, err := target{}.inside(p)
			if err != nil {
				return s, err
			}
			if p != "" && !slices.Contains(s.paths, t.Path) {
				s.paths = append(s.paths, t.Path)
			}
		}
	}
	if len(s.paths) > maxListPaths {
		return s, badRequest("at most %d paths", maxListPaths)
	}
	if s.sort == "" {
		s.sort = "name"
		if s.flat() {
			s.sort = flatSort
		}
	}
	if fileOrders[s.sort] == nil {
		return s, badRequest("files are sorted by name, size, time or as in the tar, not by %.20q", s.sort)
	}
	if v := q.Get("n"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return s, badRequest("?n= is a number of rows, not %.20q", v)
		}
		s.n = min(n, maxListRows)
	}
	return s, nil
}

// flat reports whether rows have paths, and not names of one directory.
func (s *listing) flat() bool { return s.all || s.search != "" || len(s.paths) > 0 }

// wants reports whether n is in the list, which is below the root.
func (s *listing) wants(n *overlay.Node) bool {
	switch {
	case s.flat() && n.Entry.Synthetic, s.search != "" && n.Path == ".": // which no archive has
		return false
	case s.deleted == "false" && n.State != overlay.Live, s.deleted != "true" && n.State == overlay.Whiteout:
		return false
	case s.search == "":
		return true
	}
	if start, ok := strings.CutPrefix(s.search, "^"); ok {
		return strings.HasPrefix(path.Base(n.Path), start)
	}
	return strings.Contains(path.Base(n.Path), s.search)
}

// listed is a page of a list.
type listed struct {
	nodes []*overlay.Node
	next  string // ?after= of the next page, if there is one
	total int    // in all; 0 where nobody counted
	bytes int64  // of their content
}

// list returns the page of t that s asks for.
func (s *listing) list(ctx context.Context, t tree) (*listed, error) {
	if !s.flat() && s.sort == "name" && !strings.HasPrefix(s.after, rankMark) {
		return s.directory(ctx, t)
	}
	return s.ranked(ctx, t)
}

// directory goes on from a name: it reads only what it returns.
func (s *listing) directory(ctx context.Context, t tree) (*listed, error) {
	page := &listed{}
	last, names, versions, seen := "", 0, 0, 0
	for n, err := range t.dir(s.root, s.after) {
		if seen++; err == nil && seen%4096 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if !s.wants(n) {
			continue
		}
		if n.Path != last {
			if names++; names > s.n || len(page.nodes) >= maxDead*s.n {
				page.next = path.Base(last)
				break
			}
			last, versions = n.Path, 0
		}
		if versions++; versions <= maxVersions {
			page.nodes = append(page.nodes, n)
		}
	}
	return page, nil
}

// ranked reads all and keeps the first behind s.after.
func (s *listing) ranked(ctx context.Context, t tree) (*listed, error) {
	after, err := parseRank(s.after)
	if err != nil {
		return nil, err
	}
	order, page, seen := fileOrders[s.sort], &listed{}, 0
	first := &rankedNodes{}
	for n, err := range s.candidates(t) {
		if seen++; err == nil && seen%4096 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if !s.wants(n) {
			continue
		}
		page.total++
		if n.Entry.FileMode().IsRegular() {
			page.bytes += n.Entry.Size
		}
		if at := order(n); s.after == "" || at.compare(after) > 0 {
			first.offer(rankedNode{at, n}, s.n+1)
		}
	}
	slices.SortFunc(*first, func(a, b rankedNode) int { return a.compare(b.fileRank) })
	for i, r := range *first {
		if i == s.n {
			page.next = (*first)[i-1].String()
			break
		}
		page.nodes = append(page.nodes, r.Node)
	}
	return page, nil
}

// candidates yields all that may be in the list.
func (s *listing) candidates(t tree) iter.Seq2[*overlay.Node, error] {
	switch {
	case len(s.paths) > 0:
		return s.below(t)
	case s.flat():
		return t.walk(s.root)
	}
	return t.dir(s.root, "")
}

// below yields what lies in the paths, each once. They may be links, and lead nowhere.
func (s *listing) below(t tree) iter.Seq2[*overlay.Node, error] {
	return func(yield func(*overlay.Node, error) bool) {
		roots := s.roots(t)
		for _, root := range roots {
			for n, err := range t.walk(root) {
				if !yield(n, err) || err != nil {
					return
				}
			}
		}
	}
}

// roots resolves the paths and leaves out those that lie in others.
func (s *listing) roots(t tree) (roots []string) {
	for _, p := range s.paths {
		n, err := t.resolve(path.Join(s.root, p))
		if err == nil {
			roots = append(roots, n.Path)
		}
	}
	slices.Sort(roots)
	kept := roots[:0]
	for _, p := range slices.Compact(roots) {
		if !slices.ContainsFunc(kept, func(above string) bool { return above == "." || strings.HasPrefix(p, above+"/") }) {
			kept = append(kept, p)
		}
	}
	return kept
}

// fileRank is the place of an entry in an order. No two entries have the same.
type fileRank struct {
	n     int64
	s     string
	layer int
	at    int64 // header
}

func (r fileRank) compare(o fileRank) int {
	return cmp.Or(cmp.Compare(r.n, o.n), strings.Compare(r.s, o.s), cmp.Compare(r.layer, o.layer), cmp.Compare(r.at, o.at))
}

// rankMark begins a rank in a URL; no name has a slash.
const rankMark = "/"

func (r fileRank) String() string {
	return fmt.Sprintf("%s%d.%d.%d/%s", rankMark, r.n, r.layer, r.at, r.s)
}

// parseRank is the inverse of String; "" is before all.
func parseRank(s string) (r fileRank, err error) {
	if s == "" {
		return r, nil
	}
	numbers, name, ok := strings.Cut(strings.TrimPrefix(s, rankMark), "/")
	if n, err := fmt.Sscanf(numbers, "%d.%d.%d", &r.n, &r.layer, &r.at); err != nil || n != 3 || !ok {
		return r, badRequest("?after=%.40q is nothing that a page said", s)
	}
	r.s = name
	return r, nil
}

// fileOrders are the ways to sort files.
var fileOrders = map[string]func(*overlay.Node) fileRank{
	"name": func(n *overlay.Node) fileRank { return fileRank{s: n.Path, layer: -n.Layer, at: -n.Entry.Header} },
	"size": func(n *overlay.Node) fileRank {
		return fileRank{n: -n.Entry.Size, s: n.Path, layer: -n.Layer, at: -n.Entry.Header}
	},
	"time": func(n *overlay.Node) fileRank {
		return fileRank{n: -n.Entry.ModTime.Unix(), s: n.Path, layer: -n.Layer, at: -n.Entry.Header}
	},
	"tar": func(n *overlay.Node) fileRank { // no layer has 2^44 bytes
		return fileRank{n: int64(n.Layer)<<44 + n.Entry.Header, s: n.Path}
	},
}

type rankedNode struct {
	fileRank
	*overlay.Node
}

// rankedNodes is a heap with the last one on top.
type rankedNodes []rankedNode

func (h rankedNodes) Len() int           { return len(h) }
func (h rankedNodes) Less(i, j int) bool { return h[i].compare(h[j].fileRank) > 0 }
func (h rankedNodes) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *rankedNodes) Push(x any)        { *h = append(*h, x.(rankedNode)) }
func (h *rankedNodes) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// offer keeps the first most of all that it is offered.
func (h *rankedNodes) offer(n rankedNode, most int) {
	switch {
	case h.Len() < most:
		heap.Push(h, n)
	case n.compare((*h)[0].fileRank) < 0:
		(*h)[0] = n
		heap.Fix(h, 0)
	}
}
