// Package storage says what a registry keeps: blobs, manifests, tags and uploads, by repository.
//
// It holds interfaces, the errors that they share, and helper functions; no I/O and no HTTP. Every call names a
// repository. Bytes are kept once and linked into repositories: mounting adds a link, deleting drops one, and what can
// be seen, and by whom, follows the links. All implementations pass storagetest.Run and may be used by many goroutines
// at once. A ctx that ends stops a call that has not done its work yet; it never undoes what was made durable.
package storage

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// Reader is all that can be read of a registry. The explorer needs no more.
type Reader interface {
	BlobReader
	ManifestReader

	// Repositories yields the names greater than after in byte order. Where an upstream keeps no catalog it yields
	// one ErrUnsupported.
	Repositories(ctx context.Context, after oci.Name) iter.Seq2[oci.Name, error]
}

// Store is a registry's content, to read and to write.
type Store interface {
	Reader
	BlobStore
	ManifestStore
	UploadManager
}

// BlobReader reads the blobs that are linked into a repository.
// Its errors wrap ErrBlobUnknown, also where the repository is unknown, and ErrDamaged besides where the content was
// linked but is gone from the disk or has another size than it was stored with.
type BlobReader interface {
	// StatBlob returns the size of the blob in bytes.
	StatBlob(ctx context.Context, repo oci.Name, d digest.Digest) (size int64, err error)
	// OpenBlob opens the blob. The caller closes it; a blob that is deleted meanwhile stays readable until then.
	OpenBlob(ctx context.Context, repo oci.Name, d digest.Digest) (Blob, error)
}

// Blob is an open blob: what *os.File is, with a size in bytes. ReadAt may be called by many goroutines at once.
type Blob interface {
	io.ReadSeekCloser
	io.ReaderAt
	Size() int64
}

// BlobStore reads, links and unlinks blobs. Blobs come into being by UploadManager.
type BlobStore interface {
	BlobReader
	// MountBlob links a blob of the repository from into repo [end-11], durably when it returns nil. It fails with
	// ErrBlobUnknown when from does not have it.
	MountBlob(ctx context.Context, repo oci.Name, d digest.Digest, from oci.Name) error
	// DeleteBlob drops the link of repo to the blob [end-10]; other repositories keep theirs. ErrFileHolds while a FileStore's file of repo names it.
	DeleteBlob(ctx context.Context, repo oci.Name, d digest.Digest) error
}

// ManifestReader reads manifests and tags. Its errors wrap ErrManifestUnknown for a manifest or a tag that is not there,
// and ErrRepoUnknown where the repository does not exist. A repository exists as long as it holds a manifest or a blob.
type ManifestReader interface {
	// GetManifest returns the manifest as it was pushed: Raw, and of the descriptor the media type, the digest and the
	// size. Raw hashes to d, or the error also wraps ErrDamaged. The caller must not change Raw.
	GetManifest(ctx context.Context, repo oci.Name, d digest.Digest) (Manifest, error)
	// ResolveTag returns media type, digest and size of the manifest that the tag points at, as they are recorded;
	// whether its content is as it was stored, GetManifest tells.
	ResolveTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error)
	// Tags yields the tags greater than after, in byte order; one ErrRepoUnknown where there is no such repository.
	// The sequence is no snapshot: a tag that comes or goes while it runs may or may not be in it.
	Tags(ctx context.Context, repo oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error]
	// Referrers yields the manifests of repo whose subject is d, in the order of their digests, with artifact type and
	// annotations [end-12a]. Neither d nor the repository has to exist: then it yields nothing.
	Referrers(ctx context.Context, repo oci.Name, d digest.Digest) iter.Seq2[oci.Descriptor, error]
}

