package mux

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Virtual is several Stores under one name. Members are asked in order, and the first that has what is asked for answers; lists are those of all. Pushes,
// and all other writes, go to the first member that is local.
//
// A member that does not answer is passed over, with a note and a line in the log; where no other has an answer its error is the error of all, because nobody
// knows then. One that refuses has nothing. Whether a member lets somebody read or write is not asked here: who may use a Virtual is a rule about its
// own name.
type Virtual struct {
	name    oci.Name
	members []Member
	reserve bool
	log     *slog.Logger
}

// Member is one of the Stores of a Virtual.
type Member struct {
	Name  oci.Name // what stands in Store in the place of the Virtual's name; "": nothing
	Store storage.Store
	Local bool // takes pushes
}

// VirtualOptions of a Virtual; nil is the zero VirtualOptions.
type VirtualOptions struct {
	// Reserve keeps names that a local member has images of from all others: these are asked for names only that no local member knows, and do not show in lists
	// of repositories. So an image of somebody else's cannot stand in for one of ours that is not there.
	Reserve bool
	Log     *slog.Logger
}

// NewVirtual returns a Virtual that is seen under name, "" for all names.
func NewVirtual(name oci.Name, members []Member, o *VirtualOptions) *Virtual {
	v := &Virtual{name: name, members: members}
	if o != nil {
		v.reserve, v.log = o.Reserve, o.Log
	}
	if v.log == nil {
		v.log = slog.New(slog.DiscardHandler)
	}
	return v
}

// part is a repository of a member.
type part struct {
	Member
	repo oci.Name
}

// parts returns the repositories of the members that the name stands for.
func (v *Virtual) parts(ctx context.Context, repo oci.Name) []part {
	all := v.named(repo)
	if !v.reserve {
		return all
	}
	var ours []part
	known := false
	for _, p := range all {
		if p.Local {
			ours = append(ours, p)
			known = known || p.exists(ctx)
		}
	}
	if known {
		return ours
	}
	return all
}

func (v *Virtual) named(repo oci.Name) (all []part) {
	rest, ok := below(repo, v.name)
	if !ok {
		return nil
	}
	for _, m := range v.members {
		name := join(m.Name, rest)
		if len(name) <= oci.MaxName { // else it has no such repository
			all = append(all, part{m, name})
		}
	}
	return all
}

// exists reports whether the member has an image in the repository; one that cannot tell may. Blobs alone are a push that has begun: it has to go on seeing what
// it has seen.
func (p part) exists(ctx context.Context) bool {
	for _, err := range p.Store.Tags(ctx, p.repo, "") {
		return !errors.Is(err, storage.ErrRepoUnknown)
	}
	for _, err := range p.Store.Manifests(ctx, p.repo) {
		return !errors.Is(err, storage.ErrRepoUnknown)
	}
	return false
}

// below returns what of name stands behind prefix.
func below(name, prefix oci.Name) (rest oci.Name, ok bool) {
	if prefix == "" {
		return name, true
	}
	s, ok := strings.CutPrefix(string(name), string(prefix)+"/")
	return oci.Name(s), ok
}

func join(prefix, rest oci.Name) oci.Name {
	if prefix == "" {
		return rest
	}
	return prefix + "/" + rest
}

// first returns the first answer of a member. absent is what it is if there is none to ask.
func first[T any](ctx context.Context, v *Virtual, repo oci.Name, absent error, ask func(part) (T, error)) (T, error) {
	var f failures
	for _, p := range v.parts(ctx, repo) {
		answer, err := ask(p)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			var none T
			return none, err
		}
		if f.add(err) {
			v.passOver(ctx, repo, p, err)
		}
	}
	var none T
	return none, f.verdict(fmt.Errorf("%w: %s", absent, repo))
}

// failures are what members said that had no answer.
type failures struct {
	trouble error // of the first that did not answer
	unknown error // of the first that has no such thing
	noRepo  error // of the first that has no such repository
	refused error // of the first that does not give it
}

// add notes what one said, and reports whether that is no answer.
func (f *failures) add(err error) (trouble bool) {
	switch {
	case errors.Is(err, storage.ErrRepoUnknown) && isUnknown(err):
		f.noRepo = earlier(f.noRepo, err)
	case isUnknown(err):
		f.unknown = earlier(f.unknown, err)
	case errors.Is(err, storage.ErrDenied) || errors.Is(err, storage.ErrNoIdentity):
		f.refused = earlier(f.refused, err)
	default:
		f.trouble = earlier(f.trouble, err)
		return true
	}
	return false
}

