package explore

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// local reports whether host is this registry: by the name that it is asked under, by the one that commands use, or by another name of the loopback
// with the same port.
func (h *handler) local(r *request, host string) bool {
	for _, here := range []string{r.Host, h.host(r)} {
		if strings.EqualFold(host, here) || loopback(host) != "" && loopback(host) == loopback(here) {
			return true
		}
	}
	return false
}

// loopback returns ":" and the port of a host that is this machine's loopback, "" of others.
func loopback(host string) string {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), ""
	}
	addr, err := netip.ParseAddr(name)
	if strings.EqualFold(name, "localhost") || err == nil && addr.IsLoopback() {
		return ":" + port
	}
	return ""
}

// redirect sends whoever asked to a URL of ours, for good or for now.
func (h *handler) redirect(w http.ResponseWriter, r *request, to string, forGood bool) error {
	status := http.StatusFound
	if forGood {
		status = http.StatusMovedPermanently
		w.Header().Set("Cache-Control", h.cacheControl(r, true))
	}
	http.Redirect(w, r.Request, to, status)
	return nil
}

// pairs are parameters of the request, for withQuery, as often as they stand there.
func (r *request) pairs(keys ...string) (pairs []string) {
	for _, k := range keys {
		for _, v := range r.query[k] {
			pairs = append(pairs, k, v)
		}
	}
	return pairs
}

// parityPages are the pages that exist because other explorers have them, most of which are another spelling of ours.
func (h *handler) parityPages() map[string]func(http.ResponseWriter, *request) error {
	return map[string]func(http.ResponseWriter, *request) error{
		"layer":        h.oldLayer,
		"dag":          h.oldDag,
		"oci_explorer": h.oldFront,
		"tools":        h.oldTools,
		"cache":        h.checkpoints,
		"zurl":         h.rangeLine,
		"http":         h.foreignLayer,
		"https":        h.foreignLayer,
		"favicon.ico":  h.oldIcon,
		"favicon.svg":  h.oldIcon,
		"robots.txt":   h.robots,
		"oauth":        h.oldSignIn,
		"auth":         h.oldSignIn,
	}
}

// hosted are the pages whose paths other explorers begin with a registry's host.
var hosted = []string{"r", "fs", "layers", "size", "sizes", "blob", "zurl", "referrers", "apk"}

// canonical sends whoever asks in another spelling to ours, before any page is looked up. Not done means that there is no other spelling.
func (h *handler) canonical(w http.ResponseWriter, r *request) (done bool, err error) {
	if r.page == "" && r.rest == "" {
		for _, q := range oldQueries {
			if r.query.Get(q.key) != "" {
				return true, q.to(h, w, r, r.query.Get(q.key))
			}
		}
		if r.query.Has("repo") {
			return true, h.redirect(w, r, "/", false)
		}
		return false, nil
	}
	if host, rest := splitHost(r.rest); host != "" && slices.Contains(hosted, r.page) && h.local(r, host) {
		return true, h.redirect(w, r, withoutHost(r, rest), true)
	}
	return h.respell(w, r)
}

// withoutHost is the URL of a request without the host at the start of what it is about.
func withoutHost(r *request, rest string) string {
	to := "/" + r.page + "/" + escapePath(rest)
	if r.URL.RawQuery != "" {
		to += "?" + r.query.Encode()
	}
	return to
}
