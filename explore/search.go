package explore

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/overlay"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// Bounds of a search.
const (
	maxQuery   = 256             // bytes of what is searched for
	maxHits    = 100             // of each kind
	searchTime = 2 * time.Second // until what was found is shown
	minHex     = 4               // digits of a digest: fewer fit too many
)

// searchView is the JSON of a search.
type searchView struct {
	Query        string      `json:"query"`
	In           string      `json:"in,omitempty"` // the image that was searched
	Repositories []searchHit `json:"repositories,omitempty"`
	Tags         []searchHit `json:"tags,omitempty"`
	Digests      []searchHit `json:"digests,omitempty"`
	Files        []fileHit   `json:"files,omitempty"`
	Layers       int         `json:"layersSearched"`
	Skipped      int         `json:"layersSkipped,omitempty"` // they are not indexed, so that searching them would take long
	Stopped      bool        `json:"stopped,omitempty"`       // time was up
	More         []string    `json:"more,omitempty"`          // kinds of which there are more than are shown
	Problems     []string    `json:"problems,omitempty"`
}

// searchHit is something that has a name.
type searchHit struct {
	Text string `json:"text"`
	What string `json:"what,omitempty"` // "layer of team/app", and the like
	Href string `json:"-"`
}

// fileHit is a file in a layer, or in a whole image.
type fileHit struct {
	Repository oci.Name      `json:"repository"`
	Layer      digest.Digest `json:"layer"`
	Image      digest.Digest `json:"image"`
	Path       string        `json:"path"`
	Mode       string        `json:"mode"`
	Size       int64         `json:"size"`
	State      string        `json:"state,omitempty"` // "deleted", "overwritten"
	Href       string        `json:"-"`
}

// search looks for repositories, tags, digests and files.
func (h *handler) search(w http.ResponseWriter, r *request) error {
	v := &searchView{Query: strings.TrimSpace(r.query.Get("q")), In: strings.TrimSpace(r.query.Get("in"))}
	if len(v.Query) > maxQuery {
		return badRequest("what is searched for is longer than %d bytes", maxQuery)
	}
	if host, _ := splitHost(v.Query); host != "" && h.anywhere != nil { // a reference that somebody has pasted
		return h.oldImage(w, r, v.Query)
	}
	p := &page{name: "search", Title: "Search", View: v}
	if v.Query == "" {
		return h.show(w, r, p)
	}
	p.Title = "Search for " + shown(v.Query)
	done, err := h.turn(r.Context())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	s := &searcher{h: h, v: v, match: newMatcher(v.Query), seen: map[digest.Digest]bool{}}
	err = s.run(ctx, r)
	done()                                            // before it is sent: whoever asked may be slow to take it
	if ctx.Err() != nil && r.Context().Err() == nil { // what was found by now is shown
		v.Stopped, err = true, nil
	}
	if err != nil {
		return err
	}
	return h.show(w, r, p)
}

// searcher fills a view.
type searcher struct {
	h     *handler
	v     *searchView
	match *matcher
	seen  map[digest.Digest]bool // layers, and digests that were found
}

