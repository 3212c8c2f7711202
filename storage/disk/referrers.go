package disk

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// referrersDir returns the directory that has an entry for each referrer of subject.
func (r *repo) referrersDir(subject digest.Digest) string {
	return r.dir("_referrers", string(subject.Algorithm()), subject.Encoded())
}

func (s *Store) forgetReferrers(r *repo, subject digest.Digest) {
	if subject == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.referrers.drop(linkKey{r.name, subject})
}

// Referrers implements storage.ManifestReader.
func (s *Store) Referrers(ctx context.Context, name oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		r := s.find(name)
		if r == nil || d == "" {
			return
		}
		all, ok := s.referrers.get(linkKey{name, d})
		if !ok {
			var err error
			if all, err = s.loadReferrers(ctx, r, d); err != nil {
				yield(oci.Descriptor{}, err)
				return
			}
		}
		for _, desc := range all {
			if !yield(desc, nil) {
				return
			}
		}
	}
}

// loadReferrers reads the referrers of d and remembers them. The lock is held while it does, so that a manifest that
// comes or goes meanwhile is not missed.
func (s *Store) loadReferrers(ctx context.Context, r *repo, d digest.Digest) ([]oci.Descriptor, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	names, err := s.tree.names(r.referrersDir(d))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, compareHex)
	all := make([]oci.Descriptor, 0, len(names))
	cost := 256
	for _, hex := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		desc, err := s.referrer(r, hex, d)
		if err != nil {
			s.log.Warn("referrer left out", "repository", r.name, "subject", d, "manifest", hex, "err", err)
			continue
		}
		all = append(all, desc)
		cost += weight(desc)
	}
	s.referrers.put(linkKey{r.name, d}, all, cost)
	return all, nil
}

// compareHex orders the hexadecimal halves of digests as the digests are ordered: all sha256 before all sha512.
func compareHex(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// referrer describes one manifest that refers to subject.
func (s *Store) referrer(r *repo, hex string, subject digest.Digest) (oci.Descriptor, error) {
	alg := digest.SHA256
	if len(hex) == 2*digest.SHA512.Size() {
		alg = digest.SHA512
	}
	d, err := oci.ParseDigest(string(alg) + ":" + hex)
	if err != nil {
		return oci.Descriptor{}, err
	}
	l := s.readLink(r, "_manifests", d)
	if l == nil || l.subject != subject {
		return oci.Descriptor{}, fmt.Errorf("%w: an entry without its manifest", storage.ErrManifestUnknown)
	}
	raw, err := s.readManifest(d, l.size)
	if err != nil {
		return oci.Descriptor{}, err
	}
	m, err := oci.ParseManifest(l.mediaType, raw)
	if err != nil {
		return oci.Descriptor{}, err
	}
	desc := l.descriptor(d)
	desc.ArtifactType, desc.Annotations = m.ArtifactType, m.Annotations
	return desc, nil
}

// weight estimates the memory of a descriptor in bytes.
func weight(d oci.Descriptor) int {
	n := 300 + len(d.MediaType) + len(d.ArtifactType)
	for k, v := range d.Annotations {
		n += 64 + len(k) + len(v)
	}
	return n
}
