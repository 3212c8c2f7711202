package explore

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Bounds of the page of a repository.
const (
	tagRows      = 100    // rows of a page
	tagsInRow    = 20     // tags of one manifest
	maxDescribed = 10_000 // manifests that are looked into to sort by what they say: as many as are remembered
	maxAbout     = 20     // referrers of a manifest that are looked at to say whether it is signed
)

// repoView is the JSON of the page of a repository.
type repoView struct {
	Name     oci.Name      `json:"name"`
	Tags     int           `json:"tags"`     // without those that belong to a manifest
	Attached int           `json:"attached"` // tags that do
	Show     string        `json:"show"`     // "tags", "attached" or "untagged"
	Sort     string        `json:"sort"`     // one of orders, with "-" before it the other way round
	Filter   string        `json:"filter,omitempty"`
	Found    int           `json:"found"` // manifests, or tags that are attached
	Rows     []tagRow      `json:"rows,omitempty"`
	About    []attached    `json:"attachedTags,omitempty"`
	Links    pageLinks     `json:"pages"`
	Below    *repoTree     `json:"below,omitempty"` // repositories whose names go on
	Note     string        `json:"note,omitempty"`
	Undated  bool          `json:"undated,omitempty"` // of most tags no more is known than the name
	Names    bool          `json:"-"`                 // names are all that is known of tags
	Views    []tab         `json:"-"`
	Columns  []orderColumn `json:"-"`
	Orders   []orderColumn `json:"-"`
}

// tagRow is a manifest of a repository.
type tagRow struct {
	Digest digest.Digest `json:"digest,omitempty"`
	Href   string        `json:"href"`
	Tags   []tagLink     `json:"tags,omitempty"`
	More   int           `json:"moreTags,omitempty"`
	Pushed time.Time     `json:"pushed,omitzero"`
	summary
	Signed bool       `json:"signed"` // something that says it is a signature is there; nothing is verified
	About  []aboutRef `json:"about,omitempty"`
}

// tagLink is a tag of a row.
type tagLink struct {
	Tag  oci.Tag `json:"tag"`
	Href string  `json:"href"`
}

// aboutRef is something that is said about a manifest: a signature, an SBOM.
type aboutRef struct {
	Kind string `json:"kind"`
	Href string `json:"href"`
}

// orderColumn is the head of a column, or a way to sort.
type orderColumn struct {
	Name, Text string
	Href       string // sorts by it, or the other way round if it is sorted by already; empty: nothing to sort by
	Sorted     string // for aria-sort: "ascending", "descending" or ""
}

// repo shows a repository, or those whose names begin with a name that is none.
func (h *handler) repo(w http.ResponseWriter, r *request, name oci.Name) error {
	l, err := h.readTags(r.Context(), name)
	if err != nil && !errors.Is(err, storage.ErrRepoUnknown) {
		return err
	}
	names, more, nameErr := h.readNames(r.Context(), string(name))
	if err != nil && len(names) == 0 {
		if host, ok := h.isHost(name); ok {
			return h.awayHost(w, r, host)
		}
		return err
	}
	below := newRepoTree(names, string(name), r.query.Get("after"), target{Name: name}.href("r"))
	below.More = more
	if err != nil {
		return h.folder(w, r, name, below, names)
	}
	tags := l.names() // before the list is filtered
	v := &repoView{Name: name, Tags: l.count, Attached: len(l.attached), Undated: l.undated}
	if nameErr == nil && len(names) > 0 {
		v.Below = &below
	}
	if err := h.fillRepo(r, v, l); err != nil {
		return err
	}
	return h.show(w, r, &page{name: "repo", Title: h.called(r, name), View: v, Crumbs: h.nameCrumbs(r, name, false),
		Command: line("crane", "ls", h.word(r, target{Name: name})), text: func() []byte { return nameLines(tags) }})
}

// folder shows the repositories below a name.
func (h *handler) folder(w http.ResponseWriter, r *request, name oci.Name, below repoTree, names []oci.Name) error {
	return h.show(w, r, &page{name: "folder", Title: string(name) + "/", View: below, Crumbs: h.nameCrumbs(r, name, false),
		Command: line("crane catalog " + quote(h.host(r)) + " | grep " + quote("^"+regexpQuote(string(name))+"/")),
		text:    func() []byte { return nameLines(names) }})
}

// regexpQuote quotes a name for grep: dots are all that it has to be careful about.
func regexpQuote(name string) string { return strings.ReplaceAll(name, ".", `\.`) }

