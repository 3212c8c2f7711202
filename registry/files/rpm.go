package files

import (
	"context"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"path"
	"regexp"
	"strings"
	"sync"

	"vitrine/explore/rpm"
	"vitrine/storage"
)

// repomd is the index of a repository of RPMs, below its root.
const repomd = "repodata/repomd.xml"

// maxRepomd bounds a repomd.xml in bytes. Those of distributions have some 10 KB.
const maxRepomd = 4 << 20

var (
	rpmPart   = regexp.MustCompile(`(?:^|/)repodata/[^/]+$`)
	rpmHashed = regexp.MustCompile(`(?:^|/)repodata/([0-9a-f]{32,128})-[^/]*\.(?:xml|sqlite|yaml|txt)(?:\.(?:gz|bz2|xz|zst|zck))?$`)
)

// rpmRoot is the repomd.xml that a file of metadata is published with. One whose name has its checksum in it stands alone: it is the same for ever, and those of
// the generations before stay for clients that have an older repomd.xml.
func rpmRoot(p string) string {
	if rpmPart.MatchString(p) && !rpmHashed.MatchString(p) {
		return up(p) + "/repomd.xml"
	}
	return ""
}

// publishRPM gets all that a new repomd.xml names, its signature and its key, and verifies them. Where one of them cannot be had, or is another, it fails:
// clients go on with the generation before, which is whole. Where the repomd.xml has been replaced meanwhile, that is storage.ErrReplaced.
func (t *Through) publishRPM(ctx context.Context, root string, f storage.File, b Bundle) (map[string]storage.File, error) {
	md, err := openRepomd(ctx, f, b.Open)
	if err != nil {
		return nil, broken(root, err)
	}
	files := map[string]storage.File{}
	err = t.getSigned(ctx, root, b, files)
	if err == nil {
		err = t.getData(ctx, root, md, b, files)
	}
	now := t.unchanged(ctx, root, f)
	if err == nil || errors.Is(now, storage.ErrReplaced) {
		err = now
	}
	if err == nil {
		err = t.sweep(ctx, up(root), files)
	}
	return files, err
}

// sweep drops the metadata with its checksum in its name that is in the directory base, came more than supersededFor ago, and is named by none of the generations
// that are kept, nor by next: no client has an index any more that names it.
func (t *Through) sweep(ctx context.Context, base string, next map[string]storage.File) error {
	named, err := t.named(ctx, base)
	if err != nil {
		return err
	}
	l := newLocal(t.kept, slog.New(slog.DiscardHandler))
	for e, err := range t.kept.ListFiles(ctx, t.name, base, "") {
		if err != nil {
			return err
		}
		p := join(base, e.Name)
		if _, stays := next[p]; stays || named[p] || !rpmHashed.MatchString(p) || t.now().Sub(e.File.Stored) < supersededFor {
			continue
		}
		err := l.DeleteFile(ctx, t.name, p, storage.Still(e.File.Digest))
		if err != nil && !errors.Is(err, storage.ErrFileUnknown) && !errors.Is(err, storage.ErrFileMatch) {
			return err
		}
	}
	return nil
}

// named are the paths that the generations of base name.
func (t *Through) named(ctx context.Context, base string) (map[string]bool, error) {
	all := map[string]bool{}
	for g, err := range t.kept.Generations(ctx, t.name, base) {
		if err != nil {
			return nil, err
		}
		g, err = t.kept.GetGeneration(ctx, t.name, base, g.Number)
		if err != nil && !errors.Is(err, storage.ErrFileUnknown) {
			return nil, err
		}
		for p := range g.Files {
			all[p] = true
		}
	}
	return all, nil
}

// getSigned gets the signature and the key beside root into files, where there are any.
func (t *Through) getSigned(ctx context.Context, root string, b Bundle, files map[string]storage.File) error {
	for _, suffix := range []string{".asc", ".key"} {
		switch part, err := b.Get(ctx, root+suffix); {
		case err == nil:
			files[root+suffix] = part
		case !errors.Is(err, storage.ErrFileUnknown):
			return broken(root+suffix, err)
		}
	}
	return nil
}

// getAtOnce is how many files of metadata are fetched at the same time.
const getAtOnce = 4

