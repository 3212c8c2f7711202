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
	"sync"
	"sync/atomic"

	"vitrine/explore/apk"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// AlpineVirtual is several repositories of Alpine packages under one name. The index of a directory is made of those that the members have there, and signed here;
// a package comes from the member that it is in the index for. What a local member has packages of, by name, is its own: no remote one adds a version of it, or a
// package that provides it. Whoever trusts the key of a virtual repository trusts all its members: who has signed their indexes is not asked.
type AlpineVirtual struct {
	*Virtual
	kept *local
	keys *AlpineKeys
	key  string

	mu   sync.Mutex
	dirs map[string]*mergedDir
}

// maxMerged bounds the directories that are remembered, of about 100 bytes a package.
const maxMerged = 16

// mergedDir is what is known of a directory's index.
type mergedDir struct {
	sync.Mutex // one merge at a time
	last       atomic.Pointer[merged]
	begun      atomic.Int64 // counts those who look whether it has to be made again
}

// merged is what an index was made of.
type merged struct {
	begun int64                     // its number among those
	of    map[oci.Name]storage.File // the index of each member that has one
	from  map[string]int            // the member that a package comes from, by file name; outOfIndex of those that a member has in vain
	owned map[string]bool           // the names of local members' packages
}

// outOfIndex is the member of a package that others may not give.
const outOfIndex = -1

// NewAlpineVirtual returns an AlpineVirtual of members, whose indexes are kept in kept and signed with the key.
func NewAlpineVirtual(kept Keeper, keys *AlpineKeys, key string, members []Member, log *slog.Logger) *AlpineVirtual {
	return &AlpineVirtual{Virtual: NewVirtual(members, log), kept: newLocal(kept, log), keys: keys, key: key, dirs: map[string]*mergedDir{}}
}

// StatFile implements storage.FileReader.
func (v *AlpineVirtual) StatFile(ctx context.Context, repo oci.Name, p string) (storage.File, error) {
	b, f, err := v.find(ctx, repo, p, func(ctx context.Context, name oci.Name, r storage.FileReader) (storage.Blob, storage.File, error) {
		f, err := r.StatFile(ctx, name, p)
		return nil, f, err
	})
	if b != nil {
		b.Close()
	}
	return f, err
}

// OpenFile implements storage.FileReader.
func (v *AlpineVirtual) OpenFile(ctx context.Context, repo oci.Name, p string) (storage.Blob, storage.File, error) {
	return v.find(ctx, repo, p, func(ctx context.Context, name oci.Name, r storage.FileReader) (storage.Blob, storage.File, error) {
		return r.OpenFile(ctx, name, p)
	})
}

type askingOne func(context.Context, oci.Name, storage.FileReader) (storage.Blob, storage.File, error)

// find asks whoever has p.
func (v *AlpineVirtual) find(ctx context.Context, repo oci.Name, p string, ask askingOne) (storage.Blob, storage.File, error) {
	toMember := func(ctx context.Context, m Member) (storage.Blob, storage.File, error) {
		return ask(ctx, m.Name, m.Reader)
	}
	if err := storage.CheckPath(p); err != nil {
		return nil, storage.File{}, err
	}
	switch {
	case path.Base(p) == apkIndex:
		m, err := v.merge(ctx, repo, up(p), false)
		if err != nil {
			return nil, storage.File{}, err
		}
		v.tellMembers(ctx, m)
		return ask(ctx, repo, v.kept)
	case path.Ext(p) == ".adb": // which cannot be merged, and must not go past what local members own
		return nil, storage.File{}, fmt.Errorf("%w: %.256q: a virtual repository has no index of version 3", storage.ErrFileUnknown, p)
	case path.Ext(p) != ".apk":
		return v.first(ctx, repo, p, toMember)
	}
	m, err := v.merge(ctx, repo, up(p), true)
	if isUnknown(err) { // of the directory there is no index
		m, err = &merged{}, nil
	}
	if err != nil {
		return nil, storage.File{}, err
	}
	return v.candidates(m, path.Base(p)).first(ctx, repo, p, toMember)
}

