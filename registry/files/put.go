package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/api"
	"vitrine/storage"
)

// putFile takes a file: 201 where there was none, 204 where it takes the place of another.
func (h *handler) putFile(w http.ResponseWriter, r *http.Request, rt route) error {
	if r.Header.Get("Content-Range") != "" { // RFC 9110, 14.5: it must not be taken for the whole
		return fmt.Errorf("%w: a file is put as a whole, without Content-Range", api.ErrQuery)
	}
	want, err := claimed(r.Header)
	if err != nil {
		return err
	}
	old, when, err := condition(r, rt) // before the body: a client that is going to fail should not have to send it
	if err != nil {
		return err
	}
	d, err := upload(r, rt, want)
	if err != nil {
		return err
	}
	f := storage.File{Digest: d, MediaType: putType(r.Header.Get("Content-Type")), Class: rt.repo.Package.Class(rt.path), Modified: later(old)}
	err = rt.repo.Store.PutFile(r.Context(), rt.repo.Name, rt.path, f, when)
	if errors.Is(err, storage.ErrBlobUnknown) { // whoever deleted the same content did it just now
		return fmt.Errorf("%w: the same content was deleted meanwhile", storage.ErrTooMany)
	}
	if err != nil {
		return err
	}
	header := w.Header()
	header["Etag"] = []string{api.ETag(d)}
	header["X-Checksum-Sha256"] = []string{d.Encoded()}
	header["Location"] = []string{"/files/" + string(rt.repo.Name) + "/" + escape(rt.path)}
	if old.Digest != "" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	header["Content-Length"] = lengthZero
	w.WriteHeader(http.StatusCreated)
	return nil
}

// upload makes the body of r a blob of the repository.
func upload(r *http.Request, rt route, want claims) (d digest.Digest, err error) {
	u, err := rt.repo.Store.StartUpload(r.Context(), rt.repo.Name, digest.SHA256)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, u.Cancel(context.WithoutCancel(r.Context()))) }()
	sums := want.sums()
	if _, err := u.Append(r.Context(), 0, io.TeeReader(r.Body, sums)); err != nil {
		return "", err
	}
	if err := sums.check(); err != nil {
		return "", err
	}
	d = sums.digest()
	return d, u.Commit(r.Context(), d)
}

// later is the time of a file that takes the place of old: in seconds, and after that of old, because clients that ask by time must see that it changed.
func later(old storage.File) time.Time {
	now := time.Now().Truncate(time.Second)
	if old.Digest != "" && !now.After(old.Modified) {
		return old.Modified.Add(time.Second)
	}
	return now
}

// putType is the media type of what is put. curl calls everything a form that is given to it as data.
func putType(contentType string) string {
	if contentType == "application/x-www-form-urlencoded" {
		return ""
	}
	return contentType
}

// deleteFile removes a file.
func (h *handler) deleteFile(w http.ResponseWriter, r *http.Request, rt route) error {
	_, when, err := condition(r, rt)
	if err != nil {
		return err
	}
	if err := rt.repo.Store.DeleteFile(r.Context(), rt.repo.Name, rt.path, when); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// condition looks at the file that is at the path, zero if there is none, and holds the conditions of r against it (RFC 9110, 13.2.2). when is what has to hold
// when the file is written: that nobody else has changed it since, if there was a condition.
func condition(r *http.Request, rt route) (old storage.File, when storage.Match, err error) {
	old, err = rt.repo.Store.StatFile(r.Context(), rt.repo.Name, rt.path)
	if err != nil && !errors.Is(err, storage.ErrFileUnknown) {
		return old, when, err
	}
	must, mustNot := r.Header["If-Match"], r.Header["If-None-Match"]
	if must == nil && mustNot == nil {
		return old, when, nil
	}
	here := old.Digest != ""
	if must != nil && !(here && api.MatchStrong(must, api.ETag(old.Digest))) || here && mustNot != nil && api.MatchWeak(mustNot, api.ETag(old.Digest)) {
		return old, when, fmt.Errorf("%w: %.256q in %s has %.80q", storage.ErrFileMatch, rt.path, rt.repo.Name, old.Digest)
	}
	if here {
		return old, storage.Still(old.Digest), nil
	}
	return old, storage.Unset(), nil
}
