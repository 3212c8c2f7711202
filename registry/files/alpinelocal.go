package files

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"

	"vitrine/explore/apk"
	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// noarch is the architecture of packages that any machine can install, and the directory that has all of them.
const noarch = "noarch"

// archName is what an architecture, and so the directory of its packages, may be called.
var archName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// AlpineLocal is the Store of local repositories of Alpine packages. A package is at [DIR/]ARCH/NAME-VERSION.apk, and each ARCH has an index, made and signed here:
//
//	PUT       the package is put      the index with it is published      the answer
//	DELETE    the index without it    the package is deleted              the answer
//	PUT of other content at a path: the index without it, the package, the index with it
//
// So no index names what is not there, or has other content. While one is made all that comes waits for the next one, together. A package for any machine
// (noarch) has a path in the directory of each architecture, because apk looks there only, and one in noarch/, from where new architectures get it.
type AlpineLocal struct {
	*local
	keys *AlpineKeys

	mu      sync.Mutex
	named   map[oci.Name]string // the keys
	dirs    map[place]*alpineDir
	turns   map[string]*turn
	running sync.WaitGroup
	records atomic.Int64 // that dirs remember
}

// place is a directory of a repository.
type place struct {
	repo oci.Name
	dir  string
}

func (p place) index() string { return p.dir + "/" + apkIndex }

// NewAlpineLocal returns the Store of local Alpine repositories over kept.
func NewAlpineLocal(kept Keeper, keys *AlpineKeys, log *slog.Logger) *AlpineLocal {
	return &AlpineLocal{local: newLocal(kept, log), keys: keys, named: map[oci.Name]string{}, dirs: map[place]*alpineDir{}, turns: map[string]*turn{}}
}

// SetKeys says which keys the indexes of repositories are signed with from now on. Those that are there stay until they change.
func (a *AlpineLocal) SetKeys(named map[oci.Name]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.named = named
}

// Close waits for indexes that are being made.
func (a *AlpineLocal) Close() { a.running.Wait() }

// PutFile puts a package and publishes the indexes with it; other files it puts as they are. An index cannot be put: ErrFileGeneration. What is no package, or not
// the one that its path says, is api.ErrPackage.
func (a *AlpineLocal) PutFile(ctx context.Context, repo oci.Name, p string, f storage.File, when storage.Match) error {
	switch {
	case path.Base(p) == apkIndex:
		a.forget(ctx, repo, f.Digest)
		return madeHere(p)
	case path.Ext(p) != ".apk":
		return a.local.PutFile(ctx, repo, p, f, when)
	}
	info, err := a.inspect(ctx, repo, p, f.Digest)
	if err != nil {
		a.forget(ctx, repo, f.Digest)
		return err
	}
	defer a.turn(repo, p).end()
	return a.putPackage(ctx, repo, p, f, when, info.Arch == noarch)
}

func madeHere(p string) error {
	return fmt.Errorf("%w: %.256q is made here, of the packages beside it", storage.ErrFileGeneration, p)
}

// inspect fails unless the content is the package that the path says.
func (a *AlpineLocal) inspect(ctx context.Context, repo oci.Name, p string, d digest.Digest) (*apk.PkgInfo, error) {
	if dir := up(p); !archName.MatchString(path.Base(dir)) || dir == "" {
		return nil, fmt.Errorf("%w: %.256q: packages are in directories of architectures, such as x86_64/", api.ErrPackage, p)
	}
	b, err := a.kept.OpenBlob(ctx, repo, d)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	pkg, err := apk.Open(b, b.Size())
	if err == nil {
		err = pkg.VerifyData(ctx)
	}
	if err != nil {
		return nil, notPackage(p, err)
	}
	arch := path.Base(up(p))
	switch {
	case pkg.Info.FileName() != path.Base(p):
		return nil, fmt.Errorf("%w: %.256q is %.256q", api.ErrPackage, p, pkg.Info.FileName())
	case pkg.Info.Arch != arch && pkg.Info.Arch != noarch:
		return nil, fmt.Errorf("%w: %.256q is for %.64q", api.ErrPackage, p, pkg.Info.Arch)
	}
	_, err = pkg.Record(arch) // what no index can name is of no use
	return pkg.Info, notPackage(p, err)
}

