package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// rawManifest is the content of a manifest as it was read and checked, and the file that it was read from.
type rawManifest struct {
	raw []byte
	fi  fs.FileInfo
}

// manifestLink returns the repository's link to the manifest, or ErrManifestUnknown or ErrRepoUnknown.
func (s *Store) manifestLink(name oci.Name, d digest.Digest) (*link, error) {
	r, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if r != nil {
		if l, err := s.getLink(r, manifests, d); l != nil || err != nil {
			return l, err
		}
	}
	if _, err := s.checkExists(name); err != nil {
		return nil, unknownRepo(err)
	}
	return nil, fmt.Errorf("%w: %s in %s", storage.ErrManifestUnknown, d, name)
}

// unknownRepo makes of the error that there is no such repository the one that there is no such manifest either.
func unknownRepo(err error) error {
	if errors.Is(err, storage.ErrRepoUnknown) {
		return fmt.Errorf("%w: %w", storage.ErrManifestUnknown, err)
	}
	return err
}

// rawOverhead is what remembering a manifest costs besides its bytes.
const rawOverhead = 512

// GetManifest implements storage.ManifestReader.
func (s *Store) GetManifest(ctx context.Context, name oci.Name, d digest.Digest) (storage.Manifest, error) {
	defer s.keeping.read(d)()
	l, err := s.manifestLink(name, d)
	if err != nil {
		return storage.Manifest{}, err
	}
	raw, err := s.readManifest(d, l.size)
	if err != nil {
		return storage.Manifest{}, err
	}
	return storage.Manifest{Descriptor: l.descriptor(d), Subject: l.subject, Raw: raw}, nil
}

func (l *link) descriptor(d digest.Digest) oci.Descriptor {
	return oci.Descriptor{MediaType: l.mediaType, Digest: d, Size: l.size}
}

// readManifest returns content that hashes to d. What is in memory is used as long as the file is the one that it was
// read from: a look at the file costs one system call, and a changed file is read and checked anew.
func (s *Store) readManifest(d digest.Digest, size int64) ([]byte, error) {
	fi, err := s.stat(d, size)
	if err != nil {
		return nil, s.lost(storage.ErrManifestUnknown, err, d)
	}
	return s.readChecked(d, size, fi)
}

// readChecked is readManifest behind the look at the file, which found fi.
func (s *Store) readChecked(d digest.Digest, size int64, fi fs.FileInfo) ([]byte, error) {
	if m, ok := s.raws.get(d); ok && sameFile(m.fi, fi) {
		return m.raw, nil
	}
	f, err := s.openFile(d, size)
	if err != nil {
		return nil, s.lost(storage.ErrManifestUnknown, err, d)
	}
	defer f.Close()
	raw := make([]byte, size)
	if _, err := io.ReadFull(f, raw); err != nil {
		return nil, err
	}
	if d.Algorithm().FromBytes(raw) != d {
		return nil, s.damaged(storage.ErrManifestUnknown, d, "the content has another digest")
	}
	s.raws.put(digest.Digest(strings.Clone(string(d))), &rawManifest{raw, fi}, len(raw)+rawOverhead)
	return raw, nil
}

// sameFile reports whether nothing was written to the file between two looks at it.
func sameFile(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}

// PutManifest implements storage.ManifestStore.
func (s *Store) PutManifest(ctx context.Context, name oci.Name, m storage.Manifest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if got := m.Digest.Algorithm().FromBytes(m.Raw); got != m.Digest {
		return fmt.Errorf("%w: want %s, the content has %s", storage.ErrDigestMismatch, m.Digest, got)
	}
	defer s.keeping.read(m.Digest)()
	l := &link{size: int64(len(m.Raw)), mediaType: strings.Clone(m.MediaType), subject: m.Subject}
	kept := s.holds(m)
	if kept && s.isDurable(name, m.Digest, l) {
		return nil
	}
	if !kept {
		if err := s.writeContent(m.Digest, m.Raw); err != nil {
			return err
		}
	}
	dirs, err := s.putLink(s.repo(name), manifests, m.Digest, l)
	if err != nil {
		return err
	}
	return s.settle(l, append(dirs, shardDir(m.Digest)))
}

// holds reports whether the content of m is on the disk, undamaged.
func (s *Store) holds(m storage.Manifest) bool {
	fi, err := s.stat(m.Digest, int64(len(m.Raw)))
	if err != nil {
		return false
	}
	raw, err := s.readChecked(m.Digest, int64(len(m.Raw)), fi)
	return err == nil && bytes.Equal(raw, m.Raw)
}

// isDurable reports whether this process has put the same manifest there before, and waited for it.
func (s *Store) isDurable(name oci.Name, d digest.Digest, want *link) bool {
	l, err := s.manifestLink(name, d)
	return err == nil && l.durable.Load() && l.mediaType == want.mediaType && l.subject == want.subject
}

// writeContent writes a file of content and syncs it; its name is for the caller to sync.
func (s *Store) writeContent(d digest.Digest, raw []byte) error {
	if err := s.tree.mkdirs(shardDir(d)); err != nil {
		return err
	}
	tmp := s.tree.temp("uploads")
	err := s.tree.write(tmp, raw)
	if err == nil {
		err = s.tree.rename(tmp, file(d))
	}
	if err != nil {
		return errors.Join(err, s.tree.remove(tmp))
	}
	return nil
}

// DeleteManifest implements storage.ManifestStore. Tags go first, durably: at no time does one point at nothing.
func (s *Store) DeleteManifest(ctx context.Context, name oci.Name, d digest.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.checkExists(name)
	if err != nil {
		return unknownRepo(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l, err := s.readLink(r, manifests, d)
	if err != nil {
		return err
	}
	if l == nil {
		return fmt.Errorf("%w: %s in %s", storage.ErrManifestUnknown, d, name)
	}
	if err := s.untag(r, d); err != nil {
		return err
	}
	if err := s.dropLink(r, manifests, d); err != nil {
		return err
	}
	if l.subject == "" {
		return nil
	}
	s.forgetReferrers(r, l.subject)
	return s.tree.remove(r.referrersDir(l.subject) + "/" + d.Encoded())
}

// Manifests implements storage.ManifestStore.
func (s *Store) Manifests(ctx context.Context, name oci.Name) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		r, err := s.checkExists(name)
		if err != nil {
			yield(oci.Descriptor{}, err)
			return
		}
		for _, alg := range oci.Algorithms {
			if !s.yieldManifests(ctx, r, alg, yield) {
				return
			}
		}
	}
}

// yieldManifests yields the manifests of one algorithm, and reports whether there is to be more.
func (s *Store) yieldManifests(ctx context.Context, r *repo, alg digest.Algorithm, yield func(oci.Descriptor, error) bool) bool {
	names, err := s.tree.names(r.dir(manifests, string(alg)))
	if err = errors.Join(err, ctx.Err()); err != nil {
		yield(oci.Descriptor{}, err)
		return false
	}
	slices.Sort(names)
	for _, hex := range names {
		d, err := oci.ParseDigest(string(alg) + ":" + hex)
		if err != nil {
			continue // nothing of ours
		}
		l, err := s.getLink(r, manifests, d)
		if l == nil && err == nil {
			continue // deleted meanwhile
		}
		if err != nil {
			yield(oci.Descriptor{}, err)
			return false
		}
		if !yield(l.descriptor(d), nil) {
			return false
		}
	}
	return true
}
