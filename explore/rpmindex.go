package explore

import (
	"iter"
	"path"
	"strings"
	"time"

	"vitrine/explore/inspect"
	"vitrine/explore/rpm"
	"vitrine/storage"
)

// Bounds of a page about a repository of RPMs.
const (
	rpmRows     = 500
	rpmDetails  = 5        // packages with all that is known of them
	rpmText     = 16 << 20 // bytes of names as text
	rpmPage     = 1 << 20  // bytes of the relations and files of all of these
	maxRPMWord  = 512      // bytes of a name that leads somewhere
	maxRPMProse = 16 << 10 // bytes of a description
)

// rpmIndexView is the JSON of a repository of RPMs.
type rpmIndexView struct {
	Primary  string    `json:"primary"`
	Packages int       `json:"packages"` // in all
	Found    int       `json:"found"`
	Rows     []*rpmRow `json:"rows"`
	Query    rpmQuery  `json:"-"`
	Links    pageLinks `json:"pages"`
}

// rpmRow is a package of a repository.
type rpmRow struct {
	Name      string     `json:"name"`
	Version   string     `json:"version"` // and release
	Arch      string     `json:"arch"`
	Size      int64      `json:"size"`
	Installed int64      `json:"installed"`
	Built     time.Time  `json:"built,omitzero"`
	Summary   string     `json:"summary,omitempty"`
	Href      string     `json:"href,omitempty"` // of the file
	Detail    *rpmDetail `json:"detail,omitempty"`
	More      string     `json:"-"` // of its details
}

// rpmDetail is what is known of a package besides.
type rpmDetail struct {
	Description string    `json:"description,omitempty"`
	License     string    `json:"license,omitempty"`
	URL         string    `json:"url,omitempty"`
	Vendor      string    `json:"vendor,omitempty"`
	Source      string    `json:"source,omitempty"`
	Checksum    string    `json:"checksum,omitempty"`
	Relations   []rpmList `json:"relations,omitempty"`
	Files       []string  `json:"files,omitempty"` // those that the list of packages has
	MoreFiles   int       `json:"moreFiles,omitempty"`
	Home        link      `json:"-"`
}

// rpmList is the relations of a kind.
type rpmList struct {
	Kind string       `json:"kind"`
	All  []rpmRelated `json:"all,omitempty"`
	More int          `json:"more,omitempty"` // that are left out
}

// rpmRelated is a relation with what is at its other end.
type rpmRelated struct {
	Text string `json:"text"`
	Href string `json:"href,omitempty"`
}

// list makes the view of the packages that are asked for. Of the packages that are not on the page none is kept, but as text all are lines.
func (x *rpmRepo) list(r *request, q rpmQuery, packages iter.Seq2[*rpm.Entry, error]) (v *rpmIndexView, text []byte, err error) {
	size := rpmRows
	if q.Name != "" {
		size = rpmDetails
	}
	from, _, _, err := paged(r, 1<<40, size, x.self)
	if err != nil {
		return nil, nil, err
	}
	v = &rpmIndexView{Primary: shown(x.primary), Query: q, Rows: []*rpmRow{}}
	for e, err := range packages {
		if err != nil {
			return nil, nil, err
		}
		v.Packages++
		if !q.wants(e) {
			continue
		}
		if v.Found%size == 0 && v.Found <= from { // a page begins; where there are fewer than asked for, the last stays
			v.Rows, x.room = v.Rows[:0], rpmPage
		}
		if v.Found < from+size {
			v.Rows = append(v.Rows, x.row(e, q.Name != ""))
		}
		v.Found++
		if r.form() != asText {
			continue
		}
		if text = append(text, shown(e.NEVRA.String())+"\n"...); len(text) > rpmText {
			return nil, nil, unprocessable("There are more packages in this list than a text holds.", "A search for fewer of them may help.")
		}
	}
	_, _, v.Links, err = paged(r, v.Found, size, x.self, q.pairs()...)
	return v, text, err
}

