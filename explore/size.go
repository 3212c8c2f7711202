package explore

import (
	"cmp"
	"context"
	"io/fs"
	"iter"
	"net/http"
	"path"
	"slices"

	"vitrine/explore/tarfs"
)

// Bounds of a page about sizes.
const (
	maxSizeRows    = 500       // directories and files of one directory
	maxSizeLargest = 100       // files below it
	maxUsage       = 32 << 20  // bytes that all sums in memory take together
	maxWalk        = 4_000_000 // entries of an archive without a table
	barWidth       = 100       // in units of a bar's view box
)

// sizeView is the JSON of /size/ and /sizes/.
type sizeView struct {
	target
	Sum      usageSum    `json:"sum"`
	Whole    usageSum    `json:"whole"`          // of the layer or image
	Rows     []sizeRow   `json:"rows"`           // what the directory has, the largest first
	More     int         `json:"more,omitempty"` // rows left out
	Largest  []sizeRow   `json:"largest"`
	Wasted   []sizeRow   `json:"wasted,omitempty"`
	Layers   []sizeLayer `json:"layers,omitempty"`
	Problems []string    `json:"problems,omitempty"` // layers that could not be opened
	Map      *treemap    `json:"-"`
	Image    bool        `json:"-"`
}

// sizeRow is a directory or a file.
type sizeRow struct {
	Name string `json:"name"`
	usageSum
	Dir   bool   `json:"dir,omitempty"`
	Layer string `json:"layer,omitempty"` // that a file is from
	Note  string `json:"note,omitempty"`  // "deleted by layer 3"
	Href  string `json:"-"`
	Size  string `json:"-"` // URL of the page about sizes below
	Share int    `json:"-"` // of the largest row, of 100
	Waste int    `json:"-"`
}

// sizeLayer is what one layer brings.
type sizeLayer struct {
	Number  int    `json:"number"`
	Digest  string `json:"digest"`
	Missing bool   `json:"missing,omitempty"`
	Entries int64  `json:"entries"`
	Packed  int64  `json:"packed"` // bytes of the blob
	Bytes   int64  `json:"bytes"`
	Wasted  int64  `json:"wasted"`
	Href    string `json:"-"`
}

// size shows where the bytes of a layer are.
func (h *handler) size(w http.ResponseWriter, r *request) error {
	t, err := parseTarget(r.rest)
	if err != nil {
		return err
	}
	if t.Digest == "" {
		return badRequest("sizes are those of a layer, by its digest")
	}
	if t.Path == "" {
		t = t.with(".", true)
	}
	l, err := h.indexer(r.Context(), t.Name).Open(r.Context(), h.store, t.Name, t.Digest, r.query.Get("mt"))
	if err != nil {
		return err
	}
	defer l.Close()
	sums, err := h.usages.of(h.realm(r.Context(), t.Name)+string(t.Digest), func() (*usage, error) {
		done, err := h.turn(r.Context())
		if err != nil {
			return nil, err
		}
		defer done()
		return measure(layerFiles(r.Context(), l.FS()))
	})
	if err != nil {
		return err
	}
	sum := sums.dirs[t.Path]
	rows, err := h.sizeRows(t, l.FS(), sums)
	if err != nil {
		return err
	}
	v := &sizeView{target: t, Whole: *sums.dirs["."], Rows: rows}
	if sum != nil {
		v.Sum = *sum
	}
	for _, f := range below(sums.largest, t.Path, maxSizeLargest) {
		v.Largest = append(v.Largest, sizeRow{Name: f.Path, usageSum: usageSum{Bytes: f.Bytes}, Href: t.with(f.Path, false).href("fs")})
	}
	v.finish()
	p := &page{name: "size", Title: "Where the bytes are", forever: true, View: v, Crumbs: h.sizeCrumbs(r, t, "size"),
		Tabs: []tab{{"files", t.href("fs"), false}, {"sizes", t.href("size"), true}}}
	if t.Path == "." { // below, the names that the archive has are not those of the page
		p.Command = line(h.fetch(r, t), "|", tarFlags(l), "| sort -n -r -k3")
	}
	return h.show(w, r, p)
}

