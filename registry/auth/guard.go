package auth

import (
	"context"
	"fmt"
	"iter"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Guard returns a Store that lets through what the policy allows to whoever asks, see UserFrom. policy is called each time, so
// it may give another Policy from one moment to the next; nil, and a nil Policy, stand for the Policy without rules.
//
// What is refused is refused before the store is asked, so a repository that one may not pull looks the same whether it exists
// or not: ErrNoIdentity for an anonymous caller, ErrDenied for a user. Lists skip what may not be pulled. A mount
// needs Push on its target and Pull on its source; a source that may not be pulled has no blobs, so that a client
// uploads instead. Blobs and uploads pass through as the store made them.
func Guard(store storage.Store, policy func() *Policy) storage.Store {
	if policy == nil {
		policy = func() *Policy { return nil }
	}
	return &guard{store, policy}
}

// guard embeds nothing: a new method of Store does not compile until somebody decides who may call it.
type guard struct {
	store  storage.Store
	policy func() *Policy
}

func (g *guard) may(ctx context.Context, a Action, repo oci.Name) bool {
	user, known := UserFrom(ctx)
	return g.policy().Allows(user, known, a, repo)
}

// ask returns nil, or the error for somebody who may not.
func (g *guard) ask(ctx context.Context, a Action, repo oci.Name) error {
	user, known := UserFrom(ctx)
	switch {
	case g.policy().Allows(user, known, a, repo):
		return nil
	case !known:
		return fmt.Errorf("%w: to %s %s", storage.ErrNoIdentity, a, repo)
	}
	return fmt.Errorf("%w: %.64q may not %s %s", storage.ErrDenied, user, a, repo)
}

// String is the verb.
func (a Action) String() string {
	switch a {
	case Pull:
		return "pull"
	case Push:
		return "push"
	case Delete:
		return "delete"
	}
	return fmt.Sprintf("Action(%d)", int(a))
}

// AskPush implements storage.Asker.
func (g *guard) AskPush(ctx context.Context, repo oci.Name) error {
	if err := g.ask(ctx, Push, repo); err != nil {
		return err
	}
	return storage.AskPush(ctx, g.store, repo)
}

func (g *guard) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	if err := g.ask(ctx, Pull, repo); err != nil {
		return 0, err
	}
	return g.store.StatBlob(ctx, repo, d)
}

func (g *guard) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	if err := g.ask(ctx, Pull, repo); err != nil {
		return nil, err
	}
	return g.store.OpenBlob(ctx, repo, d)
}

func (g *guard) MountBlob(ctx context.Context, repo oci.Name, d digest.Digest, from oci.Name) error {
	if err := g.ask(ctx, Push, repo); err != nil {
		return err
	}
	if !g.may(ctx, Pull, from) {
		return fmt.Errorf("%w: %s in %s", storage.ErrBlobUnknown, d, from)
	}
	return g.store.MountBlob(ctx, repo, d, from)
}

func (g *guard) DeleteBlob(ctx context.Context, repo oci.Name, d digest.Digest) error {
	if err := g.ask(ctx, Delete, repo); err != nil {
		return err
	}
	return g.store.DeleteBlob(ctx, repo, d)
}

// Repositories fails for an anonymous caller where the policy has nothing for such: an empty list would not make a client
// log in.
func (g *guard) Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error] {
	if _, known := UserFrom(ctx); !known && !g.policy().AllowsAnonymous() {
		return refuse[oci.Name](fmt.Errorf("%w: to list the repositories", storage.ErrNoIdentity))
	}
	return g.pullable(ctx, g.store.Repositories(ctx, after))
}

// BlobRepositories lets storage.FindBlob be as fast as the store is (storage.BlobFinder).
func (g *guard) BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[oci.Name, error] {
	if f, ok := g.store.(storage.BlobFinder); ok {
		return g.pullable(ctx, f.BlobRepositories(ctx, d))
	}
	return func(yield func(oci.Name, error) bool) {
		for repo, err := range g.pullable(ctx, g.store.Repositories(ctx, "")) {
			if err == nil {
				if _, err := g.store.StatBlob(ctx, repo, d); err != nil {
					continue
				}
			}
			if !yield(repo, err) {
				return
			}
		}
	}
}

