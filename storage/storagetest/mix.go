package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// mix is what the workers of testConcurrentMix choose from.
type mix struct {
	s     storage.Store
	repos []oci.Name
	tags  []oci.Tag
	all   []storage.Manifest
	blobs []string
}

// testConcurrentMix lets workers do what they like, and then looks whether what is left fits together.
func testConcurrentMix(t *testing.T, s storage.Store) {
	x := mix{s: s, repos: []oci.Name{"a", "a/b", "b"}, tags: []oci.Tag{"1", "2", "3", "4"}, blobs: []string{"", "x", "content"}}
	for i := range 3 {
		m := image(t, fmt.Sprint(i))
		x.all = append(x.all, m, referrer(t, fmt.Sprint(i), m.Digest))
	}
	for worker, err := range together(8, func(i int) error {
		rnd := rand.New(rand.NewPCG(1, uint64(i)))
		for range 60 {
			if err := x.step(t, rnd); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("worker %d: %v", worker, err)
		}
	}
	for _, repo := range x.repos {
		x.check(t, repo)
	}
}

// step does one thing by chance. What others may have made impossible is no error.
func (x *mix) step(t *testing.T, rnd *rand.Rand) error {
	ctx, repo, tag := t.Context(), pick(rnd, x.repos), pick(rnd, x.tags)
	m, content := pick(rnd, x.all), pick(rnd, x.blobs)
	var err error
	switch rnd.IntN(11) {
	case 0, 1:
		err = x.s.PutManifest(ctx, repo, m)
	case 2, 3:
		err = x.s.SetTag(ctx, repo, tag, m.Digest, pick(rnd, []storage.Match{{}, storage.Unset(), storage.Still(m.Digest)}))
	case 4:
		err = x.s.DeleteManifest(ctx, repo, m.Digest)
	case 5:
		err = x.s.DeleteTag(ctx, repo, tag)
	case 6:
		err = storage.PutBlob(ctx, x.s, repo, blobOf(content), strings.NewReader(content))
	case 7:
		err = x.s.MountBlob(ctx, repo, blobOf(content), pick(rnd, x.repos))
	case 8:
		err = x.s.DeleteBlob(ctx, repo, blobOf(content))
	case 9:
		err = x.read(t, repo, tag, content)
	case 10:
		_, err = storage.Reclaim(ctx, x.s, pick(rnd, []digest.Digest{m.Digest, blobOf(content)}))
	}
	for _, ok := range []error{storage.ErrRepoUnknown, storage.ErrManifestUnknown, storage.ErrBlobUnknown, storage.ErrTagMatch} {
		if errors.Is(err, ok) && !errors.Is(err, storage.ErrDamaged) {
			return nil
		}
	}
	return err
}

// read looks at one of everything, and at the order of the lists.
func (x *mix) read(t *testing.T, repo oci.Name, tag oci.Tag, content string) error {
	got, err := storage.ReadBlob(t.Context(), x.s, repo, blobOf(content), 100)
	if err == nil && string(got) != content {
		return fmt.Errorf("ReadBlob(%s) = %q, want %q", repo, got, content)
	}
	_, tagErr := x.s.ResolveTag(t.Context(), repo, tag)
	tags, tagsErr := collect(x.s.Tags(t.Context(), repo, ""))
	repos, reposErr := collect(x.s.Repositories(t.Context(), ""))
	if !increasing(tags) || !increasing(repos) || reposErr != nil {
		return fmt.Errorf("lists are out of order: %s and %s, %v", tags, repos, reposErr)
	}
	for _, err := range []error{tagErr, tagsErr} {
		if err != nil && !errors.Is(err, storage.ErrRepoUnknown) && !errors.Is(err, storage.ErrManifestUnknown) {
			return err
		}
	}
	return err
}

// check looks at a repository when all is quiet: every name in it leads to something.
func (x *mix) check(t *testing.T, repo oci.Name) {
	t.Helper()
	exists := slices.Contains(list(t, x.s.Repositories(t.Context(), "")), repo)
	holds := 0
	for _, content := range x.blobs {
		if _, err := x.s.StatBlob(t.Context(), repo, blobOf(content)); err == nil {
			wantBlob(t, x.s, repo, blobOf(content), content)
			holds++
		}
	}
	have := make(map[digest.Digest]bool)
	for _, m := range x.all {
		if _, err := x.s.GetManifest(t.Context(), repo, m.Digest); err == nil {
			have[m.Digest] = true
			holds++
		}
	}
	if exists != (holds > 0) {
		t.Fatalf("%s exists = %v, and holds %d things", repo, exists, holds)
	}
	if exists {
		x.checkNames(t, repo, have)
	}
}

// checkNames compares the lists of a repository that exists with the manifests that it has.
func (x *mix) checkNames(t *testing.T, repo oci.Name, have map[digest.Digest]bool) {
	t.Helper()
	for _, tag := range list(t, x.s.Tags(t.Context(), repo, "")) {
		if d, err := x.s.ResolveTag(t.Context(), repo, tag); err != nil || !have[d.Digest] {
			t.Errorf("tag %s of %s points at %s, %v, which is not there", tag, repo, d.Digest, err)
		}
	}
	listed := list(t, x.s.Manifests(t.Context(), repo))
	if len(listed) != len(have) {
		t.Errorf("%s has %d manifests and lists %d", repo, len(have), len(listed))
	}
	for _, m := range x.all {
		if m.Subject == "" {
			continue
		}
		var want []storage.Manifest
		if have[m.Digest] {
			want = append(want, m)
		}
		wantReferrers(t, x.s, repo, m.Subject, want...)
	}
}

func pick[T any](rnd *rand.Rand, all []T) T { return all[rnd.IntN(len(all))] }

// increasing reports whether all is in order, each once.
func increasing[T ~string](all []T) bool {
	for i := range all[min(1, len(all)):] {
		if all[i] >= all[i+1] {
			return false
		}
	}
	return true
}
