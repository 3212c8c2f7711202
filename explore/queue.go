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

// queued is a manifest whose layers are to be indexed, or one layer.
type queued struct {
	repo oci.Name
	d    digest.Digest
	blob bool
}

// Enqueue tells x of a manifest that was stored, so that Run indexes those of its layers that are there. It does not block; what waits already is not taken twice, and what
// does not fit is left out.
func (x *Indexer) Enqueue(repo oci.Name, d digest.Digest) { x.enqueue(queued{repo, d, false}) }

// EnqueueBlob is Enqueue of one blob, which may come long after the manifest that names it. What is no layer costs a look at its first bytes.
func (x *Indexer) EnqueueBlob(repo oci.Name, d digest.Digest) { x.enqueue(queued{repo, d, true}) }

func (x *Indexer) enqueue(q queued) {
	if x.o.Cache == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.waiting[q] {
		return
	}
	select {
	case x.queue <- q:
		x.waiting[q] = true
	default:
		x.o.Log.Debug("too much to index at once: left for the first view", "repository", q.repo, "digest", q.d)
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
			if q.blob {
				x.indexLater(ctx, q.repo, blobSource(r, q.repo, q.d, ""))
			} else {
				x.indexImage(ctx, r, q)
			}
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
		x.indexLater(ctx, q.repo, blobSource(r, q.repo, l.Digest, l.MediaType))
	}
}

// indexLater makes the index of a blob, for whoever looks at it later. That there is none is no trouble.
func (x *Indexer) indexLater(ctx context.Context, repo oci.Name, s source) {
	if err := x.indexLayer(ctx, s); err != nil && ctx.Err() == nil {
		x.o.Log.Debug("a layer has no index", "repository", repo, "digest", s.d, "error", err)
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
