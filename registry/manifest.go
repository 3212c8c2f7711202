package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// Bounds of a push.
const (
	maxTags    = 128 // tags in one push by digest: the spec asks for 10
	tagsInLine = 16  // of an OCI-Tag header: some clients take no line over 4 KiB
	maxMissing = 32  // absent descriptors that a refusal lists
)

// headManifest says whether a manifest is there, and what it is [end-3].
func (h *handler) headManifest(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	var desc oci.Descriptor
	var err error
	if rt.Tag != "" {
		desc, err = storage.StatTag(r.Context(), h.store, rt.Name, rt.Tag)
	} else {
		desc, err = storage.StatManifest(r.Context(), h.store, rt.Name, rt.Digest)
	}
	if err != nil {
		return err
	}
	if manifestHeaders(w, r, rt, desc) {
		return nil
	}
	w.Header()["Content-Length"] = []string{strconv.FormatInt(desc.Size, 10)}
	return nil
}

// getManifest serves a manifest as it was pushed, whatever the client accepts [end-3].
func (h *handler) getManifest(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	m, err := h.manifest(r.Context(), rt)
	if err != nil {
		return err
	}
	if manifestHeaders(w, r, rt, m.Descriptor) {
		return nil
	}
	return send(w, m.Raw)
}

// manifest returns what rt names.
func (h *handler) manifest(ctx context.Context, rt api.Route) (storage.Manifest, error) {
	d := rt.Digest
	if rt.Tag != "" {
		desc, err := h.store.ResolveTag(ctx, rt.Name, rt.Tag)
		if err != nil {
			return storage.Manifest{}, err
		}
		d = desc.Digest
	}
	return h.store.GetManifest(ctx, rt.Name, d)
}

// manifestHeaders sets what all answers about a manifest share, and reports whether it has answered: 304, because the
// client has the manifest. A tag may move, so what it points at is asked about each time.
func manifestHeaders(w http.ResponseWriter, r *http.Request, rt api.Route, d oci.Descriptor) (answered bool) {
	header := w.Header()
	header["Docker-Content-Digest"] = []string{string(d.Digest)}
	header["Etag"] = []string{api.ETag(d.Digest)}
	header["Cache-Control"] = revalidate
	if rt.Tag == "" {
		header["Cache-Control"] = cacheForever(r)
	}
	if notModified(w, r, d.Digest) {
		return true
	}
	header["Content-Type"] = []string{d.MediaType}
	return false
}

// putManifest keeps a manifest under its digest, and under a tag or several [end-7a, end-7b]. All that can be wrong with the
// request is looked at before anything is written.
func (h *handler) putManifest(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	ctx := r.Context()
	if err := storage.AskPush(ctx, h.store, rt.Name); err != nil { // before a stranger's 4 MiB are read and looked at
		return err
	}
	tags, err := wantedTags(r, rt)
	if err != nil {
		return err
	}
	raw, err := readManifest(r)
	if err != nil {
		return err
	}
	m, c, err := storage.ParseManifest(contentType(r), raw, rt.Digest)
	if err != nil {
		return err
	}
	if err := h.checkReferences(ctx, rt.Name, c); err != nil {
		return err
	}
	when, err := h.condition(r, rt)
	if err != nil {
		return err
	}
	if err := h.store.PutManifest(ctx, rt.Name, m); err != nil {
		return err
	}
	for _, t := range tags {
		if err := h.store.SetTag(ctx, rt.Name, t, m.Digest, when); err != nil {
			return err
		}
	}
	return pushed(w, rt, m, tags)
}

// pushed answers that the repository has the manifest now.
func pushed(w http.ResponseWriter, rt api.Route, m storage.Manifest, tags []oci.Tag) error {
	header := w.Header()
	header["Location"] = []string{rt.Path()}
	header["Docker-Content-Digest"] = []string{string(m.Digest)}
	header["Etag"] = []string{api.ETag(m.Digest)}
	if m.Subject != "" {
		header["Oci-Subject"] = []string{string(m.Subject)}
	}
	if rt.Tag == "" {
		for line := range slices.Chunk(tags, tagsInLine) {
			header["Oci-Tag"] = append(header["Oci-Tag"], joinTags(line))
		}
	}
	return empty(w, http.StatusCreated)
}

func joinTags(tags []oci.Tag) string {
	all := make([]string, len(tags))
	for i, t := range tags {
		all[i] = string(t)
	}
	return strings.Join(all, ", ")
}

