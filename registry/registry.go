// Package registry speaks the OCI distribution protocol over a storage.Store. docs/api.md lists what it answers to what.
package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// Options are what a registry may be told. Nil and zero are the usual registry: everything allowed, references checked.
type Options struct {
	NoDelete     bool          // DELETE of tags, manifests and blobs is 405; cancelling an upload is not a delete
	AllowSparse  bool          // accept manifests whose blobs or children are absent
	ReadOnly     bool          // every write is 405
	StallTimeout time.Duration // a body that sends no byte for so long has ended; 0: a minute
	Log          *slog.Logger  // gets what the client is not told: the causes of 5xx, damaged content; nil: discard

	// Namespace says below which name the content of another registry stands here, "" for all names as they are. ns is how clients that take this one for a
	// mirror of it call it in the query, such as "docker.io". Where it is not ok there is no such content. Nil: ns is ignored.
	Namespace func(ns string) (prefix string, ok bool)
}

// New returns the handler of everything whose path begins with /v2. It parses r.URL.Path by itself and must not stand
// behind an http.ServeMux that redirects.
func New(store storage.Store, o *Options) http.Handler {
	h := &handler{store: store}
	if o != nil {
		h.Options = *o
	}
	if h.Log == nil {
		h.Log = slog.New(slog.DiscardHandler)
	}
	if h.StallTimeout == 0 {
		h.StallTimeout = time.Minute
	}
	h.table = h.allowed(endpoints)
	return h
}

type handler struct {
	Options
	store storage.Store
	table table
	pages pages
}

// An action answers one method of one endpoint. An error that it returns has not been written.
type action func(h *handler, w http.ResponseWriter, r *http.Request, rt api.Route) error

type table map[api.Endpoint]map[string]action

var endpoints = table{
	api.Ping:      {"GET": (*handler).ping, "HEAD": (*handler).ping},
	api.Catalog:   {"GET": (*handler).catalog, "HEAD": (*handler).catalog},
	api.Blob:      {"GET": (*handler).getBlob, "HEAD": (*handler).headBlob, "DELETE": (*handler).deleteBlob},
	api.Manifest:  {"GET": (*handler).getManifest, "HEAD": (*handler).headManifest, "PUT": (*handler).putManifest, "DELETE": (*handler).deleteManifest},
	api.Uploads:   {"POST": (*handler).startUpload},
	api.Upload:    {"GET": (*handler).uploadStatus, "HEAD": (*handler).uploadStatus, "PATCH": (*handler).appendUpload, "PUT": (*handler).finishUpload, "DELETE": (*handler).cancelUpload},
	api.Tags:      {"GET": (*handler).tags, "HEAD": (*handler).tags},
	api.Referrers: {"GET": (*handler).referrers, "HEAD": (*handler).referrers},
}

// allowed is the part of t that the options leave.
func (h *handler) allowed(t table) table {
	left := table{}
	for e, methods := range t {
		left[e] = map[string]action{}
		for m, do := range methods {
			reads := m == "GET" || m == "HEAD"
			deletes := m == "DELETE" && e != api.Upload
			if reads || !h.ReadOnly && !(h.NoDelete && deletes) {
				left[e][m] = do
			}
		}
	}
	return left
}

// Headers that never change are shared slices: setting one costs no allocation.
var (
	apiVersion  = []string{"registry/2.0"}
	nosniff     = []string{"nosniff"}
	sandboxed   = []string{"default-src 'none'; sandbox"} // a manifest has the media type that its pusher gave it, which may be text/html
	octetStream = []string{"application/octet-stream"}
	typeJSON    = []string{"application/json"}
	acceptBytes = []string{"bytes"}
	lengthZero  = []string{"0"}

	noStore          = []string{"no-store"}
	revalidate       = []string{"no-cache"}
	immutable        = []string{"max-age=31536000, immutable"}
	immutablePrivate = []string{"private, max-age=31536000, immutable"}
)

