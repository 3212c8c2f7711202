package pullthrough

import (
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
func (s *Store) stillAbsent(key string) error {
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
	s.adopt(dl)
	return dl, mine
}

// land takes dl out of those that can be joined. Called with mu held.
func (s *Store) land(dl *download) {
	if s.downloads[dl.d] == dl {
		delete(s.downloads, dl.d)
	}
}

// leave gives dl back. One that runs goes on; one that nobody has started ends.
func (s *Store) leave(dl *download) {
	s.mu.Lock()
	dl.holders--
	ends := dl.holders == 0 && !dl.running
	switch {
	case ends:
		s.land(dl)
	case dl.holders == 0:
		s.abandon(dl)
	}
	s.mu.Unlock()
	if ends {
		dl.release()
	}
}

// abandon lets dl run without readers, within bounds. Called with mu held.
func (s *Store) abandon(dl *download) {
	s.orphans = append(s.orphans, dl)
	dl.expiry = time.AfterFunc(orphanTime, func() { dl.cancel(errAbandoned) })
	if len(s.orphans) > maxOrphans {
		oldest := s.orphans[0]
		s.adopt(oldest)
		oldest.cancel(errAbandoned)
	}
}

// adopt takes dl out of those without readers. Called with mu held.
func (s *Store) adopt(dl *download) {
	if dl.expiry != nil {
		dl.expiry.Stop()
		dl.expiry = nil
	}
	s.orphans = slices.DeleteFunc(s.orphans, func(o *download) bool { return o == dl })
}
