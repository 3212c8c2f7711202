package explore

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"vitrine/explore/archive"
	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
)

// streams reports whether a page is to be sent as the layer is read: it is not indexed yet, a browser asks for a directory of it, and it is an
// archive, as far as the first bytes tell.
func (h *handler) streams(r *request, t target) (f archive.Format, ok bool) {
	q := r.query
	switch {
	case r.Method != http.MethodGet || r.form() != asHTML || !t.Dir && t.Path != "." || strings.Contains(t.Path, "!"):
		return "", false
	case q.Has("raw") || q.Has("dl") || q.Has("version") || q.Has("after") || q.Has("sort") || exportKind(r) != "" || len(q["path"]) > 0:
		return "", false
	case h.indexer(r.Context(), t.Name).Indexed(r.Context(), h.store, t.Name, t.Digest):
		return "", false
	}
	blob, err := h.store.OpenBlob(r.Context(), t.Name, t.Digest)
	if err != nil {
		return "", false
	}
	defer blob.Close()
	f, err = detect(blob, blob.Size(), q.Get("mt"))
	ok = err == nil && f != archive.Plain && f.HasIndex() && blob.Size() > quickLayer
	if f == archive.Gzip { // as nearly all layers are
		f = archive.TarGzip
	}
	return f, ok
}

// quickLayer is the size of a blob that is read before anybody looks at an unfinished page, in bytes.
const quickLayer = 512 << 10

// flushEvery is how often what there is of a page is sent: not a packet for each row.
const flushEvery = 150 * time.Millisecond

// streamed is a page that is sent while its layer is read.
type streamed struct {
	*look
	w       http.ResponseWriter
	s       listing
	dir     string
	mu      sync.Mutex // of what is sent
	buf     bytes.Buffer
	seen    map[string]bool // directories that are not in the archive so far, but what lies in them is
	rows    int
	left    int
	started time.Time
	found   bool // there is such a directory
	begun   bool // something was sent
}

// stream sends the rows of a directory of a layer, which is of format f, in the order of the archive, as the pass over it comes to them. Once the pass is done everything is there at once.
func (h *handler) stream(w http.ResponseWriter, r *request, t target, f archive.Format) error {
	l := &look{h: h, r: r, t: t, base: t.Digest, keep: r.pairs("image", "mt"), layer: &Layer{Archive: &archive.Archive{Format: f}}}
	l.tree = &layerTree{}
	s, err := parseListing(r, t.Path, "tar")
	if err != nil {
		return err
	}
	p := &streamed{look: l, w: w, s: s, dir: t.Path, seen: map[string]bool{}, started: time.Now()}
	stop := p.pulse()
	err = p.follow()
	stop()
	if err == nil && !p.begun {
		err = p.begin("")
	}
	if !p.begun {
		return err
	}
	p.finish(err)
	if err != nil {
		return errors.Join(errStarted, err)
	}
	return nil
}

// command is what prints the page. name, as the archive has it, is that of its first entry: the others are taken to begin with ./ as it does, or not.
func (p *streamed) command(name string) command {
	words, gnu := tool(p.layer.Format, true)
	c := line(p.h.fetch(p.r, p.t), "|", words)
	dir := tarfs.Unescape(strings.TrimPrefix(p.dir, "."))
	if strings.HasPrefix(name, "./") {
		dir = strings.TrimSuffix("./"+dir, "/")
	}
	if gnu && !p.s.flat() {
		c = c.add(excludeBelow(dir))
	}
	if p.dir != "." {
		c = c.add(" " + member(dir))
	}
	if p.s.search != "" {
		c = c.add(" | grep " + quote(grepFor(p.s.search)))
	}
	return c
}

// begin sends all that comes before the rows.
func (p *streamed) begin(name string) error {
	p.begun = true
	page := &page{name: "dir", Title: p.title(p.dir), Crumbs: p.crumbs(p.dir), View: &dirView{target: p.t}, Command: p.command(name)}
	head := p.w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no")
	frame := p.h.frame(p.r, page)
	for _, part := range []string{"top", "streamhead"} {
		if err := p.write(part, frame); err != nil {
			return err
		}
	}
	p.flush()
	return nil
}

// pulse sends what there is from time to time, as the next row may be long in coming, until stop has returned.
func (p *streamed) pulse() (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(flushEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.flush()
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-stopped }
}

func (p *streamed) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.buf.Len() == 0 {
		return
	}
	p.w.Write(p.buf.Bytes()) // who is gone ends the context
	p.buf.Reset()
	http.NewResponseController(p.w).Flush()
}

// write adds a part of the page.
func (p *streamed) write(part string, view any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return templates().page("dir").ExecuteTemplate(&p.buf, part, view)
}

// follow sends rows until the pass is done. What does not fit on the page is counted.
func (p *streamed) follow() error {
	ctx := p.r.Context()
	for e, err := range p.h.indexer(ctx, p.t.Name).Follow(ctx, p.h.store, p.t.Name, p.t.Digest, p.r.query.Get("mt")) {
		if err != nil {
			return err
		}
		if !p.begun {
			if err := p.begin(e.Name); err != nil {
				return err
			}
		}
		if n := p.node(e); n != nil && p.s.wants(n) {
			if err := p.row(n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *streamed) row(n *overlay.Node) error {
	if p.rows == p.s.n {
		p.left++
		return nil
	}
	p.rows++
	base := p.dir
	if p.s.flat() {
		base = ""
	}
	v := &dirView{Entries: []*entryRow{p.look.row(n, base, p.s.pax)}}
	return p.write("filerows", v)
}

// node is what the page shows for an entry: itself, or a directory that it lies in; nil for what the page has not.
func (p *streamed) node(e *tarfs.Entry) *overlay.Node {
	if e.Path == "" {
		return nil
	}
	below, inside := e.Path, true
	if p.dir != "." {
		below, inside = strings.CutPrefix(e.Path, p.dir+"/")
	}
	p.found = p.found || inside || e.Path == p.dir && e.FileMode().IsDir()
	if p.s.flat() && e.Path == p.dir {
		return layerNode(e)
	}
	if !inside || below == "." {
		return nil
	}
	first, _, deeper := strings.Cut(below, "/")
	switch {
	case p.s.flat():
		return layerNode(e)
	case !deeper && p.seen[e.Path] && e.FileMode().IsDir():
		return nil
	case !deeper:
		p.seen[e.Path] = e.FileMode().IsDir()
		return layerNode(e)
	}
	dir := path.Join(p.dir, first)
	if p.seen[dir] || len(p.seen) > maxListRows {
		return nil
	}
	p.seen[dir] = true
	return layerNode(&tarfs.Entry{Path: dir, Type: tarfs.TypeDir, Synthetic: true})
}

// streamEnd is what the end of a page says.
type streamEnd struct {
	Took    string
	Rows    int
	Left    int
	Problem string
	Again   string
}

// finish sends the end of the page, and how it went.
func (p *streamed) finish(err error) {
	end := streamEnd{Took: fmt.Sprintf("%.1f s", time.Since(p.started).Seconds()), Rows: p.rows, Left: p.left, Again: p.r.URL.RequestURI()}
	if err != nil {
		s, _ := asStatus(err)
		end.Problem = s.what
	} else if !p.found && p.dir != "." {
		end.Problem = "There is no such directory in this layer."
	}
	frame := p.h.frame(p.r, &page{View: end})
	for _, part := range []string{"streamend", "bottom"} {
		if err := p.write(part, frame); err != nil {
			p.h.log.Error("the end of a page", "error", err)
		}
	}
	p.flush()
}
