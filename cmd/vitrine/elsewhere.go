package main

import (
	"cmp"
	"container/list"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"vitrine/explore"
	"vitrine/explore/archive"
	"vitrine/registry/remote"
	"vitrine/storage"
)

// Bounds of registries that strangers name. A registry's caches are in memory as far as they are used: some 20 MiB, at most.
const (
	maxSites      = 24  // that are known at once
	maxVisits     = 128 // requests for pages about them
	maxSiteVisits = 24  // about one
	newSites      = 20  // that are met for the first time in a minute, as many again at once
	sitePages     = 4 << 20
	siteManifests = 2 << 20
	siteSpans     = 8 << 20
	siteLayers    = 16 // open

	awayPasses   = 2 // layers that are read for the first time, at once
	awayPassTime = 10 * time.Minute
	awayUnpacked = 16 << 30 // bytes that a layer may unpack to
)

// elsewhere reaches the registries that visitors of the explorer name: anonymously, at public addresses, or with the logins that it is given for them.
type elsewhere struct {
	o      elsewhereOptions
	guard  *remote.Guard
	passes chan struct{}

	mu     sync.Mutex
	sites  map[siteKey]*awaySite
	recent list.List // of *awaySite, the last used in front
	visits int
	tokens float64 // of registries that may be met for the first time
	filled time.Time

	closed  bool // another one has taken its place
	closing sync.WaitGroup
}

// elsewhereOptions are the choices.
type elsewhereOptions struct {
	allow     []allowed     // exceptions to what is asked
	cache     explore.Cache // of indexes
	maxLayer  int64         // bytes of a layer that is read
	agent     string
	log       *slog.Logger
	guard     *remote.Guard // besides; nil: no more
	roots     *x509.CertPool
	offline   bool
	at        map[string]string                            // URLs of registries that are not where their names say
	perMinute int                                          // registries that are met for the first time; 0: newSites
	login     func(ctx context.Context, host string) login // nil: nobody has any
}

// login is with what a registry is asked for somebody. The zero login is nobody's.
type login struct {
	whose       string // tells one from another, and nothing else; "": anybody's
	credentials remote.Credentials
	signIn      string // URL of the page to get one, "" if there is none
}

// siteKey is a registry as somebody sees it.
type siteKey struct{ host, whose string }

// awaySite is a registry that is known.
type awaySite struct {
	key    siteKey
	reg    *explore.Registry
	client *remote.Registry
	place  *list.Element
	visits int
	gone   bool // nobody finds it any more; the last visitor closes it
}

func newElsewhere(o elsewhereOptions) *elsewhere {
	e := &elsewhere{o: o, guard: &remote.Guard{}, passes: make(chan struct{}, awayPasses), sites: map[siteKey]*awaySite{}, tokens: float64(cmp.Or(o.perMinute, newSites))}
	if o.guard != nil {
		*e.guard = *o.guard
		e.guard.Named = slices.Clone(o.guard.Named)
	}
	for _, a := range o.allow {
		e.guard.Named = append(e.guard.Named, a.host)
	}
	return e
}

// find returns the registry at host for a visit, which lasts as long as ctx. It is explore.Elsewhere.
func (e *elsewhere) find(ctx context.Context, host string) (*explore.Registry, error) {
	if e.o.offline {
		return nil, &storage.UpstreamError{Host: host, Err: fmt.Errorf("%w: no other registry is asked: this one is offline", storage.ErrUpstream)}
	}
	var who login
	if e.o.login != nil {
		who = e.o.login(ctx, host)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, fmt.Errorf("%w: the configuration has changed meanwhile", storage.ErrTooMany)
	}
	if e.visits >= maxVisits {
		return nil, fmt.Errorf("%w: too many pages about other registries are being made", storage.ErrTooMany)
	}
	s, err := e.site(siteKey{host, who.whose}, who)
	if err != nil {
		return nil, err
	}
	if s.visits >= maxSiteVisits {
		return nil, fmt.Errorf("%w: too many pages about %.128s are being made", storage.ErrTooMany, host)
	}
	s.visits++
	e.visits++
	context.AfterFunc(ctx, func() { e.leave(s) })
	e.recent.MoveToFront(s.place)
	return s.reg, nil
}

