package mux

import (
	"cmp"
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

// union merges the lists of all members. It fails where all of them do, and where one does with the error needed.
func union[T any](ctx context.Context, v *Virtual, repo oci.Name, needed error, compare func(a, b T) int, of func(part) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		parts := v.parts(ctx, repo)
		var seqs []iter.Seq2[T, error]
		for _, p := range parts {
			seqs = append(seqs, of(p))
		}
		var f failures
		left := len(seqs)
		for t, err := range merge(seqs, compare, func(i int, err error) error {
			if left--; ctx.Err() != nil || errors.Is(err, needed) {
				return err
			}
			if f.add(err) {
				v.passOver(ctx, repo, parts[i], err)
			}
			return nil
		}) {
			if !yield(t, err) || err != nil {
				return
			}
		}
		if left == 0 {
			var none T
			yield(none, f.verdict(fmt.Errorf("%w: %s", storage.ErrRepoUnknown, repo)))
		}
	}
}

// Tags implements storage.ManifestReader.
func (v *Virtual) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return union(ctx, v, repo, nil, cmp.Compare, func(p part) iter.Seq2[oci.Tag, error] { return p.Store.Tags(ctx, p.repo, after) })
}

// DatedTags implements storage.TagDater. It yields storage.ErrUnsupported where one of the members cannot tell.
func (v *Virtual) DatedTags(ctx context.Context, repo oci.Name) iter.Seq2[storage.DatedTag, error] {
	byTag := func(a, b storage.DatedTag) int { return cmp.Compare(a.Tag, b.Tag) }
	return union(ctx, v, repo, storage.ErrUnsupported, byTag, func(p part) iter.Seq2[storage.DatedTag, error] { return storage.DatedTags(ctx, p.Store, p.repo) })
}

// Referrers implements storage.ManifestReader. Those of a member that knows no such repository are none.
func (v *Virtual) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	return union(ctx, v, repo, nil, byDigest, func(p part) iter.Seq2[oci.Descriptor, error] { return p.Store.Referrers(ctx, p.repo, d) })
}

// Manifests implements storage.ManifestStore.
func (v *Virtual) Manifests(ctx context.Context, repo oci.Name) iter.Seq2[oci.Descriptor, error] {
	return union(ctx, v, repo, nil, byDigest, func(p part) iter.Seq2[oci.Descriptor, error] { return p.Store.Manifests(ctx, p.repo) })
}

func byDigest(a, b oci.Descriptor) int { return strings.Compare(string(a.Digest), string(b.Digest)) }

// Repositories implements storage.Reader. A member that cannot tell is left out.
func (v *Virtual) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	return v.names(ctx, func(m Member) iter.Seq2[oci.Name, error] {
		from := join(m.Name, "") // no name, but less than all below it
		if rest, ok := below(after, v.name); ok {
			from = join(m.Name, rest)
		} else if after > v.name {
			return none
		}
		return m.Store.Repositories(ctx, from)
	})
}

// none is the empty list.
func none(func(oci.Name, error) bool) {}

// BlobRepositories implements storage.BlobFinder.
func (v *Virtual) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[oci.Name, error] {
	return v.names(ctx, func(m Member) iter.Seq2[oci.Name, error] { return holders(ctx, m.Store, d) })
}

// names merges names of the members, each of which is put below the Virtual's own.
func (v *Virtual) names(ctx context.Context, of func(Member) iter.Seq2[oci.Name, error]) iter.Seq2[oci.Name, error] {
	var seqs []iter.Seq2[oci.Name, error]
	var parts []part
	for _, m := range v.members {
		if !v.reserve || m.Local {
			seqs = append(seqs, v.renamed(of(m), m))
			parts = append(parts, part{m, m.Name})
		}
	}
	return merge(seqs, cmp.Compare, func(i int, err error) error {
		if ctx.Err() != nil || parts[i].Local {
			return err
		}
		if !errors.Is(err, storage.ErrUnsupported) {
			v.passOver(ctx, v.name, parts[i], err)
		}
		return nil
	})
}

// renamed leaves those names of m that can be read under the Virtual's, and calls them so.
func (v *Virtual) renamed(names iter.Seq2[oci.Name, error], m Member) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		began := false
		for name, err := range names {
			if err != nil {
				yield("", err)
				return
			}
			rest, ok := below(name, m.Name)
			if !ok && began {
				return // they stand together
			}
			if !ok || len(join(v.name, rest)) > oci.MaxName {
				continue
			}
			began = true
			if !yield(join(v.name, rest), nil) {
				return
			}
		}
	}
}

// distinct returns the digests of descriptors, each once.
func distinct(all []oci.Descriptor) (digests []digest.Digest) {
	for _, d := range all {
		if !slices.Contains(digests, d.Digest) {
			digests = append(digests, d.Digest)
		}
	}
	return digests
}
