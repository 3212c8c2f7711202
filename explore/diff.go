package explore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"vitrine/explore/overlay"
)

// Bounds of a page about a difference.
const (
	maxDiffRows  = 500
	maxTreeDiffs = 32 << 20 // bytes that all differences in memory take together
)

// diffView is the JSON of a difference.
type diffView struct {
	From   sideView       `json:"from"`
	To     sideView       `json:"to"`
	Config []configChange `json:"config,omitempty"`
	Shared int            `json:"sharedLayers"`
	Counts diffCounts     `json:"counts"`
	Files  []diffRow      `json:"files,omitempty"`
	Path   string         `json:"path,omitempty"` // of the one file that is compared
	File   *fileDiff      `json:"file,omitempty"`
	Op     string         `json:"op,omitempty"` // what is shown: all, or one of added, removed, changed
	Dir    string         `json:"dir,omitempty"`
	Next   string         `json:"-"`
	Asked  bool           `json:"-"` // both sides were given
}

// diffCounts are numbers of paths, and by how much files grew and shrank.
type diffCounts struct {
	Added   int   `json:"added"`
	Removed int   `json:"removed"`
	Changed int   `json:"changed"`
	Same    int   `json:"same"`
	Grown   int64 `json:"bytesAdded"`
	Shrunk  int64 `json:"bytesRemoved"`
	Left    int   `json:"notListed,omitempty"`
}

// diffRow is a change with its links.
type diffRow struct {
	fileChange
	FromHref string `json:"-"`
	ToHref   string `json:"-"`
	Compare  string `json:"-"` // URL of the comparison of both contents
}

// diff shows how two images or layers differ and, with a path, how a file does.
func (h *handler) diff(w http.ResponseWriter, r *request) error {
	from, to := r.query.Get("from"), r.query.Get("to")
	if from == "" || to == "" {
		v := &diffView{From: sideView{Ref: from}, To: sideView{Ref: to}}
		return h.show(w, r, &page{name: "diff", Title: "Compare two images", View: v})
	}
	a, err := h.openSide(r.Context(), r, from, r.query.Get("platform"))
	if err != nil {
		return err
	}
	defer a.close()
	b, err := h.openSide(r.Context(), r, to, r.query.Get("platform"))
	if err != nil {
		return err
	}
	defer b.close()
	v := &diffView{From: a.sideView, To: b.sideView, Asked: true, Path: r.query.Get("path"), Op: r.query.Get("op"), Dir: r.query.Get("dir")}
	p := &page{name: "diff", Title: "What differs", View: v, Command: h.diffCommand(r, a, b, v.Path)}
	if v.Path != "" {
		p.Title, p.text = "What differs in "+shown(v.Path), v.patch
		v.File, err = h.compareFiles(r, v.Path, a, b)
	} else {
		err = h.fillDiff(r, v, a, b)
	}
	if err != nil {
		return err
	}
	return h.show(w, r, p)
}

