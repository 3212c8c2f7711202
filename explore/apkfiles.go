package explore

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// fileTarget reads REPOSITORY/PATH. The reader is nil where the first component is no repository of files.
func (h *handler) fileTarget(rest string) (files storage.FileReader, repo oci.Name, p string) {
	name, p, _ := strings.Cut(rest, "/")
	repo, err := oci.ParseName(name)
	if err != nil || h.o.Files == nil {
		return nil, "", ""
	}
	return h.o.Files(repo), repo, p
}

// fileHref is the URL of a file itself, which package managers use as well.
func fileHref(repo oci.Name, p string) string { return "/files/" + string(repo) + "/" + escapePath(p) }

func apkFileHref(repo oci.Name, p string) string { return "/apk/" + string(repo) + "/" + escapePath(p) }

// apkOfFile opens a file of a repository of files [/apk/REPOSITORY/PATH].
func (h *handler) apkOfFile(r *request, files storage.FileReader, repo oci.Name, p string) (*apkFile, error) {
	b, file, err := files.OpenFile(r.Context(), repo, p)
	if err != nil {
		return nil, err
	}
	f := &apkFile{content: b, size: b.Size(), digest: file.Digest, name: path.Base(p), close: b.Close, report: func(err error) error { return err }, changes: true,
		self: apkFileHref(repo, p), bytes: fileHref(repo, p), print: line("curl -fsSL", quote(h.base(r)+fileHref(repo, p)))}
	f.member = func(string) string { return "" }
	if _, err := h.store.StatBlob(r.Context(), repo, file.Digest); err == nil { // the same content, as a blob
		t := target{Name: repo, Digest: file.Digest}
		f.files = t.with(".", true).href("fs")
		f.member = func(name string) string { return t.with(name, false).href("fs") }
	}
	dir := path.Dir(p)
	f.beside = func(name string) string {
		at := path.Join(dir, name)
		if strings.Contains(name, "/") || storage.CheckPath(at) != nil {
			return ""
		}
		if name == indexName { // which what lies beside it need not have; what an index lists is there, or comes when it is asked for
			if _, err := files.StatFile(r.Context(), repo, at); err != nil {
				return ""
			}
		}
		return apkFileHref(repo, at)
	}
	f.open = func(name string) (*apkFile, error) {
		beside, err := h.apkOfFile(r, files, repo, path.Join(dir, name))
		if errors.Is(err, storage.ErrFileUnknown) {
			err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		}
		return beside, err
	}
	f.crumbs = fileCrumbs(repo, p)
	return f, nil
}

// fileCrumbs are the steps from a repository of files to one of them.
func fileCrumbs(repo oci.Name, p string) []crumb {
	crumbs := []crumb{{string(repo), fileHref(repo, "")}}
	for i, c := range p {
		if c == '/' {
			crumbs = append(crumbs, crumb{shown(path.Base(p[:i])), fileHref(repo, p[:i]) + "/"})
		}
	}
	return append(crumbs, crumb{shown(path.Base(p)), ""})
}
