package explore

import (
	"context"
	"errors"
	"iter"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Registry is another registry, as the explorer looks into it: a Reader of its repositories by the names that they have there.
type Registry struct {
	storage.Reader
	// Index opens its layers, and no other registry's: that one says it has a digest is no reason to show what another one gave, or to believe what it
	// sends of it.
	Index *Indexer
	// Whose says with whose credentials it is read, "" for what anybody may read: what is remembered of it is remembered for them alone.
	Whose string
	// SignIn is the URL of a page that gets credentials for it, "" if there is none.
	SignIn string
}

// NewRegistry returns what the explorer is to see of r, whose answers are remembered for a while. Whoever gets it may read all of that.
func NewRegistry(r storage.Reader, index *Indexer) *Registry {
	return &Registry{Reader: newRecall(r), Index: index}
}

// Elsewhere returns the registry at host, "ghcr.io" or "registry.example:5000", for as long as ctx lasts. Errors of hosts that are not asked are
// *storage.UpstreamError as those of hosts that are.
type Elsewhere func(ctx context.Context, host string) (*Registry, error)

// anywhere is this registry, and all others under names whose first component is their host: what a name means is settled once in a visit, and a
// repository of this registry comes first. A visit is allowed what this registry would allow for that name.
//
//	registry.example_5000/team/app   is team/app at registry.example:5000: a name has no colon, and a host no underscore
type anywhere struct {
	storage.Reader // this registry
	find           Elsewhere
	here           func(oci.Name) bool // nil: as what this registry has says
}

// visit is a request, with what its names mean.
type visit struct {
	ctx    context.Context // the request's: what is asked under one of a part of it stays for the others
	mu     sync.Mutex
	routes map[oci.Name]*route
}

// route is where a repository is read.
type route struct {
	settle  sync.Once
	settled atomic.Bool
	away    *Registry // nil: here
	host    string
	name    oci.Name // there
	err     error
}

type visitKey struct{}

// withVisit returns a ctx under which names may mean other registries' repositories.
func withVisit(ctx context.Context) context.Context {
	return context.WithValue(ctx, visitKey{}, &visit{ctx: ctx, routes: map[oci.Name]*route{}})
}

// portEnd is how a component ends that stands for a host with a port.
var portEnd = regexp.MustCompile(`_([1-9][0-9]{0,4})$`)

// hostOf splits a name whose first component can be a host.
func hostOf(name oci.Name) (host string, rest oci.Name, ok bool) {
	first, below, _ := strings.Cut(string(name), "/")
	host = portEnd.ReplaceAllString(first, ":$1")
	ok = below != "" && (strings.ContainsAny(host, ".:") || host == "localhost") && hostName.MatchString(host)
	return host, oci.Name(below), ok
}

// nameOf is the inverse: what a repository of another registry is called here. Hub is called by the name that people use, its shorthands are spelled out.
func nameOf(host, rest string) string {
	host = strings.ToLower(host)
	switch host {
	case "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com":
		host = hub
	}
	if i := strings.IndexAny(rest+":", ":@/"); host == hub && i > 0 && !strings.HasPrefix(rest[i:], "/") {
		rest = "library/" + rest
	}
	if name, port, err := net.SplitHostPort(host); err == nil && port == "443" {
		host = name
	}
	if rest != "" {
		rest = "/" + rest
	}
	return strings.Replace(host, ":", "_", 1) + rest
}

const hub = "docker.io"

// route returns where name is read.
func (a *anywhere) route(ctx context.Context, name oci.Name) *route {
	host, rest, ok := hostOf(name)
	v, visited := ctx.Value(visitKey{}).(*visit)
	if !ok || !visited {
		return &route{}
	}
	v.mu.Lock()
	r := v.routes[name]
	if r == nil {
		r = &route{host: host, name: rest}
		v.routes[name] = r
	}
	v.mu.Unlock()
	r.settle.Do(func() {
		defer r.settled.Store(true)
		if !a.unknownHere(ctx, name) {
			return
		}
		if r.away, r.err = a.find(v.ctx, host); r.err != nil {
			r.away = &Registry{Reader: refusing{r.err}}
		}
	})
	return r
}

// unknownHere reports whether there is no such repository here, and whoever asks may know. To whom it is denied, it is denied whatever it is.
func (a *anywhere) unknownHere(ctx context.Context, name oci.Name) bool {
	if a.here != nil && a.here(name) {
		return false
	}
	for _, err := range a.Reader.Tags(storage.KeptOnly(ctx), name, "") {
		return errors.Is(err, storage.ErrRepoUnknown) || errors.Is(err, storage.ErrNotKept) // which says that only another registry could know
	}
	return false
}

// routes are where a visit has led so far.
func (a *anywhere) routes(ctx context.Context) (all []*route) {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if a == nil || !ok {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range v.routes {
		if r.settled.Load() {
			all = append(all, r)
		}
	}
	return all
}

// isPrivate reports whether a visit has led to where somebody's login was needed.
func (a *anywhere) isPrivate(ctx context.Context) bool {
	return slices.ContainsFunc(a.routes(ctx), func(r *route) bool { return r.away != nil && r.away.Whose != "" })
}

// signIn is where a visitor gets a login for the registry that he has come to, "" if there is no such place.
func (a *anywhere) signIn(ctx context.Context) string {
	for _, r := range a.routes(ctx) {
		if r.away != nil && r.away.SignIn != "" {
			return r.away.SignIn
		}
	}
	return ""
}

// meet returns the registry at host itself.
func (a *anywhere) meet(ctx context.Context, host string) (*Registry, error) {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		r := &route{host: host}
		r.away, r.err = a.find(ctx, host)
		r.settled.Store(true)
		v.mu.Lock()
		v.routes[oci.Name(nameOf(host, ""))] = r
		v.mu.Unlock()
		return r.away, r.err
	}
	return a.find(ctx, host)
}

// at returns who is asked for name, and as what.
func (a *anywhere) at(ctx context.Context, name oci.Name) (storage.Reader, oci.Name) {
	if r := a.route(ctx, name); r.away != nil {
		return r.away, r.name
	}
	return a.Reader, name
}

// StatBlob implements storage.BlobReader.
func (a *anywhere) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	r, name := a.at(ctx, repo)
	return r.StatBlob(ctx, name, d)
}

