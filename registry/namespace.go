package registry

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// mirrored are the endpoints that clients ask of a mirror.
var mirrored = map[api.Endpoint]bool{api.Blob: true, api.Manifest: true, api.Tags: true, api.Referrers: true}

// enterNamespace puts the name of rt where the content of the registry stands that the client means, if it says one: containerd calls images of all registries
// by the same names. Nobody is asked whom the client names, but who is configured under that name.
func (h *handler) enterNamespace(w http.ResponseWriter, r *http.Request, rt *api.Route) error {
	if h.Namespace == nil || !mirrored[rt.Endpoint] || !strings.Contains(r.URL.RawQuery, "ns=") {
		return nil
	}
	q, err := query(r)
	if err != nil {
		return err
	}
	ns := q.Get("ns")
	if ns == "" {
		return nil
	}
	prefix, ok := h.Namespace(ns)
	if !ok {
		return fmt.Errorf("%w: %s: there is nothing here of the registry %.64q", storage.ErrRepoUnknown, rt.Name, ns)
	}
	w.Header()["Oci-Namespace"] = []string{ns}
	if prefix == "" {
		return nil
	}
	name, err := oci.ParseName(prefix + "/" + string(rt.Name))
	if err != nil {
		return fmt.Errorf("%w: %s of the registry %.64q", storage.ErrRepoUnknown, rt.Name, ns)
	}
	rt.Name = name
	return nil
}

// askedName is the name that the client asked for at an endpoint that ends in end: that in the path, wherever its content stands.
func askedName(r *http.Request, end string) string {
	return strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v2/"), end)
}

// nextLink is api.NextLink to the next page of what r has asked for.
func (h *handler) nextLink(r *http.Request, q url.Values, params ...string) string {
	if h.Namespace != nil {
		params = append(params, "ns", q.Get("ns"))
	}
	return api.NextLink(r.URL.Path, params...)
}
