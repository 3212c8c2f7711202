package storage

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// FileReader reads the files of a repository, which have paths: packages that are no container images, and the indexes over them. The content of a file is a
// blob of its repository, so that it is kept once however many paths and repositories have it.
//
// A path is what CheckPath lets through; the methods check it by themselves. Their errors wrap ErrFilePath, ErrFileUnknown where there is no such file or no
// such repository, and ErrDamaged besides where the content that it names is not there.
type FileReader interface {
	// StatFile returns what is known of a file.
	StatFile(ctx context.Context, repo oci.Name, path string) (File, error)
	// OpenFile returns the same with the content, of one moment. The caller closes it; it stays readable until then, whatever becomes of the path.
	OpenFile(ctx context.Context, repo oci.Name, path string) (Blob, File, error)
	// ListFiles yields what stands directly in the directory dir, "" for the topmost, whose names are greater than after, in byte order. A directory exists as
	// long as there is a file below it; of one that does not exist, or of no repository, nothing is yielded. The sequence is no snapshot.
	ListFiles(ctx context.Context, repo oci.Name, dir, after string) iter.Seq2[Entry, error]
}

// FileStore reads and writes files. Their bytes come into being by UploadManager: what an upload to the repository has committed, PutFile gives a path.
//
// A file may also stand in a *generation*: a set of files below one directory that was published at once, such as an index and its signature. The files of the
// last generation of a directory are what readers see there; no reader sees one half of it and one half of the one before within a single call.
type FileStore interface {
	FileReader
	GenerationReader
	// PutFile gives the blob f.Digest of repo the path, durably when it returns nil, but that a change of nothing but f.Checked may be lost. f.Size and
	// f.Stored are the store's to fill in, f.Modified too where it is zero: now, or what it was for the same content. What is too long of the rest is cut (File.Bounded). It fails with ErrBlobUnknown
	// when repo has no such blob, with ErrFileMatch when the condition does not hold, and with ErrFileGeneration when the path is one of the last
	// generation's. A blob that a file names stays: BlobStore.DeleteBlob fails with ErrFileHolds.
	PutFile(ctx context.Context, repo oci.Name, path string, f File, when Match) error
	// PutFiles publishes files, whose keys are paths below the directory base, as the next generation of base, durably when it returns nil; each is treated
	// as by PutFile. They take the place of all files of the generation before, and stand in front of single files of the same paths. The last keep
	// generations are kept, at least the new one. The result has the number and the time of the new one. It fails with ErrBlobUnknown when repo does not
	// have one of the blobs, with ErrFilePath when a path is not below base, or there are none or more than MaxGeneration.
	PutFiles(ctx context.Context, repo oci.Name, base string, files map[string]File, keep int) (Generation, error)
	// DeleteFile removes the path and leaves the blob in the repository: it can be deleted then. ErrFileMatch and ErrFileGeneration as with PutFile.
	DeleteFile(ctx context.Context, repo oci.Name, path string, when Match) error
}

// GenerationReader reads what a directory looked like before.
type GenerationReader interface {
	// Generations yields the generations of the directory base that are kept, without their files, the last one first; nothing where there are none.
	Generations(ctx context.Context, repo oci.Name, base string) iter.Seq2[Generation, error]
	// GetGeneration returns one of them; ErrFileUnknown where it is not there, or no longer. The caller must not change its Files.
	GetGeneration(ctx context.Context, repo oci.Name, base string, number int64) (Generation, error)
}

// Generation is a set of files that was published at once.
type Generation struct {
	Number int64           // counts from 1
	Time   time.Time       // of publication, in milliseconds; not before that of the generation before
	Files  map[string]File // by path in the repository
}

// NextGeneration returns the generation of files, which are its own, that follows before, the zero one where there is none.
func NextGeneration(before Generation, files map[string]File, now time.Time) Generation {
	now = now.Truncate(time.Millisecond)
	if now.Before(before.Time) { // a clock that was set back
		now = before.Time
	}
	g := Generation{Number: before.Number + 1, Time: now, Files: files}
	for path, f := range files {
		files[path] = g.In(f)
	}
	return g
}

// Brief returns g without its files.
func (g Generation) Brief() Generation { return Generation{Number: g.Number, Time: g.Time} }

// In returns f as a file of g.
func (g Generation) In(f File) File {
	f.Generation = g.Number
	return f
}

// Entry is a file or a directory of a listing.
type Entry struct {
	Name string // one component of a path; a directory's ends in "/"
	File File   // zero for a directory
}

// IsDir reports whether the entry is a directory.
func (e Entry) IsDir() bool { return e.Name != "" && e.Name[len(e.Name)-1] == '/' }

// FileClass is how a kept file ages.
type FileClass string

// The classes.
const (
	ClassFile  FileClass = "file"  // never changes, as a package with its version in its name; also ""
	ClassIndex FileClass = "index" // changes in place, so that it is asked for again
)

// File is what is known of a file besides its content. Times are cut to milliseconds when they are stored.
type File struct {
	Digest    digest.Digest
	Size      int64
	MediaType string // "" if nobody said
	Class     FileClass
	Modified  time.Time         // of the content, in seconds: what upstream says, or when it was put
	Stored    time.Time         // since when the path has this content here
	Checked   time.Time         // when upstream last said that this is what it has; zero: there is no upstream
	ETag      string            // upstream's, as it came, with quotes and W/; "" if it has none
	Header    map[string]string // more of what upstream said and whoever asks is to be told, by canonical name

	Generation int64 // the number of the generation that it was read from, which is the store's to fill in; 0: it stands by itself
}

// Fetch is a question to a FileUpstream.
type Fetch struct {
	Have   File  // what is here: upstream is asked for another one only, if Have has a Digest, and an ETag or a Modified
	Offset int64 // the bytes before are here: those that follow are enough, if upstream still has the content that Have.ETag or Have.Modified names
	Head   bool  // no bytes are wanted
}

// Fetched is the answer.
type Fetched struct {
	File                      // as upstream describes it: Digest "" unless it tells one, Size -1 if it does not tell the whole one
	NotModified bool          // it is what Fetch.Have is: File may be less than that, and there is no Body
	Offset      int64         // where Body begins: Fetch.Offset, or 0 where upstream has other content now or cannot send a part
	Body        io.ReadCloser // nil with Fetch.Head. It ends by io.EOF at the end of the file and by an error anywhere else
}

// FileUpstream is a place that files are fetched from. Errors wrap ErrFileUnknown where it has no such file, ErrDenied and ErrNoIdentity where it does not give
// it to us, ErrUpstream, ErrUpstreamTimeout or ErrTooMany where it is in trouble, maybe in an UpstreamError.
type FileUpstream interface {
	// FetchFile asks for the file at path. The caller closes the Body, whose Read ends with ctx.
	FetchFile(ctx context.Context, path string, q Fetch) (Fetched, error)
}
