package pullthrough

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// StatBlob implements storage.BlobReader. It downloads nothing.
func (s *Store) StatBlob(ctx context.Context, name oci.Name, d digest.Digest) (int64, error) {
	r, err := s.allowBlob(name, d)
	if err != nil {
		return 0, err
	}
	size, err := s.local.StatBlob(ctx, r.name, d)
	if err != nil && !isUnknown(err) {
		return 0, err
	}
	if err == nil && s.isFresh(r, d) {
		s.count.hits.Add(1)
		return size, nil
	}
	if size, ok := s.arrivingSize(r, d); ok && err != nil {
		return size, ctx.Err()
	}
	return s.ask(ctx, r, d, size, err == nil)
}

// LocateBlob implements storage.Locator: where the local store has the blob. Upstream is not asked.
func (s *Store) LocateBlob(ctx context.Context, name oci.Name, d digest.Digest) (oci.Name, error) {
	r, err := s.allowBlob(name, d)
	if err != nil {
		return "", err
	}
	_, err = s.local.StatBlob(ctx, r.name, d)
	return r.name, err
}

// ask asks upstream whether it has the blob under this name, and returns its size. old is that of the one that is kept, if hasOld.
func (s *Store) ask(ctx context.Context, r repo, d digest.Digest, old int64, hasOld bool) (int64, error) {
	key := fileKey{own(r.name), own(d)}
	up := own(r.up)
	return answer(ctx, &s.asker, question[int64]{
		kind: "blob", key: string(r.name) + "@" + string(d), old: old, has: hasOld,
		ask: func(ctx context.Context) (int64, error) {
			size, err := s.upstream.StatBlob(ctx, up, key.d)
			r := repo{key.repo, up}
			if isAbsent(err) {
				s.forgetFile(r, key.d, s.local.DeleteBlob(ctx, r.name, key.d))
				return 0, asBlob(err, r, key.d)
			}
			if err == nil {
				s.noteFresh(r, key.d)
			}
			return size, err
		},
	})
}

// asBlob makes sure that an answer that there is no such repository says that there is no such blob.
func asBlob(err error, r repo, d digest.Digest) error {
	return fmt.Errorf("%w: %s in %s: %w", storage.ErrBlobUnknown, d, r.name, err)
}

// maxTurns bounds how often OpenBlob begins again because what it had found went away meanwhile.
const maxTurns = 8

// OpenBlob implements storage.BlobReader. What is kept is the local store's own blob. What is not is a blob that arrives while it is read; ctx is its own until it
// is closed.
func (s *Store) OpenBlob(ctx context.Context, name oci.Name, d digest.Digest) (storage.Blob, error) {
	r, err := s.allowBlob(name, d)
	if err != nil {
		return nil, err
	}
	w := &wanted{s: s, ctx: ctx, r: r, d: d}
	for range maxTurns {
		b, err := w.turn()
		if b != nil || err != nil {
			return b, err
		}
	}
	return nil, fmt.Errorf("%w: %s in %s comes and goes", storage.ErrUpstream, d, name)
}

// wanted is a blob that is to be opened.
type wanted struct {
	s         *Store
	ctx       context.Context
	r         repo
	d         digest.Digest
	confirmed bool // upstream says that it has it under this name
}

// turn tries once: nil, nil if something has changed and it is to be tried again.
func (w *wanted) turn() (storage.Blob, error) {
	b, err := w.openKept()
	if b != nil || err != nil {
		return b, err
	}
	from, dl := w.elsewhere()
	if from == w.r.name { // it has come just now
		return nil, nil
	}
	if from == "" && dl == nil || dl != nil && dl.repo.name == w.r.name {
		return w.follow()
	}
	if !w.confirmed { // the bytes are here, or are coming, for another name
		if _, err := w.s.ask(w.ctx, w.r, w.d, 0, false); err != nil {
			return nil, err
		}
		w.confirmed = true
	}
	if from != "" {
		return w.mount(from)
	}
	return w.follow()
}