// ManifestStore reads and writes manifests and tags.
type ManifestStore interface {
	ManifestReader
	// PutManifest keeps m, durably when it returns nil. m is what ParseManifest made: the digest fits Raw.
	// Putting what is there already is no error, and mends it if it was damaged.
	// Whether m's layers and children exist is not its business.
	PutManifest(ctx context.Context, repo oci.Name, m Manifest) error
	// DeleteManifest drops the manifest from repo, and every tag of repo that points at it.
	DeleteManifest(ctx context.Context, repo oci.Name, d digest.Digest) error
	// SetTag points tag at the manifest d of repo, durably when it returns nil. It fails with ErrManifestUnknown when
	// repo has no manifest d, with ErrTagMatch when the condition does not hold.
	SetTag(ctx context.Context, repo oci.Name, tag oci.Tag, d digest.Digest, when Match) error
	// DeleteTag removes the tag and leaves the manifest.
	DeleteTag(ctx context.Context, repo oci.Name, tag oci.Tag) error
	// Manifests yields media type, digest and size of every manifest of repo, in the order of their digests;
	// one ErrRepoUnknown where there is no such repository.
	Manifests(ctx context.Context, repo oci.Name) iter.Seq2[oci.Descriptor, error]
}

// UploadManager brings blobs into the store.
type UploadManager interface {
	// StartUpload opens an upload session of repo. alg is the algorithm of the digest that Commit is going to be called
	// with, "" where it is not known; another one costs Commit a second read of the content.
	// Neither the repository nor anything durable comes into being.
	StartUpload(ctx context.Context, repo oci.Name, alg digest.Algorithm) (Upload, error)
	// ResumeUpload opens the session with that ID; ErrUploadUnknown if there is none, or if it is another repository's.
	ResumeUpload(ctx context.Context, repo oci.Name, id string) (Upload, error)
}

// Upload is a handle on an upload session. Handles of one session may be used at once; each handle by one goroutine.
type Upload interface {
	// ID is a UUID (RFC 9562).
	ID() string
	// Size is the number of bytes that have been appended, as this handle last saw it.
	Size() int64
	// Append adds what r holds at offset at. All or nothing: when r fails, so does Append, with r's error, and the session
	// stays as it was. ErrOffset where at is not the end of the session. What was appended survives a power cut once
	// Close or Commit has returned nil; before that it may be lost in one.
	Append(ctx context.Context, at int64, r io.Reader) (n int64, err error)
	// Commit ends the session and makes its bytes a blob of the repository, durably when it returns nil. Content that the
	// store has already is replaced, which mends it if it was damaged. ErrDigestMismatch leaves the session as it was.
	Commit(ctx context.Context, d digest.Digest) error
	// Cancel ends the session and drops its bytes, also when ctx has ended. It does nothing after Commit or Cancel. So it
	// can be deferred.
	Cancel(ctx context.Context) error
	// Close releases the handle and keeps the session for ResumeUpload, with all that this handle appended: acknowledge
	// nothing before it has returned nil. It does nothing after Commit, Cancel or Close.
	Close() error
}

// Manifest is a manifest with the bytes that were pushed.
type Manifest struct {
	oci.Descriptor               // MediaType, Digest, Size, and ArtifactType and Annotations as its referrers list shows them
	Subject        digest.Digest // "" if it refers to nothing
	Raw            []byte
}

// Match is a condition on what a tag points at, or a path. The zero Match always holds.
type Match struct {
	set bool
	at  digest.Digest
}

// Unset holds when the tag or the file does not exist.
func Unset() Match { return Match{set: true} }

// Still holds when the tag points at d.
func Still(d digest.Digest) Match { return Match{set: true, at: d} }

// Holds reports whether a tag that now points at d ("" if there is no such tag) fits.
func (m Match) Holds(d digest.Digest) bool { return !m.set || m.at == d }

// BlobFinder is an optional ability of a Reader: to tell which repositories hold a blob faster than by asking each.
// FindBlob asserts it.
type BlobFinder interface {
	// BlobRepositories yields the repositories that the blob is linked into, in no order.
	BlobRepositories(ctx context.Context, d digest.Digest) iter.Seq2[oci.Name, error]
}

