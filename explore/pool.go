package explore

import (
	"archive/zip"
	"container/list"
	"errors"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/explore/tarfs"
	"vitrine/storage"
)

// opened is a blob that is open as an archive, for all who use it.
type opened struct {
	*archive.Archive
	d       digest.Digest
	blob    storage.Blob
	size    int64
	closers []io.Closer
	held    int64 // bytes of an index that is in memory

	// Guarded by pool.mu.
	users int
	cost  int64         // bytes of memory, as of when it was last given back
	place *list.Element // in the pool; nil if it is not there, or no longer
}

func (o *opened) close() error {
	var errs []error
	for i := len(o.closers); i > 0; i-- {
		errs = append(errs, o.closers[i-1].Close())
	}
	return errors.Join(errs...)
}

const (
	blockBytes   = 80 << 10 // of a decoded block of a table, of which a table keeps
	blocksKept   = 16       // at most,
	blockEntries = 256      // with as many entries each
	zipEntry     = 512      // what package archive/zip has in memory of a file
)

// memory is about how many bytes o takes: its decoded spans, the most that its table may have decoded, and what the cache did not keep.
func (o *opened) memory() int64 {
	if z, ok := o.FS().(*zip.Reader); ok {
		return zipEntry * int64(len(z.File))
	}
	f, ok := o.FS().(*tarfs.FS)
	if !ok {
		return 0
	}
	n := o.held + o.CachedBytes() + blockBytes*min(blocksKept, int64(f.Table().Len())/blockEntries+1)
	if o.Index == nil { // decompressed in memory
		n += f.Table().Info().Size
	}
	return n
}

// pool keeps layers open that nobody uses at the moment, with what they have decoded: opening one costs two files, and the next click goes to the same
// place. The least recently used are closed. It knows nothing of who may see what.
type pool struct {
	maxLayers int
	maxBytes  int64

	mu     sync.Mutex
	layers map[digest.Digest]*opened
	recent list.List // of *opened, the last used in front
	bytes  int64     // of the costs of all
}

// get returns the open blob d of that size, or nil. The caller gives it back.
func (p *pool) get(d digest.Digest, size int64) *opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.layers[d]
	if o == nil || o.size != size {
		return nil
	}
	o.users++
	p.recent.MoveToFront(o.place)
	return o
}

func (p *pool) has(d digest.Digest, size int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.layers[d]
	return o != nil && o.size == size
}

// add takes in o, which the caller uses, and returns what is to be used in its place: another one of the same blob if that was quicker.
func (p *pool) add(o *opened) (*opened, error) {
	if old := p.get(o.d, o.size); old != nil {
		return old, o.close()
	}
	p.mu.Lock()
	var idle []*opened
	if p.layers[o.d] == nil { // or else o is for its caller alone
		p.layers[o.d] = o
		o.place = p.recent.PushFront(o)
		idle = p.evict()
	}
	p.mu.Unlock()
	return o, closeAll(idle)
}

// release gives o back. What is not in the pool, or no longer, is closed by the last who does.
func (p *pool) release(o *opened) error {
	cost := o.memory()
	p.mu.Lock()
	o.users--
	var idle []*opened
	if o.place != nil {
		p.bytes += cost - o.cost
		o.cost = cost
		idle = p.evict()
	} else if o.users == 0 {
		idle = []*opened{o}
	}
	p.mu.Unlock()
	return closeAll(idle)
}

// evict takes out layers that nobody uses until the rest is within the bounds, and returns them for closing. Called with mu held.
func (p *pool) evict() (idle []*opened) {
	for e := p.recent.Back(); e != nil && (p.bytes > p.maxBytes || len(p.layers) > p.maxLayers); {
		o := e.Value.(*opened)
		e = e.Prev()
		if o.users == 0 {
			p.takeOut(o)
			idle = append(idle, o)
		}
	}
	return idle
}

// drop takes o out, so that nobody else gets it.
func (p *pool) drop(o *opened) error {
	p.mu.Lock()
	if o.place == nil {
		p.mu.Unlock()
		return nil
	}
	p.takeOut(o)
	inUse := o.users > 0
	p.mu.Unlock()
	if inUse {
		return nil
	}
	return o.close()
}

// forget drops what is there of d.
func (p *pool) forget(d digest.Digest) error {
	p.mu.Lock()
	o := p.layers[d]
	p.mu.Unlock()
	if o == nil {
		return nil
	}
	return p.drop(o)
}

// takeOut is called with mu held.
func (p *pool) takeOut(o *opened) {
	p.recent.Remove(o.place)
	delete(p.layers, o.d)
	p.bytes -= o.cost
	o.place, o.cost = nil, 0
}

// close closes what nobody uses, and keeps nothing from then on.
func (p *pool) close() error {
	p.mu.Lock()
	p.maxLayers = 0
	idle := p.evict()
	p.mu.Unlock()
	return closeAll(idle)
}

func closeAll(layers []*opened) error {
	var errs []error
	for _, o := range layers {
		errs = append(errs, o.close())
	}
	return errors.Join(errs...)
}
