package pullthrough

import (
	"context"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
)

// Bounds of downloads that nobody reads, each of which is a connection and a file; those that somebody reads are as many as there are readers.
const (
	maxOrphans = 8                // the oldest ends when there is one more
	orphanTime = 30 * time.Minute // and each after so long
)

// stillAbsent returns why the download was refused a moment ago.
func (s *asker) stillAbsent(key string) error {
	if a, ok := s.absent.get(key); ok && time.Now().Before(a.until) {
		return a.err
	}
	return nil
}

// arrivingSize returns the size of the blob if it is being downloaded under this name.
func (s *Store) arrivingSize(r repo, d digest.Digest) (int64, bool) {
	s.mu.Lock()
	dl := s.downloads[d]
	s.mu.Unlock()
	if dl == nil || dl.repo.name != r.name {
		return 0, false
	}
	select {
	case <-dl.opened:
		return dl.size, dl.openErr == nil
	default:
		return 0, false
	}
}

// joinDownload holds the download of d, which the caller leaves. It begins one where there is none: then mine is true. One that runs under another name is for
// those only whose name upstream has confirmed: else it returns nil.
func (s *Store) joinDownload(r repo, d digest.Digest, confirmed bool) (dl *download, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if dl = s.downloads[d]; dl == nil {
		dl = s.newDownload(repo{own(r.name), own(r.up)}, own(d))
		mine = true
	}
	if dl.repo.name != r.name {
		if !confirmed {
			return nil, false
		}
		dl.links = append(dl.links, repo{own(r.name), own(r.up)})
	}
	dl.holders++
	s.orphans.adopt(&dl.running)
	return dl, mine
}

// land takes dl out of those that can be joined. Called with mu held.
func (s *Store) land(dl *download) {
	if s.downloads[dl.d] == dl {
		delete(s.downloads, dl.d)
	}
}

// leave gives dl back. One that runs goes on; one that nobody has started ends: also while upstream is asked for it, or strangers who come and go could have it
// asked for any number of blobs at once.
func (s *Store) leave(dl *download) {
	s.mu.Lock()
	dl.holders--
	ends := dl.holders == 0 && !dl.runs
	switch {
	case ends:
		s.land(dl)
	case dl.holders == 1 && dl.isOpening(): // which is itself
		s.land(dl)
		dl.cancel(errAbandoned)
	case dl.holders == 0:
		s.orphans.abandon(&dl.running)
	}
	s.mu.Unlock()
	if ends {
		dl.release()
	}
}

// running is what goes on with nobody waiting for it, or may: a download. Guarded by asker.mu.
type running struct {
	stop    context.CancelCauseFunc
	holders int
	expiry  *time.Timer
}

// orphans are those that run and that nobody reads, the oldest first. Guarded by asker.mu.
type orphans []*running

// abandon lets r run without readers, within bounds.
func (o *orphans) abandon(r *running) {
	*o = append(*o, r)
	r.expiry = time.AfterFunc(orphanTime, func() { r.stop(errAbandoned) })
	if len(*o) > maxOrphans {
		oldest := (*o)[0]
		o.adopt(oldest)
		oldest.stop(errAbandoned)
	}
}

// adopt takes r out of those without readers.
func (o *orphans) adopt(r *running) {
	if r.expiry != nil {
		r.expiry.Stop()
		r.expiry = nil
	}
	*o = slices.DeleteFunc(*o, func(other *running) bool { return other == r })
}