// pullable skips the repositories that whoever asks may not pull.
func (g *guard) pullable(ctx context.Context, repos iter.Seq2[oci.Name, error]) iter.Seq2[oci.Name, error] {
	return func(yield func(oci.Name, error) bool) {
		for repo, err := range repos {
			if err == nil && !g.may(ctx, Pull, repo) {
				continue
			}
			if !yield(repo, err) {
				return
			}
		}
	}
}

// refuse yields err and nothing else.
func refuse[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, err)
	}
}

func (g *guard) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	if err := g.ask(ctx, Pull, repo); err != nil {
		return storage.Manifest{}, err
	}
	return g.store.GetManifest(ctx, repo, d)
}

func (g *guard) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	if err := g.ask(ctx, Pull, repo); err != nil {
		return oci.Descriptor{}, err
	}
	return g.store.ResolveTag(ctx, repo, tag)
}

// StatManifest implements storage.ManifestStater as far as the store does.
func (g *guard) StatManifest(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Descriptor, error) {
	if err := g.ask(ctx, Pull, repo); err != nil {
		return oci.Descriptor{}, err
	}
	return storage.StatManifest(ctx, g.store, repo, d)
}

// StatTag implements storage.ManifestStater as far as the store does.
func (g *guard) StatTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	if err := g.ask(ctx, Pull, repo); err != nil {
		return oci.Descriptor{}, err
	}
	return storage.StatTag(ctx, g.store, repo, tag)
}

// MayNote implements storage.Noter as far as the store does: that there are notes says nothing of what they are about.
func (g *guard) MayNote(repo oci.Name) bool { return storage.MayNote(g.store, repo) }

func (g *guard) Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	if err := g.ask(ctx, Pull, repo); err != nil {
		return refuse[oci.Tag](err)
	}
	return g.store.Tags(ctx, repo, after)
}

// DatedTags implements storage.TagDater as far as the store does.
func (g *guard) DatedTags(ctx context.Context, repo oci.Name) iter.Seq2[storage.DatedTag, error] {
	if err := g.ask(ctx, Pull, repo); err != nil {
		return refuse[storage.DatedTag](err)
	}
	return storage.DatedTags(ctx, g.store, repo)
}

func (g *guard) Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error] {
	if err := g.ask(ctx, Pull, repo); err != nil {
		return refuse[oci.Descriptor](err)
	}
	return g.store.Referrers(ctx, repo, d)
}

func (g *guard) Manifests(ctx context.Context, repo oci.Name) iter.Seq2[oci.Descriptor, error] {
	if err := g.ask(ctx, Pull, repo); err != nil {
		return refuse[oci.Descriptor](err)
	}
	return g.store.Manifests(ctx, repo)
}

func (g *guard) PutManifest(ctx context.Context, repo oci.Name, m storage.Manifest) error {
	if err := g.ask(ctx, Push, repo); err != nil {
		return err
	}
	return g.store.PutManifest(ctx, repo, m)
}

func (g *guard) DeleteManifest(ctx context.Context, repo oci.Name, d digest.Digest) error {
	if err := g.ask(ctx, Delete, repo); err != nil {
		return err
	}
	return g.store.DeleteManifest(ctx, repo, d)
}

func (g *guard) SetTag(ctx context.Context, repo oci.Name, tag oci.Tag, d digest.Digest, when storage.Match) error {
	if err := g.ask(ctx, Push, repo); err != nil {
		return err
	}
	return g.store.SetTag(ctx, repo, tag, d, when)
}

func (g *guard) DeleteTag(ctx context.Context, repo oci.Name, tag oci.Tag) error {
	if err := g.ask(ctx, Delete, repo); err != nil {
		return err
	}
	return g.store.DeleteTag(ctx, repo, tag)
}

func (g *guard) StartUpload(ctx context.Context, repo oci.Name, alg digest.Algorithm) (storage.Upload, error) {
	if err := g.ask(ctx, Push, repo); err != nil {
		return nil, err
	}
	return g.store.StartUpload(ctx, repo, alg)
}

func (g *guard) ResumeUpload(ctx context.Context, repo oci.Name, id string) (storage.Upload, error) {
	if err := g.ask(ctx, Push, repo); err != nil {
		return nil, err
	}
	return g.store.ResumeUpload(ctx, repo, id)
}
