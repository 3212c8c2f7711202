package files

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"vitrine/explore/rpm"
	"vitrine/storage"
	"vitrine/storage/oci"
)

func isRPM(p string) bool { return strings.HasSuffix(p, ".rpm") }

// checkRPM wants a package under the name that rpm gives it.
func checkRPM(p string, b storage.Blob) error {
	pkg, err := rpm.Read(b, b.Size())
	if err != nil {
		return err
	}
	if want := pkg.NEVRA().FileName(); path.Base(p) != want && path.Base(p) != strings.TrimSuffix(want, "src.rpm")+"nosrc.rpm" {
		return fmt.Errorf("this package is called %.128q", want)
	}
	return nil
}

// rpmName is what stands before the version, the release and the architecture in the name of a file.
func rpmName(p string) string {
	file := path.Base(p)
	for range 2 {
		file = file[:max(strings.LastIndexByte(file, '-'), 0)]
	}
	return file
}

// recipe is how the index of dir is made now; nil: there is none.
func (l *RPMLocal) recipe(ctx context.Context, repo oci.Name, dir string) (*recipe, error) {
	r := &recipe{repo: repo, base: join(dir, "repodata"), root: join(dir, repomd)}
	packages := map[string]storage.File{} // by path from dir
	var of []string
	for e, err := range storage.WalkFiles(ctx, l.kept, repo, dir) {
		if err != nil {
			return nil, err
		}
		if isRPM(e.Name) {
			at := strings.TrimPrefix(e.Name[len(dir):], "/")
			packages[at] = e.File
			of = append(of, at, string(e.File.Digest))
		}
	}
	if _, err := l.kept.StatFile(ctx, repo, r.root); err != nil && dir != "" && len(packages) == 0 {
		return nil, nil
	}
	r.of = sumOf(of)
	r.make = func(ctx context.Context) (map[string]piece, error) { return l.make(ctx, repo, dir, packages) }
	return r, nil
}

// make builds the metadata out of that of the generation before, without what is deleted, and of what is new.
func (l *RPMLocal) make(ctx context.Context, repo oci.Name, dir string, packages map[string]storage.File) (map[string]piece, error) {
	before := metadataOf(ctx, l.kept, repo, dir)
	keep := func(e *rpm.Entry) bool {
		f, ok := packages[e.Location.Href]
		return ok && e.Location.Base == "" && e.Checksum.Hex == f.Digest.Encoded()
	}
	known := map[string]bool{}
	for e, err := range before("primary") {
		if err != nil { // it is made anew
			known, before = map[string]bool{}, rpm.Entries()
			break
		}
		if keep(e) {
			known[e.Location.Href] = true
		}
	}
	var entries []*rpm.Entry
	for at, f := range packages {
		if known[at] {
			continue
		}
		e, err := l.entry(ctx, repo, dir, at, f)
		if err != nil {
			l.log.WarnContext(ctx, "a package is left out of the index", "repository", repo, "path", join(dir, at), "error", err)
			continue
		}
		entries = append(entries, e)
	}
	sortEntries(entries)
	return buildRPM(dir, []rpm.Member{{Packages: before, Keep: keep}, {Packages: rpm.Entries(entries...)}}, nil)
}

// entry reads the headers of a package.
func (l *RPMLocal) entry(ctx context.Context, repo oci.Name, dir, at string, f storage.File) (*rpm.Entry, error) {
	b, err := l.kept.OpenBlob(ctx, repo, f.Digest)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	pkg, err := rpm.Read(b, b.Size())
	if err != nil {
		return nil, err
	}
	return pkg.Entry(rpm.Location{Href: at}, rpm.Checksum{Type: "sha256", Hex: f.Digest.Encoded()}, f.Modified)
}

// metadataOf are the packages of the repository in the directory dir, of files that r has. Where there is none, they are none.
func metadataOf(ctx context.Context, r storage.FileReader, repo oci.Name, dir string) rpm.Packages {
	b, _, err := r.OpenFile(ctx, repo, join(dir, repomd))
	if err != nil {
		return rpm.Entries()
	}
	defer b.Close()
	md, err := parseRepomd(b, b.Size())
	if err != nil {
		return rpm.Entries()
	}
	return packagesOf(ctx, r, repo, dir, md)
}

// packagesOf are the packages of the metadata that md names, in the directory dir.
func packagesOf(ctx context.Context, r storage.FileReader, repo oci.Name, dir string, md *rpm.Repomd) rpm.Packages {
	all := rpm.Metadata(func(kind string) (io.ReadCloser, error) {
		d := md.Find(kind)
		if d == nil {
			return nil, fmt.Errorf("%w: %s of %s", storage.ErrFileUnknown, kind, repo)
		}
		b, _, err := r.OpenFile(ctx, repo, join(dir, d.Location.Href))
		return b, err
	})
	return func(kind string) iter.Seq2[*rpm.Entry, error] {
		if kind != "primary" && md.Find(kind) == nil { // some have no more than that
			return rpm.Entries()(kind)
		}
		return all(kind)
	}
}

// buildRPM makes the metadata of members for the directory dir. data is what repomd.xml is to name besides, with its content.
func buildRPM(dir string, members []rpm.Member, data []extra) (map[string]piece, error) {
	documents := map[string]*bytes.Buffer{}
	o := rpm.BuildOptions{Time: time.Now().Truncate(time.Second), Create: func(kind string) (io.Writer, error) {
		documents[kind] = new(bytes.Buffer)
		return documents[kind], nil
	}}
	pieces := map[string]piece{}
	for _, d := range data {
		o.Data = append(o.Data, d.Data)
		pieces[join(dir, d.Location.Href)] = piece{data: d.content, class: storage.ClassFile}
	}
	g, err := rpm.Build(members, o)
	if err != nil {
		return nil, err
	}
	for _, d := range g.Data[:len(g.Data)-len(data)] {
		pieces[join(dir, d.Location.Href)] = piece{data: documents[d.Type].Bytes(), mediaType: "application/gzip", class: storage.ClassFile}
	}
	pieces[join(dir, repomd)] = piece{data: g.Bytes(), mediaType: "application/xml", class: storage.ClassIndex}
	return pieces, nil
}

// extra is a file of metadata that is passed on as it is.
type extra struct {
	rpm.Data
	content []byte
}

// sortEntries puts packages into an order that does not change from one generation to the next.
func sortEntries(all []*rpm.Entry) {
	slices.SortFunc(all, func(a, b *rpm.Entry) int { return cmp.Compare(a.Location.Href, b.Location.Href) })
}