func (s *searcher) run(ctx context.Context, r *request) error {
	if s.v.In != "" {
		return s.image(ctx, r)
	}
	if href, of := s.h.beyond(ctx, s.v.Query); href != "" {
		s.hit(&s.v.Repositories, "repositories", searchHit{Text: s.v.Query, What: strings.TrimSpace("to be asked for " + of), Href: href})
	}
	ctx = storage.KeptOnly(ctx)
	var images []imageOf
	for name, err := range s.h.store.Repositories(ctx, "") {
		if err != nil {
			return err
		}
		if s.match.text(string(name)) {
			s.hit(&s.v.Repositories, "repositories", searchHit{Text: string(name), Href: target{Name: name}.href("r")})
		}
		if err := s.tags(ctx, name); err != nil {
			return err
		}
		found, err := s.manifests(ctx, name)
		if err != nil {
			return err
		}
		images = append(images, found...)
	}
	if !s.match.files() {
		return nil
	}
	for _, i := range images {
		if err := s.layers(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// hit adds one to a list, as long as there is room.
func (s *searcher) hit(to *[]searchHit, kind string, hit searchHit) {
	if len(*to) < maxHits {
		*to = append(*to, hit)
	} else {
		s.more(kind)
	}
}

func (s *searcher) more(kind string) {
	for _, k := range s.v.More {
		if k == kind {
			return
		}
	}
	s.v.More = append(s.v.More, kind)
}

func (s *searcher) tags(ctx context.Context, name oci.Name) error {
	for tag, err := range s.h.store.Tags(ctx, name, "") {
		if err != nil {
			return unlessUnknown(err)
		}
		if full := string(name) + ":" + string(tag); s.match.text(string(tag)) || s.match.exactly(full) {
			s.hit(&s.v.Tags, "tags", searchHit{Text: full, Href: target{Name: name, Tag: tag}.href("r")})
		}
	}
	return nil
}

// imageOf is an image of a repository.
type imageOf struct {
	name   oci.Name
	digest digest.Digest
	layers []oci.Descriptor
}

// manifests looks for a digest among manifests and what they name, and returns the images.
func (s *searcher) manifests(ctx context.Context, name oci.Name) (images []imageOf, err error) {
	for d, err := range storage.Manifests(ctx, s.h.store, name) {
		if err != nil {
			return nil, err
		}
		m, err := s.h.store.GetManifest(ctx, name, d.Digest)
		if err != nil {
			s.v.Problems = append(s.v.Problems, err.Error()) // one that is damaged does not keep the others from being found
			continue
		}
		c, err := oci.ParseManifest(m.MediaType, m.Raw)
		if err != nil {
			continue // what is no manifest that we know has no layers to search
		}
		s.digests(name, d, c)
		if len(c.Layers) > 0 {
			images = append(images, imageOf{name, d.Digest, c.Layers})
		}
	}
	return images, nil
}

func (s *searcher) digests(name oci.Name, d oci.Descriptor, c *oci.Contents) {
	if s.match.hex == "" {
		return
	}
	t := target{Name: name}
	add := func(d digest.Digest, what, page string) {
		if s.match.digest(d) {
			s.hit(&s.v.Digests, "digests", searchHit{Text: string(d), What: what, Href: t.at(d).href(page)})
		}
	}
	add(d.Digest, "manifest of "+string(name), "r")
	image := " of " + string(name) + "@" + short(d.Digest)
	for _, l := range c.Layers {
		add(l.Digest, "layer"+image, "fs")
	}
	if c.Config != nil {
		add(c.Config.Digest, "configuration"+image, "blob")
	}
}

// layers looks for files in the layers of an image that were not searched yet. Those that are not indexed are counted.
func (s *searcher) layers(ctx context.Context, i imageOf) error {
	for _, d := range i.layers {
		if s.seen[d.Digest] || len(s.v.Files) > maxHits {
			continue
		}
		s.seen[d.Digest] = true
		if err := ctx.Err(); err != nil {
			return err
		}
		if !s.h.indexer(ctx, i.name).Indexed(ctx, s.h.store, i.name, d.Digest) {
			s.v.Skipped++
			continue
		}
		if err := s.layer(ctx, i, d); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// layer looks for files in a layer. One that cannot be opened is no layer with files.
func (s *searcher) layer(ctx context.Context, i imageOf, d oci.Descriptor) error {
	l, err := s.h.indexer(ctx, i.name).Open(ctx, s.h.store, i.name, d.Digest, d.MediaType)
	if err != nil {
		s.v.Skipped++
		return err
	}
	defer l.Close()
	if l.Index == nil || l.Index.Table() == nil {
		return nil
	}
	s.v.Layers++
	t := target{Name: i.name, Digest: d.Digest}
	n := 0
	for e, err := range l.Index.Table().Entries() {
		if n++; n%4096 == 0 && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return l.Report(err)
		}
		if e.Synthetic || e.Path == "" || !s.match.file(e.Path, e.SHA256) {
			continue
		}
		if len(s.v.Files) >= maxHits {
			s.more("files")
			return nil
		}
		dir := e.FileMode().IsDir()
		s.v.Files = append(s.v.Files, fileHit{Repository: i.name, Layer: d.Digest, Image: i.digest, Path: e.Path, Mode: e.FileMode().String(),
			Size: e.Size, Href: t.with(e.Path, dir).href("fs")})
	}
	return nil
}

// image looks for files in one image, laid out flat.
func (s *searcher) image(ctx context.Context, r *request) error {
	side, err := s.h.openSide(ctx, r, s.v.In, r.query.Get("platform"))
	if err != nil {
		return err
	}
	defer side.close()
	s.v.Problems, s.v.Layers = side.Problems, max(len(side.layers), 1)
	n := 0
	for node, err := range side.files.Walk(".") {
		if n++; n%4096 == 0 && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if node.Entry.Synthetic || !s.match.file(node.Path, node.Entry.SHA256) {
			continue
		}
		if len(s.v.Files) >= maxHits {
			s.more("files")
			return nil
		}
		s.v.Files = append(s.v.Files, nodeHit(side, node))
	}
	return nil
}

// nodeHit is a file of an image: dead ones are shown in the layer that still has them.
func nodeHit(s *side, n *overlay.Node) fileHit {
	hit := fileHit{Repository: s.t.Name, Image: s.t.Digest, Layer: s.t.Digest, Path: n.Path, Mode: n.Entry.FileMode().String(), Size: n.Entry.Size}
	if s.Kind == "image" {
		hit.Layer = s.layers[n.Layer].Digest
	}
	hit.Href = s.t.with(n.Path, n.IsDir()).href(s.page)
	if n.State != overlay.Live {
		hit.State, hit.Href = n.State.String(), s.t.at(hit.Layer).with(n.Path, n.IsDir()).href("fs")
	}
	return hit
}
