package explore

import (
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"vitrine/explore/overlay"
)

// dirView is the JSON of a directory.
type dirView struct {
	target
	Layer    *layerView        `json:"layer,omitempty"` // at its root
	Image    *stackView        `json:"image,omitempty"`
	Self     *entryRow         `json:"self,omitempty"` // the directory itself
	Entries  []*entryRow       `json:"entries"`
	Total    int               `json:"total,omitempty"` // of the whole list, where somebody counted
	Bytes    int64             `json:"bytes,omitempty"`
	Next     string            `json:"next,omitempty"` // URL of the rest
	Problems []string          `json:"problems,omitempty"`
	Notes    []string          `json:"notes,omitempty"`
	Up       string            `json:"-"`
	Find     findForm          `json:"-"`
	Sorts    map[string]string `json:"-"` // URLs, by order; without the one that is
	Sorted   string            `json:"-"`
	More     []tab             `json:"-"` // the same in other ways
	Layers   bool              `json:"-"`
}

// findForm is the form that searches below the directory.
type findForm struct {
	Action string
	Query  string
	Keep   []record // hidden
}

// showDir shows a directory.
func (l *look) showDir(w http.ResponseWriter, n *overlay.Node) error {
	s, err := parseListing(l.r, n.Path, l.flatSort())
	if err != nil {
		return err
	}
	if s.n > listRows { // such a page takes tens of megabytes while it is made
		done, err := l.h.turn(l.r.Context())
		if err != nil {
			return err
		}
		l.r.rendered = sync.OnceFunc(done)
		defer l.r.rendered()
	}
	page, err := l.list(s)
	if err != nil {
		return l.report(err)
	}
	v, err := l.dirView(n, s, page)
	if err != nil {
		return err
	}
	if v.Next != "" {
		w.Header().Set("Link", "<"+v.Next+`>; rel="next"`)
	}
	return l.h.show(w, l.r, l.dirPage(n, s, v, l.lists(s)))
}

// list returns the page that s asks for. One that wants a walk over all files takes its turn.
func (l *look) list(s listing) (*listed, error) {
	if s.flat() && l.r.rendered == nil {
		done, err := l.h.turn(l.r.Context())
		if err != nil {
			return nil, err
		}
		defer done()
	}
	return s.list(l.r.Context(), l.tree)
}

// flatSort is the order of a list of all files.
func (l *look) flatSort() string {
	if l.layer != nil {
		return "tar"
	}
	return "name"
}

func (l *look) dirPage(n *overlay.Node, s listing, v *dirView, c command) *page {
	p := &page{name: "dir", Title: l.title(n.Path), View: v, Command: c, forever: len(v.Problems) == 0, Crumbs: l.crumbs(n.Path)}
	p.text = v.text
	if l.image != nil && l.layer == nil {
		p.Tabs = []tab{{"image", l.t.with("", false).href("r"), false}, {"files", l.href(n.Path, true), true},
			{"sizes", l.t.with(n.Path, true).href("sizes"), false}}
	} else if l.inner == "" {
		p.Tabs = []tab{{"files", l.href(n.Path, true), true}, {"sizes", l.t.with(n.Path, true).href("size"), false}}
	}
	if n.Path == "." && l.layer != nil {
		p.Tabs = append(p.Tabs, l.apkRootTabs()...)
	}
	return p
}

func (l *look) title(p string) string {
	if p != "." {
		return shown(p)
	}
	switch {
	case l.inner != "":
		return shown(strings.TrimSuffix(l.inner, "/"))
	case l.layer == nil:
		return "Files of " + l.h.called(l.r, l.t.Name)
	}
	return "Layer " + short(l.t.Digest)
}