// wantedTags returns the tag of the path, or the tag parameters of a push by digest, each once [end-7b].
func wantedTags(r *http.Request, rt api.Route) ([]oci.Tag, error) {
	if rt.Tag != "" {
		return []oci.Tag{rt.Tag}, nil
	}
	q, err := query(r)
	if err != nil {
		return nil, err
	}
	if n := len(q["tag"]); n > maxTags {
		return nil, fmt.Errorf("%w: %d, at most %d", api.ErrTooManyTags, n, maxTags)
	}
	var tags []oci.Tag
	for _, s := range q["tag"] {
		t, err := oci.ParseTag(strings.Clone(s)) // stores keep it, and would keep the whole query
		if err != nil {
			return nil, err
		}
		if !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return tags, nil
}

// readManifest reads a body of at most oci.MaxManifest bytes. It trusts no Content-Length with memory.
func readManifest(r *http.Request) ([]byte, error) {
	tooLarge := &api.Refusal{
		Err:    fmt.Errorf("%w: a manifest has at most %d bytes", api.ErrTooLarge, oci.MaxManifest),
		Header: map[string]string{"Connection": "close"}, // rather than to read the rest
	}
	if r.ContentLength > oci.MaxManifest {
		return nil, tooLarge
	}
	var buf bytes.Buffer
	buf.Grow(int(min(max(r.ContentLength, 0), 64<<10)) + bytes.MinRead)
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, oci.MaxManifest+1)); err != nil {
		return nil, err
	}
	if buf.Len() > oci.MaxManifest {
		return nil, tooLarge
	}
	return buf.Bytes(), nil
}

// contentType is the Content-Type without parameters, which the spec wants ignored. Its case is kept, because readers
// are going to get it back.
func contentType(r *http.Request) string {
	t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.Clone(strings.TrimSpace(t)) // stores keep it, and would keep the whole header
}

// checkReferences fails with ErrManifestBlobUnknown, and all that is missing, where the repository lacks what the
// manifest needs. Its subject may come later; layers that live elsewhere need not come at all.
func (h *handler) checkReferences(ctx context.Context, name oci.Name, c *oci.Contents) error {
	if h.AllowSparse {
		return nil
	}
	needs := append(c.Blobs(), c.Manifests...)
	blobs := len(needs) - len(c.Manifests)
	config := blobs - len(c.Layers)
	seen := make(map[digest.Digest]bool, len(needs))
	var missing []any
	for i, d := range needs {
		layer := config <= i && i < blobs
		if seen[d.Digest] || layer && !d.Distributable() {
			continue
		}
		seen[d.Digest] = true
		ok, err := h.holds(ctx, name, d.Digest, i >= blobs)
		if err != nil {
			return err
		}
		if !ok {
			missing = append(missing, map[string]string{"digest": string(d.Digest), "mediaType": d.MediaType})
		}
		if len(missing) == maxMissing {
			break
		}
	}
	if missing != nil {
		return &api.Refusal{Err: api.ErrManifestBlobUnknown, Details: missing}
	}
	return nil
}

// holds reports whether the repository has d: as a blob, or, for a child of an index, as a manifest or as a blob,
// because BuildKit lists the layers of a cache as manifests.
func (h *handler) holds(ctx context.Context, name oci.Name, d digest.Digest, child bool) (bool, error) {
	if child {
		_, err := h.store.GetManifest(ctx, name, d)
		if has, err := found(err); has || err != nil {
			return has, err
		}
	}
	_, err := h.store.StatBlob(ctx, name, d)
	return found(err)
}

// found turns the errors that say that something is not there into false.
func found(err error) (bool, error) {
	for _, absent := range []error{storage.ErrBlobUnknown, storage.ErrManifestUnknown, storage.ErrRepoUnknown} {
		if errors.Is(err, absent) {
			return false, nil
		}
	}
	return err == nil, err
}

// condition turns If-Match and If-None-Match (RFC 9110, 13.1) on a tag into a storage.Match, so that nobody can move the tag
// between the look and the write. What does not hold is ErrTagMatch.
func (h *handler) condition(r *http.Request, rt api.Route) (storage.Match, error) {
	must, not := r.Header["If-Match"], r.Header["If-None-Match"]
	if rt.Tag == "" || must == nil && not == nil {
		return storage.Match{}, nil
	}
	d, err := h.store.ResolveTag(r.Context(), rt.Name, rt.Tag)
	exists, err := found(err)
	if err != nil {
		return storage.Match{}, err
	}
	etag := api.ETag(d.Digest)
	if must != nil && !(exists && api.MatchStrong(must, etag)) || not != nil && exists && api.MatchWeak(not, etag) {
		return storage.Match{}, fmt.Errorf("%w: %s", storage.ErrTagMatch, rt.Tag)
	}
	if !exists {
		return storage.Unset(), nil
	}
	return storage.Still(d.Digest), nil
}

// deleteManifest removes a tag, or a manifest with all its tags [end-9].
func (h *handler) deleteManifest(w http.ResponseWriter, r *http.Request, rt api.Route) error {
	var err error
	switch {
	case rt.Tag != "" && (r.Header["If-Match"] != nil || r.Header["If-None-Match"] != nil):
		return fmt.Errorf("%w: a tag may move before it is deleted", api.ErrCondition)
	case rt.Tag != "":
		err = h.store.DeleteTag(r.Context(), rt.Name, rt.Tag)
	default:
		err = h.store.DeleteManifest(r.Context(), rt.Name, rt.Digest)
	}
	if err != nil {
		return err
	}
	return empty(w, http.StatusAccepted)
}
