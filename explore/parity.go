package explore

import (
	"net"
	"net/http"
	"net/netip"
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
		w.Header().Set("Cache-Control", h.cacheControl(true))
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
