package pullthrough

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
)

// keep verifies what has come and makes it a file of the repository.
func (f *fetch) keep(u storage.Upload) error {
	s, info, d := f.s, f.info, digest.NewDigest(digest.SHA256, f.sum)
	told := info.Digest
	info.Digest, info.Size = d, u.Size()
	if err := f.verify(told, info); err != nil {
		u.Cancel(f.ctx)
		return fmt.Errorf("%w: %w: %w", storage.ErrUpstream, storage.ErrDamaged, err)
	}
	f.pinned = d
	s.pin(d)
	if err := u.Commit(f.ctx, d); err != nil {
		return localError{errors.Join(err, u.Cancel(f.ctx))}
	}
	if err := f.openAll(info); err != nil {
		return localError{err}
	}
	f.result = info
	switch {
	case f.part != "":
		return nil
	case s.isPublished(f.rule) && d == f.have.Digest: // upstream could not tell that it is the same
		f.result.Stored, f.result.Generation = f.have.Stored, f.have.Generation
		s.checked.put(f.path, info.Checked, 1)
		return nil
	case s.isPublished(f.rule) && f.rule.Root == f.path:
		return s.publish(f, info)
	}
	if err := s.local.PutFile(f.ctx, s.name, f.path, info, storage.Match{}); err != nil {
		return localError{err}
	}
	s.checked.put(f.path, info.Checked, 1)
	s.replaced(f.have.Digest, d)
	s.keeps(f.path, info)
	return nil
}

// openAll opens the blob that has come for those who wait, where the upload could not be followed.
func (f *fetch) openAll(info storage.File) error {
	if f.file != nil || f.size < 0 {
		return nil
	}
	b, err := f.s.local.OpenBlob(f.ctx, f.s.name, info.Digest)
	if err == nil {
		f.advance(b, info.Size)
	}
	return err
}

// verify asks Verify. A digest that upstream told has to be right.
func (f *fetch) verify(told digest.Digest, info storage.File) error {
	if told != "" && told.Algorithm() == digest.SHA256 && told != info.Digest {
		return fmt.Errorf("%w: it announced %s and sent %s", storage.ErrDigestMismatch, told, info.Digest)
	}
	if f.s.o.Verify == nil {
		return nil
	}
	if f.file == nil {
		return errors.New("the store cannot show what has come before it is kept")
	}
	return f.s.o.Verify(f.ctx, f.path, info, f.file)
}

// pin keeps content that no path names yet from being dropped.
func (s *Files) pin(d digest.Digest) {
	s.pinning.Lock()
	defer s.pinning.Unlock()
	s.pins[d]++
}

func (s *Files) unpin(d digest.Digest) {
	s.pinning.Lock()
	defer s.pinning.Unlock()
	if s.pins[d]--; s.pins[d] <= 0 {
		delete(s.pins, d)
	}
}

// replaced drops what a path had before, if it is something else.
func (s *Files) replaced(old, now digest.Digest) {
	if old != "" && old != now {
		s.dropBlob(old)
	}
}

// dropBlob gives back the space of content that no path names any more, unless somebody is about to name it.
func (s *Files) dropBlob(d digest.Digest) {
	s.pinning.Lock()
	defer s.pinning.Unlock()
	if s.pins[d] > 0 {
		return
	}
	err := s.local.DeleteBlob(s.ctx, s.name, d)
	if err == nil {
		_, err = storage.Reclaim(s.ctx, s.local, d)
	}
	if err != nil && !errors.Is(err, storage.ErrFileHolds) && !isUnknown(err) {
		s.log.Warn("content that no path names stays", "repository", s.name, "digest", d, "error", err)
	}
}

// Bundle gets what an index is published with. It may be used by many goroutines at once, until Publish returns.
type Bundle struct {
	s    *Files
	root string

	mu   sync.Mutex
	pins []digest.Digest
}

// pin keeps content until the Bundle ends.
func (b *Bundle) pin(d digest.Digest) {
	b.s.pin(d)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pins = append(b.pins, d)
}

// end lets go what was not published.
func (b *Bundle) end(published bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range b.pins {
		b.s.unpin(d)
	}
	if !published {
		for _, d := range b.pins {
			b.s.dropBlob(d) // what a path names stays
		}
	}
}

// Get brings the file at path, without giving it that path, or finds that what the last generation has there is what upstream has. A file of ClassFile that is kept
// is taken as it is, and kept under its path if it is not. Errors are those of upstream.
func (b *Bundle) Get(ctx context.Context, path string) (storage.File, error) {
	s := b.s
	if err := s.check(ctx, s.name, path); err != nil {
		return storage.File{}, err
	}
	if path == b.root {
		return storage.File{}, fmt.Errorf("%w: %.64q is the root itself", storage.ErrFilePath, path)
	}
	have, err := s.kept(ctx, path)
	if err != nil && !errors.Is(err, errCold) {
		return storage.File{}, err
	}
	part := b.root
	if rule := s.o.Rule(path); rule.Class != storage.ClassIndex && rule.Root == "" {
		if part = ""; err == nil {
			return have, nil
		}
	}
	f := s.join(own(path), part, have)
	defer s.leave(f)
	select {
	case <-f.settled:
	case <-ctx.Done():
		return storage.File{}, ctx.Err()
	}
	if f.failed != nil {
		return storage.File{}, f.failed
	}
	b.pin(f.result.Digest)
	return f.result, nil
}

// Open opens the content of what Get returned, or of the root.
func (b *Bundle) Open(ctx context.Context, f storage.File) (storage.Blob, error) {
	return b.s.local.OpenBlob(ctx, b.s.name, f.Digest)
}

// publish makes the generation of a root that has changed to info.
func (s *Files) publish(f *fetch, info storage.File) error {
	b := &Bundle{s: s, root: f.path}
	base, files, err := s.o.Publish(f.ctx, f.path, info, b)
	if err == nil {
		err = s.putFiles(f.ctx, f.path, info, base, files)
	}
	b.end(err == nil)
	return err
}

// putFiles publishes them, and gives back what only generations named that are no longer kept.
func (s *Files) putFiles(ctx context.Context, root string, info storage.File, base string, files map[string]storage.File) error {
	all := map[string]storage.File{root: info}
	for path, f := range files {
		if path != root {
			all[path] = f
		}
	}
	before, err := s.contents(ctx, base)
	if err != nil {
		return localError{err}
	}
	if _, err := s.local.PutFiles(ctx, s.name, base, all, s.o.Keep); err != nil {
		return localError{err}
	}
	s.checked.put(root, info.Checked, 1)
	for d := range before {
		s.dropBlob(d) // those that are still named stay
	}
	return nil
}

// contents returns what the oldest generations name that go with the next one.
func (s *Files) contents(ctx context.Context, base string) (map[digest.Digest]bool, error) {
	all := map[digest.Digest]bool{}
	n := 0
	for g, err := range s.local.Generations(ctx, s.name, base) {
		if n++; err != nil {
			return nil, err
		}
		if n < s.o.Keep {
			continue
		}
		if g, err = s.local.GetGeneration(ctx, s.name, base, g.Number); err != nil {
			return nil, err
		}
		for _, f := range g.Files {
			all[f.Digest] = true
		}
	}
	return all, nil
}