// OpenBlob implements storage.BlobReader.
func (a *anywhere) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	r, name := a.at(ctx, repo)
	return r.OpenBlob(ctx, name, d)
}

// GetManifest implements storage.ManifestReader.
func (a *anywhere) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	r, name := a.at(ctx, repo)
	return r.GetManifest(ctx, name, d)
}

// ResolveTag implements storage.ManifestReader.
func (a *anywhere) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	r, name := a.at(ctx, repo)
	return r.ResolveTag(ctx, name, tag)
}

// Tags implements storage.ManifestReader.
func (a *anywhere) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	r, name := a.at(ctx, repo)
	return r.Tags(ctx, name, after)
}

// Referrers implements storage.ManifestReader.
func (a *anywhere) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	r, name := a.at(ctx, repo)
	return r.Referrers(ctx, name, d)
}

// DatedTags implements storage.TagDater.
func (a *anywhere) DatedTags(ctx context.Context, repo oci.Name) iter.Seq2[storage.DatedTag, error] {
	r, name := a.at(ctx, repo)
	return storage.DatedTags(ctx, r, name)
}

// Manifests is what storage.Manifests asks for.
func (a *anywhere) Manifests(ctx context.Context, repo oci.Name) iter.Seq2[oci.Descriptor, error] {
	r, name := a.at(ctx, repo)
	return storage.Manifests(ctx, r, name)
}

// BlobRepositories implements storage.BlobFinder: those of this registry.
func (a *anywhere) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[oci.Name, error] {
	return storage.BlobRepositories(ctx, a.Reader, d)
}
