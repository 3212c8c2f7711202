package remote

import (
	"fmt"
	"net/http"
	"net/url"

	"vitrine/storage"
)

// maxHops is how many redirects one request follows: a registry sends to its storage, and that maybe to another region of its.
const maxHops = 5

// follow sends req, a GET or HEAD, and follows redirects. An Authorization header stays with the origin that it was for; a RoundTripper beneath may
// know better for its own. From https no redirect leads to http, unless plain says that the registry is so anyway.
func follow(rt http.RoundTripper, req *http.Request, plain bool) (*http.Response, error) {
	first := origin(req.URL)
	for hop := 0; ; hop++ {
		res, err := rt.RoundTrip(req)
		if err != nil || !isRedirect(res.StatusCode) || req.Method == http.MethodPost {
			return res, err
		}
		discard(res)
		if hop == maxHops {
			return nil, misled(res, fmt.Sprintf("more than %d redirects", maxHops))
		}
		next, err := target(res, plain)
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.URL, req.Host = next, ""
		if origin(next) != first {
			req.Header.Del("Authorization")
		}
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// target is where a redirect leads.
func target(res *http.Response, plain bool) (*url.URL, error) {
	ref, err := url.Parse(res.Header.Get("Location"))
	if err != nil || *ref == (url.URL{}) {
		return nil, misled(res, "a redirect to nowhere")
	}
	from := res.Request.URL
	u := from.ResolveReference(ref)
	switch {
	case u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https":
		return nil, misled(res, "a redirect to no URL of https")
	case u.Scheme == "http" && from.Scheme == "https" && !plain:
		return nil, misled(res, fmt.Sprintf("a redirect from https to plain http, to %.128q", u.Host))
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func misled(res *http.Response, text string) error {
	return &storage.UpstreamError{Host: res.Request.URL.Host, Status: res.StatusCode, Err: final{fmt.Errorf("%w: %s", storage.ErrUpstream, text)}}
}