// notPackage is err, of what is no package if it says so.
func notPackage(p string, err error) error {
	for _, what := range []error{apk.ErrFormat, apk.ErrLimit, apk.ErrV3, apk.ErrMismatch} {
		if errors.Is(err, what) {
			return fmt.Errorf("%w: %.256q: %w", api.ErrPackage, p, err)
		}
	}
	return err
}

// putPackage puts a package at p and, if it is for any machine, at the other places that it has to have.
func (a *AlpineLocal) putPackage(ctx context.Context, repo oci.Name, p string, f storage.File, when storage.Match, everywhere bool) error {
	old, err := a.at(ctx, repo, p)
	if err == nil && !when.Holds(old.Digest) {
		err = fmt.Errorf("%w: %.256q in %s has %.80q", storage.ErrFileMatch, p, repo, old.Digest)
	}
	if err != nil {
		a.forget(ctx, repo, f.Digest)
		return err
	}
	ctx = context.WithoutCancel(ctx) // what has begun is brought to its end
	if err := a.putOne(ctx, repo, p, old, f); err != nil {
		return err
	}
	dirs := []string{up(p)}
	if everywhere {
		more, err := a.spread(ctx, repo, p, old, f)
		if err != nil {
			return err
		}
		dirs = append(dirs, more...)
	}
	return a.publishAll(ctx, repo, dirs)
}

// at is the file at p, zero if there is none.
func (a *AlpineLocal) at(ctx context.Context, repo oci.Name, p string) (storage.File, error) {
	f, err := a.kept.StatFile(ctx, repo, p)
	if isUnknown(err) {
		return storage.File{}, nil
	}
	return f, err
}

// putOne puts f at one path, where old is now.
func (a *AlpineLocal) putOne(ctx context.Context, repo oci.Name, p string, old, f storage.File) error {
	if old.Digest == "" || old.Digest == f.Digest {
		return a.local.PutFile(ctx, repo, p, f, storage.Match{})
	}
	return a.hidden(ctx, repo, []string{p}, func() error { return a.local.PutFile(ctx, repo, p, f, storage.Match{}) })
}

// hidden calls change while no index names the packages at paths.
func (a *AlpineLocal) hidden(ctx context.Context, repo oci.Name, paths []string, change func() error) error {
	var dirs []string
	for _, p := range paths {
		d := a.dir(place{repo, up(p)})
		d.hide(path.Base(p))
		defer d.show(path.Base(p))
		dirs = append(dirs, up(p))
	}
	if err := a.publishAll(ctx, repo, dirs); err != nil {
		return err
	}
	return change()
}

// spread gives a package for any machine, which is at p and took the place of old, its other paths: in noarch first, so that an architecture that comes meanwhile
// has it from there. A package of the same name that is an architecture's own stays.
func (a *AlpineLocal) spread(ctx context.Context, repo oci.Name, p string, old, f storage.File) (dirs []string, err error) {
	above := up(up(p))
	others, err := a.arches(ctx, repo, above)
	if err != nil {
		return nil, err
	}
	for _, arch := range append([]string{noarch}, others...) {
		to := join(join(above, arch), path.Base(p))
		was, err := a.at(ctx, repo, to)
		if err != nil {
			return nil, err
		}
		if to == p || was.Digest != "" && was.Digest != old.Digest {
			continue
		}
		if err := a.putOne(ctx, repo, to, was, f); err != nil {
			return nil, err
		}
		dirs = append(dirs, up(to))
	}
	return dirs, nil
}