// treeDiff returns the difference of two trees, which are open. One of which a layer is missing is not remembered.
func (h *handler) treeDiff(ctx context.Context, a, b *side) (*treeDiff, error) {
	compare := func() (*treeDiff, error) {
		done, err := h.turn(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
		ctx, cancel := context.WithTimeout(ctx, turnTime)
		defer cancel()
		return compareTrees(ctx, a.files, b.files, a.Kind == "layer" && b.Kind == "layer")
	}
	if len(a.Problems)+len(b.Problems) > 0 {
		return compare()
	}
	return h.treeDiffs.of(h.realm(ctx, a.Name)+string(a.Digest)+" "+h.realm(ctx, b.Name)+string(b.Digest), compare)
}

func (h *handler) fillDiff(r *request, v *diffView, a, b *side) error {
	d, err := h.treeDiff(r.Context(), a, b)
	if err != nil {
		return err
	}
	if v.Config, err = h.compareConfigs(r.Context(), a, b); err != nil {
		return err
	}
	v.Counts = diffCounts{d.added, d.removed, d.changed, d.same, d.addedBytes, d.removedBytes, d.added + d.removed + d.changed - len(d.changes)}
	for i := 0; i < min(len(a.layers), len(b.layers)) && a.layers[i].Digest == b.layers[i].Digest; i++ {
		v.Shared++
	}
	after := r.query.Get("after")
	for _, c := range d.changes {
		switch {
		case after != "":
			if c.Path == after {
				after = ""
			}
		case v.Op != "" && c.Op != v.Op, v.Dir != "" && !inside(c.Path, strings.Trim(v.Dir, "/")):
		case len(v.Files) == maxDiffRows:
			last := v.Files[maxDiffRows-1].Path
			v.Next = withQuery("/diff", "from", v.From.Ref, "to", v.To.Ref, "platform", r.query.Get("platform"), "op", v.Op, "dir", v.Dir, "after", last)
			return nil
		default:
			v.Files = append(v.Files, diffLinks(r, c, a, b))
		}
	}
	return nil
}

func diffLinks(r *request, c fileChange, a, b *side) diffRow {
	row := diffRow{fileChange: c}
	if c.From != nil {
		row.FromHref = a.t.with(c.Path, c.From.Mode[0] == 'd').href(a.page)
	}
	if c.To != nil {
		row.ToHref = b.t.with(c.Path, c.To.Mode[0] == 'd').href(b.page)
	}
	isFile := func(s *fileState) bool { return s == nil || s.Mode[0] == '-' }
	if isFile(c.From) && isFile(c.To) {
		row.Compare = withQuery("/diff", "from", a.Ref, "to", b.Ref, "platform", r.query.Get("platform"), "path", c.Path)
	}
	return row
}

// fileDiff is how one file differs.
type fileDiff struct {
	From  *fileState `json:"from,omitempty"`
	To    *fileState `json:"to,omitempty"`
	Same  bool       `json:"same,omitempty"`
	Why   string     `json:"why,omitempty"` // there are no hunks: because it is binary, or too large
	Hunks []hunk     `json:"hunks,omitempty"`
	Left  int        `json:"linesLeft,omitempty"` // that are not shown

	FromHref, ToHref string `json:"-"`
}

// compareFiles is that of two files, in turn: it takes some megabytes and, for texts that nobody has written, a second.
func (h *handler) compareFiles(r *request, p string, a, b *side) (*fileDiff, error) {
	done, err := h.turn(r.Context())
	if err != nil {
		return nil, err
	}
	defer done()
	f, err := compareFiles(p, a, b)
	if err == nil && r.form() != asText {
		f.Hunks, f.Left = cutHunks(f.Hunks, maxDiffLines)
	}
	return f, err
}

// compareFiles compares the content of a path on both sides. One of them may lack it.
func compareFiles(p string, a, b *side) (*fileDiff, error) {
	if !fs.ValidPath(p) {
		return nil, badRequest("%.80q is no path inside an image", p)
	}
	f := &fileDiff{}
	texts := [2]string{}
	for i, s := range []*side{a, b} {
		n, err := s.files.Lookup(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		text, why, err := readForDiff(s.files, n)
		if err != nil {
			return nil, err
		}
		texts[i], f.Why = text, cmp.Or(f.Why, why)
		state, href := stateOf(s.files, n), s.t.with(p, n.IsDir()).href(s.page)
		if i == 0 {
			f.From, f.FromHref = state, href
		} else {
			f.To, f.ToHref = state, href
		}
	}
	if f.From == nil && f.To == nil {
		return nil, &fs.PathError{Op: "compare", Path: p, Err: fs.ErrNotExist}
	}
	if f.Same = f.From != nil && f.To != nil && f.From.SHA256 == f.To.SHA256 && f.From.Size == f.To.Size; !f.Same && f.Why == "" {
		f.Hunks = unified(texts[0], texts[1])
	}
	return f, nil
}

// patch is the difference as patch takes it.
func (v *diffView) patch() []byte {
	var b strings.Builder
	if len(v.File.Hunks) > 0 {
		fmt.Fprintf(&b, "--- a/%s\n+++ b/%[1]s\n", v.Path)
	}
	for _, h := range v.File.Hunks {
		b.WriteString(h.Head + "\n")
		for _, l := range h.Lines {
			b.WriteString(l.Op + l.Text)
		}
	}
	return []byte(b.String() + v.File.Why)
}

// readForDiff reads a file that can be compared line by line; why says why it cannot.
func readForDiff(files *overlay.FS, n *overlay.Node) (text, why string, err error) {
	info, err := files.Info(n)
	switch {
	case err != nil:
		return "", "", err
	case !info.Mode().IsRegular():
		return "", "It is no file on both sides.", nil
	case info.Size() > maxDiffText:
		return "", "It is larger than " + iec(maxDiffText) + ", which is the most that is compared line by line.", nil
	}
	f, err := files.OpenNode(n)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxDiffText))
	if err == nil && strings.IndexByte(string(raw[:min(len(raw), 8000)]), 0) >= 0 { // as diff and git tell
		return "", "It is binary.", nil
	}
	return string(raw), "", err
}

// diffCommand is what prints about the same in a shell with process substitution.
func (h *handler) diffCommand(r *request, a, b *side, path string) command {
	one := func(s *side) string {
		ref := h.word(r, s.t)
		list, file := "crane export "+ref+" - | tar -tv | sort -k6", "crane export "+ref+" - | tar -xO "+quote(path)
		if s.Kind == "layer" {
			list, file = "crane blob "+ref+" | tar -tvz | sort -k6", "crane blob "+ref+" | tar -xzO "+quote(path)
		}
		if path != "" {
			return "<(" + file + ")"
		}
		return "<(" + list + ")"
	}
	return line("diff -u", one(a), one(b))
}