// nameCrumbs are those of a name. Of another registry, nobody knows whether there is anything between the host and the repository.
func (h *handler) nameCrumbs(r *request, name oci.Name, linked bool) []crumb {
	host, rest, away := h.awayName(r.Context(), name)
	if !away {
		return nameCrumbs(name, linked)
	}
	last := crumb{Text: string(rest)}
	if linked {
		last.Href = target{Name: name}.href("r")
	}
	return []crumb{{"Repositories", "/"}, {host, "/r/" + nameOf(host, "")}, last}
}

// nameCrumbs are the folders of a name, and the repository. linked says whether that is a link: it is not where it is what the page shows.
func nameCrumbs(name oci.Name, linked bool) []crumb {
	crumbs := []crumb{{"Repositories", "/"}}
	for i, c := range name {
		if c == '/' {
			folder := name[:i]
			crumbs = append(crumbs, crumb{string(folder[strings.LastIndexByte(string(folder), '/')+1:]), target{Name: folder}.href("r")})
		}
	}
	last := crumb{Text: string(name[strings.LastIndexByte(string(name), '/')+1:])}
	if linked {
		last.Href = target{Name: name}.href("r")
	}
	return append(crumbs, last)
}

// called is a name as a page's heading has it.
func (h *handler) called(r *request, name oci.Name) string {
	if host, rest, away := h.awayName(r.Context(), name); away {
		return host + "/" + string(rest)
	}
	return string(name)
}

// word is what a command calls a target.
func (h *handler) word(r *request, t target) string {
	if host, rest, away := h.awayName(r.Context(), t.Name); away {
		t.Name = rest
		return quote(host + "/" + t.ref())
	}
	return quote(h.host(r) + "/" + t.ref())
}

// fillRepo chooses what the query asks for.
func (h *handler) fillRepo(r *request, v *repoView, l *tagList) error {
	v.Show, v.Sort, v.Filter = r.query.Get("show"), r.query.Get("sort"), r.query.Get("filter")
	if v.Show == "" {
		v.Show = "tags"
	}
	if v.Names = h.away(r.Context(), v.Name) != nil; v.Names {
		v.Note = "What the tags of another registry point at, only their own pages ask."
	} else if l.undated {
		v.Note = "Of tags that were never pulled through here only the name is known."
	}
	if l.more {
		v.Note += " There are more than are shown."
	}
	v.addViews(l.undated && !h.listsManifests(r.Context(), v.Name))
	switch v.Show {
	case "tags":
		return h.fillTags(r, v, l)
	case "attached":
		return v.fillAttached(r, l)
	case "untagged":
		return h.fillUntagged(r, v, l)
	}
	return badRequest("%.32q is nothing that a repository has", v.Show)
}

// listsManifests reports whether the store can tell which manifests a repository has.
func (h *handler) listsManifests(ctx context.Context, repo oci.Name) bool {
	for _, err := range storage.Manifests(storage.KeptOnly(ctx), h.store, repo) {
		return !errors.Is(err, storage.ErrUnsupported)
	}
	return true
}

func (v *repoView) addViews(tagsOnly bool) {
	href := target{Name: v.Name}.href("r")
	for _, w := range []struct {
		show, text string
		there      bool
	}{{"tags", "Tags", true}, {"attached", "Attached tags", v.Attached > 0}, {"untagged", "Untagged", !tagsOnly}} {
		show := w.show
		if show == "tags" {
			show = ""
		}
		if w.there || v.Show == w.show {
			v.Views = append(v.Views, tab{w.text, withQuery(href, "show", show), v.Show == w.show})
		}
	}
}

// fillTags is a page of the manifests that have tags.
func (h *handler) fillTags(r *request, v *repoView, l *tagList) error {
	if v.Sort == "" {
		v.Sort = map[bool]string{false: "pushed", true: "version"}[l.undated]
	}
	o, reverse, err := parseOrder(v.Sort)
	if err != nil {
		return err
	}
	l.filter(v.Filter)
	if o.described {
		if len(l.groups) > maxDescribed {
			return badRequest("there are more than %s manifests here, too many to sort by what they say; a filter helps", group(maxDescribed))
		}
		if err := h.describe(r.Context(), v.Name, l.groups); err != nil {
			return err
		}
	}
	l.sort(o, reverse)
	v.Found = len(l.groups)
	v.addColumns(o, reverse)
	from, to, links, err := paged(r, len(l.groups), tagRows, target{Name: v.Name}.href("r"), "sort", r.query.Get("sort"), "filter", v.Filter)
	if err != nil {
		return err
	}
	v.Links = links
	for _, g := range l.groups[from:to] {
		row, err := h.tagRow(r.Context(), v.Name, g, l)
		if err != nil {
			return err
		}
		v.Rows = append(v.Rows, row)
	}
	return nil
}