// dirView is the view model of a page of a list.
func (l *look) dirView(n *overlay.Node, s listing, page *listed) (v *dirView, err error) {
	v = &dirView{target: l.t, Total: page.total, Bytes: page.bytes, Layers: l.layer == nil, Entries: []*entryRow{}, Sorted: s.sort}
	base := n.Path
	if s.flat() {
		base = ""
	}
	for _, n := range page.nodes {
		v.Entries = append(v.Entries, l.row(n, base, s.pax))
	}
	if !n.Entry.Synthetic && !s.flat() && s.after == "" {
		v.Self = l.row(n, "", s.pax)
		v.Self.Name, v.Self.Dir = ".", false
	}
	if page.next != "" {
		v.Next = l.again(s, "after", page.next)
	}
	if n.Path != "." || l.inner != "" {
		v.Up = l.up(n.Path)
	}
	if l.t.Path != "" && l.inner == "" && n.Path != l.t.Path {
		v.Notes = append(v.Notes, shown(l.t.Path)+" leads to "+shown(n.Path)+" by a symbolic link.")
	}
	l.ways(v, n, s)
	switch {
	case l.layer == nil:
		v.Problems, v.Image = l.image.problems(), l.describeImage(s)
	case n.Path == "." && l.inner == "" && !s.flat():
		v.Layer, err = l.describe()
	case l.inner != "":
		v.Notes = append(v.Notes, "Inside an archive ("+string(l.layer.Format)+") that is a file.")
	}
	return v, err
}

// up is the URL of the directory above, which for the root of an archive inside is that of its file.
func (l *look) up(p string) string {
	if p != "." {
		return l.href(path.Dir(p), true)
	}
	t := l.t.with(path.Dir(strings.TrimSuffix(l.inner, "/")), true)
	return withQuery(t.href(l.r.page), l.keep...)
}

// ways are links to the same in other fileOrders and extents.
func (l *look) ways(v *dirView, n *overlay.Node, s listing) {
	v.Sorts = map[string]string{}
	for order := range fileOrders {
		if order != s.sort && (order != "tar" || l.layer != nil) {
			v.Sorts[order] = l.again(s, "sort", order, "after", "")
		}
	}
	v.Find = findForm{Action: l.t.with(l.whole(n.Path), true).href(l.r.page), Query: s.search}
	for i := 0; i+1 < len(l.keep); i += 2 {
		if l.keep[i+1] != "" {
			v.Find.Keep = append(v.Find.Keep, record{l.keep[i], l.keep[i+1]})
		}
	}
	switch {
	case s.flat():
		v.More = append(v.More, tab{Text: "this directory", Href: l.href(n.Path, true)})
	default:
		v.More = append(v.More, tab{Text: "all below", Href: l.href(n.Path, true, "all", "true")})
	}
	if l.layer == nil {
		v.More = append(v.More, l.deadOrNot(s))
	}
	if !s.pax {
		v.More = append(v.More, tab{Text: "extended attributes", Href: l.again(s, "pax", "true", "after", "")})
	}
	v.More = append(v.More, tab{Text: "tar", Href: l.href(n.Path, true, "tar", "true")}, tab{Text: "zip", Href: l.href(n.Path, true, "zip", "true")})
}

func (l *look) deadOrNot(s listing) tab {
	if s.deleted == "false" {
		return tab{Text: "deleted files too", Href: l.again(s, "deleted", "", "after", "")}
	}
	return tab{Text: "without deleted files", Href: l.again(s, "deleted", "false", "after", "")}
}

// whole is a path in the innermost archive, from the root of all.
func (l *look) whole(p string) string {
	switch {
	case l.inner == "":
		return p
	case p == ".":
		return strings.TrimSuffix(l.inner, "/")
	}
	return l.inner + p
}

// again is the URL of the list that is shown, with some of its query changed.
func (l *look) again(s listing, pairs ...string) string {
	q := map[string]string{"search": s.search, "path": strings.Join(s.paths, ":"), "deleted": s.deleted, "env": l.r.query.Get("env")}
	if s.all {
		q["all"] = "true"
	}
	if s.pax {
		q["pax"] = "true"
	}
	if l.r.query.Has("sort") {
		q["sort"] = s.sort
	}
	if s.n != listRows {
		q["n"] = strconv.Itoa(s.n)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q[pairs[i]] = pairs[i+1]
	}
	var all []string
	for _, k := range []string{"all", "search", "path", "env", "deleted", "pax", "sort", "n", "after"} {
		all = append(all, k, q[k])
	}
	return l.href(s.root, true, all...)
}

// text is the list as tar prints it.
func (v *dirView) text() []byte {
	var b strings.Builder
	width := tarWidth
	if v.Self != nil {
		b.WriteString(v.Self.text(&width) + "\n")
	}
	for _, e := range v.Entries {
		if !v.Layers || e.State == "" {
			b.WriteString(e.text(&width) + "\n")
		}
	}
	return []byte(b.String())
}

// tarWidth is how wide tar -tv makes the column of owner and size at first.
const tarWidth = 19
