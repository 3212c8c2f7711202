package explore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/apk"
	"vitrine/explore/archive"
	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
)

// indexName is that of the index in the directory of an architecture.
const indexName = "APKINDEX.tar.gz"

// apkFile is an index or a package of Alpine, wherever its bytes come from.
type apkFile struct {
	content io.ReaderAt
	size    int64
	digest  digest.Digest // of the content; "" if that is not known
	name    string        // the file's: "APKINDEX.tar.gz"

	self    string                              // URL of its page, without a query
	bytes   string                              // URL of a page about the file as it is, without what is known of its format
	files   string                              // URL of what is in it, empty for a text
	member  func(name string) string            // URL of a file in it
	beside  func(name string) string            // URL of the page of another file in the same directory, empty where there is none
	open    func(name string) (*apkFile, error) // opens that; whoever has it closes it
	print   command                             // prints its bytes
	crumbs  []crumb
	close   func() error
	changes bool              // there may be other content under the same URL
	report  func(error) error // is told of what went wrong
}

// apk shows an index or a package of Alpine [/apk/NAME@DIGEST/PATH, /apk/REPOSITORY/PATH]: a file in a layer, a blob where there is no path, or a file of a
// repository of files.
func (h *handler) apk(w http.ResponseWriter, r *request) error {
	t, err := parseTarget(r.rest)
	if files, repo, p := h.fileTarget(r.rest); files != nil && p != "" && t.Digest == "" {
		f, err := h.apkOfFile(r, files, repo, p)
		return h.closeAPK(w, r, f, err)
	}
	switch {
	case err != nil:
		return err
	case t.Digest == "" && t.Tag != "":
		return h.pin(w, r, t)
	case t.Digest == "":
		return badRequest("an index or a package of Alpine is at /apk/NAME@DIGEST/PATH")
	case h.isManifest(r.Context(), t):
		return h.apkOfImage(w, r, t)
	case t.Path == "" || t.Path == ".":
		f, err := h.apkBlob(r, t.with("", false))
		return h.closeAPK(w, r, f, err)
	}
	f, err := h.apkInLayer(r, t)
	return h.closeAPK(w, r, f, err)
}

// closeAPK shows a file, unless there is an error, and closes it.
func (h *handler) closeAPK(w http.ResponseWriter, r *request, f *apkFile, err error) error {
	if err != nil {
		return err
	}
	defer f.close()
	return h.showAPK(w, r, f)
}

// apkOfImage goes to the layer in which a file of an image lies.
func (h *handler) apkOfImage(w http.ResponseWriter, r *request, t target) error {
	if t.Path == "" || t.Path == "." {
		return badRequest("which file: /apk/NAME@DIGEST/PATH")
	}
	p, inside, _ := strings.Cut(t.Path, "!/")
	l, e, err := h.findEntry(r.Context(), t.with(p, false))
	if err != nil {
		return err
	}
	to := t.at(l.o.d).with(e.Path, false)
	if inside != "" {
		to.Path += "!/" + inside
	}
	return errors.Join(h.redirect(w, r, withQuery(to.href("apk"), r.allPairs()...), true), l.Close())
}

// allPairs is the whole query, for withQuery.
func (r *request) allPairs() (pairs []string) {
	for k := range r.query {
		pairs = append(pairs, r.pairs(k)...)
	}
	return pairs
}

// apkBlob is a blob that is an index or a package itself.
func (h *handler) apkBlob(r *request, t target) (*apkFile, error) {
	b, err := h.store.OpenBlob(r.Context(), t.Name, t.Digest)
	if err != nil {
		return nil, err
	}
	return &apkFile{content: b, size: b.Size(), digest: t.Digest, name: short(t.Digest), close: b.Close, report: func(err error) error { return err },
		self: t.href("apk"), bytes: t.href("blob"), files: t.with(".", true).href("fs"), member: func(name string) string { return t.with(name, false).href("fs") },
		beside: func(string) string { return "" },
		open:   func(name string) (*apkFile, error) { return nil, fmt.Errorf("%w: %.64q", fs.ErrNotExist, name) },
		print:  line(h.fetch(r, t)),
		crumbs: []crumb{{h.called(r, t.Name), target{Name: t.Name}.href("r")}, {short(t.Digest), t.href("blob")}, {"packages of Alpine", ""}}}, nil
}

