package files

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"vitrine/registry/api"
	"vitrine/storage"
)

// Bounds of a page of a listing.
const (
	pageEntries    = 1000
	maxPageEntries = 10_000
)

// listing is a page: the JSON as it stands, and what the template shows.
type listing struct {
	Repository string  `json:"repository,omitempty"`
	Path       string  `json:"path"` // of the directory, "" for the topmost
	Entries    []entry `json:"entries"`
	Next       string  `json:"next,omitempty"` // a relative reference to the page that follows
}

// entry is a file, a directory or a repository.
type entry struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"` // file, directory, or that of a repository
	Package  Package    `json:"package,omitempty"`
	Size     *int64     `json:"size,omitempty"` // bytes
	SHA256   string     `json:"sha256,omitempty"`
	Modified *time.Time `json:"modified,omitempty"`
	Class    string     `json:"class,omitempty"`
	Look     string     `json:"look,omitempty"` // the page that shows what is in it
}

// getDirectory lists a directory.
func (h *handler) getDirectory(w http.ResponseWriter, r *http.Request, rt route) error {
	if !strings.HasSuffix(r.URL.Path, "/") { // the repository's own
		return redirect(w, "./"+string(rt.repo.Name)+"/", r.URL.RawQuery)
	}
	n, after, err := page(r)
	if err != nil {
		return err
	}
	l := listing{Repository: string(rt.repo.Name), Path: rt.path, Entries: []entry{}}
	for e, err := range rt.repo.Reader.ListFiles(r.Context(), rt.repo.Name, rt.path, after) {
		if err != nil {
			return err
		}
		if len(l.Entries) == n {
			l.Next = next(r, l.Entries[n-1].Name)
			break
		}
		x := describeEntry(e)
		if h.Look != nil {
			x.Look = h.Look(rt.repo, join(rt.path, e.Name))
		}
		l.Entries = append(l.Entries, x)
	}
	if len(l.Entries) == 0 && after == "" && rt.path != "" {
		return fmt.Errorf("%w: %.256q in %s is no directory", storage.ErrFileUnknown, rt.path, rt.repo.Name)
	}
	return l.write(w, r)
}

func describeEntry(e storage.Entry) entry {
	if e.IsDir() {
		return entry{Name: e.Name, Type: "directory"}
	}
	f := e.File
	x := entry{Name: e.Name, Type: "file", Modified: &f.Modified, Class: string(cmp.Or(f.Class, storage.ClassFile))}
	if f.Size >= 0 {
		x.Size = &f.Size
	}
	if f.Digest != "" {
		x.SHA256 = f.Digest.Encoded()
	}
	return x
}

// getRepositories lists the repositories that whoever asks may read.
func (h *handler) getRepositories(w http.ResponseWriter, r *http.Request, rt route) error {
	if !strings.HasSuffix(r.URL.Path, "/") {
		return redirect(w, "./"+path.Base(r.URL.Path)+"/", r.URL.RawQuery)
	}
	l := listing{Entries: []entry{}}
	for _, repo := range h.repos {
		if (rt.kind == "" || rt.kind == repo.Type) && readable(r, repo) == nil {
			l.Entries = append(l.Entries, entry{Name: string(repo.Name) + "/", Type: string(repo.Type), Package: repo.Package})
		}
	}
	slices.SortFunc(l.Entries, func(a, b entry) int { return cmp.Compare(a.Name, b.Name) })
	return l.write(w, r)
}

// page reads which page of a listing is wanted.
func page(r *http.Request) (n int, after string, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return 0, "", fmt.Errorf("%w: %.64q", api.ErrQuery, r.URL.RawQuery)
	}
	n = pageEntries
	if s := q.Get("n"); s != "" {
		if n, err = strconv.Atoi(s); err != nil || n < 1 {
			return 0, "", fmt.Errorf("%w: n=%.64q", api.ErrQuery, s)
		}
	}
	if after = q.Get("after"); len(after) > storage.MaxPath {
		return 0, "", fmt.Errorf("%w: after has %d bytes", api.ErrQuery, len(after))
	}
	return min(n, maxPageEntries), after, nil
}

// next is the page behind the entry last.
func next(r *http.Request, last string) string {
	q := r.URL.Query()
	q.Set("after", last)
	return "?" + q.Encode()
}

// write answers with l as JSON or as a page.
func (l *listing) write(w http.ResponseWriter, r *http.Request) error {
	header := w.Header()
	header["Cache-Control"] = []string{"no-cache"}
	header["Vary"] = []string{"Accept, Authorization"}
	if l.Next != "" {
		header["Link"] = []string{"<" + l.Next + `>; rel="next"`}
	}
	var b bytes.Buffer
	if wantsJSON(r) {
		header["Content-Type"] = []string{"application/json"}
		if err := json.NewEncoder(&b).Encode(l); err != nil {
			return err
		}
		return send(w, b.Bytes())
	}
	header["Content-Type"] = []string{"text/html; charset=utf-8"}
	if err := listingPage.Execute(&b, l); err != nil {
		return err
	}
	return send(w, b.Bytes())
}

// Title is what a page is about.
func (l *listing) Title() string {
	if l.Repository == "" {
		return "Repositories of files"
	}
	return "Index of " + visible(strings.TrimSuffix(l.Repository+"/"+l.Path, "/")) + "/"
}

// Shown is the name as a page shows it.
func (e entry) Shown() string { return visible(e.Name) }

// visible spells out what cannot be seen and turns what can be: with U+202E in it, evil<U+202E>gpj.exe would look as evilexe.jpg.
func visible(name string) string {
	var b strings.Builder
	for _, c := range name {
		if unicode.IsGraphic(c) {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, "<%U>", c)
		}
	}
	return b.String()
}

// Ref is a reference to the entry, relative to the page.
func (e entry) Ref() string {
	name, isDir := strings.CutSuffix(e.Name, "/")
	ref := "./" + url.PathEscape(name)
	if isDir {
		ref += "/"
	}
	return ref
}

// Date is when it changed, "" if that is not known.
func (e entry) Date() string {
	if e.Modified == nil || e.Modified.IsZero() {
		return ""
	}
	return e.Modified.UTC().Format("2006-01-02 15:04:05")
}

// Note is what else there is to say.
func (e entry) Note() string {
	if e.Package != "" {
		return string(e.Package) + ", " + e.Type
	}
	return e.SHA256
}

// listingPage needs no style: wget -r and people with a text browser read it as well.
var listingPage = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>{{.Title}}</title></head>
<body>
<h1>{{.Title}}</h1>
<table>
<thead><tr><th align="left">Name</th><th align="left">Changed (UTC)</th><th align="right">Bytes</th><th align="left">{{if .Repository}}SHA-256{{else}}Kind{{end}}</th></tr></thead>
<tbody>
{{if .Repository}}<tr><td><a href="../">../</a></td></tr>
{{end}}{{range .Entries}}<tr><td><a href="{{.Ref}}">{{.Shown}}</a>{{with .Look}} <a href="{{.}}">look inside</a>{{end}}</td><td>{{.Date}}</td><td align="right">{{with .Size}}{{.}}{{end}}</td><td>{{.Note}}</td></tr>
{{end}}</tbody>
</table>
{{with .Next}}<p><a href="{{.}}" rel="next">More</a></p>
{{end}}</body>
</html>
`))
