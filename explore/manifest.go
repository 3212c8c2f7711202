package explore

import (
	"bytes"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/inspect"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// Bounds of what a page shows of strangers' words. The document itself has all of them.
const (
	maxValue       = 1 << 10 // bytes of the value of a label or an annotation
	maxInstruction = 4 << 10 // bytes of an instruction
	maxPairs       = 300     // labels, annotations, variables
	maxOtherTags   = 20
)

// manifestView is the JSON of the page of a manifest.
type manifestView struct {
	Of           string        `json:"of"`
	Kind         manifestKind  `json:"kind"`
	MediaType    string        `json:"mediaType"`
	ArtifactType string        `json:"artifactType,omitempty"`
	Digest       digest.Digest `json:"digest"`
	Size         int64         `json:"size"` // of the manifest
	Href         string        `json:"-"`    // by digest
	Tags         []tagLink     `json:"tags,omitempty"`
	MoreTags     int           `json:"moreTags,omitempty"`
	MoreHref     string        `json:"-"`
	Subject      *blobRow      `json:"subject,omitempty"`
	Annotations  []labelRow    `json:"-"`

	Image     *imageView     `json:"image,omitempty"`
	Index     *indexView     `json:"index,omitempty"`
	Artifact  *artifactView  `json:"artifact,omitempty"`
	Referrers *referrersPart `json:"referrers,omitempty"`
	Supply    []statement    `json:"statements,omitempty"`

	Pull       []command       `json:"pull"`
	Headers    []headerLine    `json:"headers"`
	Descriptor string          `json:"-"`
	Document   json.RawMessage `json:"manifest"`

	ImageHTML, DocumentHTML template.HTML `json:"-"` // as fragments
}

// headerLine is a header field of the answer that the registry gives to a client.
type headerLine struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// manifestPage is a manifest that a page is made of.
type manifestPage struct {
	t        target // by digest, with the tag if it was asked for by that
	m        storage.Manifest
	contents *oci.Contents // of an empty manifest where what is stored is none
	kind     manifestKind
	byTag    bool // so that it may be another one tomorrow
	page     *page
}

// named shows what a name, a tag or a digest is of: a repository, or a manifest.
func (h *handler) named(w http.ResponseWriter, r *request) error {
	if r.rest == "" {
		http.Redirect(w, r.Request, "/", http.StatusMovedPermanently)
		return nil
	}
	t, err := parseTarget(r.rest)
	switch {
	case err != nil:
		return err
	case t.Tag == "" && t.Digest == "":
		return h.repo(w, r, t.Name)
	case t.Path != "" && t.Path != ".":
		return statusError{http.StatusNotFound, "A manifest has no files.", "Those of an image are below /layers/ in the place of /r/."}
	}
	m, err := h.readManifest(r, t.with("", false))
	if err != nil {
		return err
	}
	return h.manifest(w, r, m)
}

// readManifest reads what t names, and prepares its page.
func (h *handler) readManifest(r *request, t target) (*manifestPage, error) {
	m := &manifestPage{kind: kindOther, byTag: t.Digest == ""}
	if m.byTag {
		d, err := h.store.ResolveTag(r.Context(), t.Name, t.Tag)
		if err != nil {
			return nil, err
		}
		t.Digest = d.Digest
	}
	stored, err := h.store.GetManifest(r.Context(), t.Name, t.Digest)
	if err != nil {
		return nil, err
	}
	m.t, m.m = t, stored
	if m.contents, err = oci.ParseManifest(stored.MediaType, stored.Raw); err != nil {
		m.contents = &oci.Contents{MediaType: stored.MediaType}
	} else {
		m.kind = kindOfManifest(m.contents)
	}
	m.page = h.newManifestPage(r, m)
	return m, nil
}

// newManifestPage is what all views of a manifest have. None but parts of what a digest names are for ever: what refers to it, and its other tags, change.
func (h *handler) newManifestPage(r *request, m *manifestPage) *page {
	asked, last := m.t, "@"+short(m.t.Digest)
	if m.byTag {
		asked.Digest, last = "", ":"+string(m.t.Tag)
	}
	p := &page{name: "manifest", Title: h.called(r, m.t.Name) + last, Crumbs: append(h.nameCrumbs(r, m.t.Name, true), crumb{Text: last}),
		Command: line("crane manifest ").link(h.word(r, asked), target{Name: m.t.Name}.href("r"), "The repository").add(" | jq ."),
		text:    func() []byte { return indented(m.m.Raw) }}
	p.Tabs = m.tabs(asked)
	return p
}

// indented is JSON as jq prints it, but for the spelling of numbers and strings.
func indented(raw []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, bytes.TrimSpace(raw), "", "  ") != nil {
		return raw
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// tabs are the views of a manifest.
func (m *manifestPage) tabs(asked target) []tab {
	pinned := m.t.at(m.t.Digest)
	tabs := []tab{{"manifest", asked.href("r"), true}}
	if m.kind == kindImage {
		root := pinned.with(".", true)
		config := target{Name: m.t.Name, Digest: m.contents.Config.Digest}
		tabs = append(tabs, tab{"files", root.href("layers"), false}, tab{"sizes", root.href("sizes"), false},
			tab{"history", withQuery(asked.href("r"), "render", "history"), false},
			tab{"configuration", withQuery(config.href("blob"), "mt", m.contents.Config.MediaType, "manifest", string(m.t.Digest)), false})
	}
	return append(tabs, tab{"referrers", pinned.href("referrers"), false}, tab{"compare", withQuery("/diff", "from", asked.ref()), false})
}

// choose marks the view that is shown.
func (m *manifestPage) choose(text string) {
	for i := range m.page.Tabs {
		m.page.Tabs[i].Here = m.page.Tabs[i].Text == text
	}
}

// manifest shows a manifest, or the part of it that the query asks for.
func (h *handler) manifest(w http.ResponseWriter, r *request, m *manifestPage) error {
	switch {
	case r.query.Get("platform") != "":
		return h.toPlatform(w, r, m)
	case r.query.Get("render") == "history" && r.query.Get("jq") == "" && m.kind == kindImage:
		return h.showHistory(w, r, m)
	case r.asksPart():
		m.page.forever = !m.byTag
		return h.part(w, r, m.json("r"), m.m.Raw, m.page)
	}
	v, err := h.manifestView(r, m)
	if err != nil {
		return err
	}
	m.page.View = v
	return h.show(w, r, m.page)
}

// json says where the document stands.
func (m *manifestPage) json(page string) jsonContext {
	return jsonContext{page: page, target: m.t.at(m.t.Digest), mediaType: m.m.MediaType}
}

func (h *handler) manifestView(r *request, m *manifestPage) (v *manifestView, err error) {
	v = &manifestView{Of: m.t.ref(), Kind: m.kind, MediaType: m.m.MediaType, ArtifactType: m.contents.ArtifactType, Digest: m.t.Digest, Size: m.m.Size, Href: m.t.at(m.t.Digest).href("r"),
		Document: m.m.Raw, Pull: h.pullLines(r, m), Headers: m.headers(), Descriptor: m.descriptor()}
	v.Annotations = h.labels(r, m, m.contents.Annotations)
	if m.contents.Subject != nil {
		v.Subject = &blobRow{}
		*v.Subject = newBlobRow(m, *m.contents.Subject)
	}
	switch m.kind {
	case kindImage:
		v.Image, err = h.imageView(r, m)
	case kindIndex:
		v.Index, err = h.indexView(r, m)
	case kindArtifact:
		v.Artifact, err = h.artifactView(r, m)
	}
	if err == nil {
		err = h.addTags(r, m, v)
	}
	if err == nil {
		err = h.addReferrers(r, m, v)
	}
	if err != nil {
		return nil, err
	}
	return v, h.addFragments(r, m, v)
}

// addFragments writes the parts of the page that follow from digests, unless it is no page that is asked for.
func (h *handler) addFragments(r *request, m *manifestPage, v *manifestView) (err error) {
	if r.form() == asJSON {
		return nil
	}
	key := []string{h.realm(r.Context(), m.t.Name), r.Host, string(m.t.Name), string(m.t.Digest)} // links to this registry depend on its name
	if v.Image != nil {
		v.ImageHTML, err = h.fragment("manifest", "image", append(key, v.Image.missing()), func() (any, error) { return v.Image, nil })
		if err != nil {
			return err
		}
	}
	v.DocumentHTML, err = h.fragment("manifest", "document", key, func() (any, error) { return h.document(r, m) })
	return err
}

// addReferrers adds what refers to the manifest, and says what of that can be said in words.
func (h *handler) addReferrers(r *request, m *manifestPage, v *manifestView) (err error) {
	if v.Referrers, err = h.referrersPart(r, m.t, inlineReferrers); err != nil {
		return err
	}
	speakers := v.Referrers.speakers
	if m.kind == kindIndex && h.away(r.Context(), m.t.Name) == nil { // each costs a question
		speakers = append(speakers, attestationsOf(m.contents.Manifests)...)
	}
	v.Supply, err = h.statements(r.Context(), m.t, speakers)
	return err
}

// documentView is a manifest with links, or why it is not shown.
type documentView struct {
	JSON *jsonView
	Note string
}

func (h *handler) document(r *request, m *manifestPage) (documentView, error) {
	root, err := inspect.ParseJSON(m.m.Raw, nil)
	if err != nil { // beyond the bounds of what is shown: the store has taken it
		return documentView{Note: "The document is not shown: " + err.Error() + "."}, nil
	}
	return documentView{JSON: h.jsonView(r, m.json("r"), root)}, nil
}

// headers are those of the answer to a GET of the manifest [end-3].
func (m *manifestPage) headers() []headerLine {
	return []headerLine{{"Content-Type", m.m.MediaType}, {"Content-Length", strconv.FormatInt(m.m.Size, 10)}, {"Docker-Content-Digest", string(m.t.Digest)}}
}

// descriptor is how others refer to the manifest (image-spec, descriptor.md).
func (m *manifestPage) descriptor() string {
	d := oci.Descriptor{MediaType: m.m.MediaType, Digest: m.t.Digest, Size: m.m.Size}
	if m.kind == kindArtifact && m.contents.Config != nil && m.contents.ArtifactType != m.contents.Config.MediaType {
		d.ArtifactType = m.contents.ArtifactType
	}
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil { // three strings and a number
		return ""
	}
	return string(raw)
}

// addTags finds the tags that point at the manifest, where the store has them all at hand.
func (h *handler) addTags(r *request, m *manifestPage, v *manifestView) error {
	for tag, err := range storage.DatedTags(storage.KeptOnly(r.Context()), h.store, m.t.Name) {
		switch {
		case errors.Is(err, storage.ErrUnsupported):
			return nil
		case err != nil:
			return err
		case tag.Digest != m.t.Digest:
		case len(v.Tags) < maxOtherTags:
			v.Tags = append(v.Tags, tagLink{tag.Tag, target{Name: m.t.Name, Tag: tag.Tag}.href("r")})
		default:
			v.MoreTags++
			v.MoreHref = withQuery(target{Name: m.t.Name}.href("r"), "filter", string(m.t.Digest))
		}
	}
	return nil
}

// pullLines are the commands that fetch the manifest and all it has: by tag if it was asked for by one, and by digest, which always gets the same.
func (h *handler) pullLines(r *request, m *manifestPage) []command {
	words := []string{}
	if m.t.Tag != "" {
		words = append(words, h.word(r, target{Name: m.t.Name, Tag: m.t.Tag}))
	}
	words = append(words, h.word(r, m.t.at(m.t.Digest)))
	tools := []string{"oras pull %", "crane pull % --format oci image"}
	if m.kind != kindArtifact && m.kind != kindOther {
		tools = []string{"docker pull %", "podman pull %", "crane pull % image.tar"}
	}
	var lines []command
	for _, tool := range tools {
		lines = append(lines, line(strings.Replace(tool, "%", words[0], 1)))
	}
	if len(words) > 1 {
		lines = append(lines, line(strings.Replace(tools[0], "%", words[1], 1)))
	}
	return lines
}

// sortedKeys are the keys of a map in order, at most n of them.
func sortedKeys[V any](m map[string]V, n int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys[:min(len(keys), n)]
}