// TagDater is an optional ability of a Reader: to tell of all tags of a repository at once what they point at, and since when.
// DatedTags asserts it.
type TagDater interface {
	// DatedTags yields what Tags does, from the first tag on, each with its target.
	DatedTags(ctx context.Context, repo oci.Name) iter.Seq2[DatedTag, error]
}

// DatedTag is a tag with what it points at.
type DatedTag struct {
	Tag    oci.Tag
	Digest digest.Digest
	Time   time.Time // since when it points there: setting it to where it was changes nothing
}

// ManifestStater is an optional ability of a Reader whose content may be far away: to say what a manifest is without having it here.
// StatManifest and StatTag assert it.
type ManifestStater interface {
	// StatManifest returns media type, digest and size of what GetManifest would return, with the errors that it would have.
	StatManifest(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Descriptor, error)
	// StatTag does what ResolveTag and StatManifest do, one after the other.
	StatTag(ctx context.Context, repo oci.Name, tag oci.Tag) (oci.Descriptor, error)
}

// Locator is an optional ability of a Store that keeps its content in another one: to say under which name. LocateBlob asserts it.
type Locator interface {
	// LocateBlob returns the name under which the other one has the blob; ErrBlobUnknown where it does not, wherever else it may be.
	LocateBlob(ctx context.Context, repo oci.Name, d digest.Digest) (oci.Name, error)
}

// Asker is an optional ability of a Store: to say, before there is anything to write, whether whoever asks may push.
// AskPush asserts it.
type Asker interface {
	// AskPush returns nil, ErrNoIdentity or ErrDenied, and ErrUnsupported where nobody may.
	AskPush(ctx context.Context, repo oci.Name) error
}

// Follower is an optional ability of an Upload: to let others read what has been appended while more comes. Follow asserts it.
type Follower interface {
	// Follow opens what has been appended. Any handle on the session may be written to meanwhile. The caller closes it.
	Follow() (Appended, error)
}

// Appended is what has been appended to an upload. ReadAt may be called by many goroutines at once, also beside Append; it sees the bytes of each
// Append that has returned, and io.EOF behind them. It stays readable after the session has ended, however that was, until it is closed.
type Appended interface {
	io.ReaderAt
	io.Closer
}

// Streamer is an optional ability of an Appended: to be opened once more as a file, which the kernel can send by itself. Stream asserts it.
type Streamer interface {
	// Stream opens what has been appended, at its beginning; ErrUploadUnknown after the session's end. More may stand there than counts: nobody may read beyond
	// what he knows to have been appended. The caller closes it.
	Stream() (io.ReadSeekCloser, error)
}

// Sender is an optional ability of a Blob: to be sent in another way than by being read. SendBlob asserts it.
type Sender interface {
	// SendTo writes what there is from the blob's position on, and returns how many bytes that was.
	SendTo(w io.Writer) (int64, error)
}

// Verified is an optional ability of a Blob: to be read while it is not known whether its bytes are those that its digest names. IsVerified asserts it.
type Verified interface {
	// Verified reports whether that is known.
	Verified() bool
}

// Reclaimer is an optional ability of a Store: to give back at once the space of content that nobody holds any more. Reclaim asserts it.
type Reclaimer interface {
	// Reclaim removes the content d unless a repository holds it, as a blob or as a manifest, and returns how many bytes that gave back. Blobs that are
	// open stay readable.
	Reclaim(ctx context.Context, d digest.Digest) (freed int64, err error)
}

// UploadExpirer is an optional ability of a Store: to forget upload sessions that nobody goes on with.
type UploadExpirer interface {
	// ExpireUploads ends the sessions that were last written to before t, and returns how many.
	ExpireUploads(ctx context.Context, t time.Time) (int, error)
}
