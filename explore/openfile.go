package explore

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// openFile leads from a file of a repository of files to what is in it as it is now [/open/REPOSITORY/PATH].
func (h *handler) openFile(w http.ResponseWriter, r *request) error {
	files, repo, p := h.fileTarget(r.rest)
	if files == nil || p == "" {
		return statusError{http.StatusNotFound, "There is no such repository of files.", "/files/ lists those that there are."}
	}
	f, err := files.StatFile(r.Context(), repo, p)
	if err == nil && f.Digest == "" { // it is not here yet, and comes by being read
		f, err = readThrough(r.Context(), files, repo, p)
	}
	if err != nil {
		return err
	}
	return h.redirect(w, r, target{Name: repo, Digest: f.Digest}.with(".", true).href("fs"), false)
}

// readThrough reads a file to its end, by which it is kept, and returns what is known of it then.
func readThrough(ctx context.Context, files storage.FileReader, repo oci.Name, p string) (storage.File, error) {
	b, _, err := files.OpenFile(ctx, repo, p)
	if err != nil {
		return storage.File{}, err
	}
	defer b.Close()
	if _, err := io.Copy(io.Discard, b); err != nil {
		return storage.File{}, err
	}
	f, err := files.StatFile(ctx, repo, p)
	if err == nil && f.Digest == "" {
		err = fmt.Errorf("%w: %s/%.256q is not kept", storage.ErrFileUnknown, repo, p)
	}
	return f, err
}

// ofFiles reports whether name is a repository of files.
func (h *handler) ofFiles(name oci.Name) bool { return h.o.Files != nil && h.o.Files(name) != nil }

// fetch is how a shell gets a blob. One of a repository of files is no registry's.
func (h *handler) fetch(r *request, t target) string {
	if h.ofFiles(t.Name) {
		return "curl -fsSL " + quote(h.base(r)+target{Name: t.Name, Digest: t.Digest}.href("blob"))
	}
	return "crane blob " + h.word(r, t)
}

// home replaces the steps that lead to the pages of a repository of images where it is one of files.
func (h *handler) home(crumbs []crumb) []crumb {
	for i, c := range crumbs {
		if name, ok := strings.CutPrefix(c.Href, "/r/"); ok && h.ofFiles(oci.Name(name)) {
			crumbs[i].Href = fileHref(oci.Name(name), "")
		}
	}
	return crumbs
}