// longTarget is the length in bytes of a request's target from which on the names in it are copied: stores keep names, and would
// keep a query of 60 KB with each.
const longTarget = 1 << 10

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Docker-Distribution-Api-Version"] = apiVersion
	header["X-Content-Type-Options"] = nosniff
	path := r.URL.Path
	if len(r.RequestURI) > longTarget {
		path = strings.Clone(path)
	}
	rt, err := api.Parse(path)
	if errors.Is(err, oci.ErrTag) && r.Method != "PUT" { // nothing can be there, and readers are told no more than that
		err = fmt.Errorf("%w: %w", storage.ErrManifestUnknown, err)
	}
	if err != nil {
		h.fail(w, r, rt, err)
		return
	}
	if rt.Endpoint != api.Blob { // those are octets to a browser, and a ninth header would cost them an allocation
		header["Content-Security-Policy"] = sandboxed
	}
	if err := h.enterNamespace(w, r, &rt); err != nil {
		h.fail(w, r, rt, err)
		return
	}
	if storage.MayNote(h.store, rt.Name) {
		h.answerNoting(w, r, rt)
		return
	}
	h.answer(w, r, rt)
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, rt api.Route) {
	do := h.table[rt.Endpoint][r.Method]
	if do == nil {
		h.fail(w, r, rt, api.ErrMethod)
		return
	}
	if r.ContentLength != 0 {
		r = api.WithBody(w, r, h.StallTimeout)
	}
	if err := do(h, w, r, rt); err != nil {
		h.fail(w, r, rt, err)
	}
}

// fail writes err, and logs what the client must not see.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, rt api.Route, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil { // whoever asked has gone
		err = api.ErrBody
	}
	w.Header()["Content-Security-Policy"] = sandboxed
	_, status := api.Lookup(err)
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", h.allow(r, rt))
	}
	damaged := errors.Is(err, storage.ErrDamaged)
	if damaged || status >= http.StatusInternalServerError || api.Internal(err) {
		h.Log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status), slog.Any("error", err))
	}
	if damaged && status < http.StatusInternalServerError {
		err = unknown(err) // where it is damaged is the log's business
	}
	api.WriteError(w, err)
}

// unknown is the error that damaged content shares with absent content, without what else err says.
func unknown(err error) error {
	for _, e := range []error{storage.ErrBlobUnknown, storage.ErrManifestUnknown, storage.ErrUploadUnknown} {
		if errors.Is(err, e) {
			return e
		}
	}
	return err
}

// allow is the Allow header of an endpoint that has refused the method: the others (RFC 9110, 10.2.1), and of a repository that can only be read those that read.
func (h *handler) allow(r *http.Request, rt api.Route) string {
	readOnly := rt.Name != "" && errors.Is(storage.AskPush(r.Context(), h.store, rt.Name), storage.ErrUnsupported)
	uploads := rt.Endpoint == api.Uploads || rt.Endpoint == api.Upload
	var all []string
	for m := range h.table[rt.Endpoint] {
		reads := !uploads && (m == "GET" || m == "HEAD")
		if m != r.Method && (reads || !readOnly) {
			all = append(all, m)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// ping says that this is a registry [end-1].
func (h *handler) ping(w http.ResponseWriter, r *http.Request, _ api.Route) error {
	header := w.Header()
	header["Content-Type"] = typeJSON
	header["Cache-Control"] = revalidate
	return send(w, []byte("{}"))
}

// send answers 200 with body. If it cannot, the client has gone, and there is nobody left to tell.
func send(w http.ResponseWriter, body []byte) error {
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.Write(body)
	return nil
}

// empty answers without a body.
func empty(w http.ResponseWriter, status int) error {
	if status != http.StatusNoContent {
		w.Header()["Content-Length"] = lengthZero
	}
	w.WriteHeader(status)
	return nil
}

// query parses the query of r. Its error wraps api.ErrQuery.
func query(r *http.Request) (url.Values, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &api.Refusal{Err: api.ErrQuery}
	}
	return q, nil
}

// cacheForever says how long an answer about content by digest may be kept. A shared cache must not keep one that was given
// to a credential (RFC 9111, 3.5), and is told so in case it forgot.
func cacheForever(r *http.Request) []string {
	if r.Header["Authorization"] != nil {
		return immutablePrivate
	}
	return immutable
}
