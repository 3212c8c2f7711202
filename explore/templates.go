package explore

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed web/*
var web embed.FS

// templateSet has a template for each page: the layout with the page's "main".
type templateSet map[string]*template.Template

// templates are parsed once, when the first page is shown. Files whose names begin with "_" are parts that all pages share.
var templates = sync.OnceValue(func() templateSet {
	set := templateSet{}
	shared := template.Must(template.New("").Funcs(functions).ParseFS(web, "web/_*.html"))
	names, err := fs.Glob(web, "web/[a-z]*.html")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		t := template.Must(template.Must(shared.Clone()).ParseFS(web, name))
		set[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return set
})

func (s templateSet) page(name string) *template.Template { return s[name] }

// assets are the files under /static/, with their media types.
var assets = map[string]string{
	"style.css":   "text/css; charset=utf-8",
	"favicon.svg": "image/svg+xml",
}

// static serves our own files. Their URLs carry a part of their digest, so they may be kept for ever.
func (h *handler) static(w http.ResponseWriter, r *request) error {
	contentType, ok := assets[r.rest]
	if !ok {
		return statusError{http.StatusNotFound, "There is no such file.", ""}
	}
	raw, err := web.ReadFile("web/" + r.rest)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("ETag", `"`+version(r.rest)+`"`)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r.Request, "", time.Time{}, bytes.NewReader(raw))
	return nil
}

// version is a part of a file's digest.
func version(name string) string {
	raw, err := web.ReadFile("web/" + name)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:6])
}

// asset is the URL of one of our files.
func asset(name string) string { return "/static/" + name + "?v=" + version(name) }