// arches are the architectures below a directory that have packages or an index, without noarch.
func (a *AlpineLocal) arches(ctx context.Context, repo oci.Name, above string) (all []string, err error) {
	for e, err := range a.kept.ListFiles(ctx, repo, above, "") {
		if err != nil {
			return nil, err
		}
		arch := strings.TrimSuffix(e.Name, "/")
		if !e.IsDir() || arch == noarch || !archName.MatchString(arch) {
			continue
		}
		for in, err := range a.kept.ListFiles(ctx, repo, join(above, arch), "") {
			if err != nil {
				return nil, err
			}
			if path.Ext(in.Name) == ".apk" || in.Name == apkIndex {
				all = append(all, arch)
				break
			}
		}
	}
	return all, nil
}

// DeleteFile takes a package out of the indexes and deletes it: one for any machine at all its places.
func (a *AlpineLocal) DeleteFile(ctx context.Context, repo oci.Name, p string, when storage.Match) error {
	switch {
	case path.Base(p) == apkIndex:
		return madeHere(p)
	case path.Ext(p) != ".apk":
		return a.local.DeleteFile(ctx, repo, p, when)
	}
	defer a.turn(repo, p).end()
	f, err := a.kept.StatFile(ctx, repo, p)
	if err != nil {
		return err
	}
	if !when.Holds(f.Digest) {
		return fmt.Errorf("%w: %.256q in %s has %.80q", storage.ErrFileMatch, p, repo, f.Digest)
	}
	ctx = context.WithoutCancel(ctx)
	paths, err := a.copies(ctx, repo, p, f)
	if err != nil {
		return err
	}
	return a.deleteAll(ctx, repo, paths)
}

// deleteAll deletes packages that no index names by then. Where the disk has no room for such an index, room comes first.
func (a *AlpineLocal) deleteAll(ctx context.Context, repo oci.Name, paths []string) error {
	remove := func() error {
		var errs []error
		for _, p := range paths {
			errs = append(errs, a.local.DeleteFile(ctx, repo, p, storage.Match{}))
		}
		return errors.Join(errs...)
	}
	err := a.hidden(ctx, repo, paths, remove)
	if !errors.Is(err, storage.ErrNoSpace) {
		return err
	}
	if err := remove(); err != nil {
		return err
	}
	var dirs []string
	for _, p := range paths {
		dirs = append(dirs, up(p))
	}
	return a.publishAll(ctx, repo, dirs)
}

// copies are the paths that the package f at p has.
func (a *AlpineLocal) copies(ctx context.Context, repo oci.Name, p string, f storage.File) ([]string, error) {
	above := up(up(p))
	all := []string{p}
	if common, err := a.at(ctx, repo, join(join(above, noarch), path.Base(p))); err != nil || common.Digest != f.Digest {
		return all, err
	}
	others, err := a.arches(ctx, repo, above)
	if err != nil {
		return nil, err
	}
	for _, arch := range append(others, noarch) {
		q := join(join(above, arch), path.Base(p))
		if c, err := a.at(ctx, repo, q); err != nil {
			return nil, err
		} else if q != p && c.Digest == f.Digest {
			all = append(all, q)
		}
	}
	return all, nil
}

// turn is whose turn it is to change a package.
type turn struct {
	a     *AlpineLocal
	key   string
	users int
	sync.Mutex
}

// turn waits until nobody else changes the package that p is called, at whichever of its places.
func (a *AlpineLocal) turn(repo oci.Name, p string) *turn {
	key := string(repo) + "\x00" + up(up(p)) + "\x00" + path.Base(p)
	a.mu.Lock()
	t := a.turns[key]
	if t == nil {
		t = &turn{a: a, key: key}
		a.turns[key] = t
	}
	t.users++
	a.mu.Unlock()
	t.Lock()
	return t
}

func (t *turn) end() {
	t.Unlock()
	t.a.mu.Lock()
	defer t.a.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(t.a.turns, t.key)
	}
}
