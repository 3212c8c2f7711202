package pullthrough

import (
	"context"
	"errors"
	"slices"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// partial is an upload that broke off.
type partial struct {
	d    digest.Digest
	repo oci.Name
	id   string
}

// Bounds of what is kept of downloads that broke off. The local store forgets them in its own time as it does any upload.
const (
	maxPartials = 32
	minPartial  = 1 << 20 // bytes: less is not worth it
)

// session opens an upload: that which broke off, if it is of the same name, or a new one.
func (dl *download) session() (storage.Upload, error) {
	s := dl.s
	s.mu.Lock()
	i := slices.IndexFunc(s.partials, func(p partial) bool { return p.d == dl.d && p.repo == dl.repo.name })
	var p partial
	if i >= 0 {
		p = s.partials[i]
		s.partials = slices.Delete(s.partials, i, i+1)
	}
	s.mu.Unlock()
	if i >= 0 {
		u, err := s.local.ResumeUpload(dl.ctx, p.repo, p.id)
		if err == nil && u.Size() < dl.size {
			return u, nil
		}
		if err == nil {
			u.Cancel(dl.ctx)
		}
	}
	return s.local.StartUpload(dl.ctx, dl.repo.name, dl.d.Algorithm())
}

// keepPartial keeps what has arrived for the next try, unless it cannot be right: then why says so.
func (s *Store) keepPartial(dl *download, u storage.Upload, why error) {
	wrong := errors.Is(why, storage.ErrDigestMismatch) || errors.Is(why, storage.ErrDamaged)
	if wrong || u.Size() < minPartial || u.Close() != nil {
		u.Cancel(dl.ctx)
		return
	}
	s.mu.Lock()
	s.partials = append(s.partials, partial{dl.d, dl.repo.name, u.ID()})
	var drop []partial
	if len(s.partials) > maxPartials {
		drop = append(drop, s.partials[0])
		s.partials = slices.Delete(s.partials, 0, 1)
	}
	s.mu.Unlock()
	s.cancelPartials(drop)
}

// dropPartials forgets all of them: a process that has ended does not know of them any more.
func (s *Store) dropPartials() {
	s.mu.Lock()
	drop := s.partials
	s.partials = nil
	s.mu.Unlock()
	s.cancelPartials(drop)
}

func (s *Store) cancelPartials(drop []partial) {
	for _, p := range drop {
		if u, err := s.local.ResumeUpload(context.Background(), p.repo, p.id); err == nil {
			u.Cancel(context.Background())
		}
	}
}
