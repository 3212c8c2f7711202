package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// ParseManifest makes a Manifest of what a client pushed: raw under the name contentType ("" if it had none). want is the
// digest that the client named, "" for the sha256 of raw. The error wraps oci.ErrManifest or ErrDigestMismatch.
func ParseManifest(contentType string, raw []byte, want digest.Digest) (Manifest, *oci.Contents, error) {
	c, err := oci.ParseManifest(contentType, raw)
	if err != nil {
		return Manifest{}, nil, err
	}
	alg := digest.SHA256
	if want != "" {
		alg = want.Algorithm()
	}
	d := alg.FromBytes(raw)
	if want != "" && d != want {
		return Manifest{}, nil, fmt.Errorf("%w: want %s, the content has %s", ErrDigestMismatch, want, d)
	}
	return Manifest{
		Descriptor: oci.Descriptor{
			MediaType: c.MediaType, Digest: d, Size: int64(len(raw)), ArtifactType: c.ArtifactType, Annotations: c.Annotations,
		},
		Subject: c.SubjectDigest(),
		Raw:     raw,
	}, c, nil
}

// AskPush fails where s can tell that whoever asks may not push to repo. It spares the work that comes before a write, and takes the
// place of none of the store's own checks.
func AskPush(ctx context.Context, s Store, repo oci.Name) error {
	if a, ok := s.(Asker); ok {
		return a.AskPush(ctx, repo)
	}
	return nil
}

// PutBlob stores what r holds as the blob d of repo, as a fresh upload.
func PutBlob(ctx context.Context, s UploadManager, repo oci.Name, d digest.Digest, r io.Reader) (err error) {
	u, err := s.StartUpload(ctx, repo, d.Algorithm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.Cancel(context.WithoutCancel(ctx))) }() // also when ctx is why it failed
	if _, err := u.Append(ctx, 0, r); err != nil {
		return err
	}
	return u.Commit(ctx, d)
}

// ReadBlob returns a whole blob of at most limit bytes.
func ReadBlob(ctx context.Context, s BlobReader, repo oci.Name, d digest.Digest, limit int64) ([]byte, error) {
	b, err := s.OpenBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if b.Size() > limit {
		return nil, fmt.Errorf("%s in %s has %d bytes, more than %d", d, repo, b.Size(), limit)
	}
	buf := make([]byte, b.Size())
	_, err = io.ReadFull(b, buf)
	return buf, err
}

// FindBlob returns a repository that holds the blob d and that whoever asks may read, ErrBlobUnknown if there is none.
func FindBlob(ctx context.Context, s Reader, d digest.Digest) (oci.Name, error) {
	for repo, err := range BlobRepositories(ctx, s, d) {
		if err != nil {
			return "", err
		}
		if _, err := s.StatBlob(ctx, repo, d); err == nil {
			return repo, nil
		}
	}
	return "", fmt.Errorf("%w: %s in any repository", ErrBlobUnknown, d)
}

// DatedTags yields the tags of repo in byte order, with what they point at and since when. It yields one ErrUnsupported where s cannot tell
// without asking for each.
func DatedTags(ctx context.Context, s Reader, repo oci.Name) iter.Seq2[DatedTag, error] {
	if d, ok := s.(TagDater); ok {
		return d.DatedTags(ctx, repo)
	}
	return unsupported[DatedTag]("dates of tags")
}

// StatManifest returns media type, digest and size of the manifest d of repo. Where s cannot tell without, it reads the content: only who has read it knows
// that it is there.
func StatManifest(ctx context.Context, s ManifestReader, repo oci.Name, d digest.Digest) (oci.Descriptor, error) {
	if far, ok := s.(ManifestStater); ok {
		return far.StatManifest(ctx, repo, d)
	}
	m, err := s.GetManifest(ctx, repo, d)
	return m.Descriptor, err
}

// StatTag returns what StatManifest does of the manifest that the tag points at.
func StatTag(ctx context.Context, s ManifestReader, repo oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	if far, ok := s.(ManifestStater); ok {
		return far.StatTag(ctx, repo, tag)
	}
	d, err := s.ResolveTag(ctx, repo, tag)
	if err != nil {
		return oci.Descriptor{}, err
	}
	return StatManifest(ctx, s, repo, d.Digest)
}

// LocateBlob returns the name under which the blob can be mounted from s: repo itself, unless s keeps it in another store, under another name.
func LocateBlob(ctx context.Context, s BlobReader, repo oci.Name, d digest.Digest) (oci.Name, error) {
	if l, ok := s.(Locator); ok {
		return l.LocateBlob(ctx, repo, d)
	}
	_, err := s.StatBlob(ctx, repo, d)
	return repo, err
}

// Follow opens what has been appended to u, for readers that go on while more comes. ErrUnsupported where u's store cannot.
func Follow(u Upload) (Appended, error) {
	if f, ok := u.(Follower); ok {
		return f.Follow()
	}
	return nil, fmt.Errorf("%w: reading an upload", ErrUnsupported)
}

// Stream opens what has been appended as a file of the caller's own. ErrUnsupported where it is none.
func Stream(a Appended) (io.ReadSeekCloser, error) {
	if s, ok := a.(Streamer); ok {
		return s.Stream()
	}
	return nil, fmt.Errorf("%w: an upload as a file", ErrUnsupported)
}

// SendBlob writes all of a blob that has just been opened to w, and returns how many bytes it wrote. Where the blob is a file the kernel can do it: nothing may
// wrap the two.
func SendBlob(w io.Writer, b Blob) (int64, error) {
	if s, ok := b.(Sender); ok {
		return s.SendTo(w)
	}
	return io.CopyN(w, b, b.Size())
}

// IsVerified reports whether all bytes of b are known to be those that its digest names, which is so where b does not say otherwise. What was read of other
// blobs must not be shown to who asks for the same digest elsewhere.
func IsVerified(b Blob) bool {
	v, ok := b.(Verified)
	return !ok || v.Verified()
}

// Reclaim removes the content d from s unless a repository holds it, and returns how many bytes that gave back: none where s frees them by itself, or
// cannot while it runs.
func Reclaim(ctx context.Context, s Store, d digest.Digest) (int64, error) {
	if r, ok := s.(Reclaimer); ok {
		return r.Reclaim(ctx, d)
	}
	return 0, nil
}

// Manifests yields what ManifestStore.Manifests does, and one ErrUnsupported where s is no store that has it.
func Manifests(ctx context.Context, s Reader, repo oci.Name) iter.Seq2[oci.Descriptor, error] {
	if m, ok := s.(interface {
		Manifests(context.Context, oci.Name) iter.Seq2[oci.Descriptor, error]
	}); ok {
		return m.Manifests(ctx, repo)
	}
	return unsupported[oci.Descriptor]("a list of manifests")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func unsupported[T any](what string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, fmt.Errorf("%w: %s", ErrUnsupported, what))
	}
}

// BlobRepositories yields what BlobFinder does, or all repositories where s cannot tell: each has to be asked.
func BlobRepositories(ctx context.Context, s Reader, d digest.Digest) iter.Seq2[oci.Name, error] {
	if f, ok := s.(BlobFinder); ok {
		return f.BlobRepositories(ctx, d)
	}
	return s.Repositories(ctx, "")
}
