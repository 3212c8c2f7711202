package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// startUpload mounts a blob [end-11], takes one whole [end-4b], or opens an upload session [end-4a, end-4c].
func (h *handler) startUpload(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	q, err := query(r)
	if err != nil {
		return err
	}
	var alg digest.Algorithm
	if s := q.Get("digest-algorithm"); s != "" {
		if alg, err = oci.ParseAlgorithm(s); err != nil {
			return err
		}
	}
	if q.Has("mount") {
		return h.mountBlob(w, r, rt, q)
	}
	if q.Has("digest") {
		return h.postBlob(w, r, rt, q.Get("digest"))
	}
	return h.openSession(w, r, rt, alg)
}

// mountBlob links a blob of another repository, any that may be read where the client names none [end-11]. What
// cannot be mounted is to be uploaded: the answer does not tell whether it is absent or forbidden.
func (h *handler) mountBlob(w http.ResponseWriter, r *http.Request, rt api.Route, q url.Values) error {
	d, err := oci.ParseDigest(q.Get("mount"))
	if err != nil {
		return err
	}
	if err := storage.AskPush(r.Context(), h.store, rt.Name); err != nil { // before each repository is looked at
		return err
	}
	var from oci.Name
	if s := q.Get("from"); s != "" {
		if from, err = oci.ParseName(s); err != nil {
			return err
		}
	} else {
		from, err = storage.FindBlob(r.Context(), h.store, d)
	}
	if err == nil {
		err = h.store.MountBlob(r.Context(), rt.Name, d, from)
	}
	for _, no := range []error{storage.ErrBlobUnknown, storage.ErrRepoUnknown, storage.ErrDenied, storage.ErrNoIdentity, storage.ErrUnsupported} {
		if errors.Is(err, no) {
			return h.openSession(w, r, rt, d.Algorithm())
		}
	}
	if err != nil {
		return err
	}
	return created(w, rt.Name, d)
}

// postBlob takes a blob in one request; what goes wrong leaves nothing [end-4b].
func (h *handler) postBlob(w http.ResponseWriter, r *http.Request, rt api.Route, want string) error {
	d, err := oci.ParseDigest(want)
	if err != nil {
		return err
	}
	if err := storage.PutBlob(r.Context(), h.store, rt.Name, d, r.Body); err != nil {
		return err
	}
	return created(w, rt.Name, d)
}

func (h *handler) openSession(w http.ResponseWriter, r *http.Request, rt api.Route, alg digest.Algorithm) error {
	u, err := h.store.StartUpload(r.Context(), rt.Name, alg)
	if err != nil {
		return err
	}
	defer u.Close()
	progress(w, rt.Name, u.ID(), u.Size())
	return empty(w, http.StatusAccepted)
}

// uploadStatus says how far a session is [end-13].
func (h *handler) uploadStatus(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	u, err := h.store.ResumeUpload(r.Context(), rt.Name, rt.ID)
	if err != nil {
		return err
	}
	defer u.Close()
	w.Header()["Cache-Control"] = noStore
	progress(w, rt.Name, u.ID(), u.Size())
	return empty(w, http.StatusNoContent)
}

// appendUpload takes a chunk, or a stream of unknown length, at the end of a session [end-5].
func (h *handler) appendUpload(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	u, err := h.store.ResumeUpload(r.Context(), rt.Name, rt.ID)
	if err != nil {
		return err
	}
	defer u.Close()
	size, err := h.appendBody(r, rt, u)
	if err != nil {
		return err
	}
	if err := u.Close(); err != nil { // only then is what came in safe
		return err
	}
	progress(w, rt.Name, u.ID(), size)
	return empty(w, http.StatusAccepted)
}

// finishUpload closes a session, with its last chunk if there is one, and makes it a blob [end-6].
func (h *handler) finishUpload(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	u, err := h.store.ResumeUpload(r.Context(), rt.Name, rt.ID)
	if err != nil {
		return err
	}
	defer u.Close()
	q, err := query(r)
	if err != nil {
		return err
	}
	d, err := oci.ParseDigest(q.Get("digest")) // before the body: a client that is going to fail should not have to send it
	if err != nil {
		return err
	}
	if _, err := h.appendBody(r, rt, u); err != nil {
		return err
	}
	if err := u.Commit(r.Context(), d); err != nil {
		return err
	}
	return created(w, rt.Name, d)
}

// cancelUpload ends a session and drops its bytes [end-14].
func (h *handler) cancelUpload(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	u, err := h.store.ResumeUpload(r.Context(), rt.Name, rt.ID)
	if err != nil {
		return err
	}
	if err := errors.Join(u.Cancel(r.Context()), u.Close()); err != nil {
		return err
	}
	return empty(w, http.StatusNoContent)
}

// appendBody adds the body of r to u and returns the size that u then has. Where it fails u is as it was.
func (h *handler) appendBody(r *http.Request, rt api.Route, u storage.Upload) (int64, error) {
	at := u.Size()
	body, err := chunk(r, at)
	var n int64
	if err == nil && r.ContentLength != 0 {
		n, err = u.Append(r.Context(), at, body)
	}
	if errors.Is(err, storage.ErrOffset) || errors.Is(err, api.ErrRange) || errors.Is(err, api.ErrSize) {
		return 0, h.where(r.Context(), rt, err)
	}
	return at + n, err
}

// chunk returns the body of a request that has to begin at the offset at, if its Content-Range says where it begins.
func chunk(r *http.Request, at int64) (io.Reader, error) {
	v := r.Header.Get("Content-Range")
	if v == "" {
		return r.Body, nil
	}
	first, last, err := api.ParseContentRange(v)
	if err != nil {
		return nil, err
	}
	if first != at {
		return nil, fmt.Errorf("%w: it begins at %d, the session holds %d bytes", storage.ErrOffset, first, at)
	}
	size := last - first + 1
	switch {
	case r.ContentLength < 0:
		return &exactly{r.Body, size}, nil
	case r.ContentLength != size:
		return nil, fmt.Errorf("%w: Content-Range of %d bytes, Content-Length %d", api.ErrSize, size, r.ContentLength)
	}
	return r.Body, nil
}

// where adds to a 416 what a client needs to go on: where the session is and how far. It asks again, because another
// request may have moved it.
func (h *handler) where(ctx context.Context, rt api.Route, err error) error {
	u, gone := h.store.ResumeUpload(ctx, rt.Name, rt.ID)
	if gone != nil {
		return gone
	}
	defer u.Close()
	return &api.Refusal{Err: err, Header: map[string]string{"Location": rt.Path(), "Range": api.UploadRange(u.Size())}}
}

// progress sets the headers of a session that goes on.
func progress(w http.ResponseWriter, name oci.Name, id string, size int64) {
	header := w.Header()
	header["Location"] = []string{api.Route{Endpoint: api.Upload, Name: name, ID: id}.Path()}
	header["Docker-Upload-Uuid"] = []string{id}
	header["Range"] = []string{api.UploadRange(size)}
}

// created answers that the repository has the blob now.
func created(w http.ResponseWriter, name oci.Name, d digest.Digest) error {
	header := w.Header()
	header["Location"] = []string{api.Route{Endpoint: api.Blob, Name: name, Digest: d}.Path()}
	header["Docker-Content-Digest"] = []string{string(d)}
	return empty(w, http.StatusCreated)
}
