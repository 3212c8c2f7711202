package explore

import (
	"encoding/hex"
	"iter"
	"strconv"
	"strings"
	"time"

	"vitrine/explore/apk"
	"vitrine/explore/inspect"
)

// apkRow is a package of an index.
type apkRow struct {
	File        string     `json:"file"`
	Name        string     `json:"name"`
	Version     string     `json:"version"`
	Arch        string     `json:"arch,omitempty"`
	Size        int64      `json:"size"`
	Installed   int64      `json:"installed"`
	Built       time.Time  `json:"built,omitzero"`
	Description string     `json:"description,omitempty"`
	Checksum    string     `json:"checksum,omitempty"`
	Depends     []string   `json:"depends,omitempty"`
	Provides    []string   `json:"provides,omitempty"`
	InstallIf   []string   `json:"installIf,omitempty"`
	Old         bool       `json:"old,omitempty"`    // there is a newer one
	Record      string     `json:"record,omitempty"` // as the index has it
	Href        string     `json:"href,omitempty"`   // of the package, where it lies beside the index
	More        string     `json:"-"`                // of its record
	Spans       []textSpan `json:"-"`                // Record with links
}

// rows are the packages of a page, in the order of hits.
func (f *apkFile) rows(records iter.Seq2[apk.Record, error], hits []apkHit, q *apkQuery) ([]*apkRow, error) {
	place := map[int]int{}
	for i, h := range hits {
		place[h.at] = i
	}
	rows := make([]*apkRow, len(hits))
	left, n, room := len(hits), -1, apkPage
	if left == 0 {
		return rows, nil
	}
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		n++
		i, ok := place[n]
		if !ok {
			continue
		}
		if room -= len(r.Raw); room < 0 {
			return nil, unprocessable("The records of these packages are larger than what a page holds.", "A search for fewer of them may help; as text they have more room.")
		}
		rows[i] = f.row(&r, hits[i].old, q.Records)
		if left--; left == 0 {
			break
		}
	}
	return rows, nil
}

func (f *apkFile) row(r *apk.Record, old, whole bool) *apkRow {
	row := &apkRow{File: shown(r.FileName()), Name: shown(r.Name), Version: shown(r.Version), Arch: shown(r.Arch), Size: r.Size, Installed: r.Installed, Built: apkTime(r.Built),
		Description: inspect.Visible(r.Description, maxBrief), Checksum: r.Checksum.String(), Old: old, Href: f.beside(r.FileName()),
		More: withQuery(f.self, "package", r.Name, "short", "false", "full", "true"), Depends: r.Depends, Provides: r.Provides, InstallIf: r.InstallIf}
	if whole {
		row.Record, row.Spans = r.Raw, f.recordSpans(r)
	}
	return row
}

// apkLetters say what the fields of an index are.
var apkLetters = map[byte]string{
	'C': "checksum of the control part", 'P': "name", 'V': "version", 'A': "architecture", 'S': "size of the package", 'I': "size of its files", 'T': "description",
	'U': "web site", 'L': "license", 'o': "built from", 'm': "maintainer", 't': "built at", 'c': "commit", 'k': "priority among those that provide the same",
	'D': "needs", 'p': "provides", 'i': "is installed once all of these are", 'r': "replaces", 'q': "priority among those that replace each other",
}

// maxRecordSpans bounds the pieces of one record that are links.
const maxRecordSpans = 2000

// recordSpans is a record with links.
func (f *apkFile) recordSpans(r *apk.Record) (spans []textSpan) {
	for line := range strings.Lines(r.Raw) {
		letter, value := line[0], strings.TrimSuffix(line[2:], "\n")
		spans = append(spans, textSpan{Text: line[:1], Tip: apkLetters[letter]}, textSpan{Text: ":"})
		switch {
		case strings.IndexByte("Dpi", letter) < 0:
			spans = append(spans, f.valueSpan(r, letter, value))
		default:
			spans = append(spans, f.listSpans(letter, value, maxRecordSpans-len(spans))...)
		}
		spans = append(spans, textSpan{Text: "\n"})
	}
	return spans
}

// listSpans are the words of a list, each with a link to those that are at its other end.
func (f *apkFile) listSpans(letter byte, value string, room int) (spans []textSpan) {
	for i, word := range strings.Split(value, " ") {
		if i > 0 {
			spans = append(spans, textSpan{Text: " "})
		}
		s := textSpan{Text: shown(word)}
		if d, err := apk.ParseDep(word); err == nil && i < room/2 {
			s.Href, s.Tip = f.provideHref(d), "what provides it"
			if letter == 'p' {
				s.Href, s.Tip = withQuery(f.self, "depend", d.Name), "what needs it"
			}
		}
		spans = append(spans, s)
	}
	return spans
}

// provideHref leads to what a dependency could be met by.
func (f *apkFile) provideHref(d apk.Dep) string {
	d.Conflict = false
	return withQuery(f.self, "provide", d.String())
}

// valueSpan is a value that is no list.
func (f *apkFile) valueSpan(r *apk.Record, letter byte, value string) textSpan {
	s := textSpan{Text: inspect.Visible(value, maxBrief)}
	switch letter {
	case 'P':
		s.Href, s.Tip = withQuery(f.self, append([]string{"depend", r.Name}, dependPairs(r)...)...), "what needs it"
	case 'V':
		s.Href = f.beside(r.FileName())
	case 'C':
		s.Tip = hex.EncodeToString(r.Checksum.Sum())
	case 'S', 'I':
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			s.Tip = iec(n)
		}
	case 't':
		if t := apkTime(r.Built); !t.IsZero() {
			s.Tip = clock(t)
		}
	case 'U':
		if l := docURL(value); l.Href != "" {
			s.Href, s.Doc = l.Href, true
		}
	case 'o':
		s.Href, s.Tip = withQuery(f.self, "search", "^"+value), "packages that begin so"
	}
	return s
}

// dependPairs are the names by which others may depend on a package, besides its own.
func dependPairs(r *apk.Record) (pairs []string) {
	for _, s := range r.Provides {
		d, err := apk.ParseDep(s)
		if err == nil && len(pairs) < 2*(maxDepends-1) {
			pairs = append(pairs, "depend", d.Name)
		}
	}
	return pairs
}
