package explore

import (
	"context"
	"errors"
	"sync"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// maxQueue bounds the manifests that wait for Run. What does not fit is indexed when somebody looks at it.
const maxQueue = 1024

// queued is a manifest whose layers are to be indexed.
type queued struct {
	repo oci.Name
	d    digest.Digest
}

// Enqueue tells x of a manifest that was stored, so that Run indexes its layers. It does not block; what waits already is not taken twice, and what
// does not fit is left out.
func (x *Indexer) Enqueue(repo oci.Name, d digest.Digest) {
	if x.o.Cache == nil {
		return
	}
	q := queued{repo, d}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.waiting[q] {
		return
	}
	select {
	case x.queue <- q:
		x.waiting[q] = true
	default:
		x.o.Log.Debug("too much to index at once: left for the first view", "repository", repo, "digest", d)
	}
}

// Run indexes the layers of what is enqueued until ctx ends, a bounded number of them at once, each with rests: it is work that nobody waits for. It
// reads through r, which needs no identity.
func (x *Indexer) Run(ctx context.Context, r storage.Reader) {
	var wg sync.WaitGroup
	for range x.o.Workers {
		wg.Go(func() { x.work(ctx, r) })
	}
	wg.Wait()
}

func (x *Indexer) work(ctx context.Context, r storage.Reader) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-x.queue:
			x.mu.Lock()
			delete(x.waiting, q)
			x.mu.Unlock()
			x.indexImage(ctx, r, q)
		}
	}
}

func (x *Indexer) indexImage(ctx context.Context, r storage.Reader, q queued) {
	m, err := r.GetManifest(ctx, q.repo, q.d)
	if err != nil {
		return // it is gone again
	}
	contents, err := oci.ParseManifest(m.MediaType, m.Raw)
	if err != nil {
		return
	}
	for _, l := range contents.Layers {
		if !l.Distributable() || ctx.Err() != nil {
			continue
		}
		if err := x.indexLayer(ctx, blobSource(r, q.repo, l.Digest, l.MediaType)); err != nil && ctx.Err() == nil {
			x.o.Log.Debug("a layer has no index", "repository", q.repo, "digest", l.Digest, "error", err)
		}
	}
}

// indexLayer makes the index of a blob that can have one and does not yet.
func (x *Indexer) indexLayer(ctx context.Context, s source) error {
	if err := x.verdicts.failed(s.d); err != nil {
		return err
	}
	blob, err := s.open(ctx)
	if err != nil {
		return err
	}
	there, err := x.indexed(ctx, blob, s)
	if err := errors.Join(err, blob.Close()); err != nil || there {
		return err
	}
	_, err = x.build(ctx, s, false)
	return err
}

// indexed reports whether a blob needs no pass: its index is in the cache, or it has none.
func (x *Indexer) indexed(ctx context.Context, blob storage.Blob, s source) (bool, error) {
	f, err := detect(blob, blob.Size(), s.hint)
	if err != nil || !f.HasIndex() {
		return true, err
	}
	if _, ok := fileIndex(f, s.d, blob.Size()); ok {
		return true, nil
	}
	_, stored := x.cached(ctx, s.d, blob.Size())
	if stored == nil {
		return false, nil
	}
	return true, stored.Close()
}