// apkInLayer opens a file of a layer.
func (h *handler) apkInLayer(r *request, t target) (*apkFile, error) {
	files := *r
	files.page = "fs" // where links to directories lead
	l, err := h.lookInto(&files, t)
	if err != nil {
		return nil, err
	}
	n, err := l.find(t.Path)
	if err == nil && n.IsDir() {
		err = notFound("%s is a directory.", shown(t.Path))
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	f, err := l.apkFile(n)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	inner := f.close
	f.close = func() error { return errors.Join(inner(), l.Close()) }
	return f, nil
}

// apkFile opens a file of the innermost archive.
func (l *look) apkFile(n *overlay.Node) (*apkFile, error) {
	held, err := l.file(n)
	if errors.Is(err, errNoContent) || errors.Is(err, tarfs.ErrNoTarget) {
		return nil, notFound("%s has no content here.", shown(n.Path))
	}
	if err != nil {
		return nil, err
	}
	whole := l.t.with(l.whole(n.Path), false)
	dir := path.Dir(n.Path)
	f := &apkFile{content: held.content, size: held.size, digest: held.digest, name: path.Base(n.Path), close: held.Close, report: l.report, self: whole.href("apk"), bytes: whole.href("fs"),
		files: whole.with(whole.Path+"!", true).href("fs"), print: l.prints(held), crumbs: l.crumbs(n.Path)}
	f.member = func(name string) string { return whole.with(whole.Path+"!/"+name, false).href("fs") }
	f.beside = func(name string) string {
		if n := l.fileBeside(dir, name); n != nil {
			return l.t.with(l.whole(n.Path), false).href("apk")
		}
		return ""
	}
	f.open = func(name string) (*apkFile, error) {
		if n := l.fileBeside(dir, name); n != nil {
			return l.apkFile(n)
		}
		return nil, fmt.Errorf("%w: %.64q", fs.ErrNotExist, name)
	}
	return f, nil
}

// fileBeside is a file of a directory of the innermost archive, nil where there is none of a name.
func (l *look) fileBeside(dir, name string) *overlay.Node {
	p := path.Join(dir, name)
	if strings.Contains(name, "/") || !fs.ValidPath(p) {
		return nil
	}
	n, err := l.resolve(p)
	if err != nil || n.IsDir() {
		return nil
	}
	return n
}

// indexBeside is the URL of the index in the directory of a package in a layer, empty where there is none.
func (l *look) indexBeside(p string) string {
	x := l.fileBeside(path.Dir(p), indexName)
	if x == nil {
		return ""
	}
	return l.t.with(l.whole(x.Path), false).href("apk")
}

// showAPK shows what the file turns out to be.
func (h *handler) showAPK(w http.ResponseWriter, r *request, f *apkFile) error {
	head := make([]byte, min(f.size, 2))
	if n, err := f.content.ReadAt(head, 0); n < len(head) {
		return f.report(err)
	}
	if string(head) != "\x1f\x8b" && string(head) != "AD" {
		return f.report(h.apkIndex(w, r, f, nil))
	}
	x, err := apk.OpenIndex(f.content, f.size)
	if err == nil {
		return f.report(h.apkIndex(w, r, f, x))
	}
	p, packageErr := apk.Open(f.content, f.size)
	switch {
	case packageErr == nil:
		return f.report(h.apkPackage(w, r, f, p))
	case strings.HasSuffix(f.name, ".apk"):
		return f.report(packageErr)
	}
	return f.report(err)
}

// apkTabs are the views of a file that is an index or a package of Alpine, by its name.
func (l *look) apkTabs(n *overlay.Node, f *held) []tab {
	base := path.Base(n.Path)
	what := ""
	switch {
	case strings.HasSuffix(base, ".apk"):
		what = "package"
	case base == "APKINDEX", strings.HasPrefix(base, "APKINDEX.") && strings.HasSuffix(base, ".tar.gz"), strings.HasSuffix("/"+n.Path, "/lib/apk/db/installed"):
		what = "packages"
	default:
		return nil
	}
	t := l.t.with(l.whole(n.Path), false)
	if l.layer == nil {
		t = t.at(l.image.layers[f.of.Layer].Digest)
	}
	return []tab{{what, t.href("apk"), false}}
}

// apkRootTabs are those of the innermost archive, by what is in it.
func (l *look) apkRootTabs() []tab {
	what := ""
	switch {
	case l.fileBeside(".", "APKINDEX") != nil:
		what = "packages"
	case l.layer.Format == archive.APK && l.fileBeside(".", ".PKGINFO") != nil:
		what = "package"
	default:
		return nil
	}
	return []tab{{what, l.t.with(strings.TrimSuffix(l.inner, "!/"), false).href("apk"), false}}
}