// openKept opens the blob that the local store has under this name, nil if it has none.
func (w *wanted) openKept() (storage.Blob, error) {
	s := w.s
	b, err := s.local.OpenBlob(w.ctx, w.r.name, w.d)
	if isUnknown(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !s.isFresh(w.r, w.d) {
		if _, err := s.ask(w.ctx, w.r, w.d, b.Size(), true); err != nil {
			b.Close()
			return nil, err
		}
	}
	s.count.hits.Add(1)
	s.keepsBlob(w.d, b.Size())
	return b, nil
}

// elsewhere returns a name under which the local store has the blob, or else the download that is bringing it.
func (w *wanted) elsewhere() (oci.Name, *download) {
	w.s.mu.Lock()
	dl := w.s.downloads[w.d]
	w.s.mu.Unlock()
	if dl != nil {
		return "", dl
	}
	from, err := storage.FindBlob(w.ctx, w.s.local, w.d)
	if err != nil {
		return "", nil
	}
	return from, nil
}

// mount links the blob from there: nil, nil, also where it has gone meanwhile. A local store that cannot is no reason not to serve it.
func (w *wanted) mount(from oci.Name) (storage.Blob, error) {
	err := w.s.local.MountBlob(w.ctx, w.r.name, w.d, from)
	switch {
	case isUnknown(err):
		return nil, nil
	case err != nil && w.ctx.Err() == nil:
		w.s.log.Warn("a blob could not be linked", "repository", w.r.name, "digest", w.d, "error", err)
		return w.s.local.OpenBlob(w.ctx, from, w.d)
	case err != nil:
		return nil, err
	}
	w.s.count.mounted.Add(1)
	w.s.noteFresh(w.r, w.d)
	return nil, nil
}

// follow joins the download, or begins one. It returns when the size is known: nil, nil where that went wrong under another name.
func (w *wanted) follow() (storage.Blob, error) {
	s := w.s
	if storage.IsKeptOnly(w.ctx) {
		return nil, fmt.Errorf("%w: the blob %s in %s", storage.ErrNotKept, w.d, w.r.name)
	}
	if err := s.unasked("download", false); err != nil {
		return nil, err
	}
	key := "download " + string(w.r.name) + "@" + string(w.d)
	if err := s.stillAbsent(key); err != nil {
		return nil, err
	}
	storage.NoteAsked(w.ctx, storage.AskedNew)
	dl, mine := s.joinDownload(w.r, w.d, w.confirmed)
	if dl == nil {
		return nil, nil
	}
	select {
	case <-dl.opened:
	case <-w.ctx.Done():
		s.leave(dl)
		return nil, w.ctx.Err()
	}
	if dl.openErr == nil {
		return &arriving{in: &dl.arrival, from: blobSource{dl, w.r}, ctx: w.ctx, way: past{d: dl.d}}, nil
	}
	s.leave(dl)
	if dl.repo.name != w.r.name {
		return nil, nil
	}
	if mine && !isTrouble(dl.openErr) {
		s.noteAbsent(own(key), dl.openErr)
	}
	return nil, dl.openErr
}

// blobSource is a download for whoever has opened the blob under one of its names.
type blobSource struct {
	*download
	repo repo
}

func (b blobSource) openAt(ctx context.Context, off int64) (io.ReadCloser, error) {
	in, err := b.s.upstream.OpenBlob(ctx, b.repo.up, b.d)
	if err != nil {
		return nil, err
	}
	if _, err := in.Seek(off, io.SeekStart); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

func (b blobSource) readAt(_ context.Context, p []byte, off int64) (int, error) {
	return readFull(b.up, p, off)
}

func (b blobSource) leave() { b.s.leave(b.download) }

func (b blobSource) told(err error) error { return b.s.told("blob", err) }
