package remote

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// noReferrersFor is for how long a registry without the API of referrers is not asked for it again.
const noReferrersFor = 10 * time.Minute

// Referrers implements storage.ManifestReader. Where the registry does not have the API, the index under the tag that clients keep instead
// counts (distribution-spec, "Referrers Tag Schema").
func (r *Registry) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		all, err := r.referrers(ctx, repo, d)
		if err != nil {
			yield(oci.Descriptor{}, err)
			return
		}
		slices.SortFunc(all, func(a, b oci.Descriptor) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
		all = slices.CompactFunc(all, func(a, b oci.Descriptor) bool { return a.Digest == b.Digest })
		for _, desc := range all {
			if !yield(desc, nil) {
				return
			}
		}
	}
}

func (r *Registry) referrers(ctx context.Context, repo oci.Name, d digest.Digest) ([]oci.Descriptor, error) {
	r.mu.Lock()
	ask := time.Now().After(r.noReferrers)
	r.mu.Unlock()
	if ask {
		all, err := r.referrersAPI(ctx, repo, d)
		if !errors.Is(err, errNoReferrers) {
			return all, err
		}
	}
	return r.referrersTag(ctx, repo, d)
}

// errNoReferrers says that the answer is none of the API of referrers.
var errNoReferrers = errors.New("no API of referrers")

// referrersAPI reads all pages [end-12a].
func (r *Registry) referrersAPI(ctx context.Context, repo oci.Name, d digest.Digest) (all []oci.Descriptor, err error) {
	c := call{method: http.MethodGet, route: api.Route{Endpoint: api.Referrers, Name: repo, Digest: d}, accept: oci.MediaTypeImageIndex}
	for page, err := range r.eachPage(ctx, c, oci.MaxManifest) {
		if err != nil {
			return nil, r.unsupportedReferrers(err)
		}
		index, err := oci.ParseManifest(oci.MediaTypeImageIndex, page.raw)
		if err != nil && strings.HasPrefix(mediaType(page.res), "text/") { // a page for whoever has lost his way
			return nil, errNoReferrers
		}
		if err != nil {
			return nil, nonsense(page.res, "an index of referrers", err)
		}
		all = append(all, index.Manifests...)
	}
	return all, nil
}

// unsupportedReferrers makes errNoReferrers of an answer that says so. The spec says 404; others say what they say of paths that they do not know.
// It is remembered where the answer is not about this repository.
func (r *Registry) unsupportedReferrers(err error) error {
	u, is := errors.AsType[*storage.UpstreamError](err)
	if !is {
		return err
	}
	switch u.Status {
	case http.StatusNotFound:
		if _, isBare := errors.AsType[bare](err); !isBare {
			return errNoReferrers
		}
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented:
	default:
		return err
	}
	r.mu.Lock()
	r.noReferrers = time.Now().Add(noReferrersFor)
	r.mu.Unlock()
	return errNoReferrers
}

// referrersTag reads the index that clients keep.
func (r *Registry) referrersTag(ctx context.Context, repo oci.Name, d digest.Digest) ([]oci.Descriptor, error) {
	rt := api.Route{Endpoint: api.Manifest, Name: repo, Tag: oci.ReferrersTag(d)}
	res, raw, err := r.small(ctx, call{method: http.MethodGet, route: rt, accept: acceptManifests}, oci.MaxManifest)
	if errors.Is(err, storage.ErrManifestUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	index, err := oci.ParseManifest("", raw)
	if err != nil {
		return nil, nonsense(res, "an index of referrers", err)
	}
	return index.Manifests, nil
}
