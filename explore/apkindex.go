package explore

import (
	"cmp"
	"context"
	"io"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"vitrine/explore/apk"
)

// Bounds of a page about an index.
const (
	apkRows    = 500
	apkRecords = 50       // whole ones
	apkText    = 16 << 20 // bytes of records as text
	apkPage    = 8 << 20  // bytes of the records that a page is about
	apkNames   = 64 << 20 // bytes that a list of all packages takes while it is made: half a million of them
	maxDepends = 64       // names that ?depend= asks for
)

// apkIndexView is the JSON of an index.
type apkIndexView struct {
	Name        string      `json:"name"`
	Description string      `json:"description,omitempty"`
	Signatures  []apkSigned `json:"signatures,omitempty"`
	Packages    int         `json:"packages"` // in all, of all versions
	Found       int         `json:"found"`
	Older       int         `json:"older"` // of those found, which ?full shows
	Rows        []*apkRow   `json:"rows"`
	Query       apkQuery    `json:"-"`
	Other       tab         `json:"-"` // with older versions, or without
	Links       pageLinks   `json:"pages"`
}

// apkSigned is a signature that nobody has checked: which keys are trusted is for whoever installs to say.
type apkSigned struct {
	Algorithm string `json:"algorithm"`
	Key       string `json:"key"`
}

func apkSignatures(all []apk.Signature) (signed []apkSigned) {
	for _, s := range all {
		signed = append(signed, apkSigned{s.Algorithm, s.Key})
	}
	return signed
}

// apkQuery is which packages of an index a page shows.
type apkQuery struct {
	Search  string // in the file's name; with ^ in front at its start
	Name    string // whole
	Full    bool   // older versions too
	Records bool   // as the index has them
	Built   bool   // the last built first
	Depends []string
	Provide string

	provide apk.Dep
	needed  map[string]bool
}

// parseAPKQuery reads what apk.dag.dev takes: ?search=, ?full=, ?short=false, ?depend=, ?provide=, ?sort=t; and ?package=.
func parseAPKQuery(r *request) (q apkQuery, err error) {
	q = apkQuery{Search: r.query.Get("search"), Name: r.query.Get("package"), Records: r.query.Get("short") == "false", Built: r.query.Get("sort") == "t",
		Depends: r.query["depend"], Provide: r.query.Get("provide"), needed: map[string]bool{}}
	q.Full = r.query.Has("full") && r.query.Get("full") != "false"
	if len(q.Depends) > maxDepends {
		return q, badRequest("packages that need one of %d others are not looked for; of up to %d they are", len(q.Depends), maxDepends)
	}
	for _, s := range q.Depends {
		d, err := apk.ParseDep(s)
		if err != nil {
			return q, badRequest("%.64q is nothing to depend on", s)
		}
		q.needed[d.Name] = true
	}
	if q.Provide != "" {
		if q.provide, err = apk.ParseDep(q.Provide); err != nil {
			return q, badRequest("%.64q is nothing to provide", q.Provide)
		}
		q.provide.Conflict = false
	}
	if s := r.query.Get("sort"); s != "" && s != "t" {
		return q, badRequest("%.32q is no order; sort=t is by the time of building", s)
	}
	return q, nil
}

// pairs is the query of q, for withQuery.
func (q *apkQuery) pairs() []string {
	pairs := []string{"search", q.Search, "package", q.Name, "provide", q.Provide}
	for _, d := range q.Depends {
		pairs = append(pairs, "depend", d)
	}
	for _, flag := range []struct {
		on         bool
		key, value string
	}{{q.Full, "full", "true"}, {q.Records, "short", "false"}, {q.Built, "sort", "t"}} {
		if flag.on {
			pairs = append(pairs, flag.key, flag.value)
		}
	}
	return pairs
}

// plain reports whether nothing is left out but older versions.
func (q *apkQuery) plain() bool {
	return q.Search == "" && q.Name == "" && len(q.Depends) == 0 && q.Provide == ""
}

// named reports whether a package is one of those that are asked for, as far as its name tells.
func (q *apkQuery) named(h *apkHit) bool {
	file := h.name + "-" + h.version + ".apk"
	switch start, ok := strings.CutPrefix(q.Search, "^"); {
	case q.Name != "" && h.name != q.Name, ok && !strings.HasPrefix(file, start), !ok && !strings.Contains(file, q.Search):
		return false
	}
	return true
}

