package explore

import (
	"errors"
	"sync/atomic"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/archive"
	"vitrine/explore/tarfs"
	"vitrine/explore/zran"
	"vitrine/storage"
)

// Layer is an open blob as an archive. It may be used by many goroutines at once; Close releases it once none of them reads any more.
type Layer struct {
	*archive.Archive
	x      *Indexer
	o      *opened
	closed atomic.Bool
}

// Close gives the layer back. The blob itself may stay open for the next one. Only the first call does anything.
func (l *Layer) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	return l.x.pool.release(l.o)
}

// Report tells of an error that came out of reading the files or the table, and returns it. Whoever reads from a layer passes each error through
// here: a damaged index is made anew by the next Open, and what is damaged is not kept open.
func (l *Layer) Report(err error) error {
	var corrupt *zran.CorruptError
	upstream, _ := errors.AsType[*storage.UpstreamError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, zran.ErrIndex), errors.Is(err, tarfs.ErrTable), errors.Is(err, archive.ErrIndex):
		l.x.o.Log.Warn("an index is damaged and will be made anew", "digest", l.o.d, "error", err)
		l.x.verdicts.setStale(l.o.d, true)
	case errors.As(err, &corrupt), upstream != nil: // whoever opens it anew may do better: with a login of his own, or by another way
	default:
		return err
	}
	return errors.Join(err, l.x.pool.drop(l.o))
}

// Forget drops what is known of a blob that was stored anew, which may have mended it. Its index stays: that is checked against the digest.
func (x *Indexer) Forget(d digest.Digest) error {
	x.verdicts.forget(d)
	return x.pool.forget(d)
}