// earlier is a, or b where there is none.
func earlier(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// verdict is the error of all: absent if nobody said anything.
func (f *failures) verdict(absent error) error {
	for _, err := range []error{f.trouble, f.unknown, f.noRepo, f.refused} {
		if err != nil {
			return err
		}
	}
	return absent
}

// passOver tells that a member did not answer, unless it was not to ask for the answer.
func (v *Virtual) passOver(ctx context.Context, repo oci.Name, p part, err error) {
	if errors.Is(err, storage.ErrNotKept) {
		return
	}
	v.log.WarnContext(ctx, "passed over", "repository", repo, "member", p.repo, "error", err)
	storage.AddNote(ctx, storage.Note{Kind: storage.Partial, Text: cmp.Or(string(p.Name), "a member") + " did not answer and was passed over"})
}

// isUnknown reports whether err says that there is no such thing, rather than that it cannot be read.
func isUnknown(err error) bool {
	if errors.Is(err, storage.ErrDamaged) {
		return false
	}
	return errors.Is(err, storage.ErrBlobUnknown) || errors.Is(err, storage.ErrManifestUnknown) || errors.Is(err, storage.ErrRepoUnknown)
}

// StatBlob implements storage.BlobReader. It is what those ask who are about to push: where there is a member to push to, one that does not answer has nothing,
// and they upload.
func (v *Virtual) StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (int64, error) {
	size, err := first(ctx, v, repo, storage.ErrBlobUnknown, func(p part) (int64, error) { return p.Store.StatBlob(ctx, p.repo, d) })
	if _, toErr := v.target(repo); toErr == nil && err != nil && ctx.Err() == nil && !isUnknown(err) && !errors.Is(err, storage.ErrNotKept) {
		v.log.WarnContext(ctx, "passed over", "repository", repo, "error", err)
		err = fmt.Errorf("%w: %s in %s: %v", storage.ErrBlobUnknown, d, repo, err)
	}
	return size, err
}

// OpenBlob implements storage.BlobReader.
func (v *Virtual) OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Blob, error) {
	return first(ctx, v, repo, storage.ErrBlobUnknown, func(p part) (storage.Blob, error) { return p.Store.OpenBlob(ctx, p.repo, d) })
}

// GetManifest implements storage.ManifestReader.
func (v *Virtual) GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (storage.Manifest, error) {
	return first(ctx, v, repo, storage.ErrManifestUnknown, func(p part) (storage.Manifest, error) { return p.Store.GetManifest(ctx, p.repo, d) })
}

// ResolveTag implements storage.ManifestReader.
func (v *Virtual) ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return first(ctx, v, repo, storage.ErrManifestUnknown, func(p part) (oci.Descriptor, error) { return p.Store.ResolveTag(ctx, p.repo, tag) })
}

// StatManifest implements storage.ManifestStater.
func (v *Virtual) StatManifest(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Descriptor, error) {
	return first(ctx, v, repo, storage.ErrManifestUnknown, func(p part) (oci.Descriptor, error) { return storage.StatManifest(ctx, p.Store, p.repo, d) })
}

// StatTag implements storage.ManifestStater.
func (v *Virtual) StatTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	return first(ctx, v, repo, storage.ErrManifestUnknown, func(p part) (oci.Descriptor, error) { return storage.StatTag(ctx, p.Store, p.repo, tag) })
}

// LocateBlob implements storage.Locator, by the name in the world where the Virtual has its own.
func (v *Virtual) LocateBlob(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Name, error) {
	return first(ctx, v, repo, storage.ErrBlobUnknown, func(p part) (oci.Name, error) { return storage.LocateBlob(ctx, p.Store, p.repo, d) })
}

// MayNote implements storage.Noter: members may be passed over.
func (v *Virtual) MayNote(oci.Name) bool { return true }

// ExpireUploads implements storage.UploadExpirer, for the local members.
func (v *Virtual) ExpireUploads(ctx context.Context, t time.Time) (n int, err error) {
	for _, m := range v.members {
		if m.Local {
			more, moreErr := expire(ctx, m.Store, t)
			n, err = n+more, errors.Join(err, moreErr)
		}
	}
	return n, err
}

var _ interface {
	storage.Store
	storage.BlobFinder
	storage.TagDater
	storage.UploadExpirer
	storage.Asker
	storage.ManifestStater
	storage.Locator
	storage.Noter
} = (*Virtual)(nil)