// getData gets the files that md names into files.
func (t *Through) getData(ctx context.Context, root string, md *rpm.Repomd, b Bundle, files map[string]storage.File) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	turns := make(chan struct{}, getAtOnce)
	for _, d := range md.Data {
		if !d.Location.IsLocal() || d.Location.Base != "" {
			continue // another server's business, and the client's
		}
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			p := join(up(up(root)), d.Location.Href)
			f, err := getVerified(ctx, p, d, b)
			if err != nil {
				cancel(broken(p, err))
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if storage.InDir(p, up(root)) {
				files[p] = f
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func getVerified(ctx context.Context, p string, d rpm.Data, b Bundle) (storage.File, error) {
	f, err := b.Get(ctx, p)
	if err != nil {
		return f, err
	}
	blob, err := b.Open(ctx, f)
	if err != nil {
		return f, err
	}
	defer blob.Close()
	return f, d.Verify(blob)
}

// broken is the error of a generation that cannot be published. What is missing is upstream's failure, and not a file that does not exist.
func broken(p string, err error) error {
	return fmt.Errorf("%w: the index is not whole: %.256q: %v", storage.ErrUpstream, p, err)
}

// unchanged fails if upstream has another file than f at root by now: what was got after it may belong to that.
func (t *Through) unchanged(ctx context.Context, root string, f storage.File) error {
	got, err := t.upstream.FetchFile(ctx, root, storage.Fetch{Have: f})
	if err != nil || got.NotModified {
		return err
	}
	defer got.Body.Close()
	d, err := f.Digest.Algorithm().FromReader(io.LimitReader(got.Body, maxRepomd+1))
	if err == nil && d != f.Digest {
		return fmt.Errorf("%w: %w: %.256q", storage.ErrUpstream, storage.ErrReplaced, root)
	}
	if err != nil {
		return broken(root, err)
	}
	return nil
}

// openRepomd parses the repomd.xml f.
func openRepomd(ctx context.Context, f storage.File, open func(context.Context, storage.File) (storage.Blob, error)) (*rpm.Repomd, error) {
	b, err := open(ctx, f)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return parseRepomd(b, b.Size())
}

func parseRepomd(r io.ReaderAt, size int64) (*rpm.Repomd, error) {
	if size > maxRepomd {
		return nil, fmt.Errorf("%d bytes of repomd.xml", size)
	}
	raw := make([]byte, size)
	if _, err := r.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return rpm.ParseRepomd(raw)
}

// verifyRPM holds a file against what the index above it says. A package that no index has has to be what it says of itself.
func (t *Through) verifyRPM(ctx context.Context, p string, f storage.File, content io.ReaderAt) error {
	switch name := path.Base(p); {
	case rpmPart.MatchString(p):
		return verifyMetadata(p, f, content)
	case !strings.HasSuffix(name, ".rpm"):
		return nil
	}
	want, err := t.listed(ctx, p)
	if err != nil {
		return err
	}
	if want.Type != "" {
		return checkSum(want, io.NewSectionReader(content, 0, f.Size))
	}
	pkg, err := rpm.Read(content, f.Size)
	if err != nil {
		return err
	}
	checks, err := pkg.Verify(content)
	for _, c := range checks {
		if err == nil && !c.OK {
			err = fmt.Errorf("%w: %s", rpm.ErrMismatch, c.Name)
		}
	}
	return err
}

// checkSum reads r to its end.
func checkSum(want rpm.Checksum, r io.Reader) error {
	h, err := want.New()
	if err != nil {
		return err
	}
	if _, err := io.Copy(h, r); err != nil {
		return err
	}
	if !want.Matches(h) {
		return fmt.Errorf("%w: the index has %s %.128s", rpm.ErrMismatch, want.Type, want.Hex)
	}
	return nil
}

// hashedBy are the algorithms of the checksums in names, by their length in digits; that of 64 is the file's own digest.
var hashedBy = map[int]func() hash.Hash{40: sha1.New, 128: sha512.New}

// verifyMetadata looks at what can be known of a file of metadata by itself. All else is verified when it is published.
func verifyMetadata(p string, f storage.File, content io.ReaderAt) error {
	if path.Base(p) == "repomd.xml" {
		_, err := parseRepomd(content, f.Size)
		return err
	}
	m := rpmHashed.FindStringSubmatch(p)
	if m == nil {
		return nil
	}
	got := f.Digest.Encoded()
	if make := hashedBy[len(m[1])]; make != nil {
		h := make()
		if _, err := io.Copy(h, io.NewSectionReader(content, 0, f.Size)); err != nil {
			return err
		}
		got = hex.EncodeToString(h.Sum(nil))
	}
	if len(got) == len(m[1]) && got != m[1] {
		return fmt.Errorf("%w: its name has another checksum than its content", rpm.ErrMismatch)
	}
	return nil
}

// rpmIndex is what the packages of a repository have to be, by their paths from its root.
type rpmIndex map[string]rpm.Checksum

// listed returns the checksum that the nearest index above a package states, the zero Checksum where none does, or none can be read: its codec may be one that
// nobody here knows.
func (t *Through) listed(ctx context.Context, p string) (rpm.Checksum, error) {
	for dir := range storage.Above(p) {
		index, err := parsed(ctx, t, join(dir, repomd), func(b storage.Blob) (rpmIndex, error) { return t.readIndex(ctx, dir, b) })
		if _, codec := errors.AsType[*rpm.CodecError](err); codec {
			return rpm.Checksum{}, nil
		}
		if err != nil {
			return rpm.Checksum{}, err
		}
		if want, ok := index[strings.TrimPrefix(p[len(dir):], "/")]; ok {
			return want, nil
		}
	}
	return rpm.Checksum{}, nil
}

// readIndex reads the checksums out of the primary.xml that a kept repomd.xml names.
func (t *Through) readIndex(ctx context.Context, dir string, b storage.Blob) (rpmIndex, error) {
	md, err := parseRepomd(b, b.Size())
	if err != nil {
		return nil, err
	}
	d := md.Find("primary")
	if d == nil {
		return rpmIndex{}, nil
	}
	primary, _, err := t.kept.OpenFile(ctx, t.name, join(dir, d.Location.Href))
	if err != nil {
		return nil, err
	}
	defer primary.Close()
	plain, err := rpm.Decompress(primary)
	if err != nil {
		return nil, err
	}
	index := rpmIndex{}
	for e, err := range rpm.ReadPrimary(plain) {
		if err != nil {
			return nil, err
		}
		if e.Location.Base == "" {
			index[e.Location.Href] = e.Checksum
		}
	}
	return index, nil
}
