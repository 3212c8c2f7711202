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
	r := s.find(name)
	if r != nil {
		if l := s.getLink(&s.manifests, r, "_manifests", d); l != nil {
			return l, nil
		}
	}
	if _, err := s.checkExists(name); err != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrManifestUnknown, err)
	}
	return nil, fmt.Errorf("%w: %s in %s", storage.ErrManifestUnknown, d, name)
}

// GetManifest implements storage.ManifestReader.
func (s *Store) GetManifest(ctx context.Context, name oci.Name, d digest.Digest) (storage.Manifest, error) {
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
	s.raws.put(digest.Digest(strings.Clone(string(d))), &rawManifest{raw, fi}, len(raw))
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
	l := &link{size: int64(len(m.Raw)), mediaType: m.MediaType, subject: m.Subject}
	kept := s.holds(m)
	if kept && s.isDurable(name, m.Digest, l) {
		return nil
	}
	if !kept {
		if err := s.writeContent(m.Digest, m.Raw); err != nil {
			return err
		}
	}
	return s.linkManifest(s.repo(name), m, l)
}

// holds reports whether the content of m is on the disk, undamaged.
func (s *Store) holds(m storage.Manifest) bool {
	if _, err := s.stat(m.Digest, int64(len(m.Raw))); err != nil {
		return false
	}
	raw, err := s.readManifest(m.Digest, int64(len(m.Raw)))
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
	tmp := "uploads/" + tempPrefix + storage.NewUploadID()
	err := s.tree.write(tmp, raw)
	if err == nil {
		err = s.tree.rename(tmp, file(d))
	}
	if err != nil {
		return errors.Join(err, s.tree.remove(tmp))
	}
	return nil
}

// linkManifest makes m visible in r, durably. The referrer's entry comes first: one without its manifest is passed over.
func (s *Store) linkManifest(r *repo, m storage.Manifest, l *link) error {
	var dirs []string
	if m.Subject != "" {
		dir := r.referrersDir(m.Subject)
		if err := s.tree.mkdirs(dir); err != nil {
			return err
		}
		if err := s.tree.link("-", dir+"/"+m.Digest.Encoded()); err != nil {
			return err
		}
		dirs = append(dirs, dir)
	}
	dir, err := s.putLink(&s.manifests, r, "_manifests", m.Digest, l)
	if err != nil {
		return err
	}
	s.forgetReferrers(r, m.Subject)
	return s.settle(l, false, m.Digest, append(dirs, dir)...)
}

// DeleteManifest implements storage.ManifestStore. Tags go first, durably: at no time does one point at nothing.
func (s *Store) DeleteManifest(ctx context.Context, name oci.Name, d digest.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.checkExists(name)
	if err != nil {
		return fmt.Errorf("%w: %w", storage.ErrManifestUnknown, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l := s.readLink(r, "_manifests", d)
	if l == nil {
		return fmt.Errorf("%w: %s in %s", storage.ErrManifestUnknown, d, name)
	}
	if err := s.untag(r, d); err != nil {
		return err
	}
	dir, path := r.linkPath("_manifests", d)
	if err := s.tree.remove(path); err != nil {
		return err
	}
	s.manifests.drop(linkKey{name, d})
	s.unlist(r)
	if l.subject != "" {
		s.referrers.drop(linkKey{name, l.subject})
		if err := s.tree.remove(r.referrersDir(l.subject) + "/" + d.Encoded()); err != nil {
			return err
		}
	}
	return s.tree.syncDirs(dir)
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
			names, err := s.tree.names(r.dir("_manifests", string(alg)))
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(oci.Descriptor{}, err)
				return
			}
			slices.Sort(names)
			for _, hex := range names {
				d := digest.NewDigestFromEncoded(alg, hex)
				if l := s.getLink(&s.manifests, r, "_manifests", d); l != nil && !yield(l.descriptor(d), nil) {
					return
				}
			}
		}
	}
}