// parseOrder reads ?sort=: the name of an order, with "-" before it the other way round.
func parseOrder(s string) (order, bool, error) {
	name, reverse := strings.CutPrefix(s, "-")
	for _, o := range orders {
		if o.name == name {
			return o, reverse, nil
		}
	}
	return order{}, false, badRequest("%.32q is no way to sort tags", s)
}

func (v *repoView) addColumns(by order, reverse bool) {
	heads := map[string]orderColumn{"digest": {Text: "Digest"}, "platforms": {Text: "Platforms"}}
	for _, o := range orders {
		if v.Names && o.name != "name" && o.name != "version" {
			continue
		}
		c := orderColumn{Name: o.name, Text: o.text}
		next := o.name
		if o.name == by.name {
			c.Sorted = map[bool]string{false: "ascending", true: "descending"}[o.down != reverse]
			if !reverse {
				next = "-" + next
			}
		}
		c.Href = withQuery(target{Name: v.Name}.href("r"), "sort", next, "filter", v.Filter)
		heads[o.name] = c
		v.Orders = append(v.Orders, c)
	}
	for _, name := range []string{"version", "digest", "platforms", "pushed", "created", "size"} {
		v.Columns = append(v.Columns, heads[name])
	}
}

// describe reads what all groups are.
func (h *handler) describe(ctx context.Context, repo oci.Name, groups []*tagGroup) error {
	for _, g := range groups {
		if g.about != nil {
			continue
		}
		s, err := h.summarize(ctx, repo, g.digest)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		g.about = &s
	}
	return nil
}

func (h *handler) tagRow(ctx context.Context, repo oci.Name, g *tagGroup, l *tagList) (tagRow, error) {
	if err := h.describe(ctx, repo, []*tagGroup{g}); err != nil {
		return tagRow{}, err
	}
	t := target{Name: repo, Digest: g.digest}
	if g.digest == "" {
		t.Tag = g.tags[0].Tag
	}
	row := tagRow{Digest: g.digest, Href: t.href("r"), Pushed: g.time, summary: *g.about, More: max(0, len(g.tags)-tagsInRow)}
	for _, tag := range g.tags[:min(len(g.tags), tagsInRow)] {
		row.Tags = append(row.Tags, tagLink{tag.Tag, target{Name: repo, Tag: tag.Tag}.href("r")})
	}
	if g.digest == "" {
		return row, nil
	}
	return row, h.addAbout(storage.KeptOnly(ctx), t, l, &row)
}

// addAbout says what there is about a manifest, each kind once.
func (h *handler) addAbout(ctx context.Context, t target, l *tagList, row *tagRow) error {
	seen := map[string]bool{}
	add := func(kind, href string) {
		row.Signed = row.Signed || kind == "signature"
		if !seen[kind] {
			seen[kind] = true
			row.About = append(row.About, aboutRef{kind, href})
		}
	}
	for _, i := range l.byOwner[t.Digest] {
		add(l.attached[i].Kind, l.attached[i].Href)
	}
	n := 0
	for d, err := range h.store.Referrers(ctx, t.Name, t.Digest) {
		if errors.Is(err, storage.ErrUnsupported) || errors.Is(err, storage.ErrNotKept) {
			return nil
		}
		if err != nil {
			return err
		}
		if n++; n > maxAbout {
			return nil
		}
		add(referrerKind(d), withQuery(t.href("referrers"), "artifactType", d.ArtifactType))
	}
	return nil
}

// fillAttached is a page of the tags that belong to manifests.
func (v *repoView) fillAttached(r *request, l *tagList) error {
	from, to, links, err := paged(r, len(l.attached), tagRows, target{Name: v.Name}.href("r"), "show", "attached")
	v.Found, v.Links, v.About = len(l.attached), links, l.attached[from:to]
	return err
}

// fillUntagged is a page of the manifests that no tag points at: children of indexes, what was replaced, what refers to others.
func (h *handler) fillUntagged(r *request, v *repoView, l *tagList) error {
	tagged := map[digest.Digest]bool{}
	for _, g := range l.groups {
		tagged[g.digest] = true
	}
	for _, a := range l.attached {
		tagged[a.Digest] = true
	}
	var all []*tagGroup
	for d, err := range storage.Manifests(r.Context(), h.store, v.Name) {
		if err != nil {
			return err
		}
		if !tagged[d.Digest] {
			all = append(all, &tagGroup{digest: d.Digest})
		}
	}
	from, to, links, err := paged(r, len(all), tagRows, target{Name: v.Name}.href("r"), "show", "untagged")
	if err != nil {
		return err
	}
	v.Found, v.Links = len(all), links
	for _, g := range all[from:to] {
		row, err := h.tagRow(r.Context(), v.Name, g, l)
		if err != nil {
			return err
		}
		v.Rows = append(v.Rows, row)
	}
	return nil
}
