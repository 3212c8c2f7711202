package explore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Bounds of content that is fetched from elsewhere.
const (
	maxForeign     = 2 << 30 // bytes of a blob: the base layers of Windows, which this is for, have up to 1.7 GB
	maxForeignKept = 2 * maxForeign
	maxFetches     = 2 // at once
	foreignTime    = 10 * time.Minute
)

// foreignLayer fetches what a descriptor says is kept elsewhere, and leads to its page here [/https/HOST/PATH@DIGEST?repo=NAME&manifest=DIGEST].
// Nothing is fetched but what a manifest names that whoever asks may pull, and nothing is shown but what has the digest that it names.
func (h *handler) foreignLayer(w http.ResponseWriter, r *request) error {
	kept, ok := h.store.(*foreign)
	if !ok {
		return statusError{http.StatusNotFound, "This explorer fetches nothing from elsewhere.", "Whoever runs it can allow it; the blob can be pulled from where its descriptor says."}
	}
	i := strings.LastIndexByte(r.rest, '@')
	if i < 0 {
		return badRequest("content from elsewhere is at /%s/HOST/PATH@DIGEST", r.page)
	}
	d, err := oci.ParseDigest(strings.TrimSuffix(r.rest[i+1:], "/"))
	if err != nil {
		return wrapBad(err)
	}
	from, err := h.foreignSource(r)
	if err != nil {
		return err
	}
	desc, err := kept.descriptor(r.Context(), from, d, r.page+"://"+r.rest[:i])
	if err != nil {
		return err
	}
	if err := kept.fetch(r.Context(), from, desc, r.page+"://"+r.rest[:i]); err != nil {
		return foreignError(err)
	}
	t := target{Name: from.repo, Digest: d}
	if isLayer(desc.MediaType) {
		return h.redirect(w, r, t.with(".", true).href("fs"), false)
	}
	return h.redirect(w, r, withQuery(t.href("blob"), "mt", desc.MediaType, "manifest", string(from.manifest)), false)
}

// foreignSource is where the descriptor stands.
func (h *handler) foreignSource(r *request) (s foreignSource, err error) {
	if r.query.Get("repo") == "" || r.query.Get("manifest") == "" {
		return s, badRequest("which manifest names it: the link to this page in the manifest says so, by repo= and manifest=")
	}
	if s.repo, err = oci.ParseName(r.query.Get("repo")); err != nil {
		return s, wrapBad(err)
	}
	s.manifest, err = oci.ParseDigest(r.query.Get("manifest"))
	return s, wrapBad(err)
}

// foreignSource is a manifest that names content which is kept elsewhere.
type foreignSource struct {
	repo     oci.Name
	manifest digest.Digest
}

// foreign is a registry with, for a while, what was fetched from elsewhere. Who may pull a manifest that names it may read it.
type foreign struct {
	storage.Reader
	keep   keptBlobs
	client *http.Client
	slots  chan struct{}
}

func newForeign(inner storage.Reader, client *http.Client) *foreign {
	return &foreign{Reader: inner, client: client, slots: make(chan struct{}, maxFetches), keep: keptBlobs{bound: maxForeignKept}}
}

// OpenBlob opens a blob of the registry, or one that was fetched.
func (f *foreign) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	b, err := f.Reader.OpenBlob(ctx, repo, d)
	if !errors.Is(err, storage.ErrBlobUnknown) || !f.may(ctx, repo, d) {
		return b, err
	}
	if kept := f.keep.open(d); kept != nil {
		return kept, nil
	}
	return nil, err
}

// StatBlob does that for the size.
func (f *foreign) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	size, err := f.Reader.StatBlob(ctx, repo, d)
	if !errors.Is(err, storage.ErrBlobUnknown) || !f.may(ctx, repo, d) {
		return size, err
	}
	if kept := f.keep.open(d); kept != nil {
		return kept.Size(), kept.Close()
	}
	return 0, err
}

// may reports whether what was fetched is named by a manifest that whoever asks may pull now.
func (f *foreign) may(ctx context.Context, repo oci.Name, d digest.Digest) bool {
	return slices.ContainsFunc(f.keep.sources(d), func(s foreignSource) bool {
		if s.repo != repo {
			return false
		}
		_, err := f.Reader.GetManifest(ctx, repo, s.manifest)
		return err == nil
	})
}

// BlobRepositories, DatedTags and Manifests are passed on: the inner store may have them.
func (f *foreign) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[oci.Name, error] {
	return storage.BlobRepositories(ctx, f.Reader, d)
}

// DatedTags implements storage.TagDater.
func (f *foreign) DatedTags(ctx context.Context, repo oci.Name) iter.Seq2[storage.DatedTag, error] {
	return storage.DatedTags(ctx, f.Reader, repo)
}

// Manifests is what storage.Manifests asks for.
func (f *foreign) Manifests(ctx context.Context, repo oci.Name) iter.Seq2[oci.Descriptor, error] {
	return storage.Manifests(ctx, f.Reader, repo)
}

// descriptor finds the descriptor of d that has this URL.
func (f *foreign) descriptor(ctx context.Context, from foreignSource, d digest.Digest, url string) (oci.Descriptor, error) {
	m, err := f.Reader.GetManifest(ctx, from.repo, from.manifest)
	if err != nil {
		return oci.Descriptor{}, err
	}
	c, err := oci.ParseManifest(m.MediaType, m.Raw)
	if err != nil {
		return oci.Descriptor{}, wrapBad(err)
	}
	for _, desc := range slices.Concat(c.Blobs(), c.Manifests) {
		if desc.Digest == d && slices.Contains(desc.URLs, url) && webURL(url) {
			return desc, nil
		}
	}
	return oci.Descriptor{}, statusError{http.StatusNotFound, "The manifest does not say that this is kept there.", "The manifest's page has the links that it does name."}
}

// foreignError says what went wrong elsewhere.
func foreignError(err error) error {
	var known statusError
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return statusError{http.StatusBadGateway, fmt.Sprintf("It could not be fetched: %.200s.", err), "It may work later."}
}
