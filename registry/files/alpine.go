package files

import (
	"context"
	"errors"
	"io"
	"path"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/apk"
	"vitrine/storage"
)

// apkIndex is what the index of a directory of an Alpine repository is called.
const apkIndex = "APKINDEX.tar.gz"

// alpineRoot is p if it is an index: each one it brings from upstream is a generation of its directory.
func alpineRoot(p string) string {
	if path.Base(p) == apkIndex {
		return p
	}
	return ""
}

// alpineIndex is what the packages of a directory have to be, by the names of their files.
type alpineIndex map[string]apk.Identity

// verifyAlpine holds a package against the youngest index beside it that has it: clients have indexes that are some hours old. One that none has, because the
// client knows a younger index or nobody has asked for one here, has to be what it says of itself.
func (t *Through) verifyAlpine(ctx context.Context, p string, f storage.File, content io.ReaderAt) error {
	switch {
	case path.Base(p) == apkIndex:
		x, err := apk.OpenIndex(content, f.Size)
		if err == nil {
			_, err = x.Files(ctx)
		}
		return err
	case path.Ext(p) != ".apk":
		return nil
	}
	want, ok, err := t.identity(ctx, p)
	if err != nil {
		return err
	}
	if ok {
		return apk.Verify(ctx, content, f.Size, want)
	}
	pkg, err := apk.Open(content, f.Size)
	if errors.Is(err, apk.ErrV3) { // which nobody here can read
		return nil
	}
	if err != nil {
		return err
	}
	return pkg.VerifyData(ctx)
}

// identity is what the package at p has to be, if one of the indexes that are kept has it.
func (t *Through) identity(ctx context.Context, p string) (want apk.Identity, ok bool, err error) {
	index, err := t.alpineIndex(ctx, p)
	if want, ok = index[path.Base(p)]; ok || err != nil {
		return want, ok, err
	}
	for g, err := range t.kept.Generations(ctx, t.name, up(p)) {
		if err != nil {
			return want, false, err
		}
		index, err := t.indexOf(ctx, up(p), g.Number)
		if want, ok = index[path.Base(p)]; ok || err != nil {
			return want, ok, err
		}
	}
	return want, false, nil
}

// alpineIndex returns the index beside a package, nil where none is kept.
func (t *Through) alpineIndex(ctx context.Context, p string) (alpineIndex, error) {
	return parsed(ctx, t, join(up(p), apkIndex), t.parseAlpine(ctx))
}

func (t *Through) parseAlpine(ctx context.Context) func(storage.Blob) (alpineIndex, error) {
	return func(b storage.Blob) (alpineIndex, error) {
		x, err := apk.OpenIndex(b, b.Size())
		if err != nil {
			return nil, err
		}
		return x.Files(ctx)
	}
}

// indexOf returns the index of a generation of a directory, nil if that is no longer kept.
func (t *Through) indexOf(ctx context.Context, dir string, number int64) (alpineIndex, error) {
	p := join(dir, apkIndex)
	b, f, err := storage.OpenFileAt(ctx, t.kept, t.name, dir, number, p)
	if errors.Is(err, storage.ErrFileUnknown) || errors.Is(err, storage.ErrBlobUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return remembered(t, string(f.Digest)+" "+p, b, t.parseAlpine(ctx))
}

// isReplacedAlpine reports whether the index has another package than f at p. It is the checksum that counts: a package that was only signed anew is the same.
func (t *Through) isReplacedAlpine(ctx context.Context, p string, f storage.File) bool {
	index, err := t.alpineIndex(ctx, p)
	want, ok := index[path.Base(p)]
	if err != nil || !ok || want.Size != f.Size {
		return err == nil && ok
	}
	sum, ok := t.checksum(ctx, f.Digest)
	return ok && sum != want.Checksum
}

// maxChecksums bounds the checksums of kept packages that are in memory, some 150 bytes each.
const maxChecksums = 1 << 14

// checksum is that of a kept package, if it can be read.
func (t *Through) checksum(ctx context.Context, d digest.Digest) (apk.Checksum, bool) {
	t.mu.Lock()
	sum, ok := t.checksums[d]
	t.mu.Unlock()
	if ok {
		return sum, true
	}
	b, err := t.kept.OpenBlob(ctx, t.name, d)
	if err != nil {
		return sum, false
	}
	defer b.Close()
	pkg, err := apk.Open(b, b.Size())
	if err != nil {
		return sum, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.checksums) >= maxChecksums {
		clear(t.checksums)
	}
	t.checksums[d] = pkg.Checksum
	return pkg.Checksum, true
}
