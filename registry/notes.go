package registry

import (
	"io"
	"net/http"

	"vitrine/registry/api"
	"vitrine/storage"
)

// answerNoting is answer where the store may have something to say besides. Others are spared the allocations.
func (h *handler) answerNoting(w http.ResponseWriter, r *http.Request, rt api.Route) {
	ctx, notes := storage.WithNotes(r.Context())
	n := &noting{ResponseWriter: w, notes: notes}
	h.answer(n, r.WithContext(ctx), rt)
	n.tell(http.StatusOK) // an answer without a body is not written before
}

// cacheStatus are the Cache-Status headers (RFC 9211, 2) of answers for which another registry was asked, or not.
var cacheStatus = map[storage.Asked][]string{
	storage.NotAsked: {"vitrine; hit"}, storage.AskedOld: {"vitrine; fwd=stale"}, storage.AskedNew: {"vitrine; fwd=uri-miss"},
}

// noting puts the store's notes into the headers of an answer, just before they go out.
type noting struct {
	http.ResponseWriter
	notes *storage.Notes
	told  bool
}

func (n *noting) tell(status int) {
	if n.told {
		return
	}
	n.told = true
	if status < http.StatusBadRequest {
		n.Header()["Cache-Status"] = cacheStatus[n.notes.Asked()]
	}
	if warnings := api.Warnings(n.notes.All()); warnings != nil {
		n.Header()["Warning"] = warnings
	}
}

// Unwrap is for http.ResponseController.
func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func (n *noting) WriteHeader(status int) {
	n.tell(status)
	n.ResponseWriter.WriteHeader(status)
}

func (n *noting) Write(p []byte) (int, error) {
	n.tell(http.StatusOK)
	return n.ResponseWriter.Write(p)
}

// ReadFrom leaves files to the kernel, where the connection does.
func (n *noting) ReadFrom(r io.Reader) (int64, error) {
	n.tell(http.StatusOK)
	return io.Copy(n.ResponseWriter, r)
}
