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

	"vitrine/explore/archive"
	"vitrine/explore/overlay"
	"vitrine/explore/tarfs"
)

// maxNesting bounds archives inside archives.
const maxNesting = 4

// look is a request to see into a layer or an image: what is open for it, and how its URLs and commands begin.
type look struct {
	tree
	h     *handler
	r     *request
	t     target // what the page is about; Path is as it was asked for
	keep  []string
	image *flat  // of /layers/
	layer *Layer // the innermost archive that is open; nil where that is the image
	base  digest.Digest

	index  string  // URL of the index of Alpine's packages that lies beside the innermost archive, or empty
	inner  string  // where the innermost archive lies: "usr/lib/x.jar!/", or empty
	levels int     // archives inside archives
	source command // that prints the innermost archive
	seat   *seat
	open   []io.Closer
}

// lookInto opens the layer that t names.
func (h *handler) lookInto(r *request, t target) (*look, error) {
	l := &look{h: h, r: r, t: t, base: t.Digest, seat: &seat{ctx: r.Context()}, keep: r.pairs("image", "mt")}
	l.source = line(h.fetch(r, t))
	layer, err := h.indexer(r.Context(), t.Name).Open(r.Context(), h.store, t.Name, t.Digest, r.query.Get("mt"))
	if err != nil {
		return nil, err
	}
	l.open = append(l.open, layer, l.seat)
	if err := l.use(layer); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// use makes a layer the innermost archive.
func (l *look) use(layer *Layer) (err error) {
	l.layer = layer
	l.tree, err = newLayerTree(l.seat, layer.WithContext(l.r.Context()))
	return err
}

// Close closes all that was opened, the innermost first.
func (l *look) Close() error {
	var errs []error
	for i := len(l.open); i > 0; i-- {
		errs = append(errs, l.open[i-1].Close())
	}
	return errors.Join(errs...)
}

// report tells the layers of an error that came out of reading them, so that what is damaged is made anew, and returns it.
func (l *look) report(err error) error {
	if err == nil {
		return nil
	}
	for _, c := range l.open {
		if layer, ok := c.(*Layer); ok {
			err = layer.Report(err)
		}
	}
	if l.image != nil {
		for _, layer := range l.image.open {
			if layer != nil {
				err = layer.Report(err)
			}
		}
	}
	return err
}

// find returns what the path of the page leads to. A component that ends in "!" is the inside of an archive, unless there is a file of that name.
func (l *look) find(p string) (*overlay.Node, error) {
	n, err := l.resolve(p)
	for errors.Is(err, fs.ErrNotExist) {
		rest, entered, enterErr := l.enter(p)
		if enterErr != nil {
			return nil, enterErr
		}
		if !entered {
			break
		}
		p = rest
		n, err = l.resolve(p)
	}
	return n, l.report(err)
}

// enter opens the first archive on the way to p, and returns what is left of p.
func (l *look) enter(p string) (rest string, entered bool, err error) {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		if len(part) < 2 || !strings.HasSuffix(part, "!") {
			continue
		}
		at := strings.Join(parts[:i+1], "/")
		if _, err := l.resolve(at); err == nil {
			continue
		}
		n, err := l.resolve(strings.TrimSuffix(at, "!"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", false, nil
		case err != nil:
			return "", false, l.report(err)
		}
		rest := strings.Join(parts[i+1:], "/")
		if rest == "" {
			rest = "."
		}
		return rest, true, l.openInner(n, at)
	}
	return "", false, nil
}

// openInner opens the file n as an archive, which is at the path at of the one that is open so far.
func (l *look) openInner(n *overlay.Node, at string) error {
	if l.levels++; l.levels > maxNesting {
		return statusError{http.StatusUnprocessableEntity, fmt.Sprintf("Archives inside archives are opened %d deep.", maxNesting), "The file itself can be fetched."}
	}
	f, err := l.file(n)
	if errors.Is(err, errNoContent) || errors.Is(err, tarfs.ErrNoTarget) {
		return notFound("%s is no archive.", path.Base(n.Path))
	}
	if err != nil {
		return err
	}
	l.open = append(l.open, f.content)
	layer, err := l.h.indexer(l.r.Context(), l.t.Name).OpenFile(l.r.Context(), f.content, f.size, f.digest, path.Base(n.Path))
	if err != nil {
		return l.report(err)
	}
	l.open = append(l.open, layer)
	if layer.Format == archive.Plain {
		return notFound("%s is no archive.", path.Base(n.Path))
	}
	l.source = l.prints(f)
	l.index = ""
	if layer.Format == archive.APK && l.layer != nil {
		l.index = l.indexBeside(n.Path)
	}
	l.inner += at + "/"
	return l.use(layer)
}

func notFound(format string, args ...any) error {
	return statusError{http.StatusNotFound, fmt.Sprintf(format, args...), "The directory above it may tell."}
}

// href is the URL of a path in the innermost archive.
func (l *look) href(p string, dir bool, pairs ...string) string {
	switch {
	case p == "." && l.inner != "":
		p, dir = strings.TrimSuffix(l.inner, "/"), true
	case p != ".":
		p = l.inner + p
	}
	return withQuery(l.t.with(p, dir).href(l.r.page), append(l.keep[:len(l.keep):len(l.keep)], pairs...)...)
}

// crumbs are the steps from the repository to a path in the innermost archive.
func (l *look) crumbs(p string) []crumb {
	root := l.t.with(".", true)
	crumbs := []crumb{{l.h.called(l.r, l.t.Name), target{Name: l.t.Name}.href("r")}, {short(l.t.Digest), withQuery(root.href(l.r.page), l.keep...)}}
	whole := strings.TrimSuffix(l.inner, "/")
	if p != "." {
		whole = l.inner + p
	}
	for i, c := range whole + "/" {
		if c == '/' && whole != "" {
			at := whole[:i]
			crumbs = append(crumbs, crumb{shown(path.Base(at)), withQuery(l.t.with(at, true).href(l.r.page), l.keep...)})
		}
	}
	crumbs[len(crumbs)-1].Href = ""
	return crumbs
}
