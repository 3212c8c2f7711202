package explore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
	"vitrine/explore/zran"
	"vitrine/storage"
)

// rangeView is the JSON of the page that says how to read one file of a layer with nothing but common tools.
type rangeView struct {
	Of     string         `json:"of"`
	Path   string         `json:"path"` // as the layer has it
	Layer  digest.Digest  `json:"layer"`
	Format archive.Format `json:"format"`
	Size   int64          `json:"size"`           // of the file
	Data   int64          `json:"data"`           // its offset in what the layer decompresses to
	File   command        `json:"file"`           // asks this server for the file
	Range  command        `json:"range"`          // asks for a part of the layer; empty where there is no such part
	Why    string         `json:"why,omitempty"`  // there is none
	Cost   *rangeCost     `json:"cost,omitempty"` // of Range
	Begin  *rangeCost     `json:"own,omitempty"`  // what this server reads and decompresses for File
}

// rangeCost is what it takes to read a file.
type rangeCost struct {
	From    int64            `json:"from"`    // offset in the blob
	To      int64            `json:"to"`      // behind the last byte
	Skipped int64            `json:"skipped"` // decompressed bytes before the file
	Point   *zran.Checkpoint `json:"checkpoint,omitempty"`
}

// Fetched is how many bytes of the blob are read.
func (c *rangeCost) Fetched() int64 { return c.To - c.From }

// rangeLine shows a shell line that reads one file out of a layer without the rest of it [/zurl/NAME@DIGEST/PATH]. The digest is that of an image or of
// a layer.
func (h *handler) rangeLine(w http.ResponseWriter, r *request) error {
	t, err := parseTarget(r.rest)
	switch {
	case err != nil:
		return err
	case t.Digest == "" && t.Tag != "":
		return h.pin(w, r, t)
	case t.Digest == "" || t.Path == "" || t.Path == ".":
		return badRequest("a file of an image or of a layer is at /zurl/NAME@DIGEST/PATH")
	}
	l, e, err := h.findEntry(r.Context(), t)
	if err != nil {
		return err
	}
	defer l.Close()
	v := &rangeView{Of: t.ref(), Path: e.Name, Layer: l.o.d, Format: l.Format, Size: e.Size, Data: e.Data}
	v.File = line("curl -fsSL", quote(h.base(r)+t.href(t.pageOf(l))))
	if err := h.addRange(r, t, v, l, e); err != nil {
		return l.Report(err)
	}
	layer := target{Name: t.Name, Digest: l.o.d, Path: "."}
	return h.show(w, r, &page{name: "rangeline", Title: path.Base(t.Path) + " by range", forever: true, View: v, Command: v.Range,
		Crumbs: []crumb{{h.called(r, t.Name), target{Name: t.Name}.href("r")}, {short(t.Digest), t.with("", false).href("r")}, {t.Path, t.href(t.pageOf(l))}, {"by range", ""}},
		Tabs:   []tab{{"file", t.href(t.pageOf(l)), false}, {"layer", layer.href("fs"), false}, {"index", layer.href("cache/0"), false}}})
}

// pageOf is the page that shows t, which is in the layer itself or in an image.
func (t target) pageOf(l *Layer) string {
	if t.Digest == l.o.d {
		return "fs"
	}
	return "layers"
}

