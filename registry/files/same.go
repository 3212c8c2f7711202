package files

import (
	"context"
	"net"
	"net/http"
	"path"
	"sync"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// How long, and of how many clients, it is remembered which index they were given.
const (
	sameFor = 2 * time.Minute
	maxSame = 1 << 13
)

// same remembers which generation of an index a client was given, so that what belongs to the index is served from the same: dnf asks for repomd.xml, and for
// repomd.xml.asc next, and takes the repository for forged if a new generation was published between the two. A client is a connection, or else an address.
type same struct {
	mu sync.Mutex
	m  map[sameKey]sameGiven
}

type sameKey struct {
	client string
	repo   oci.Name
	dir    string
}

type sameGiven struct {
	generation int64
	at         time.Time
}

type sameGeneration struct{}

// wantedGeneration is the generation that whoever asks has begun to read, 0 for the last one.
func wantedGeneration(ctx context.Context) int64 {
	n, _ := ctx.Value(sameGeneration{}).(int64)
	return n
}

// inGeneration returns a ctx for whoever wants that generation, 0 for the last one.
func inGeneration(ctx context.Context, n int64) context.Context {
	return context.WithValue(ctx, sameGeneration{}, n)
}

// isIndexRoot reports whether clients begin with the file at p to read an index.
func isIndexRoot(p string) bool { return path.Base(p) == "repomd.xml" }

// ask returns a ctx for the generation that the client of r has begun with.
func (s *same) ask(ctx context.Context, r *http.Request, rt route) context.Context {
	if rpmRoot(rt.path) == "" || isIndexRoot(rt.path) {
		return ctx
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range clientsOf(r) {
		if g, ok := s.m[sameKey{c, rt.repo.Name, up(rt.path)}]; ok && time.Since(g.at) < sameFor {
			return inGeneration(ctx, g.generation)
		}
	}
	return ctx
}

// tell notes what the client of r is given.
func (s *same) tell(r *http.Request, rt route, f storage.File) {
	if !isIndexRoot(rt.path) || f.Generation == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil || len(s.m) >= maxSame {
		s.m = map[sameKey]sameGiven{}
	}
	for _, c := range clientsOf(r) {
		s.m[sameKey{c, rt.repo.Name, up(rt.path)}] = sameGiven{f.Generation, time.Now()}
	}
}

func clientsOf(r *http.Request) []string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return []string{r.RemoteAddr, host}
	}
	return []string{r.RemoteAddr}
}

// openSame opens the file that the wanted generation has at p; nil where that is the last one, or no longer kept.
func openSame(ctx context.Context, kept Keeper, repo oci.Name, p string) (storage.Blob, storage.File) {
	n := wantedGeneration(ctx)
	if n == 0 || rpmRoot(p) == "" {
		return nil, storage.File{}
	}
	g, err := kept.GetGeneration(ctx, repo, up(p), n)
	f, ok := g.Files[p]
	if err != nil || !ok {
		return nil, storage.File{}
	}
	b, err := kept.OpenBlob(ctx, repo, f.Digest)
	if err != nil {
		return nil, storage.File{}
	}
	return b, g.In(f)
}
