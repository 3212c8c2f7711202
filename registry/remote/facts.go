package remote

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// maxFacts is how many blobs are remembered.
const maxFacts = 4096

// blobKey names content of a repository.
type blobKey struct {
	repo oci.Name
	d    digest.Digest
}

// fact is what is known of a blob: that it is there, and
type fact struct {
	size     int64
	etag     string    // a strong one, "" for none
	at       *url.URL  // where a redirect led, which is still good; nil: the registry itself has it
	noRanges bool      // its server sends all of it, whatever it is asked for
	until    time.Time // for so long after the registry itself has said so
}

// learn remembers what an answer to c says of a blob of that size.
func (r *Registry) learn(key blobKey, c call, res *http.Response, size int64) fact {
	f, _ := r.facts.get(key)
	f.size, f.etag = size, strongTag(res.Header.Get("Etag"))
	if c.at == nil {
		f.until = time.Now().Add(r.o.Remember)
	}
	if c.method == http.MethodGet { // a URL that is signed for HEAD is good for nothing else
		f.at = nil
		if at := res.Request.URL; origin(at) != origin(r.base) {
			f.at = at
		}
		if c.header.Get("Range") != "" && c.header.Get("If-Range") == "" {
			f.noRanges = res.StatusCode == http.StatusOK
		}
	}
	r.facts.put(key, f, 1, f.until)
	return f
}

// forget drops what is known of a blob, where at is not nil only if that is where it was found.
func (r *Registry) forget(key blobKey, at *url.URL) {
	r.facts.dropIf(key, func(f fact) bool { return at == nil || f.at == at })
}

// disown is for a blob that came with wrong bytes: nothing that is known of it is worth anything.
func (r *Registry) disown(key blobKey, text string) error {
	r.forget(key, nil)
	r.pages.forget(key)
	return &storage.UpstreamError{Host: r.base.Host, Status: http.StatusOK,
		Err: final{fmt.Errorf("%w: %w: the blob %s in %s %s", storage.ErrUpstream, storage.ErrDamaged, key.d, key.repo, text)}}
}

// strongTag is etag if it may stand in an If-Range (RFC 9110, 13.1.5).
func strongTag(etag string) string {
	if len(etag) > 1<<10 || !strings.HasPrefix(etag, `"`) {
		return ""
	}
	return etag
}