// wants reports the same, as far as the rest of its record tells.
func (q *apkQuery) wants(r *apk.Record) bool {
	if q.Provide != "" && !r.Satisfies(q.provide) {
		return false
	}
	return len(q.needed) == 0 || slices.ContainsFunc(r.Depends, func(s string) bool {
		d, err := apk.ParseDep(s)
		return err == nil && !d.Conflict && q.needed[d.Name]
	})
}

// apkHit is a package that was found: little, as there may be hundreds of thousands.
type apkHit struct {
	name, version string
	built         int64
	at            int  // its number in the index
	old           bool // there is a newer one
}

// apkHits are packages in the order of the index.
type apkHits struct {
	hits     []apkHit
	packages int // of the index
}

// maxAPKHits bounds the lists of packages that are remembered, in bytes: those of Alpine's largest repository take 3 MB.
const maxAPKHits = 16 << 20

// apkHitCost is what a hit takes, roughly, in bytes: itself and two short strings.
const apkHitCost = 120

func (a *apkHits) cost() int64 { return int64(len(a.hits)) * apkHitCost }

// goThrough reads an index.
func (q *apkQuery) goThrough(records iter.Seq2[apk.Record, error]) (*apkHits, error) {
	a := &apkHits{}
	room := apkNames
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		if q.wants(&r) {
			if room -= len(r.Name) + len(r.Version) + apkHitCost; room < 0 {
				return nil, unprocessable("There are more packages in this index than a page goes through.", "It can be looked at as text.")
			}
			a.hits = append(a.hits, apkHit{strings.Clone(r.Name), strings.Clone(r.Version), r.Built, a.packages, false}) // not the record with them
		}
		a.packages++
	}
	return a, nil
}

// apkFound are the packages that a page lists, in its order.
type apkFound struct {
	hits  []apkHit
	older int // that there were of them, shown or not
}

// choose returns those that are asked for.
func (q *apkQuery) choose(all []apkHit) *apkFound {
	f := &apkFound{}
	newest := map[string]int{}
	for _, hit := range all {
		if !q.named(&hit) {
			continue
		}
		i, known := newest[hit.name]
		hit.old = known && apk.CompareVersions(hit.version, f.hits[i].version) <= 0
		f.hits = append(f.hits, hit)
		if known {
			f.older++
		}
		if hit.old {
			continue
		}
		if known {
			f.hits[i].old = true
		}
		newest[hit.name] = len(f.hits) - 1
	}
	if !q.Full {
		f.hits = slices.DeleteFunc(f.hits, func(h apkHit) bool { return h.old })
	}
	if q.Built {
		slices.SortStableFunc(f.hits, func(a, b apkHit) int { return cmp.Compare(b.built, a.built) })
	}
	return f
}

// apkIndex shows an index, or the text of one where x is nil.
func (h *handler) apkIndex(w http.ResponseWriter, r *request, f *apkFile, x *apk.Index) error {
	q, err := parseAPKQuery(r)
	if err != nil {
		return err
	}
	done, err := h.turn(r.Context())
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(r.Context(), turnTime)
	defer cancel()
	records := func() iter.Seq2[apk.Record, error] {
		if x != nil {
			return x.Records(ctx)
		}
		return apk.Records(&timed{ctx, io.NewSectionReader(f.content, 0, f.size)})
	}
	all, err := h.apkHits(f, &q, records())
	if err != nil {
		return err
	}
	found := q.choose(all.hits)
	v := &apkIndexView{Name: f.name, Packages: all.packages, Found: len(found.hits), Older: found.older, Query: q}
	if x != nil {
		v.Description, v.Signatures = x.Description, apkSignatures(x.Signatures)
	}
	size := apkRows
	if q.Records {
		size = apkRecords
	}
	from, to, links, err := paged(r, len(found.hits), size, f.self, q.pairs()...)
	if err != nil {
		return err
	}
	v.Links = links
	if v.Rows, err = f.rows(records(), found.hits[from:to], &q); err != nil {
		return err
	}
	v.Other = f.otherVersions(q)
	return h.show(w, r, h.apkIndexPage(r, f, v, found, x != nil, records()))
}

