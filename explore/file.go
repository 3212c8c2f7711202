package explore

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/explore/inspect"
	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
	"vitrine/storage/oci"
)

// fileView is the JSON of a file.
type fileView struct {
	target
	Entry        *entryRow     `json:"entry"`
	Digest       digest.Digest `json:"digest,omitempty"` // of the content
	Links        []linkedTo    `json:"links,omitempty"`  // symbolic and hard links on the way to the content
	Facts        []fact        `json:"-"`
	Records      []record      `json:"-"`
	Versions     []*entryRow   `json:"versions,omitempty"` // others of the same path
	Problem      string        `json:"problem,omitempty"`  // why there is no content
	Picture      string        `json:"-"`
	Package      string        `json:"package,omitempty"` // that says that the file is its own, where ?package wants to know
	Asked        bool          `json:"-"`                 // whether it does
	WhichPackage string        `json:"-"`                 // URL of the page with it
	Raw          string        `json:"raw,omitempty"`     // URL of the bytes
	Save         string        `json:"-"`
	Layer        *layerView    `json:"layer,omitempty"`
	*contentView
}

// Content is what the template shows below.
func (v *fileView) Content() *contentView { return v.contentView }

// linkedTo is a link on the way to what is shown.
type linkedTo struct {
	What string `json:"what"`
	To   string `json:"to"`
	Href string `json:"href,omitempty"`
}

// fact is a field of the header.
type fact struct{ Name, Value, Href string }

