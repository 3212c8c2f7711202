package pullthrough

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// shelf knows what is kept, how large it is, and in which order it was last used. A use of a manifest is one of its blobs too: a client that has a layer
// does not ask for it again, and it would be the first to go.
type shelf struct {
	max int64

	mu       sync.Mutex
	sum      int64
	m        map[item]*list.Element
	recent   list.List // of *entry, the last used in front
	evicting bool
}

// item is a blob, or a manifest of a repository; or a file of the only repository there is.
type item struct {
	repo oci.Name // "" for a blob: its bytes are kept once
	d    digest.Digest
	path string // of a file; "" for the others
}

type entry struct {
	item
	size  int64
	blobs []digest.Digest // of a manifest
}

func newShelf(most int64) *shelf { return &shelf{max: most, m: map[item]*list.Element{}} }

// use notes that the item was used, and reports whether it has been there.
func (h *shelf) use(i item) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.m[i]
	if e == nil {
		return false
	}
	h.recent.MoveToFront(e)
	for _, d := range e.Value.(*entry).blobs {
		if b := h.m[item{d: d}]; b != nil {
			h.recent.MoveToFront(b)
		}
	}
	return true
}

// add takes in what was used just now, or longest ago.
func (h *shelf) add(e *entry, now bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m[e.item] != nil {
		return
	}
	if now && e.size <= h.max { // what has no room alone must not cost all others theirs
		h.m[e.item] = h.recent.PushFront(e)
	} else {
		h.m[e.item] = h.recent.PushBack(e)
	}
	h.sum += e.size
}

// next takes out what is to go, nil if the rest is within the bound.
func (h *shelf) next() *entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.recent.Back()
	if h.sum <= h.max || last == nil {
		h.evicting = false
		return nil
	}
	for h.leads(last.Value.(*entry)) { // not all do: there is the blob
		last = last.Prev()
	}
	e := h.recent.Remove(last).(*entry)
	delete(h.m, e.item)
	h.sum -= e.size
	return e
}

// leads reports whether e is a manifest of which a blob is there: it stays until they have gone, because the next process finds them by it. Called with mu held.
func (h *shelf) leads(e *entry) bool {
	return slices.ContainsFunc(e.blobs, func(d digest.Digest) bool { return h.m[item{d: d}] != nil })
}

// begin reports whether something has to go and nobody sees to it: the caller does then, until next returns nil.
func (h *shelf) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.evicting || h.sum <= h.max {
		return false
	}
	h.evicting = true
	return true
}

// keepsBlob notes that the local store has the blob and that it was used.
func (s *Store) keepsBlob(d digest.Digest, size int64) {
	if s.shelf != nil && !s.shelf.use(item{d: d}) {
		s.shelf.add(&entry{item: item{d: own(d)}, size: size}, true)
		s.makeRoom()
	}
}

// keepsManifest notes the same of a manifest.
func (s *Store) keepsManifest(r repo, m storage.Manifest) {
	if s.shelf != nil && !s.shelf.use(item{repo: r.name, d: m.Digest}) {
		s.shelf.add(manifestEntry(r.name, m), true)
		s.makeRoom()
	}
}

func manifestEntry(name oci.Name, m storage.Manifest) *entry {
	e := &entry{item: item{repo: own(name), d: own(m.Digest)}, size: m.Size}
	if c, err := oci.ParseManifest(m.MediaType, m.Raw); err == nil {
		for _, b := range c.Blobs() {
			e.blobs = append(e.blobs, b.Digest)
		}
	}
	return e
}

// makeRoom sees to it that what is kept stays within the bound.
func (s *Store) makeRoom() {
	if s.shelf.begin() {
		s.spawn(s.evict)
	}
}

// evict drops the least recently used, until the rest is within the bound.
func (s *Store) evict() {
	for e := s.shelf.next(); e != nil && s.ctx.Err() == nil; e = s.shelf.next() {
		if err := s.drop(e); err != nil {
			s.log.Warn("what is to be evicted stays", "repository", e.repo, "digest", e.d, "error", err)
		}
	}
}

// drop removes one item from the local store, unless a repository that is nobody's cache holds the same bytes: then they would stay anyway.
func (s *Store) drop(e *entry) error {
	drop := s.dropBlob
	if e.repo != "" {
		drop = func(d digest.Digest) (bool, error) { return true, s.local.DeleteManifest(s.ctx, e.repo, d) }
	}
	gone, err := drop(e.d)
	if err != nil && !isUnknown(err) || !gone {
		return err
	}
	s.count.evicted.Add(1)
	freed, err := storage.Reclaim(s.ctx, s.local, e.d)
	s.log.Debug("evicted", "repository", e.repo, "digest", e.d, "bytes", e.size, "freed", freed)
	return err
}

// dropBlob unlinks the blob from all repositories of this Store.
func (s *Store) dropBlob(d digest.Digest) (gone bool, err error) {
	var ours []oci.Name
	for name, err := range storage.BlobRepositories(s.ctx, s.local, d) {
		if err != nil {
			return false, err
		}
		if _, err := s.local.StatBlob(s.ctx, name, d); err != nil {
			continue
		}
		if s.isLocal(name) {
			return false, nil
		}
		if s.isOurs(name) {
			ours = append(ours, name)
		}
	}
	for _, name := range ours {
		if err := s.local.DeleteBlob(s.ctx, name, d); err != nil && !isUnknown(err) {
			return false, err
		}
	}
	return true, nil
}

// isOurs reports whether the name is one that this Store keeps things under.
func (s *Store) isOurs(name oci.Name) bool {
	_, err := s.names(name)
	return err == nil
}

func (s *Store) isLocal(name oci.Name) bool {
	if s.o.IsLocal != nil {
		return s.o.IsLocal(name)
	}
	return !s.isOurs(name)
}

// dated is an entry that was there before this process.
type dated struct {
	*entry
	time time.Time
}

// takeStock puts on the shelf what is there from before: what a tag pointed at last goes last. Blobs that no manifest names are not found: they count from
// their next use on.
func (s *Store) takeStock() {
	var all []dated
	for name, err := range s.local.Repositories(s.ctx, s.withPrefix("")) {
		if err != nil || !s.isOurs(name) {
			break
		}
		all = s.stockOf(all, name)
	}
	slices.SortStableFunc(all, func(a, b dated) int { return cmp.Or(b.time.Compare(a.time), cmp.Compare(b.repo, a.repo)) })
	for _, d := range all {
		s.shelf.add(d.entry, false)
	}
	s.makeRoom()
}

// stockOf appends what the repository holds.
func (s *Store) stockOf(all []dated, name oci.Name) []dated {
	times := map[digest.Digest]time.Time{}
	for t, err := range storage.DatedTags(s.ctx, s.local, name) {
		if err == nil && t.Time.After(times[t.Digest]) {
			times[t.Digest] = t.Time
		}
	}
	for desc, err := range s.local.Manifests(s.ctx, name) {
		if err != nil {
			break
		}
		m, err := s.local.GetManifest(s.ctx, name, desc.Digest)
		if err != nil {
			continue
		}
		e := manifestEntry(name, m)
		for _, d := range e.blobs {
			if size, err := s.local.StatBlob(s.ctx, name, d); err == nil {
				all = append(all, dated{&entry{item: item{d: d}, size: size}, times[m.Digest]})
			}
		}
		all = append(all, dated{e, times[m.Digest]})
	}
	return all
}
