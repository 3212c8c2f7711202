package remote

import (
	"container/list"
	"sync"
)

// Bounds of pages.
const (
	pageSize = 64 << 10
	maxRun   = 16 // pages that are asked for at once because of those before: 1 MiB
	maxAsked = 64 // pages that are asked for at once because somebody wants them: 4 MiB
)

// page is a part of a blob, aligned, of pageSize bytes except for the last one.
type page struct {
	key  pageKey
	run  int64         // how many pages came with it
	done chan struct{} // closed when the rest is there
	data []byte
	err  error

	place *list.Element // once it is there
}

type pageKey struct {
	blobKey
	index int64
}

// pages keeps pages of all blobs, and knows those that are on their way. The least recently used go first.
type pages struct {
	max    int // pages
	mu     sync.Mutex
	m      map[pageKey]*page
	recent list.List // of *page, the last used in front
}

func newPages(bytes int64) *pages {
	return &pages{max: int(max(bytes/pageSize, 1)), m: map[pageKey]*page{}}
}

// claim returns the page at key. Where nobody has it and nobody fetches it, the caller has to: run is that page and those behind it that he wants
// as well, up to n of them. Whoever reads one page after the other is given twice as many each time, up to maxRun, but no page from end on.
func (ps *pages) claim(key pageKey, n, end int64) (p *page, run []*page) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p = ps.m[key]; p != nil {
		if p.place != nil {
			ps.recent.MoveToFront(p.place)
		}
		return p, nil
	}
	n = min(n, maxAsked)
	if before := ps.m[pageKey{key.blobKey, key.index - 1}]; before != nil {
		n = max(n, min(2*before.run, maxRun, int64(ps.max)/2)) // what is not read yet must not go again before it is
	}
	for i := key.index; i < min(key.index+n, end) && ps.m[pageKey{key.blobKey, i}] == nil; i++ {
		next := &page{key: pageKey{key.blobKey, i}, done: make(chan struct{})}
		ps.m[next.key] = next
		run = append(run, next)
	}
	for _, next := range run {
		next.run = int64(len(run))
	}
	return run[0], run
}

// arrived gives p its bytes.
func (ps *pages) arrived(p *page, data []byte) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.data = data
	p.place = ps.recent.PushFront(p)
	close(p.done)
	for ps.recent.Len() > ps.max {
		last := ps.recent.Remove(ps.recent.Back()).(*page)
		delete(ps.m, last.key)
	}
}

// failed tells those who wait for p that it does not come.
func (ps *pages) failed(p *page, err error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.m, p.key)
	p.err = err
	close(p.done)
}

// offer takes in a page that came by, unless it is there or on its way.
func (ps *pages) offer(key pageKey, data []byte) {
	ps.mu.Lock()
	there := ps.m[key] != nil
	p := &page{key: key, run: 1, done: make(chan struct{})}
	if !there {
		ps.m[key] = p
	}
	ps.mu.Unlock()
	if !there {
		ps.arrived(p, data)
	}
}

// forget drops the pages of a blob that are there.
func (ps *pages) forget(key blobKey) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for k, p := range ps.m {
		if k.blobKey == key && p.place != nil {
			ps.recent.Remove(p.place)
			delete(ps.m, k)
		}
	}
}
