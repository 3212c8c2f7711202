package files

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"vitrine/explore/apk"
	"vitrine/storage"
)

// apkIndex is what the index of a directory of an Alpine repository is called.
const apkIndex = "APKINDEX.tar.gz"

// alpineIndex is what the packages of a directory have to be, by the names of their files.
type alpineIndex map[string]apk.Identity

// verifyAlpine holds a package against the index beside it. One that the index does not have, such as one of the index before, has to be what it says of itself.
func (t *Through) verifyAlpine(ctx context.Context, p string, f storage.File, content io.ReaderAt) error {
	switch {
	case path.Base(p) == apkIndex:
		x, err := apk.OpenIndex(content, f.Size)
		if err == nil {
			_, err = x.Files(ctx)
		}
		return err
	case !strings.HasSuffix(p, ".apk"):
		return nil
	}
	index, err := t.alpineIndex(ctx, p)
	if err != nil {
		return err
	}
	if want, ok := index[path.Base(p)]; ok {
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

// alpineIndex returns the index beside a package, nil where none is kept.
func (t *Through) alpineIndex(ctx context.Context, p string) (alpineIndex, error) {
	return parsed(ctx, t, join(up(p), apkIndex), func(b storage.Blob) (alpineIndex, error) {
		x, err := apk.OpenIndex(b, b.Size())
		if err != nil {
			return nil, err
		}
		return x.Files(ctx)
	})
}
