package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"path"
	"strings"

	"vitrine/explore/rpm"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// RPMVirtual is a Virtual of repositories of RPMs. Metadata is made here, of that of all members, when one of them has changed. A name of a package that a local
// member has is that member's: the index has no others of that name, and others are not served.
type RPMVirtual struct {
	*Virtual
	name oci.Name
	kept *local        // keeps the metadata, under the name
	turn chan struct{} // of who makes it
}

// NewRPMVirtual returns the virtual repository name of members, whose metadata is kept in kept.
func NewRPMVirtual(name oci.Name, members []Member, kept Keeper, log *slog.Logger) *RPMVirtual {
	return &RPMVirtual{Virtual: NewVirtual(members, log), name: name, kept: newLocal(kept, log), turn: make(chan struct{}, 1)}
}

// StatFile implements storage.FileReader.
func (v *RPMVirtual) StatFile(ctx context.Context, repo oci.Name, p string) (storage.File, error) {
	if rpmPart.MatchString(p) {
		b, f, err := v.openMetadata(ctx, p)
		if err != nil {
			return f, err
		}
		return f, b.Close()
	}
	if err := v.isOurs(ctx, p); err != nil {
		return storage.File{}, err
	}
	return v.Virtual.StatFile(ctx, repo, p)
}

// OpenFile implements storage.FileReader.
func (v *RPMVirtual) OpenFile(ctx context.Context, repo oci.Name, p string) (storage.Blob, storage.File, error) {
	if rpmPart.MatchString(p) {
		return v.openMetadata(ctx, p)
	}
	if err := v.isOurs(ctx, p); err != nil {
		return nil, storage.File{}, err
	}
	return v.Virtual.OpenFile(ctx, repo, p)
}