// tarFlags is how tar lists what l is.
func tarFlags(l *Layer) string {
	if l.Format == "tar" {
		return "tar -tv"
	}
	return "tar -tvz"
}

// layerFiles yields the files of a layer that have content.
func layerFiles(ctx context.Context, files fs.FS) iter.Seq2[usageFile, error] {
	if t, ok := files.(*tarfs.FS); ok {
		return tableFiles(ctx, t.Table())
	}
	return walkFiles(ctx, files)
}

func tableFiles(ctx context.Context, t *tarfs.Table) iter.Seq2[usageFile, error] {
	return func(yield func(usageFile, error) bool) {
		n := 0
		for e, err := range t.Entries() {
			if n++; n%4096 == 0 && err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(usageFile{}, err)
				return
			}
			if bytes := e.Stored(); bytes > 0 && !yield(usageFile{Path: e.Path, Bytes: bytes}, nil) {
				return
			}
		}
	}
}

func walkFiles(ctx context.Context, files fs.FS) iter.Seq2[usageFile, error] {
	return func(yield func(usageFile, error) bool) {
		n := 0
		err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
			if n++; err == nil {
				err = ctx.Err()
			}
			if err == nil && n > maxWalk {
				err = tarfs.ErrLimit
			}
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().IsRegular() && !yield(usageFile{Path: p, Bytes: info.Size()}, nil) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			yield(usageFile{}, err)
		}
	}
}

// sizeRows lists what a directory of a layer has, with sums.
func (h *handler) sizeRows(t target, files fs.FS, sums *usage) ([]sizeRow, error) {
	entries, err := fs.ReadDir(files, t.Path)
	if err != nil {
		return nil, err
	}
	var rows []sizeRow
	for _, e := range entries {
		row := sizeRow{Name: e.Name(), Dir: e.IsDir()}
		in := t.with(path.Join(t.Path, e.Name()), row.Dir)
		row.Href = in.href("fs")
		if row.Dir {
			row.Size = in.href("size")
			if s := sums.dirs[in.Path]; s != nil {
				row.usageSum = *s
			}
		} else if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			row.usageSum = usageSum{Bytes: info.Size(), Files: 1}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// finish sorts and cuts the rows, and draws them.
func (v *sizeView) finish() {
	slices.SortStableFunc(v.Rows, func(a, b sizeRow) int {
		return cmp.Compare(b.Bytes+b.Wasted, a.Bytes+a.Wasted)
	})
	areas := make([]area, 0, len(v.Rows))
	for i := range v.Rows {
		row := &v.Rows[i]
		if most := v.Rows[0].Bytes + v.Rows[0].Wasted; most > 0 {
			row.Share = int(row.Bytes * barWidth / most)
			row.Waste = int(row.Wasted * barWidth / most)
		}
		href := row.Href
		if row.Size != "" {
			href = row.Size
		}
		areas = append(areas, area{Name: shown(row.Name), Href: href, Bytes: row.Bytes + row.Wasted, Dir: row.Dir,
			Tip: shown(row.Name) + ": " + iec(row.Bytes+row.Wasted) + ", " + group(row.Files) + " file" + plural(int(row.Files))})
	}
	v.Map = newTreemap(areas)
	if len(v.Rows) > maxSizeRows {
		v.More = len(v.Rows) - maxSizeRows
		v.Rows = v.Rows[:maxSizeRows]
	}
}

// sizeCrumbs are the steps from the repository to a directory, on pages of one kind.
func (h *handler) sizeCrumbs(r *request, t target, page string) []crumb {
	crumbs := []crumb{{h.called(r, t.Name), target{Name: t.Name}.href("r")}, {short(t.Digest), t.with(".", true).href(page)}}
	if t.Path == "." {
		return crumbs
	}
	for i, c := range t.Path + "/" {
		if c == '/' {
			p := t.Path[:i]
			crumbs = append(crumbs, crumb{path.Base(p), t.with(p, true).href(page)})
		}
	}
	crumbs[len(crumbs)-1].Href = ""
	return crumbs
}
