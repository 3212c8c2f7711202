package explore

import (
	"slices"
	"strings"

	"vitrine/explore/rpm"
)

// rpmQuery is which packages of a repository a page shows.
type rpmQuery struct {
	Search  string // in the name or the summary; with ^ in front at the start of the name
	Name    string // whole
	Provide string // a capability or a path, perhaps with a version: "glibc >= 2.36"
	Depend  string // the name of what is required

	search   string // Search in small letters
	provide  rpm.Relation
	required rpm.Relation
}

// rpmSigns are the comparisons of a relation as it is written.
var rpmSigns = map[string]rpm.Sense{"<": rpm.Less, ">": rpm.Greater, "=": rpm.Equal, "<=": rpm.Less | rpm.Equal, ">=": rpm.Greater | rpm.Equal}

// parseRPMQuery reads ?search=, ?package=, ?provide=, ?depend=.
func parseRPMQuery(r *request) (q rpmQuery, err error) {
	q = rpmQuery{Search: r.query.Get("search"), Name: r.query.Get("package"), Provide: r.query.Get("provide"), Depend: r.query.Get("depend")}
	q.search = strings.ToLower(q.Search)
	if q.provide, err = parseRelation(q.Provide); err != nil {
		return q, err
	}
	q.required, err = parseRelation(q.Depend)
	return q, err
}

// parseRelation reads what Relation.String writes. Conditions in parentheses are names.
func parseRelation(s string) (r rpm.Relation, err error) {
	words := strings.Fields(s)
	switch {
	case len(words) == 0:
		return r, nil
	case strings.HasPrefix(s, "("), len(words) == 1:
		return rpm.Relation{Name: s}, nil
	case len(words) == 3 && rpmSigns[words[1]] != 0:
		return rpm.Relation{Name: words[0], Sense: rpmSigns[words[1]], EVR: rpm.ParseEVR(words[2])}, nil
	}
	return r, badRequest("%.64q is no capability; one is a name, or a name, one of < <= = >= > and a version", s)
}

// pairs is the query of q, for withQuery.
func (q *rpmQuery) pairs() []string {
	return []string{"search", q.Search, "package", q.Name, "provide", q.Provide, "depend", q.Depend}
}

// wants reports whether a package is one of those that are asked for.
func (q *rpmQuery) wants(e *rpm.Entry) bool {
	if q.Name != "" && e.Name != q.Name || !q.finds(e) {
		return false
	}
	if q.Depend != "" && !slices.ContainsFunc(e.Relations[rpm.Requires], func(r rpm.Relation) bool { return overlap(r, q.required) }) {
		return false
	}
	return q.Provide == "" || slices.ContainsFunc(e.Relations[rpm.Provides], func(r rpm.Relation) bool { return overlap(r, q.provide) }) ||
		slices.ContainsFunc(e.Files, func(f rpm.ListedFile) bool { return f.Path == q.provide.Name })
}

func (q *rpmQuery) finds(e *rpm.Entry) bool {
	if start, ok := strings.CutPrefix(q.search, "^"); ok {
		return strings.HasPrefix(strings.ToLower(e.Name), start)
	}
	return q.search == "" || strings.Contains(strings.ToLower(e.Name), q.search) || strings.Contains(strings.ToLower(e.Summary), q.search)
}

// overlap reports whether there is a version that both relations mean, as rpm has it: a release counts where both say one.
func overlap(a, b rpm.Relation) bool {
	if a.Name != b.Name {
		return false
	}
	if a.EVR == (rpm.EVR{}) || b.EVR == (rpm.EVR{}) {
		return true
	}
	if a.EVR.Release == "" || b.EVR.Release == "" {
		a.EVR.Release, b.EVR.Release = "", ""
	}
	switch order := a.EVR.Compare(b.EVR); {
	case order < 0:
		return a.Sense&rpm.Greater != 0 || b.Sense&rpm.Less != 0
	case order > 0:
		return a.Sense&rpm.Less != 0 || b.Sense&rpm.Greater != 0
	}
	return a.Sense&b.Sense&(rpm.Less|rpm.Greater|rpm.Equal) != 0
}
