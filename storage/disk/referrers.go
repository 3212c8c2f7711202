package disk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// forgetReferrers drops what is remembered of the referrers of subject. Called with r's lock held.
func (s *Store) forgetReferrers(r *repo, subject digest.Digest) {
	if subject != "" {
		r.linked++
		s.referrers.drop(r.key(referrers, subject))
	}
}

// Referrers implements storage.ManifestReader.
func (s *Store) Referrers(ctx context.Context, name oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		r, err := s.find(name)
		if err != nil {
			yield(oci.Descriptor{}, err)
			return
		}
		if r == nil || d == "" {
			return
		}
		all, ok := s.referrers.get(r.key(referrers, d))
		if !ok {
			s.loadReferrers(ctx, r, d, yield)
			return
		}
		for _, desc := range all {
			if !yield(desc, nil) {
				return
			}
		}
	}
}

// loadReferrers yields the referrers of d as it reads them, one at a time: each may be as large as a manifest. It
// remembers them if they are not too many bytes, all could be read, and none came or went meanwhile.
func (s *Store) loadReferrers(ctx context.Context, r *repo, d digest.Digest, yield func(oci.Descriptor, error) bool) {
	r.mu.RLock()
	names, err := s.tree.names(r.referrersDir(d))
	linked := r.linked
	r.mu.RUnlock()
	if err != nil {
		yield(oci.Descriptor{}, err)
		return
	}
	slices.SortFunc(names, compareHex)
	kept := referrersList{cost: 256, whole: true}
	for _, hex := range names {
		desc, err := s.referrer(r, hex, d)
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case isLeftOut(err):
			s.log.Warn("referrer left out", "repository", r.name, "subject", d, "manifest", hex, "err", err)
			kept.whole = kept.whole && !errors.Is(err, storage.ErrDamaged) // it may be mended from another repository
			continue
		case err != nil:
			yield(oci.Descriptor{}, err)
			return
		}
		kept.add(desc)
		if !yield(desc, nil) {
			return
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if kept.whole && r.linked == linked {
		s.referrers.put(r.key(referrers, d).own(), kept.all, kept.cost)
	}
}

// isLeftOut reports whether err says that an entry is not to be listed, rather than that it could not be read.
func isLeftOut(err error) bool {
	return errors.Is(err, storage.ErrManifestUnknown) || errors.Is(err, oci.ErrManifest) || errors.Is(err, oci.ErrDigest)
}

// referrersList gathers what is worth remembering.
type referrersList struct {
	all   []oci.Descriptor
	cost  int
	whole bool
}

func (l *referrersList) add(d oci.Descriptor) {
	if l.cost += weight(d); l.cost > maxReferrers/4 {
		l.all, l.whole = nil, false
	}
	if l.whole {
		l.all = append(l.all, d)
	}
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
	defer s.keeping.read(d)()
	l, err := s.getLink(r, manifests, d)
	if err != nil {
		return oci.Descriptor{}, err
	}
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
