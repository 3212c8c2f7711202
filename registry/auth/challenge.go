package auth

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

const (
	tokenPath = "/v2/_token" // no repository's name begins with "_"
	service   = "vitrine"    // what tokens are for, and the realm of passwords
)

// challenge is the WWW-Authenticate of a 401 (RFC 9110, 11.6.1). why is the "error" of RFC 6750, "" for none. Browsers know
// Basic only, so that is what pages get, and everything where tokens are of no use.
func (i *identifier) challenge(r *http.Request, why string) string {
	const basic = `Basic realm="` + service + `", charset="UTF-8"`
	if !i.anonymousMay() || r.URL.Path == tokenPath || !strings.HasPrefix(r.URL.Path+"/", "/v2/") {
		return basic
	}
	base, ok := i.baseURL(r)
	if !ok {
		return basic
	}
	c := fmt.Sprintf(`Bearer realm="%s%s",service="%s"`, base, tokenPath, service)
	if why != "" {
		c += fmt.Sprintf(`,error="%s"`, why)
	}
	return c
}

// baseURL is where the client reached the server. A Host header that is no host is not repeated to anybody.
func (i *identifier) baseURL(r *http.Request) (string, bool) {
	if i.o.ExternalURL != "" {
		return strings.TrimRight(i.o.ExternalURL, "/"), true
	}
	if !validHost(r.Host) {
		return "", false
	}
	if r.TLS != nil || i.o.TrustProxy && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		return "https://" + r.Host, true
	}
	return "http://" + r.Host, true
}

// validHost reports whether s is a name, an IPv4 address or an IPv6 address in brackets, maybe with a port.
func validHost(s string) bool {
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		host, port = s[:i], s[i+1:]
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
	}
	if v6, ok := strings.CutPrefix(host, "["); ok {
		v6, ok = strings.CutSuffix(v6, "]")
		addr, err := netip.ParseAddr(v6)
		return ok && err == nil && addr.Is6() && addr.Zone() == ""
	}
	if host == "" || len(host) > 253 {
		return false
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.' || r == '_')
	})
}
