package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// Problem is something in a root that is not as it was stored.
type Problem struct {
	Path   string        // below the root
	Repo   oci.Name      // "" for content, which belongs to none
	Digest digest.Digest // "" where none can be told
	What   string
}

func (p Problem) String() string { return p.Path + ": " + p.What }

// Summary counts what Verify has looked at.
type Summary struct {
	Blobs, Links, Manifests, Tags int64
	Files                         int64 // records of paths, those of generations too
	Bytes                         int64 // of content, all of it read and hashed
	Problems                      int
}

// Verify reads everything in root and calls report for each problem. It takes no lock and changes nothing, so it can
// run beside the process that has the store open. The error says that it could not go on.
func Verify(ctx context.Context, root string, report func(Problem)) (Summary, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return Summary{}, err
	}
	defer r.Close()
	if err := checkLayout(r); errors.Is(err, ErrLayout) {
		return Summary{}, err
	} else if err != nil {
		return Summary{}, fmt.Errorf("%w: %s: %w", ErrLayout, root, err)
	}
	v := &verifier{ctx: ctx, root: r, report: report}
	if err := fs.WalkDir(r.FS(), "blobs", v.content); err != nil {
		return v.sum, err
	}
	return v.sum, fs.WalkDir(r.FS(), "repos", v.record)
}

type verifier struct {
	ctx    context.Context
	root   *os.Root
	report func(Problem)
	sum    Summary
}

func (v *verifier) problem(p Problem) {
	v.sum.Problems++
	v.report(p)
}

// content checks one file of blobs/ against its name.
func (v *verifier) content(name string, e fs.DirEntry, err error) error {
	if err = errors.Join(err, v.ctx.Err()); err != nil || e.IsDir() {
		return err
	}
	elems := strings.Split(name, "/")
	if len(elems) != 4 {
		v.problem(Problem{Path: name, What: "no content has such a name"})
		return nil
	}
	d, err := oci.ParseDigest(elems[1] + ":" + elems[3])
	if err != nil || file(d) != name {
		v.problem(Problem{Path: name, What: "no content has such a name"})
		return nil
	}
	v.sum.Blobs++
	got, n, err := v.hash(name, d.Algorithm())
	if errors.Is(err, fs.ErrNotExist) { // gone since it was listed
		return nil
	}
	v.sum.Bytes += n
	if err != nil {
		v.problem(Problem{Path: name, Digest: d, What: "cannot be read: " + err.Error()})
	} else if got != d {
		v.problem(Problem{Path: name, Digest: d, What: fmt.Sprintf("its %d bytes have the digest %s", n, got)})
	}
	return nil
}

func (v *verifier) hash(name string, alg digest.Algorithm) (digest.Digest, int64, error) {
	f, err := v.root.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	buf := buffers.Get().(*[copyBuffer]byte)
	defer buffers.Put(buf)
	h := alg.Hash()
	n, err := io.CopyBuffer(h, struct{ io.Reader }{f}, buf[:]) // the wrapper keeps the file from choosing its own buffer
	return digest.NewDigest(alg, h), n, err
}

// record checks one link of repos/.
func (v *verifier) record(name string, e fs.DirEntry, err error) error {
	if err = errors.Join(err, v.ctx.Err()); err != nil || e.IsDir() {
		return err
	}
	repo, kind, rest, ok := splitRecord(name)
	if ok && kind == "_files" {
		v.file(name, repo, rest)
		return nil
	}
	target, err := v.root.Readlink(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !ok || err != nil {
		v.problem(Problem{Path: name, Repo: repo, What: "no record of the store"})
		return nil
	}
	switch kind {
	case "_tags":
		v.sum.Tags++
		v.tag(name, repo, target)
	case "_manifests":
		v.sum.Manifests++
		v.link(name, repo, rest, target)
	case "_blobs":
		v.sum.Links++
		v.link(name, repo, rest, target)
	}
	return nil
}

// splitRecord takes "repos/NAME/_KIND/REST" apart.
func splitRecord(p string) (repo oci.Name, kind, rest string, ok bool) {
	name, tail, ok := strings.Cut(strings.TrimPrefix(p, "repos/"), "/_")
	kind, rest, _ = strings.Cut(tail, "/")
	return oci.Name(name), "_" + kind, rest, ok
}

func (v *verifier) link(name string, repo oci.Name, rest, target string) {
	alg, hex, _ := strings.Cut(rest, "/")
	d, err := oci.ParseDigest(alg + ":" + hex)
	l, err2 := parseLink(target)
	if err != nil || err2 != nil {
		v.problem(Problem{Path: name, Repo: repo, What: "no record of the store"})
		return
	}
	fi, err := v.root.Lstat(file(d))
	if err == nil {
		err = checkSize(fi, l.size)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("its content is missing")
		if _, gone := v.root.Lstat(name); gone != nil {
			return
		}
	}
	if err != nil {
		v.problem(Problem{Path: name, Repo: repo, Digest: d, What: err.Error()})
	}
}

func (v *verifier) tag(name string, in oci.Name, target string) {
	d, err := oci.ParseDigest(target)
	if err != nil {
		v.problem(Problem{Path: name, Repo: in, What: "no record of the store"})
		return
	}
	_, link := (&repo{name: in}).linkPath("_manifests", d)
	if _, err := v.root.Lstat(link); err != nil {
		v.problem(Problem{Path: name, Repo: in, Digest: d, What: "points at a manifest that is not there"})
	}
}
