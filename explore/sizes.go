package explore

import (
	"context"
	"fmt"
	"iter"
	"net/http"

	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
)

// sizes shows where the bytes of an image are, and which are shipped in vain.
func (h *handler) sizes(w http.ResponseWriter, r *request) error {
	t, err := parseTarget(r.rest)
	if err != nil {
		return err
	}
	if t.Digest == "" {
		return h.pin(w, r, t)
	}
	if t.Path == "" {
		t = t.with(".", true)
	}
	f, err := h.openFlat(r.Context(), t.Name, t.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	v, err := h.imageSizes(r.Context(), t, f)
	if err != nil {
		return err
	}
	return h.show(w, r, &page{name: "size", Title: "Where the bytes are", forever: len(v.Problems) == 0, View: v, Crumbs: h.sizeCrumbs(r, t, "sizes"),
		Tabs:    []tab{{"image", t.with("", false).href("r"), false}, {"files", t.href("layers"), false}, {"sizes", t.href("sizes"), true}},
		Command: h.sizesCommand(r, t)})
}

// sizesCommand lists what is below a directory, the largest first.
func (h *handler) sizesCommand(r *request, t target) command {
	list := "- | tar -tv"
	if t.Path != "." {
		list += " " + quote(t.Path)
	}
	return line("crane export", h.word(r, t), list, "| sort -n -r -k3")
}

// pin sends whoever asks by tag to the page by digest.
func (h *handler) pin(w http.ResponseWriter, r *request, t target) error {
	if t.Tag == "" {
		return badRequest("%s needs a tag or a digest", t.Name)
	}
	d, err := h.store.ResolveTag(r.Context(), t.Name, t.Tag)
	if err != nil {
		return err
	}
	to := t.at(d.Digest).href(r.page)
	if r.URL.RawQuery != "" {
		to += "?" + r.query.Encode()
	}
	w.Header().Set("Cache-Control", h.cacheControl(r, false))
	http.Redirect(w, r.Request, to, http.StatusFound)
	return nil
}

func (h *handler) imageSizes(ctx context.Context, t target, f *flat) (*sizeView, error) {
	add, problems := func() (*usage, error) { return h.measureImage(ctx, f) }, f.problems()
	var sums *usage
	var err error
	if len(problems) == 0 {
		sums, err = h.usages.of(h.realm(ctx, t.Name)+"image "+string(t.Digest), add)
	} else {
		sums, err = add() // what is missing now may be there the next time
	}
	if err != nil {
		return nil, err
	}
	v := &sizeView{target: t, Image: true, Whole: *sums.dirs["."], Problems: problems, Layers: sizeLayers(t, f, sums.totals)}
	if sum := sums.dirs[t.Path]; sum != nil {
		v.Sum = *sum
	}
	if v.Rows, err = imageRows(t, f, sums); err != nil {
		return nil, err
	}
	for _, x := range below(sums.largest, t.Path, maxSizeLargest) {
		v.Largest = append(v.Largest, fileRow(t, f, x))
	}
	for _, x := range below(sums.wasted, t.Path, maxSizeLargest) {
		v.Wasted = append(v.Wasted, fileRow(t, f, x))
	}
	v.finish()
	return v, nil
}

func (h *handler) measureImage(ctx context.Context, f *flat) (*usage, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	sums, err := measure(imageFiles(ctx, f.FS))
	if err == nil {
		sums.totals, err = f.Totals(ctx)
	}
	return sums, err
}

// imageFiles yields what layers store of files, dead ones too.
func imageFiles(ctx context.Context, files *overlay.FS) iter.Seq2[usageFile, error] {
	return func(yield func(usageFile, error) bool) {
		n := 0
		for node, err := range files.Walk(".") {
			if n++; n%4096 == 0 && err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(usageFile{}, err)
				return
			}
			if file := deadOrAlive(node); file.Bytes > 0 && !yield(file, nil) {
				return
			}
		}
	}
}

func deadOrAlive(n *overlay.Node) usageFile {
	if n.State == overlay.Whiteout {
		return usageFile{}
	}
	f := usageFile{Path: n.Path, Bytes: n.Entry.Stored(), Layer: n.Layer}
	if n.State != overlay.Live {
		f.Dead, f.By = n.State.String(), n.By
	}
	return f
}

// fileRow is a file of an image by its whole path. A dead one is shown in the layer that still has it.
func fileRow(t target, f *flat, x usageFile) sizeRow {
	row := sizeRow{Name: x.Path, usageSum: usageSum{Bytes: x.Bytes, Files: 1}, Layer: fmt.Sprint(x.Layer)}
	row.Href = t.with(x.Path, false).href("layers")
	if x.Dead != "" {
		row.Href = t.at(f.layers[x.Layer].Digest).with(x.Path, false).href("fs")
		row.Note = fmt.Sprintf("%s by layer %d", x.Dead, x.By)
	}
	return row
}

// imageRows lists what layers have in a directory, with sums; one row for each name.
func imageRows(t target, f *flat, sums *usage) ([]sizeRow, error) {
	rows, last := []sizeRow{}, ""
	for n, err := range f.DirAll(t.Path, "") {
		if err != nil {
			return nil, err
		}
		if n.State == overlay.Whiteout {
			continue
		}
		if n.Path != last {
			rows, last = append(rows, sizeRow{Name: n.Base(), Href: t.with(n.Path, false).href("layers")}), n.Path
		}
		row := &rows[len(rows)-1]
		switch dir := n.IsDir(); {
		case dir && !row.Dir:
			in := t.with(n.Path, true)
			row.Dir, row.Href, row.Size = true, in.href("layers"), in.href("sizes")
			if s := sums.dirs[n.Path]; s != nil {
				row.add(*s)
			}
		case !dir:
			row.count(n.Entry, n.State == overlay.Live)
		}
		if n.State != overlay.Live && row.Note == "" && row.Bytes == 0 {
			row.Note = fmt.Sprintf("%s by layer %d", n.State, n.By)
		}
	}
	return rows, nil
}

func (r *sizeRow) count(e *tarfs.Entry, live bool) {
	n := e.Stored()
	switch {
	case n == 0:
	case live:
		r.add(usageSum{Bytes: n, Files: 1})
	default:
		r.add(usageSum{Wasted: n, WastedFiles: 1})
	}
}

func sizeLayers(t target, f *flat, totals overlay.Totals) []sizeLayer {
	var all []sizeLayer
	for i, l := range totals.Layers {
		d := f.layers[i]
		all = append(all, sizeLayer{Number: i, Digest: string(d.Digest), Missing: l.Missing, Entries: l.Entries, Packed: d.Size,
			Bytes: l.All.Bytes, Wasted: l.Wasted.Bytes, Href: t.at(d.Digest).with(".", true).href("size")})
	}
	return all
}