// findEntry opens the layer that has the file t, and returns the file there, all links followed. Who is not told of an error closes the layer.
func (h *handler) findEntry(ctx context.Context, t target) (*Layer, *tarfs.Entry, error) {
	f, err := h.openFlat(ctx, t.Name, t.Digest)
	if errors.Is(err, storage.ErrManifestUnknown) {
		return h.entryOfLayer(ctx, t)
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	n, err := f.Resolve(t.Path)
	if err == nil {
		n, err = f.Target(n)
	}
	if err == nil && n == nil {
		err = fmt.Errorf("%w: %.64q", fs.ErrNotExist, t.Path)
	}
	if err != nil {
		return nil, nil, err
	}
	return h.entryOfImage(ctx, t, f, n)
}

func (h *handler) entryOfImage(ctx context.Context, t target, f *flat, n *overlay.Node) (*Layer, *tarfs.Entry, error) {
	if err := hasBytes(n.Entry); err != nil {
		return nil, nil, err
	}
	d := f.layers[n.Layer]
	l, err := h.indexer(ctx, t.Name).Open(ctx, h.store, t.Name, d.Digest, d.MediaType)
	return l, n.Entry, err
}

func (h *handler) entryOfLayer(ctx context.Context, t target) (*Layer, *tarfs.Entry, error) {
	l, err := h.indexer(ctx, t.Name).Open(ctx, h.store, t.Name, t.Digest, "")
	if err != nil {
		return nil, nil, err
	}
	e, err := findInLayer(l.WithContext(ctx), t.Path)
	if err == nil {
		err = hasBytes(e)
	}
	if err != nil {
		return nil, nil, errors.Join(l.Report(err), l.Close())
	}
	return l, e, nil
}

func findInLayer(files fs.FS, p string) (*tarfs.Entry, error) {
	t, ok := files.(*tarfs.FS)
	if !ok {
		return nil, unprocessable("The files of a zip are compressed one by one.", "Its own index says where they are.")
	}
	info, err := t.Stat(p)
	if err != nil {
		return nil, err
	}
	return t.Target(info.Sys().(*tarfs.Entry))
}

func hasBytes(e *tarfs.Entry) error {
	if !e.FileMode().IsRegular() {
		return unprocessable(fmt.Sprintf("%.80q is no regular file.", e.Path), "")
	}
	return nil
}

// addRange finds the part of the blob that has the file, and the line that takes it out.
func (h *handler) addRange(r *request, t target, v *rangeView, l *Layer, e *tarfs.Entry) error {
	curl, base := h.api(r, t.Name)
	curl, blob := curl+" -fsSL", quote(base+"/blobs/"+string(l.o.d))
	switch {
	case e.Size == 0:
		v.Why = "The file is empty: there is nothing to read."
	case e.Sparse != nil:
		v.Why = "The file is sparse: its bytes do not lie in one piece."
	case l.Index == nil || l.Format == archive.RPM:
		v.Why = fmt.Sprintf("In %s a file has no place of its own.", l.Format)
	case l.Index.Checkpoints() == nil:
		v.Cost = &rangeCost{From: e.Data, To: e.Data + e.Size}
		v.Range = line(curl, fmt.Sprintf("-r %d-%d", v.Cost.From, v.Cost.To-1), blob)
	default:
		return v.addCompressed(l.Index, e, curl, blob)
	}
	return nil
}

// lookahead is how many bytes decoders want to see behind the last symbol that they need.
const lookahead = 64

// addCompressed is addRange for a gzip stream: common tools begin at the start of a member, which is mostly that of the stream.
func (v *rangeView) addCompressed(x *archive.Index, e *tarfs.Entry, curl, blob string) error {
	points := x.Checkpoints()
	own, err := points.Before(e.Data)
	if err != nil {
		return err
	}
	last, err := points.Before(e.Data + e.Size - 1)
	if err != nil {
		return err
	}
	to := min((last.Bit+last.Packed+7)/8+lookahead, x.BlobSize)
	v.Begin = &rangeCost{From: own.Bit / 8, To: to, Skipped: e.Data - own.Out, Point: &own}
	member := own
	for member.Kind != "member" && member.Number > 0 {
		if member, err = points.Checkpoint(member.Number - 1); err != nil {
			return err
		}
	}
	v.Cost = &rangeCost{From: member.Bit / 8, To: to, Skipped: e.Data - member.Out, Point: &member}
	v.Range = line(curl, fmt.Sprintf("-r %d-%d", v.Cost.From, to-1), blob, "| gunzip 2>/dev/null |", fmt.Sprintf("tail -c +%d | head -c %d", v.Cost.Skipped+1, e.Size))
	return nil
}