// candidates are the members that may give a package: the one that the index names. What is not in the index any more may come from each, unless its name is owned.
func (v *AlpineVirtual) candidates(m *merged, name string) *Virtual {
	i, ok := m.from[name]
	switch {
	case ok && i == outOfIndex:
		return v.locals()
	case ok:
		return &Virtual{v.members[i : i+1], v.log}
	case m.owned[packageName(name)]:
		return v.locals()
	}
	return v.Virtual
}

func (v *AlpineVirtual) locals() *Virtual {
	n := 0
	for n < len(v.members) && v.members[n].Type == LocalType { // which come first
		n++
	}
	return &Virtual{v.members[:n], v.log}
}

// packageName is the name in that of a file, NAME-VERSION-rN.apk.
func packageName(file string) string {
	name := strings.TrimSuffix(file, ".apk")
	for range 2 {
		name = name[:max(strings.LastIndexByte(name, '-'), 0)]
	}
	return name
}

// tellMembers notes which members an index is made of.
func (v *AlpineVirtual) tellMembers(ctx context.Context, m *merged) {
	var names []string
	for _, one := range v.members {
		if _, ok := m.of[one.Name]; ok {
			names = append(names, string(one.Name))
		}
	}
	tellMember(ctx, Member{Name: oci.Name(strings.Join(names, " ")), Type: LocalType})
}

// merge returns what the index of a directory is made of, once it is published. For a package, remote members are not asked again.
func (v *AlpineVirtual) merge(ctx context.Context, repo oci.Name, dir string, forPackage bool) (*merged, error) {
	d := v.dir(dir)
	if m := d.last.Load(); forPackage && m != nil && v.sameLocals(ctx, dir, m) {
		return m, nil
	}
	begun := d.begun.Add(1)
	parts, err := v.open(ctx, repo, dir) // without the lock: a server may be slow
	defer parts.close()
	if err != nil {
		return nil, err
	}
	d.Lock()
	defer d.Unlock()
	index, err := v.kept.kept.StatFile(ctx, repo, join(dir, apkIndex))
	if err != nil && !isUnknown(err) {
		return nil, err
	}
	last := d.last.Load()
	if last != nil && index.Digest != "" && (parts.same(last) || last.begun > begun) { // whoever began later has seen what is newer
		return last, nil
	}
	m, raw, err := v.write(ctx, repo, parts)
	if err != nil {
		return nil, err
	}
	m.begun = begun
	err = publishIndex(context.WithoutCancel(ctx), v.kept, place{repo, dir}, raw, index)
	if errors.Is(err, storage.ErrNoSpace) && last != nil && index.Digest != "" {
		v.log.ErrorContext(ctx, "the index before is served", "repository", repo, "directory", dir, "error", err)
		storage.AddNote(ctx, storage.Note{Kind: storage.Stale, Text: string(repo) + ": there is no room for a new index: this is the one before"})
		return last, nil
	}
	if err != nil {
		return nil, err
	}
	d.last.Store(m)
	return m, nil
}

func (v *AlpineVirtual) dir(dir string) *mergedDir {
	v.mu.Lock()
	defer v.mu.Unlock()
	d := v.dirs[dir]
	if d == nil {
		if len(v.dirs) >= maxMerged {
			clear(v.dirs)
		}
		d = &mergedDir{}
		v.dirs[dir] = d
	}
	return d
}

// sameLocals reports whether the local members' indexes are what m was made of.
func (v *AlpineVirtual) sameLocals(ctx context.Context, dir string, m *merged) bool {
	for _, one := range v.locals().members {
		f, err := one.Reader.StatFile(ctx, one.Name, join(dir, apkIndex))
		if err != nil && !isUnknown(err) || f.Digest != m.of[one.Name].Digest {
			return false
		}
	}
	return true
}

// part is the index of a member.
type part struct {
	member int
	name   oci.Name
	owns   bool
	storage.Blob
	file storage.File
}

type parts []part

func (all parts) close() {
	for _, p := range all {
		p.Close()
	}
}