// apkHits are the packages of an index that its records do not rule out. Where that is all of them, they are remembered.
func (h *handler) apkHits(f *apkFile, q *apkQuery, records iter.Seq2[apk.Record, error]) (*apkHits, error) {
	if f.digest == "" || q.Provide != "" || len(q.needed) > 0 {
		return q.goThrough(records)
	}
	return h.apks.of(string(f.digest), func() (*apkHits, error) { return q.goThrough(records) })
}

// otherVersions leads to the same with older versions, or without.
func (f *apkFile) otherVersions(q apkQuery) tab {
	text := "older versions too"
	if q.Full {
		text = "without older versions"
	}
	q.Full = !q.Full
	return tab{Text: text, Href: withQuery(f.self, q.pairs()...)}
}

func (h *handler) apkIndexPage(r *request, f *apkFile, v *apkIndexView, found *apkFound, compressed bool, records iter.Seq2[apk.Record, error]) *page {
	q := v.Query
	p := &page{name: "apkindex", Title: v.title(), Crumbs: f.crumbs, View: v, Command: h.apkCommand(r, f, &q, compressed), forever: !f.changes}
	whole := q
	whole.Records = false
	p.Tabs = []tab{{"packages", withQuery(f.self, whole.pairs()...), !q.Records}}
	whole.Records = true
	p.Tabs = append(p.Tabs, tab{"records", withQuery(f.self, whole.pairs()...), q.Records}, tab{"file", f.bytes, false})
	if compressed && f.files != "" {
		p.Tabs = append(p.Tabs, tab{"files", f.files, false})
	}
	p.text = func() []byte { return found.text() }
	if q.Records && r.form() == asText {
		text := found.records(records)
		p.text = func() []byte { return text }
	}
	return p
}

func (v *apkIndexView) title() string {
	switch q := v.Query; {
	case q.Provide != "":
		return "What provides " + shown(q.Provide)
	case len(q.Depends) > 0:
		return "What needs " + shown(q.Depends[0])
	case q.Name != "":
		return "The package " + shown(q.Name)
	}
	return "Packages of Alpine"
}

// text is a file's name a line.
func (f *apkFound) text() []byte {
	var b strings.Builder
	for _, h := range f.hits {
		b.WriteString(h.name + "-" + h.version + ".apk\n")
	}
	return []byte(b.String())
}

// records are those found as the index has them, in its order, up to a bound.
func (f *apkFound) records(all iter.Seq2[apk.Record, error]) []byte {
	wanted := map[int]bool{}
	for _, h := range f.hits {
		wanted[h.at] = true
	}
	var b strings.Builder
	n := 0
	for r, err := range all {
		if err != nil || b.Len() > apkText {
			break
		}
		if wanted[n] {
			b.WriteString(r.Raw + "\n")
		}
		n++
	}
	return []byte(b.String())
}

// plainSearch are searches that need no quoting in awk.
var plainSearch = regexp.MustCompile(`^\^?[A-Za-z0-9._+:-]*$`)

// apkCommand prints the same list: with common tools, as long as nobody has to compare versions, and else by asking this page.
func (h *handler) apkCommand(r *request, f *apkFile, q *apkQuery, compressed bool) command {
	if !q.Full || q.Built || q.Provide != "" || len(q.Depends) > 0 || q.Name != "" || !plainSearch.MatchString(q.Search) || q.Records && !q.plain() {
		return line("curl -fsSL", quote(h.base(r)+withQuery(f.self, append(q.pairs(), "format", "text")...)))
	}
	c := slices.Clone(f.print)
	if compressed {
		c = c.add(" | tar -xzO APKINDEX")
	}
	if q.Records {
		return c
	}
	fits := ""
	switch start, ok := strings.CutPrefix(q.Search, "^"); {
	case ok:
		fits = ` && index(f, "` + start + `") == 1`
	case q.Search != "":
		fits = ` && index(f, "` + q.Search + `")`
	}
	return c.add(` | awk '/^P:/ { p = substr($0, 3) } /^V:/ { f = p "-" substr($0, 3) ".apk" } /^V:/` + fits + ` { print f }'`)
}

// timed reads until time is up.
type timed struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (t *timed) Read(p []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	return t.Reader.Read(p)
}

// apkTime is when a package was built, the zero time where that is not known.
func apkTime(built int64) time.Time {
	if built <= 0 || built > 1<<40 {
		return time.Time{}
	}
	return time.Unix(built, 0)
}
