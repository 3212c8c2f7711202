package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/apk"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// Through is what a remote repository has to know of its format of packages: what an index is published with, and what a file has to be like to be kept. Its
// methods are made for pullthrough.FilesOptions.
type Through struct {
	pkg      Package
	name     oci.Name
	kept     Keeper // as it is, without upstream
	upstream storage.FileUpstream
	now      func() time.Time

	mu      sync.Mutex
	indexes map[string]*indexUse // by digest of what was parsed
	uses    int64                // of all of them

	checksums map[digest.Digest]apk.Checksum // of kept packages
}

// maxIndexed bounds the packages of the indexes that are in memory, some 200 bytes each. The least recently used index goes first, but not the last.
const maxIndexed = 400_000

// indexUse is an index in memory: an alpineIndex or an rpmIndex.
type indexUse struct {
	index sizedIndex
	last  int64
}

type sizedIndex interface{ size() int }

func (x alpineIndex) size() int { return len(x) }
func (x rpmIndex) size() int    { return len(x) }

// NewThrough returns what the repository name knows, whose files are kept in kept and come from upstream.
func NewThrough(p Package, name oci.Name, kept Keeper, upstream storage.FileUpstream) *Through {
	return &Through{pkg: p, name: name, kept: kept, upstream: upstream, now: time.Now, indexes: map[string]*indexUse{}, checksums: map[digest.Digest]apk.Checksum{}}
}

// Bundle gets what an index is published with: pullthrough.Bundle.
type Bundle interface {
	Get(ctx context.Context, path string) (storage.File, error)
	Open(ctx context.Context, f storage.File) (storage.Blob, error)
}

// Root is the path of the index that the file at path is published with, "" if it stands alone.
func (t *Through) Root(path string) string {
	switch t.pkg {
	case RPM:
		return rpmRoot(path)
	case Alpine:
		return alpineRoot(path)
	}
	return ""
}

// Publishes reports whether there are indexes that are published as generations.
func (t *Through) Publishes() bool { return t.pkg == RPM || t.pkg == Alpine }

// Publish returns the files of the generation of an index that has changed to f.
func (t *Through) Publish(ctx context.Context, root string, f storage.File, b Bundle) (base string, files map[string]storage.File, err error) {
	if t.pkg == Alpine { // which is published alone: the packages stay where they are
		return up(root), nil, nil
	}
	files, err = t.publishRPM(ctx, root, f, b)
	return path.Dir(root), files, err
}

// Verify fails unless content can be the file at path.
func (t *Through) Verify(ctx context.Context, path string, f storage.File, content io.ReaderAt) error {
	switch t.pkg {
	case RPM:
		return t.verifyRPM(ctx, path, f, content)
	case Alpine:
		return t.verifyAlpine(ctx, path, f, content)
	}
	return nil
}

// parsed returns what parse makes of the kept file at path, once for each content; nil where there is no such file.
func parsed[T sizedIndex](ctx context.Context, t *Through, path string, parse func(storage.Blob) (T, error)) (T, error) {
	var none T
	b, f, err := t.kept.OpenFile(ctx, t.name, path)
	if errors.Is(err, storage.ErrFileUnknown) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	defer b.Close()
	return remembered(t, string(f.Digest)+" "+path, b, parse)
}

// remembered returns what parse makes of b, or what it made of the last that had the same key.
func remembered[T sizedIndex](t *Through, key string, b storage.Blob, parse func(storage.Blob) (T, error)) (x T, err error) {
	t.mu.Lock()
	defer t.mu.Unlock() // one at a time: they are large
	t.uses++
	if u := t.indexes[key]; u != nil {
		u.last = t.uses
		return u.index.(T), nil // a path has one format
	}
	if x, err = parse(b); err != nil {
		return x, fmt.Errorf("%.256q: %w", key, err)
	}
	t.makeRoom(x.size())
	t.indexes[key] = &indexUse{x, t.uses}
	return x, nil
}

// makeRoom drops indexes until another one of n packages may come.
func (t *Through) makeRoom(n int) {
	for _, u := range t.indexes {
		n += u.index.size()
	}
	for n > maxIndexed && len(t.indexes) > 0 {
		oldest, last := "", t.uses
		for key, u := range t.indexes {
			if u.last < last {
				oldest, last = key, u.last
			}
		}
		n -= t.indexes[oldest].index.size()
		delete(t.indexes, oldest)
	}
}

// up is the directory above a path, "" for the topmost.
func up(p string) string { return p[:max(strings.LastIndexByte(p, '/'), 0)] }

// Reader returns a FileReader that drops a kept package which the index has replaced, under the same name, before it is read: packages are signed anew at times.
// And what belongs to an index comes from the generation that the client has begun with.
func (t *Through) Reader(r storage.FileReader, kept Keeper) storage.FileReader {
	if t.pkg != RPM && t.pkg != Alpine {
		return r
	}
	return &renewing{r, kept, t}
}

type renewing struct {
	storage.FileReader
	kept Keeper
	t    *Through
}

// StatFile implements storage.FileReader.
func (r *renewing) StatFile(ctx context.Context, repo oci.Name, path string) (storage.File, error) {
	if b, f := openSame(ctx, r.kept, repo, path); b != nil {
		return f, b.Close()
	}
	r.drop(ctx, path)
	return r.FileReader.StatFile(ctx, repo, path)
}

// OpenFile implements storage.FileReader.
func (r *renewing) OpenFile(ctx context.Context, repo oci.Name, path string) (storage.Blob, storage.File, error) {
	if b, f := openSame(ctx, r.kept, repo, path); b != nil {
		return b, f, nil
	}
	r.drop(ctx, path)
	return r.FileReader.OpenFile(ctx, repo, path)
}

// drop forgets the package at path if the index has another one. Where that cannot be told, it stays.
func (r *renewing) drop(ctx context.Context, path string) {
	if !strings.HasSuffix(path, ".rpm") && !strings.HasSuffix(path, ".apk") {
		return
	}
	f, err := r.kept.StatFile(ctx, r.t.name, path)
	if err == nil && r.t.isReplaced(ctx, path, f) {
		r.kept.DeleteFile(ctx, r.t.name, path, storage.Still(f.Digest)) // if it stays it is served as it was
	}
}

func (t *Through) isReplaced(ctx context.Context, p string, f storage.File) bool {
	if t.pkg == Alpine {
		return t.isReplacedAlpine(ctx, p, f)
	}
	want, err := t.listed(ctx, p)
	return err == nil && want.Type == "sha256" && want.Hex != f.Digest.Encoded()
}