func (all parts) same(m *merged) bool {
	for _, p := range all {
		if m.of[p.name].Digest != p.file.Digest {
			return false
		}
	}
	return len(all) == len(m.of)
}

// open opens the indexes of all members that have one there. Errors are those of Virtual.
func (v *AlpineVirtual) open(ctx context.Context, repo oci.Name, dir string) (all parts, err error) {
	var none error
	for i := range v.members {
		one := &Virtual{v.members[i : i+1], v.log}
		var f storage.File
		b, f, err := one.first(ctx, repo, join(dir, apkIndex), openWhole(join(dir, apkIndex)))
		switch {
		case err == nil:
			all = append(all, part{i, v.members[i].Name, v.members[i].Type == LocalType, b, f})
		case ctx.Err() != nil || v.members[i].Type == LocalType && !isUnknown(err):
			return all, err
		case none == nil || isUnknown(none):
			none = err
		}
	}
	if len(all) == 0 {
		return nil, none
	}
	return all, nil
}

// openWhole opens a member's file of which the digest is known.
func openWhole(p string) asking {
	return func(ctx context.Context, m Member) (storage.Blob, storage.File, error) {
		for range 2 {
			b, f, err := m.Reader.OpenFile(ctx, m.Name, p)
			if err != nil || f.Digest != "" {
				return b, f, err
			}
			_, err = io.Copy(io.Discard, b)
			if err = errors.Join(err, b.Close()); err != nil {
				return nil, storage.File{}, err
			}
		}
		return nil, storage.File{}, fmt.Errorf("%w: %.256q in %s comes and goes", storage.ErrUpstream, p, m.Name)
	}
}

// write makes the index of parts.
func (v *AlpineVirtual) write(ctx context.Context, repo oci.Name, all parts) (*merged, []byte, error) {
	key, err := v.keys.Key(ctx, v.key)
	if err != nil {
		return nil, nil, err
	}
	m := &merged{of: map[oci.Name]storage.File{}, from: map[string]int{}, owned: map[string]bool{}}
	var members []apk.Member
	for _, p := range all {
		x, err := apk.OpenIndex(p.Blob, p.Size())
		if err != nil {
			return nil, nil, fmt.Errorf("%w: the index of %s: %w", storage.ErrUpstream, p.name, err)
		}
		m.of[p.name] = p.file
		members = append(members, apk.Member{Records: m.noted(x.Records(ctx), p.owns), Owns: p.owns})
	}
	raw, err := apk.WriteIndex(m.chosen(apk.Merge(members...), all), &apk.WriteOptions{Key: key, Description: string(repo)[:min(len(repo), maxDescription)]})
	return m, raw, err
}

// noted enters all that a member has, as if it were in vain.
func (m *merged) noted(records iter.Seq2[apk.Record, error], owns bool) iter.Seq2[apk.Record, error] {
	return func(yield func(apk.Record, error) bool) {
		for r, err := range records {
			if _, ok := m.from[r.FileName()]; err == nil && !ok {
				m.from[r.FileName()] = outOfIndex
			}
			if owns && err == nil {
				m.owned[r.Name] = true
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// chosen enters where those that are in the index come from.
func (m *merged) chosen(records iter.Seq2[apk.Merged, error], all parts) iter.Seq2[apk.Record, error] {
	return func(yield func(apk.Record, error) bool) {
		for r, err := range records {
			if err == nil {
				m.from[r.FileName()] = all[r.From].member
			}
			if !yield(r.Record, err) {
				return
			}
		}
	}
}

// ListFiles implements storage.FileReader: as Virtual does, but that an index is described as it was last made.
func (v *AlpineVirtual) ListFiles(ctx context.Context, repo oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	return func(yield func(storage.Entry, error) bool) {
		for e, err := range v.Virtual.ListFiles(ctx, repo, dir, after) {
			if e.Name == apkIndex && err == nil {
				f, err := v.kept.StatFile(ctx, repo, join(dir, apkIndex))
				if e.File = f; err != nil {
					e.File = storage.File{Size: -1, Class: storage.ClassIndex}
				}
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

var _ storage.FileReader = (*AlpineVirtual)(nil)
