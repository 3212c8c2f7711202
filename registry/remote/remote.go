// Package remote is a client of another registry: its content as a storage.Reader, over HTTP.
//
//	r, err := remote.New("https://ghcr.io", nil)
//	...
//	tag, err := r.ResolveTag(ctx, "open-policy-agent/opa", "latest") // HEAD
//	m, err := r.GetManifest(ctx, "open-policy-agent/opa", tag.Digest) // GET, verified
//
// The layers of a request, from the caller to the wire:
//
//	manifest.go list.go blob.go   what a storage.Reader owes, by noun of the spec
//	call.go                       tries again, as often and for as long as is polite
//	redirect.go                   follows, and leaves credentials behind
//	token.go                      a RoundTripper: Authorization, for the registry's own origin only
//	wire.go                       a RoundTripper: one breaker a host, time limits, errors in the words of package storage
//	guard.go                      what may be dialled at all
//
// Errors that another registry gave or caused are *storage.UpstreamError and wrap what errors.Is is to be asked for: what is not there as in any store,
// ErrNoIdentity and ErrDenied where credentials are wanted or do not suffice, ErrTooMany, ErrUpstreamTimeout, ErrUpstream; wrong bytes also wrap
// ErrDamaged. A warm request, one whose host has been talked to within a few minutes and whose token still holds, takes one round trip; a cold one takes
// the challenge (401) and the token besides.
package remote

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"vitrine/registry/api"
	"vitrine/storage"
)

// Options say how another registry is talked to. Nil and zero: anonymously, over https, without a proxy.
type Options struct {
	// Credentials are asked for when the registry challenges; nil: anonymous. They go to the registry itself and to realms on the same host, of the same
	// registrable domain, or named in TrustedRealms; any other realm is asked for an anonymous token.
	Credentials   Credentials
	TrustedRealms []string // host or host:port

	PlainHTTP []string // host or host:port of registries whose URL may be http; no other's may
	RootCAs   *x509.CertPool
	Proxy     func(*http.Request) (*url.URL, error) // such as http.ProxyFromEnvironment; not used behind a Guard, which could not see what it dials
	Guard     *Guard                                // what may be dialled; nil: anything
	UserAgent string                                // "": vitrine

	DialTimeout   time.Duration // for a connection, and again for its TLS; 0: 10 s
	HeaderTimeout time.Duration // from a request to the headers of its answer; 0: 30 s
	StallTimeout  time.Duration // a body that brings no byte for so long has ended; 0: 30 s. There is no limit to the whole of a blob
	SmallTimeout  time.Duration // for the whole of a manifest, a page of a list, a token; 0: 60 s

	Retries    int           // how often a request is tried again; 0: 3; negative: never
	RetryDelay time.Duration // before the first of them, doubled for each next; 0: 250 ms
	MaxWait    time.Duration // the longest Retry-After that is waited for, rather than returned; 0: 10 s

	// Remember is for how long what the registry said of content by digest is not asked again: that a blob is there, its size, where it was
	// redirected to, and manifests. 0: 5 min; negative: never.
	Remember      time.Duration
	PageCache     int64 // bytes of pages of blobs that ReadAt has read; 0: 16 MiB
	ManifestCache int64 // bytes of manifests; 0: 8 MiB
	MaxFile       int64 // bytes of a file of Files; 0: 64 GiB

	Log *slog.Logger // retries and breakers; nil: discard
}

// Registry is another registry. It is a storage.Reader, and all that it remembers it tells whoever asks: one identity, one Registry.
type Registry struct {
	o      Options
	base   *url.URL
	wire   *wire
	tokens *tokens

	facts     *lru[blobKey, fact]
	manifests *lru[blobKey, storage.Manifest]
	pages     *pages
	limits    limits

	mu           sync.Mutex
	noReferrers  time.Time // until then the API of referrers is taken to be missing
	order        order     // of its lists
	noPageLength bool      // it refuses the length of page that we ask for
}

// hubs are the names that people have for Docker's registry.
var hubs = map[string]string{"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}

// New returns the registry at base: "https://host:port", with a path before /v2/ where there is one; or "host", which is https. http is for hosts
// named in o.PlainHTTP. Nothing is asked yet.
func New(base string, o *Options) (*Registry, error) {
	r := &Registry{o: withDefaults(o)}
	var err error
	if r.base, err = parseBase(base, r.o.PlainHTTP); err != nil {
		return nil, err
	}
	r.wire = newWire(&r.o)
	r.tokens = newTokens(&r.o, r.base, r.wire)
	r.facts = newLRU[blobKey, fact](maxFacts)
	r.manifests = newLRU[blobKey, storage.Manifest](r.o.ManifestCache)
	r.pages = newPages(r.o.PageCache)
	return r, nil
}

// Host is the host that is asked, maybe with a port.
func (r *Registry) Host() string { return r.base.Host }

// Close drops idle connections. Blobs that are open stay so.
func (r *Registry) Close() error {
	r.wire.base.CloseIdleConnections()
	return nil
}

func withDefaults(o *Options) Options {
	var all Options
	if o != nil {
		all = *o
	}
	orElse(&all.UserAgent, "vitrine")
	orElse(&all.DialTimeout, 10*time.Second)
	orElse(&all.HeaderTimeout, 30*time.Second)
	orElse(&all.StallTimeout, 30*time.Second)
	orElse(&all.SmallTimeout, time.Minute)
	orElse(&all.Retries, 3)
	orElse(&all.RetryDelay, 250*time.Millisecond)
	orElse(&all.MaxWait, 10*time.Second)
	orElse(&all.Remember, 5*time.Minute)
	orElse(&all.PageCache, 16<<20)
	orElse(&all.ManifestCache, 8<<20)
	orElse(&all.Log, slog.New(slog.DiscardHandler))
	return all
}

func orElse[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func parseBase(base string, plain []string) (*url.URL, error) {
	if !strings.Contains(base, "://") {
		base = "https://" + base
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("the URL of a registry: %w: want https://host[:port][/path]", errors.Unwrap(err)) // without the URL: there may be a password in it
	}
	u.Host, u.Path = strings.ToLower(u.Host), strings.TrimRight(u.Path, "/")
	if hub := hubs[u.Host]; hub != "" {
		u.Host = hub
	}
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("the URL of a registry: %.128q: want https://host[:port][/path]", u.Redacted())
	case u.Scheme == "http" && !namesHost(plain, u):
		return nil, fmt.Errorf("the URL of a registry: %.128q: plain http is for hosts that are named as such", base)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the URL of a registry: %.128q: want https", base)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}, nil
}

// namesHost reports whether one of names is u's host, or its host and port.
func namesHost(names []string, u *url.URL) bool {
	for _, n := range names {
		if strings.EqualFold(n, u.Host) || strings.EqualFold(n, u.Hostname()) || strings.EqualFold(n, u.Hostname()+":"+portOf(u)) {
			return true
		}
	}
	return false
}

// portOf is the port that u means.
func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// origin is what credentials are good for (RFC 6454, 4).
func origin(u *url.URL) string {
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + portOf(u)
}

// url is where rt is asked for. The path of a route needs no escapes.
func (r *Registry) url(rt api.Route, query string) *url.URL {
	u := *r.base
	u.Path += rt.Path()
	u.RawQuery = query
	return &u
}