// showFile shows what is no directory.
func (l *look) showFile(w http.ResponseWriter, n *overlay.Node) error {
	f, err := l.file(n)
	if errors.Is(err, errNoContent) || errors.Is(err, tarfs.ErrNoTarget) {
		return l.showEntry(w, n, err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if exportKind(l.r) != "" {
		return badRequest("%s is a file: ?raw has its bytes", shown(n.Path))
	}
	if isRaw(l.r) {
		kind, err := l.kind(f)
		if err != nil {
			return l.report(err)
		}
		return l.sendFile(w, f, kind)
	}
	c := l.context(n)
	if l.r.query.Get("jq") != "" {
		return l.showPart(w, f, c)
	}
	view, err := l.h.contentView(l.r, c, n.Path, f.content, f.size)
	switch {
	case errors.As(err, new(*archive.UnsupportedError)):
		return l.showEntry(w, n, err)
	case err != nil:
		return l.report(err)
	}
	v, err := l.fileView(f, view)
	if err != nil {
		return err
	}
	p := l.filePage(n, v)
	p.Command = l.prints(f).pipe(view.tail)
	p.Tabs = view.Forms
	if view.Kind == inspect.KindArchive {
		p.Tabs = append(p.Tabs, tab{Text: "inside", Href: l.insideHref(n)})
	}
	p.Tabs = append(p.Tabs, l.apkTabs(n, f)...)
	return l.h.show(w, l.r, p)
}

// kind tells what a file is by its first bytes.
func (l *look) kind(f *held) (inspect.Kind, error) {
	head := make([]byte, min(f.size, inspect.HeadSize))
	if n, err := f.ReadAt(head, 0); n < len(head) {
		return "", err
	}
	return inspect.Detect(f.node.Path, head), nil
}

// context says where the file is, for links in it.
func (l *look) context(n *overlay.Node) jsonContext {
	index := l.index
	if strings.HasSuffix(n.Path, ".apk") && l.layer != nil {
		index = l.indexBeside(n.Path)
	}
	return jsonContext{page: l.r.page, target: l.t.with(l.whole(n.Path), false), kind: docGeneric, keep: l.kept(), index: index}
}

// kept are the parts of the query that other forms of the same file need.
func (l *look) kept() []string {
	return append(l.keep[:len(l.keep):len(l.keep)], "version", l.r.query.Get("version"))
}

// maxPart bounds the document that ?jq= takes a part out of.
func (l *look) showPart(w http.ResponseWriter, f *held, c jsonContext) error {
	if f.size > maxDocument {
		return unprocessable(fmt.Sprintf("This has %s, and parts are taken out of up to %s.", iec(f.size), iec(maxDocument)), "It can be looked at as text or bytes.")
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxDocument))
	if err != nil {
		return l.report(err)
	}
	p := l.filePage(f.node, nil)
	p.Command = l.prints(f)
	return l.h.part(w, l.r, c, raw, p)
}

// insideHref is the URL of the inside of a file that is an archive.
func (l *look) insideHref(n *overlay.Node) string {
	if n.Path == "." || l.onlyFile() != nil {
		return ""
	}
	return l.href(n.Path+"!", true)
}

func (l *look) filePage(n *overlay.Node, v *fileView) *page {
	p := &page{name: "file", Title: path.Base(shown(n.Path)), View: v, Crumbs: l.crumbs(n.Path), forever: l.image == nil || len(l.image.problems()) == 0}
	if l.onlyFile() != nil {
		p.Title, p.Crumbs = "Blob "+short(l.t.Digest), l.crumbs(".")
	}
	return p
}

// fileView is the view model of a file with its content.
func (l *look) fileView(f *held, view *contentView) (*fileView, error) {
	v, err := l.entryView(f.node)
	if err != nil {
		return nil, err
	}
	v.contentView, v.Digest = view, f.digest
	v.Raw = l.href(f.node.Path, false, append(l.kept()[len(l.keep):], "raw", "1")...)
	v.Save = l.href(f.node.Path, false, append(l.kept()[len(l.keep):], "dl", "1")...)
	if view.Kind.IsImage() {
		v.Picture = v.Raw
	}
	if idOf(f.of) != idOf(f.node) {
		v.Links = append(v.Links, l.hardLink(f))
	}
	if err := l.addPackage(v, f.node); err != nil {
		return nil, err
	}
	if l.onlyFile() != nil && l.inner == "" {
		v.Layer, err = l.describe()
	}
	return v, err
}

// addPackage says whose the file is, if that is asked, and how to ask: finding out may take some reading.
func (l *look) addPackage(v *fileView, n *overlay.Node) error {
	if l.r.query.Has("package") {
		owner, err := l.packageOf(n.Path)
		v.Package, v.Asked = shown(owner), true
		return err
	}
	if l.layer == nil && l.hasPackages() {
		v.WhichPackage = l.href(n.Path, false, "package", "1")
	}
	return nil
}

func (l *look) hardLink(f *held) linkedTo {
	to := linkedTo{What: "This is a hard link: another name of the file", To: shown(f.of.Path), Href: l.href(f.of.Path, false)}
	switch {
	case l.layer == nil && f.of.State != overlay.Live:
		row := l.row(f.of, "", false)
		to.What = fmt.Sprintf("This is a hard link to a file of layer %d that the image has no more by its other name (%s)", f.of.Layer, row.Note)
		to.Href = row.Href
	case l.layer == nil && f.of.Layer != f.node.Layer:
		to.What = fmt.Sprintf("This is a hard link to a file of layer %d", f.of.Layer)
	case f.of.Entry.Overwritten:
		to.Href = l.href(f.of.Path, false, "version", versionOf(f.of))
	}
	return to
}

// showEntry shows what has no content: a link to nothing, a device.
func (l *look) showEntry(w http.ResponseWriter, n *overlay.Node, why error) error {
	if asksBytes(l.r) {
		return notFound("%s has no content here.", shown(n.Path))
	}
	v, err := l.entryView(n)
	if err != nil {
		return err
	}
	var unsupported *archive.UnsupportedError
	switch v.Problem = "It has no content: it is no regular file."; {
	case errors.As(why, &unsupported):
		v.Problem = shown(fmt.Sprintf("Its content cannot be shown: this is %s: %s.", unsupported.Format, unsupported.Reason))
	case errors.Is(why, tarfs.ErrLoop), errors.Is(why, overlay.ErrLoop):
		v.Problem = "It leads to itself, or through too many others."
	case n.Entry.Type == tarfs.TypeSymlink:
		v.Problem = "This is a symbolic link to what is not here."
	case errors.Is(why, tarfs.ErrNoTarget):
		v.Problem = "This is a hard link, and the file that it means is not in this layer. It is in one below."
		if l.layer == nil {
			v.Problem = "This is a hard link to a file that no layer has."
		}
		v.Links = append(v.Links, l.lowerTarget(n))
	}
	return l.h.show(w, l.r, l.filePage(n, v))
}

// lowerTarget leads to what a hard link means in the image, where that is known.
func (l *look) lowerTarget(n *overlay.Node) linkedTo {
	to := linkedTo{What: "It leads to", To: shown(n.Entry.Link)}
	image, err := oci.ParseDigest(l.r.query.Get("image"))
	p := cleanLink(n)
	if err == nil && l.inner == "" && l.layer != nil && p != "" {
		to.What, to.Href = "It leads to, and opens in the image as,", l.t.at(image).with(n.Path, false).href("layers")
	}
	return to
}

// entryView is the view model of an entry, without content.
func (l *look) entryView(n *overlay.Node) (*fileView, error) {
	v := &fileView{target: l.t, Entry: l.row(n, "", true), Facts: headerFacts(n.Entry), Records: records(n.Entry)}
	if asked := l.lastPath(); asked != n.Path && l.onlyFile() == nil {
		v.Links = append(v.Links, linkedTo{What: shown(asked) + " is a symbolic link, or lies behind one. It leads to", To: shown(n.Path), Href: l.href(n.Path, false)})
	}
	all, err := l.versions(n.Path)
	for i, o := range all {
		if i < maxVersions && !o.IsDir() && (o.Entry.Header != n.Entry.Header || o.Layer != n.Layer) {
			v.Versions = append(v.Versions, l.row(o, "", false))
		}
	}
	return v, l.report(err)
}

// lastPath is the path of the page inside the innermost archive.
func (l *look) lastPath() string {
	return strings.TrimPrefix(l.t.Path, l.inner)
}

// headerFacts are what the header of an entry says.
func headerFacts(e *tarfs.Entry) []fact {
	all := []fact{{"Name, as recorded", shown(e.Name), ""}, {"Mode", fmt.Sprintf("%04o", e.Mode&0o7777), ""},
		{"Owner", fmt.Sprintf("%d (%s)", e.UID, shown(e.Uname)), ""}, {"Group", fmt.Sprintf("%d (%s)", e.GID, shown(e.Gname)), ""},
		{"Modified", clock(e.ModTime), ""}, {"Type", fmt.Sprintf("%q", e.Type), ""}, {"Header at", group(e.Header), ""}}
	if e.Link != "" {
		all = append(all, fact{"Link", shown(e.Link), ""})
	}
	if e.FileMode().IsRegular() {
		all = append(all, fact{"Content at", group(e.Data), ""})
	}
	if e.Sparse != nil {
		all = append(all, fact{"Sparse", fmt.Sprintf("%d pieces, %s stored", len(e.Sparse), exact(e.Stored())), ""})
	}
	return all
}
