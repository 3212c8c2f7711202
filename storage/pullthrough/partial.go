package pullthrough

import (
	"context"
	"errors"
	"slices"
	"sync"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// partial is an upload that broke off.
type partial struct {
	key  string // of what is to go on with it
	repo oci.Name
	id   string
}

// partials are kept for the next try, the oldest first. The local store forgets them in its own time as it does any upload.
type partials struct {
	mu  sync.Mutex
	all []partial
}

// Bounds of what is kept of downloads that broke off.
const (
	maxPartials = 32
	minPartial  = 1 << 20 // bytes: less is not worth it
)

// resume opens the upload that broke off, nil if there is none. It is nobody else's then.
func (p *partials) resume(ctx context.Context, local storage.UploadManager, key string, repo oci.Name) storage.Upload {
	p.mu.Lock()
	i := slices.IndexFunc(p.all, func(o partial) bool { return o.key == key && o.repo == repo })
	if i < 0 {
		p.mu.Unlock()
		return nil
	}
	id := p.all[i].id
	p.all = slices.Delete(p.all, i, i+1)
	p.mu.Unlock()
	u, err := local.ResumeUpload(ctx, repo, id)
	if err != nil {
		return nil
	}
	return u
}

// keep keeps what has arrived for the next try, unless it cannot be right, or the local store cannot take more: then why says so. It reports whether it does.
func (p *partials) keep(ctx context.Context, local storage.UploadManager, key string, repo oci.Name, u storage.Upload, why error) bool {
	_, ours := errors.AsType[localError](why)
	wrong := ours || errors.Is(why, storage.ErrDigestMismatch) || errors.Is(why, storage.ErrDamaged) || errors.Is(why, storage.ErrNoSpace) // it is what fills the disk
	if wrong || u.Size() < minPartial || u.Close() != nil {
		u.Cancel(ctx)
		return false
	}
	p.mu.Lock()
	p.all = append(p.all, partial{key, repo, u.ID()})
	var drop []partial
	if len(p.all) > maxPartials {
		drop = append(drop, p.all[0])
		p.all = slices.Delete(p.all, 0, 1)
	}
	p.mu.Unlock()
	cancelPartials(local, drop)
	return true
}

// drop forgets all of them: a process that has ended does not know of them any more.
func (p *partials) drop(local storage.UploadManager) {
	p.mu.Lock()
	drop := p.all
	p.all = nil
	p.mu.Unlock()
	cancelPartials(local, drop)
}

func cancelPartials(local storage.UploadManager, drop []partial) {
	for _, p := range drop {
		if u, err := local.ResumeUpload(context.Background(), p.repo, p.id); err == nil {
			u.Cancel(context.Background())
		}
	}
}

// session opens an upload: that which broke off, if it is of the same name, or a new one.
func (dl *download) session() (storage.Upload, error) {
	if u := dl.s.partials.resume(dl.ctx, dl.s.local, string(dl.d), dl.repo.name); u != nil {
		if u.Size() < dl.size {
			return u, nil
		}
		u.Cancel(dl.ctx)
	}
	return dl.s.local.StartUpload(dl.ctx, dl.repo.name, dl.d.Algorithm())
}
