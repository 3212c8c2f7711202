package registry

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/api"
	"vitrine/storage"
)

// headBlob says whether a blob is there, and its size [end-2].
func (h *handler) headBlob(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	size, err := h.store.StatBlob(r.Context(), rt.Name, rt.Digest)
	if err != nil {
		return err
	}
	if blobHeaders(w, r, rt.Digest) {
		return nil
	}
	w.Header()["Content-Length"] = []string{strconv.FormatInt(size, 10)}
	return nil
}

// getBlob serves a blob, whole or in ranges [end-2]. Nothing is opened for a client who has it.
func (h *handler) getBlob(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	if has(r, rt.Digest) {
		return h.headBlob(w, r, rt)
	}
	b, err := h.store.OpenBlob(r.Context(), rt.Name, rt.Digest)
	if err != nil {
		return err
	}
	defer b.Close()
	if blobHeaders(w, r, rt.Digest) {
		return nil
	}
	if rng := ranges(r, rt.Digest); rng != "" && b.Size() > 0 { // some clients send a range always
		return serveRanges(w, r, b, rng)
	}
	n, err := sendBlob(w, b)
	if err != nil {
		h.broken(r, n, b.Size(), err)
	}
	return nil
}

// blobHeaders sets what all answers about a blob share, and reports whether it has answered: 304, because the client
// has the blob.
func blobHeaders(w http.ResponseWriter, r *http.Request, d digest.Digest) (answered bool) {
	header := w.Header()
	header["Docker-Content-Digest"] = []string{string(d)}
	header["Etag"] = []string{api.ETag(d)}
	header["Cache-Control"] = cacheForever(r)
	header["Accept-Ranges"] = acceptBytes
	if notModified(w, r, d) {
		return true
	}
	header["Content-Type"] = octetStream
	return false
}

// has reports whether the client said that it has the content d (RFC 9110, 13.1.2).
func has(r *http.Request, d digest.Digest) bool {
	tags := r.Header["If-None-Match"]
	return tags != nil && api.MatchWeak(tags, api.ETag(d))
}

// notModified answers 304 if the client has the content d.
func notModified(w http.ResponseWriter, r *http.Request, d digest.Digest) bool {
	if !has(r, d) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// ranges returns the byte ranges that count for the blob d, "" for the whole blob: also where the unit is not known
// (RFC 9110, 14.2) or the client's condition says that it has a part of something else (RFC 9110, 13.1.5).
func ranges(r *http.Request, d digest.Digest) string {
	v := r.Header["Range"]
	if v == nil {
		return ""
	}
	if cond := r.Header["If-Range"]; cond != nil && !api.MatchStrong(cond, api.ETag(d)) {
		return ""
	}
	return api.BytesRange(v[0])
}

// serveRanges answers 206, or 416 with the size [end-2]. It looks by itself whether the ranges can be served, because
// http.ServeContent answers in plain text.
func serveRanges(w http.ResponseWriter, r *http.Request, b storage.Blob, rng string) error {
	if err := api.CheckRanges(rng, b.Size()); err != nil {
		return &api.Refusal{
			Err:    fmt.Errorf("%w: %w", errUnsatisfiable, err),
			Header: map[string]string{"Content-Range": "bytes */" + strconv.FormatInt(b.Size(), 10)},
		}
	}
	only := *r // ServeContent knows one spelling of the unit, and must not judge the conditions again
	only.Header = http.Header{"Range": {"bytes=" + rng}}
	http.ServeContent(w, &only, "", time.Time{}, b)
	return nil
}

// errUnsatisfiable is the text of a 416 to a reader; api.ErrRange, which it comes with, gives the status.
var errUnsatisfiable = errors.New("the blob has no such range")

// smallBlob is the size in bytes up to which a blob goes out together with its headers, in one system call.
const smallBlob = 32 << 10

var smallBuffers = sync.Pool{New: func() any { return new([smallBlob]byte) }}

// sendBlob sends a whole blob. Large ones go by sendfile where b is a file: nothing may wrap b or w.
func sendBlob(w http.ResponseWriter, b storage.Blob) (sent int64, err error) {
	size := b.Size()
	if size > smallBlob {
		w.Header()["Content-Length"] = []string{strconv.FormatInt(size, 10)}
		return storage.SendBlob(w, b)
	}
	buf := smallBuffers.Get().(*[smallBlob]byte)
	defer smallBuffers.Put(buf)
	if n, err := io.ReadFull(b, buf[:size]); err != nil {
		return int64(n), err
	}
	return size, send(w, buf[:size])
}

// broken ends an answer whose headers promise more than could be sent: the client must see that it is cut.
func (h *handler) broken(r *http.Request, sent, size int64, err error) {
	if _, gone := errors.AsType[*net.OpError](err); !gone && r.Context().Err() == nil {
		h.Log.LogAttrs(r.Context(), slog.LevelError, "blob cut short",
			slog.String("path", r.URL.Path), slog.Int64("sent", sent), slog.Int64("size", size), slog.Any("error", err))
	}
	panic(http.ErrAbortHandler)
}

// deleteBlob drops the repository's link to a blob [end-10].
func (h *handler) deleteBlob(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	if err := h.store.DeleteBlob(r.Context(), rt.Name, rt.Digest); err != nil {
		return err
	}
	return empty(w, http.StatusAccepted)
}
