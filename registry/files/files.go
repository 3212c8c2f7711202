// Package files serves repositories of plain files over HTTP: packages that are no container images, and what package managers need beside them.
// docs/files.md lists what it answers to what.
//
// A repository is one of three kinds, and has a package format, which says what is an index and what a package:
//
//	local     files are put here                            Local over the store
//	remote    another server's, kept as they are read       a storage/pullthrough over a remote.Files
//	virtual   several repositories under one name           Virtual
//
// All of them are a storage.FileReader to the handler; one that also takes files has a Store.
package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// Type is the kind of a repository: how it is served.
type Type string

// The types.
const (
	LocalType   Type = "local"
	RemoteType  Type = "remote"
	VirtualType Type = "virtual"
)

// Store is what files are put into.
type Store interface {
	storage.FileStore
	storage.UploadManager
}

// Repository is one of those that are served.
type Repository struct {
	Name    oci.Name // one component
	Type    Type
	Package Package
	Reader  storage.FileReader
	Store   Store  // nil: nothing can be put or deleted
	Key     string // the name of the public key that signs the indexes made here: /keys/NAME.rsa.pub; "": none
}

// Options are what a handler may be told. Nil and zero: everything is allowed.
type Options struct {
	NoDelete     bool          // DELETE is 405
	ReadOnly     bool          // every write is 405
	ExternalURL  string        // where clients find this server, if not at the Host that they ask for
	StallTimeout time.Duration // a body that sends no byte for so long has ended; 0: a minute
	Keys         *AlpineKeys   // nil: no repository has a key

	// Look returns the path of the page that shows what is in a file, or in a directory, whose path ends in a slash, for listings; "" where there is none. Nil:
	// there are no such pages.
	Look func(r *Repository, path string) string

	Log *slog.Logger // gets what the client is not told; nil: discard
}

// New returns the handler of what Serves says is its. It reads the path as it came and must not stand behind an http.ServeMux that redirects.
func New(repositories []Repository, o *Options) http.Handler {
	h := &handler{repos: map[oci.Name]*Repository{}}
	if o != nil {
		h.Options = *o
	}
	if h.Log == nil {
		h.Log = slog.New(slog.DiscardHandler)
	}
	h.StallTimeout = cmp.Or(h.StallTimeout, time.Minute)
	for i := range repositories {
		h.repos[repositories[i].Name] = &repositories[i]
	}
	return h
}

type handler struct {
	Options
	repos map[oci.Name]*Repository
	same  same
}

// An action answers one method of one endpoint. An error that it returns has not been written.
type action func(h *handler, w http.ResponseWriter, r *http.Request, rt route) error

var endpoints = map[endpoint]map[string]action{
	repositoryList: {"GET": (*handler).getRepositories, "HEAD": (*handler).getRepositories},
	directory:      {"GET": (*handler).getDirectory, "HEAD": (*handler).getDirectory},
	publicKey:      {"GET": (*handler).getKey, "HEAD": (*handler).getKey},
	file:           {"GET": (*handler).getFile, "HEAD": (*handler).headFile, "PUT": (*handler).putFile, "DELETE": (*handler).deleteFile},
}

// Headers that never change are shared slices.
var (
	nosniff     = []string{"nosniff"}
	sandboxed   = []string{"default-src 'none'; sandbox"} // a file has the media type that whoever put it gave it, which may be text/html
	acceptBytes = []string{"bytes"}
	lengthZero  = []string{"0"}
)

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["X-Content-Type-Options"] = nosniff
	header["Content-Security-Policy"] = sandboxed
	rt, err := h.route(r.URL)
	if err != nil {
		h.fail(w, r, rt, err)
		return
	}
	do := endpoints[rt.endpoint][r.Method]
	if err := h.refusal(r.Method, rt); do == nil || err != nil {
		h.fail(w, r, rt, cmp.Or(err, api.ErrMethod))
		return
	}
	if r.ContentLength != 0 {
		r = api.WithBody(w, r, h.StallTimeout)
	}
	if err := do(h, w, r, rt); err != nil {
		h.fail(w, r, rt, err)
	}
}

// refusal is why the method is not allowed at rt, nil if it is, or is not known.
func (h *handler) refusal(method string, rt route) error {
	switch {
	case method != "PUT" && method != "DELETE" || rt.endpoint != file:
		return nil
	case h.ReadOnly:
		return fmt.Errorf("%w: everything here is read-only", api.ErrMethod)
	case rt.repo.Store == nil && rt.repo.Type == VirtualType:
		return fmt.Errorf("%w: %s is a virtual repository: files are put into its members", api.ErrMethod, rt.repo.Name)
	case rt.repo.Store == nil:
		return fmt.Errorf("%w: %s is a remote repository: its files come from elsewhere", api.ErrMethod, rt.repo.Name)
	case method == "DELETE" && h.NoDelete:
		return fmt.Errorf("%w: nothing is deleted here", api.ErrMethod)
	}
	return nil
}

// allow is the Allow header at rt.
func (h *handler) allow(rt route) string {
	methods := slices.Sorted(maps.Keys(endpoints[rt.endpoint]))
	return strings.Join(slices.DeleteFunc(methods, func(m string) bool { return h.refusal(m, rt) != nil }), ", ")
}

// fail writes err, and logs what the client must not see.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, rt route, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil { // whoever asked has gone
		err = api.ErrBody
	}
	_, status := api.Lookup(err)
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", h.allow(rt))
	}
	damaged := errors.Is(err, storage.ErrDamaged)
	if damaged || status >= http.StatusInternalServerError || api.Internal(err) {
		h.Log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status), slog.Any("error", err))
	}
	if damaged && status < http.StatusInternalServerError {
		err = storage.ErrFileUnknown // where it is damaged is the log's business
	}
	if wantsJSON(r) {
		api.WriteError(w, err)
		return
	}
	api.WriteText(w, err)
}

// wantsJSON reports whether whoever asks would rather read JSON than text, or HTML.
func wantsJSON(r *http.Request) bool {
	if r.URL.RawQuery != "" {
		switch r.URL.Query().Get("format") {
		case "json":
			return true
		case "html":
			return false
		}
	}
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "json") && !strings.Contains(accept, "text/html")
}