// site returns what is known of a registry, or gets to know it. Called with mu held.
func (e *elsewhere) site(key siteKey, who login) (*awaySite, error) {
	if s := e.sites[key]; s != nil {
		return s, nil
	}
	now := time.Now()
	most := float64(cmp.Or(e.o.perMinute, newSites))
	e.tokens = min(e.tokens+now.Sub(e.filled).Minutes()*most, most)
	e.filled = now
	if e.tokens < 1 {
		return nil, fmt.Errorf("%w: too many other registries are named", storage.ErrTooMany)
	}
	client, err := e.client(key.host, who)
	if err != nil {
		return nil, &storage.UpstreamError{Host: key.host, Err: fmt.Errorf("%w: %w", storage.ErrDenied, err)}
	}
	e.tokens--
	s := &awaySite{key: key, client: client}
	s.reg = explore.NewRegistry(client, e.indexer(key))
	s.reg.Whose, s.reg.SignIn = key.whose, who.signIn
	s.place = e.recent.PushFront(s)
	e.sites[key] = s
	for e.recent.Len() > maxSites {
		e.drop(e.recent.Back().Value.(*awaySite))
	}
	return s, nil
}

// client makes the client of a registry. Nothing of a visitor's request gets into its requests, nor of what the environment says of proxies: those could
// not see what is dialled.
func (e *elsewhere) client(host string, who login) (*remote.Registry, error) {
	o := &remote.Options{Guard: e.guard, RootCAs: e.o.roots, Credentials: who.credentials, UserAgent: e.o.agent, Log: e.o.log,
		DialTimeout: 5 * time.Second, HeaderTimeout: 15 * time.Second, StallTimeout: 20 * time.Second, SmallTimeout: 30 * time.Second,
		Retries: 1, MaxWait: 2 * time.Second, Remember: time.Hour, PageCache: sitePages, ManifestCache: siteManifests}
	base := "https://" + host
	for _, a := range e.o.allow {
		if a.plain && a.host == host {
			base, o.PlainHTTP = "http://"+host, []string{host}
		}
	}
	if at := e.o.at[host]; at != "" {
		u, err := parseBaseURL(at)
		if err != nil {
			return nil, err
		}
		base, o.PlainHTTP, o.Guard = at, []string{u.Host}, &remote.Guard{Named: []string{u.Host}}
	}
	return remote.New(base, o)
}

// indexer opens the layers of one registry. What is kept on the disk is kept for all who see the same: an index is of bytes that were verified.
func (e *elsewhere) indexer(key siteKey) *explore.Indexer {
	cache := e.o.cache
	if key.whose != "" {
		cache = apart{cache, key.whose}
	}
	return explore.NewIndexer(&explore.IndexerOptions{Cache: cache, PoolLayers: siteLayers, PoolBytes: siteSpans,
		MaxBlob: e.o.maxLayer, PassTime: awayPassTime, Passes: e.passes, Archive: archive.Options{MaxSize: awayUnpacked}, Log: e.o.log})
}

// drop forgets a registry. Called with mu held.
func (e *elsewhere) drop(s *awaySite) {
	e.recent.Remove(s.place)
	delete(e.sites, s.key)
	s.gone = true
	if s.visits == 0 {
		e.retire(s)
	}
}

func (e *elsewhere) leave(s *awaySite) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.visits--
	if s.visits--; s.visits == 0 && s.gone {
		e.retire(s)
	}
}

// retire closes what nobody uses.
func (e *elsewhere) retire(s *awaySite) {
	e.closing.Go(func() {
		if err := errors.Join(s.reg.Index.Close(), s.client.Close()); err != nil {
			e.o.log.Debug("what was open of another registry", "host", s.key.host, "error", err)
		}
	})
}

// close forgets all registries. Visits that are under way come to their end.
func (e *elsewhere) close() {
	e.mu.Lock()
	e.closed = true
	for e.recent.Len() > 0 {
		e.drop(e.recent.Front().Value.(*awaySite))
	}
	e.mu.Unlock()
	e.closing.Wait()
}

// apart is a part of a cache that others do not see.
type apart struct {
	explore.Cache
	prefix string
}

// Get implements explore.Cache.
func (a apart) Get(ctx context.Context, key string) (storage.Blob, error) {
	return a.Cache.Get(ctx, a.prefix+"."+key)
}

// Put implements explore.Cache.
func (a apart) Put(ctx context.Context, key string, write func(io.Writer) error) error {
	return a.Cache.Put(ctx, a.prefix+"."+key, write)
}