func (h *handler) rpmPage(r *request, x *rpmRepo, v *rpmIndexView, text []byte) *page {
	q, dir := v.Query, x.root
	if dir != "" {
		dir += "/"
	}
	return &page{name: "rpmindex", Title: v.title(), Crumbs: x.crumbs, View: v, text: func() []byte { return text },
		Tabs:    []tab{{"packages", x.self, q.Name == ""}, {"files", fileHref(x.name, dir), false}},
		Command: line("curl -fsSL", quote(h.base(r)+withQuery(x.self, append(q.pairs(), "format", "text")...)))}
}

func (v *rpmIndexView) title() string {
	switch q := v.Query; {
	case q.Name != "":
		return "The package " + shown(q.Name)
	case q.Provide != "":
		return "What provides " + shown(q.Provide)
	case q.Depend != "":
		return "What needs " + shown(q.Depend)
	}
	return "Packages of RPM"
}

// row is a package of a page. Of its strings little is kept, whatever the list has.
func (x *rpmRepo) row(e *rpm.Entry, whole bool) *rpmRow {
	row := &rpmRow{Name: brief(e.Name), Version: brief(e.EVR.String()), Arch: brief(e.Arch), Size: e.PackageSize, Installed: e.InstalledSize, Built: apkTime(e.BuildTime),
		Summary: brief(e.Summary)}
	if len(e.Name) <= maxRPMWord {
		row.More = withQuery(x.self, "package", e.Name)
	}
	if at := path.Join(x.root, e.Location.Href); e.Location.IsLocal() && storage.CheckPath(at) == nil {
		row.Href = fileHref(x.name, at)
	}
	if whole {
		row.Detail = x.detail(e)
	}
	return row
}

// brief is a word of a stranger as it is kept: what it was part of may be large.
func brief(s string) string { return strings.Clone(inspect.Visible(s, maxBrief)) }

func (x *rpmRepo) detail(e *rpm.Entry) *rpmDetail {
	d := &rpmDetail{License: brief(e.License), URL: brief(e.URL), Vendor: brief(e.Vendor), Source: brief(e.SourceRPM), Home: docURL(e.URL)}
	if e.Checksum.Type != "" {
		d.Checksum = brief(e.Checksum.Type + ":" + e.Checksum.Hex)
	}
	x.room -= min(len(e.Description), maxRPMProse)
	lines := strings.Split(e.Description[:min(len(e.Description), maxRPMProse)], "\n")
	for i, s := range lines {
		lines[i] = inspect.Visible(s, maxRPMProse)
	}
	d.Description = strings.Clone(strings.Join(lines, "\n"))
	for kind, all := range e.Relations {
		if list := x.related(rpm.Kind(kind), all); len(all) > 0 {
			d.Relations = append(d.Relations, list)
		}
	}
	for _, f := range e.Files {
		name := strings.Clone(inspect.Visible(f.Path, maxRPMWord))
		if x.room -= len(name); x.room < 0 {
			break
		}
		d.Files = append(d.Files, name)
	}
	d.MoreFiles = len(e.Files) - len(d.Files)
	return d
}

// related are relations with links: from what is provided to those that need it, from all else to those that provide it. A condition has neither.
func (x *rpmRepo) related(kind rpm.Kind, all []rpm.Relation) rpmList {
	key := "provide"
	if kind == rpm.Provides {
		key = "depend"
	}
	l := rpmList{Kind: kind.String()}
	for _, r := range all {
		s := r.String()
		one := rpmRelated{Text: strings.Clone(inspect.Visible(s, maxRPMWord))}
		if len(s) <= maxRPMWord && !strings.HasPrefix(s, "(") && !r.IsRPMLib() {
			if _, err := parseRelation(s); err == nil {
				one.Href = withQuery(x.self, key, s)
			}
		}
		if x.room -= len(one.Text) + len(one.Href); x.room < 0 {
			break
		}
		l.All = append(l.All, one)
	}
	l.More = len(all) - len(l.All)
	return l
}
