package explore

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/explore/zran"
)

// checkpointRows are those of a page: a layer of 250 MB when unpacked.
const checkpointRows = 500

// checkpointsView is the JSON of the page of an index.
type checkpointsView struct {
	Of        string         `json:"of"`
	Digest    digest.Digest  `json:"digest"`
	Format    archive.Format `json:"format"`
	Variant   string         `json:"variant,omitempty"`
	BlobSize  int64          `json:"blobSize"`
	Unpacked  int64          `json:"unpacked"`
	Entries   int            `json:"entries"`
	IndexSize int64          `json:"indexSize"` // all of it, as it is kept
	Version   int            `json:"version"`   // of what is kept
	Percent   string         `json:"-"`         // of the blob that the index takes
	Stream    *streamView    `json:"stream,omitempty"`
}

// streamView is about the checkpoints of a compressed stream.
type streamView struct {
	Count    int64             `json:"count"`
	Longest  int64             `json:"longest"` // span
	Size     int64             `json:"size"`    // of the checkpoints
	Windows  int               `json:"-"`
	Rows     []zran.Checkpoint `json:"checkpoints"`
	From, To int64             `json:"-"`
	pager
}

// checkpoints shows the index of a layer [/cache/N/NAME@DIGEST/]: where its decompression can begin. N is for others' sake, who keep an index of it.
func (h *handler) checkpoints(w http.ResponseWriter, r *request) error {
	level, rest, _ := strings.Cut(r.rest, "/")
	if n, err := strconv.Atoi(level); err != nil || n < 0 || n > 9 {
		return badRequest("an index is at /cache/0/NAME@DIGEST/")
	}
	if host, without := splitHost(rest); host != "" && h.local(r, host) {
		rest = without
	}
	t, err := parseTarget(rest)
	switch {
	case err != nil:
		return err
	case t.Digest == "":
		return badRequest("an index is that of a layer, which goes by its digest: /cache/0/NAME@DIGEST/")
	case t.Path != "" && t.Path != ".":
		return statusError{http.StatusNotFound, "An index has no files here.", "The page of the index has all of it."}
	}
	l, err := h.indexer(r.Context(), t.Name).Open(r.Context(), h.store, t.Name, t.Digest, r.query.Get("mt"))
	if err != nil {
		return err
	}
	defer l.Close()
	if l.Index == nil {
		return unprocessable(fmt.Sprintf("This is %s, which brings its own index.", l.Format), "Its files can be looked at.")
	}
	return h.showCheckpoints(w, r, t.at(t.Digest).with(".", true), l)
}

func (h *handler) showCheckpoints(w http.ResponseWriter, r *request, t target, l *Layer) error {
	x := l.Index
	info := x.Table().Info()
	v := &checkpointsView{Of: t.ref(), Digest: t.Digest, Format: x.Format, Variant: x.Variant, BlobSize: x.BlobSize, Unpacked: info.Size,
		Entries: x.Table().Len(), IndexSize: x.Size(), Version: indexVersion}
	if x.BlobSize > 0 {
		v.Percent = strconv.FormatFloat(float64(x.Size())*100/float64(x.BlobSize), 'f', 2, 64)
	}
	if c := x.Checkpoints(); c != nil {
		var err error
		if v.Stream, err = newStreamView(c, t, r.query.Get("from")); err != nil {
			return l.Report(err)
		}
	}
	blob := t.with("", false)
	return h.show(w, r, &page{name: "checkpoints", Title: "Index of " + short(t.Digest), forever: true, View: v,
		Crumbs:  []crumb{{h.called(r, t.Name), target{Name: t.Name}.href("r")}, {short(t.Digest), t.href("fs")}, {"index", ""}},
		Tabs:    []tab{{"files", t.href("fs"), false}, {"sizes", t.href("size"), false}, {"blob", blob.href("blob"), false}, {"index", t.href("cache/0"), true}},
		Command: line(h.fetch(r, blob), "> layer && vitrine index layer")})
}

func newStreamView(c *zran.Index, t target, from string) (*streamView, error) {
	v := &streamView{Count: c.Len(), Longest: c.LongestSpan(), Size: c.EncodedSize()}
	if from != "" {
		n, err := strconv.ParseInt(from, 10, 64)
		if err != nil || n < 0 || n >= v.Count {
			return nil, badRequest("from= wants the number of a checkpoint, below %d", v.Count)
		}
		v.From = n
	}
	v.To = min(v.From+checkpointRows, v.Count)
	for i := v.From; i < v.To; i++ {
		row, err := c.Checkpoint(i)
		if err != nil {
			return nil, err
		}
		v.Rows = append(v.Rows, row)
	}
	at := func(n int64) string { return withQuery(t.href("cache/0"), "from", strconv.FormatInt(n, 10)) }
	if v.From > 0 {
		v.Prev = at(max(v.From-checkpointRows, 0))
	}
	if v.To < v.Count {
		v.Next = at(v.To)
	}
	if v.Prev != "" || v.Next != "" {
		v.At = fmt.Sprintf("%s to %s of %s", group(v.From), group(v.To-1), group(v.Count))
	}
	return v, nil
}
