package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// acceptManifests is what we take a manifest as. Registries convert for, or hide from, who does not name the type; */* is for artifacts with one of
// their own.
var acceptManifests = strings.Join([]string{oci.MediaTypeImageIndex, oci.MediaTypeDockerList, oci.MediaTypeImageManifest,
	oci.MediaTypeDockerManifest, oci.MediaTypeArtifactManifest, "*/*;q=0.1"}, ", ")

// GetManifest implements storage.ManifestReader. What it returns hashes to d.
func (r *Registry) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	if m, ok := r.manifests.get(blobKey{repo, d}); ok {
		return m, ctx.Err()
	}
	rt := api.Route{Endpoint: api.Manifest, Name: repo, Digest: d}
	res, raw, err := r.small(ctx, call{method: http.MethodGet, route: rt, accept: acceptManifests}, oci.MaxManifest)
	if err != nil {
		return storage.Manifest{}, err
	}
	if got := d.Algorithm().FromBytes(raw); got != d {
		return storage.Manifest{}, &storage.UpstreamError{Host: r.base.Host, Status: http.StatusOK,
			Err: final{fmt.Errorf("%w: %w: the manifest %s in %s is %s", storage.ErrUpstream, storage.ErrDamaged, d, repo, got)}}
	}
	return r.keepManifest(res, repo, d, raw)
}

// StatManifest implements storage.ManifestStater, by a HEAD. Where the answer does not tell it gets the manifest.
func (r *Registry) StatManifest(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Descriptor, error) {
	if m, ok := r.manifests.get(blobKey{repo, d}); ok {
		return m.Descriptor, ctx.Err()
	}
	desc, err := r.headManifest(ctx, api.Route{Endpoint: api.Manifest, Name: repo, Digest: d})
	if err == nil && desc.Digest == d {
		return desc, nil
	}
	if err != nil && !inconclusive(err) {
		return oci.Descriptor{}, err
	}
	m, err := r.GetManifest(ctx, repo, d)
	return m.Descriptor, err
}

// StatTag implements storage.ManifestStater.
func (r *Registry) StatTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return r.ResolveTag(ctx, repo, tag)
}

// headManifest returns what the answer to a HEAD says, nothing where that is not enough.
func (r *Registry) headManifest(ctx context.Context, rt api.Route) (oci.Descriptor, error) {
	res, err := r.do(ctx, call{method: http.MethodHead, route: rt, accept: acceptManifests})
	if err != nil {
		return oci.Descriptor{}, err
	}
	res.Body.Close()
	return described(res), nil
}

// keepManifest makes a manifest of the bytes that d names, and remembers it.
func (r *Registry) keepManifest(res *http.Response, repo oci.Name, d digest.Digest, raw []byte) (storage.Manifest, error) {
	m, err := parseManifest(mediaType(res), raw, d)
	if err != nil {
		return storage.Manifest{}, nonsense(res, "a manifest", err)
	}
	r.manifests.put(blobKey{repo, d}, m, int64(len(raw))+1<<10, time.Now().Add(r.o.Remember))
	return m, nil
}

// vagueTypes are what servers call a manifest that do not know of such.
var vagueTypes = map[string]bool{"application/json": true, "application/octet-stream": true, "binary/octet-stream": true, "text/plain": true, "text/html": true}

// parseManifest believes the Content-Type where the manifest does not contradict it.
func parseManifest(contentType string, raw []byte, d digest.Digest) (storage.Manifest, error) {
	if !vagueTypes[contentType] {
		if m, _, err := storage.ParseManifest(contentType, raw, d); err == nil {
			return m, nil
		}
	}
	m, _, err := storage.ParseManifest("", raw, d)
	return m, err
}

// ResolveTag implements storage.ManifestReader, by a HEAD: registries that limit how often one may pull do not count it. Where the answer lacks the
// digest or the size, or is a 404, it gets the manifest, and GetManifest has it then.
func (r *Registry) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	rt := api.Route{Endpoint: api.Manifest, Name: repo, Tag: tag}
	desc, err := r.headManifest(ctx, rt)
	if err == nil && desc.Digest != "" {
		return desc, nil
	}
	if err != nil && !inconclusive(err) {
		return oci.Descriptor{}, err
	}
	res, raw, err := r.small(ctx, call{method: http.MethodGet, route: rt, accept: acceptManifests}, oci.MaxManifest)
	if err != nil {
		return oci.Descriptor{}, err
	}
	m, err := r.keepManifest(res, repo, digest.FromBytes(raw), raw)
	return m.Descriptor, err
}

// inconclusive reports whether err, of a HEAD, does not tell what a GET would: some servers have no HEAD, proxies of others answer it only for what they
// have already, and no answer to one says what it is that is not there.
func inconclusive(err error) bool {
	u, ok := errors.AsType[*storage.UpstreamError](err)
	return ok && (u.Status == http.StatusNotFound || u.Status == http.StatusMethodNotAllowed || u.Status == http.StatusNotImplemented)
}

// described is what the headers of an answer say of a manifest, the zero Descriptor where that is not all.
func described(res *http.Response) oci.Descriptor {
	d, err := oci.ParseDigest(res.Header.Get("Docker-Content-Digest"))
	t := mediaType(res)
	if err != nil || res.ContentLength <= 0 || t == "" || vagueTypes[t] {
		return oci.Descriptor{}
	}
	return oci.Descriptor{MediaType: t, Digest: d, Size: res.ContentLength}
}