// ListFiles implements storage.FileReader.
func (v *RPMVirtual) ListFiles(ctx context.Context, repo oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	if path.Base(dir) != "repodata" {
		return v.Virtual.ListFiles(ctx, repo, dir, after)
	}
	return func(yield func(storage.Entry, error) bool) {
		if err := v.refresh(ctx, up(dir)); err != nil && !isUnknown(err) {
			yield(storage.Entry{}, err)
			return
		}
		for e, err := range v.kept.ListFiles(ctx, v.name, dir, after) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// openMetadata opens a file of metadata. One that has its checksum in its name is served as long as it is kept.
func (v *RPMVirtual) openMetadata(ctx context.Context, p string) (storage.Blob, storage.File, error) {
	if b, f := openSame(ctx, v.kept.kept, v.name, p); b != nil {
		return b, f, nil
	}
	if rpmHashed.MatchString(p) {
		if b, f, err := v.kept.OpenFile(ctx, v.name, p); err == nil {
			return b, f, nil
		}
	}
	if err := v.refresh(ctx, up(up(p))); err != nil {
		return nil, storage.File{}, err
	}
	return v.kept.OpenFile(ctx, v.name, p)
}

// isOurs fails for a package whose name a local member has, at a path that none of them has. Names are those of the nearest directory above it that has an index.
func (v *RPMVirtual) isOurs(ctx context.Context, p string) error {
	if !isRPM(p) {
		return nil
	}
	for _, m := range v.members {
		l, ok := m.Reader.(*RPMLocal)
		if !ok {
			continue
		}
		owns, err := l.owns(ctx, m.Name, v.nearest(ctx, p), rpmName(p))
		if err != nil {
			return err
		}
		if owns {
			return v.isThere(ctx, p, m.Name)
		}
	}
	return nil
}

// nearest is the nearest directory above p that has an index here, the topmost if none has.
func (v *RPMVirtual) nearest(ctx context.Context, p string) string {
	for dir := range storage.Above(p) {
		if _, err := v.kept.StatFile(ctx, v.name, join(dir, repomd)); err == nil {
			return dir
		}
	}
	return ""
}

// isThere fails unless a local member has the package at p, whose name is the member owner's.
func (v *RPMVirtual) isThere(ctx context.Context, p string, owner oci.Name) error {
	for _, m := range v.members {
		if m.Type != LocalType {
			continue
		}
		if _, err := m.Reader.StatFile(ctx, m.Name, p); !isUnknown(err) {
			return err
		}
	}
	return fmt.Errorf("%w: %.256q: packages of that name are those of %s alone", storage.ErrFileUnknown, p, owner)
}

// rpmShare is what a member has for the metadata of a directory.
type rpmShare struct {
	Member
	f storage.File // its repomd.xml
}

// maxRemade is how often it is looked what the members have, where others make the metadata meanwhile: it is young then in any case.
const maxRemade = 3

// refresh makes the metadata of dir, if that of a member has changed. When a member does not answer, or has what cannot be merged, what was made before stays,
// with a note; if there is none, it is made of the others.
func (v *RPMVirtual) refresh(ctx context.Context, dir string) error {
	ctx = inGeneration(ctx, 0) // the wanted one is ours, and none of a member's
	for range maxRemade {
		if again, err := v.remake(ctx, dir); err != nil || !again {
			return err
		}
	}
	return nil
}

// remake is refresh once. again is true if somebody else made metadata meanwhile, maybe of something younger.
func (v *RPMVirtual) remake(ctx context.Context, dir string) (again bool, err error) {
	parts, trouble, err := v.parts(ctx, dir)
	if err != nil {
		return false, err
	}
	tellParts(ctx, parts)
	made, err := v.kept.StatFile(ctx, v.name, join(dir, repomd))
	switch {
	case err != nil && !errors.Is(err, storage.ErrFileUnknown):
		return false, err
	case err == nil && trouble != nil:
		storage.AddNote(ctx, storage.Note{Kind: storage.Stale, Text: "a member did not answer, and the index is as it was"})
		return false, nil
	case len(parts) == 0 && trouble != nil:
		return false, trouble
	case len(parts) == 0:
		return false, fmt.Errorf("%w: %.256q in any member of %s", storage.ErrFileUnknown, join(dir, repomd), v.name)
	case made.Header[noteOf] == v.of(parts):
		return false, nil
	}
	select {
	case v.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-v.turn }()
	if now, err := v.kept.StatFile(ctx, v.name, join(dir, repomd)); err == nil && now.Digest != made.Digest {
		return true, nil
	}
	r := &recipe{repo: v.name, base: join(dir, "repodata"), root: join(dir, repomd), of: v.of(parts)}
	r.make = func(ctx context.Context) (map[string]piece, error) { return v.merge(ctx, dir, parts) }
	return false, r.publish(context.WithoutCancel(ctx), v.kept) // others wait for it too
}

// tellParts notes what an index is made of.
func tellParts(ctx context.Context, parts []rpmShare) {
	var names []string
	for _, p := range parts {
		names = append(names, string(p.Name))
	}
	tellMember(ctx, Member{Name: oci.Name(strings.Join(names, " ")), Type: LocalType})
}

func (v *RPMVirtual) of(parts []rpmShare) string {
	var of []string
	for _, p := range parts {
		of = append(of, string(p.Name), string(p.f.Digest))
	}
	return sumOf(of)
}

// parts are the members that have metadata of dir. trouble is why another one may have some as well.
func (v *RPMVirtual) parts(ctx context.Context, dir string) (parts []rpmShare, trouble, err error) {
	for _, m := range v.members {
		f, err := m.Reader.StatFile(ctx, m.Name, join(dir, repomd))
		switch {
		case err == nil && f.Digest != "":
			parts = append(parts, rpmShare{m, f})
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case isUnknown(err):
		case m.Type == LocalType:
			return nil, nil, err
		default:
			trouble = earlier(trouble, earlier(err, storage.ErrUpstream))
			v.passOver(ctx, v.name, m, earlier(err, storage.ErrUpstream))
		}
	}
	return parts, trouble, nil
}

// merge makes metadata of that of the parts: of packages with the same name, version and architecture those of the first.
func (v *RPMVirtual) merge(ctx context.Context, dir string, parts []rpmShare) (map[string]piece, error) {
	var members []rpm.Member
	var extras []extra
	have := map[string]bool{}
	for _, p := range parts {
		ctx := inGeneration(ctx, p.f.Generation)
		md, err := openRepomd(ctx, p.f, func(ctx context.Context, _ storage.File) (storage.Blob, error) {
			b, _, err := p.Reader.OpenFile(ctx, p.Name, join(dir, repomd))
			return b, err
		})
		if err != nil {
			return nil, broken(string(p.Name), err)
		}
		members = append(members, rpm.Member{Packages: packagesOf(ctx, p.Reader, p.Name, dir, md), Owns: p.Type == LocalType})
		more, err := p.extras(ctx, dir, md, have)
		if err != nil {
			return nil, broken(string(p.Name), err)
		}
		extras = append(extras, more...)
	}
	pieces, err := buildRPM(dir, members, extras)
	if err != nil {
		return nil, broken(dir, err)
	}
	return pieces, nil
}

// passedOn are the kinds of metadata besides packages that are passed on, each of the first member that has it.
const passedOn = " group group_gz updateinfo modules "

// maxExtra bounds one of those in bytes.
const maxExtra = 64 << 20

// extras reads what else the part has.
func (p *rpmShare) extras(ctx context.Context, dir string, md *rpm.Repomd, have map[string]bool) (all []extra, err error) {
	for _, d := range md.Data {
		if have[d.Type] || !strings.Contains(passedOn, " "+d.Type+" ") || !d.Location.IsLocal() || d.Location.Base != "" {
			continue
		}
		b, _, err := p.Reader.OpenFile(ctx, p.Name, join(dir, d.Location.Href))
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(io.LimitReader(b, maxExtra))
		b.Close()
		if err == nil {
			err = d.Verify(strings.NewReader(string(content)))
		}
		if err != nil {
			return nil, fmt.Errorf("%.128q: %w", d.Location.Href, err)
		}
		have[d.Type] = true
		all = append(all, extra{d, content})
	}
	return all, nil
}
