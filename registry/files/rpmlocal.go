package files

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"

	"vitrine/registry/api"
	"vitrine/storage"
	"vitrine/storage/oci"
)

// RPMLocal is the Store of local repositories of RPMs. Every directory is a repository of the packages below it, whose metadata is made here: when somebody asks for one, and something has changed since it was made. So whoever has put a
// package finds it in the index that he reads next, and a thousand that are put one after another make one index.
type RPMLocal struct {
	*local
	turn chan struct{} // of who makes an index

	mu      sync.Mutex
	changes map[oci.Name]int64 // counts them
	made    map[indexKey]int64 // what was counted before the index was made
	owned   map[oci.Name]owned
}

type indexKey struct {
	repo oci.Name
	dir  string
}

// owned are the names of the packages of a repository, with the directories that have packages of that name.
type owned struct {
	names   map[string][]string
	changes int64
}

// maxMade bounds the directories of which it is known that their index is as it has to be.
const maxMade = 1 << 12

// NewRPMLocal returns the Store of local repositories of RPMs over kept.
func NewRPMLocal(kept Keeper, log *slog.Logger) *RPMLocal {
	return &RPMLocal{local: newLocal(kept, log), turn: make(chan struct{}, 1), changes: map[oci.Name]int64{}, made: map[indexKey]int64{}, owned: map[oci.Name]owned{}}
}

// StatFile implements storage.FileReader.
func (l *RPMLocal) StatFile(ctx context.Context, repo oci.Name, path string) (storage.File, error) {
	if b, f := openSame(ctx, l.kept, repo, path); b != nil {
		return f, b.Close()
	}
	if err := l.refresh(ctx, repo, path); err != nil {
		return storage.File{}, err
	}
	return l.local.StatFile(ctx, repo, path)
}

// OpenFile implements storage.FileReader.
func (l *RPMLocal) OpenFile(ctx context.Context, repo oci.Name, path string) (storage.Blob, storage.File, error) {
	if b, f := openSame(ctx, l.kept, repo, path); b != nil {
		return b, f, nil
	}
	if err := l.refresh(ctx, repo, path); err != nil {
		return nil, storage.File{}, err
	}
	return l.local.OpenFile(ctx, repo, path)
}

// ListFiles implements storage.FileReader.
func (l *RPMLocal) ListFiles(ctx context.Context, repo oci.Name, dir, after string) iter.Seq2[storage.Entry, error] {
	return func(yield func(storage.Entry, error) bool) {
		if err := l.refreshListed(ctx, repo, dir); err != nil {
			yield(storage.Entry{}, err)
			return
		}
		for e, err := range l.local.ListFiles(ctx, repo, dir, after) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// refresh sees to the index that path belongs to.
func (l *RPMLocal) refresh(ctx context.Context, repo oci.Name, path string) error {
	if !rpmPart.MatchString(path) {
		return nil
	}
	return l.refreshDir(ctx, repo, up(up(path)))
}

// refreshListed sees to the index that is shown in dir: that of the topmost directory, and what is in repodata itself.
func (l *RPMLocal) refreshListed(ctx context.Context, repo oci.Name, dir string) error {
	if dir == "" {
		return l.refreshDir(ctx, repo, "")
	}
	return l.refresh(ctx, repo, join(dir, "x"))
}

// refreshDir makes the index of dir, unless nothing has changed since it was made.
func (l *RPMLocal) refreshDir(ctx context.Context, repo oci.Name, dir string) error {
	key := indexKey{repo, dir}
	if l.isMade(key) {
		return nil
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.turn }()
	if l.isMade(key) { // by another one, meanwhile
		return nil
	}
	before := l.counted(repo)
	ctx = context.WithoutCancel(ctx) // others wait for it too
	r, err := l.recipe(ctx, repo, dir)
	if err == nil && r != nil {
		err = r.publish(ctx, l.local)
	}
	if err == nil {
		l.noteMade(key, before)
	}
	return err
}

func (l *RPMLocal) isMade(key indexKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.made[key]
	return ok && n == l.changes[key.repo]
}

func (l *RPMLocal) noteMade(key indexKey, counted int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.made) >= maxMade {
		clear(l.made)
	}
	l.made[key] = counted
}

func (l *RPMLocal) counted(repo oci.Name) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes[repo]
}

func (l *RPMLocal) changed(repo oci.Name) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes[repo]++
}

// PutFile puts a package that is what its path says, or another file; not a part of an index.
func (l *RPMLocal) PutFile(ctx context.Context, repo oci.Name, path string, f storage.File, when storage.Match) error {
	if rpmPart.MatchString(path) {
		l.forget(ctx, repo, f.Digest)
		return fmt.Errorf("%w: %.256q is made here, of the packages", storage.ErrFileGeneration, path)
	}
	if isRPM(path) {
		if err := l.check(ctx, repo, path, f); err != nil {
			l.forget(ctx, repo, f.Digest)
			return err
		}
		defer l.changed(repo)
	}
	return l.local.PutFile(ctx, repo, path, f, when)
}

// check reads what is to be a package.
func (l *RPMLocal) check(ctx context.Context, repo oci.Name, path string, f storage.File) error {
	b, err := l.kept.OpenBlob(ctx, repo, f.Digest)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := checkRPM(path, b); err != nil {
		return fmt.Errorf("%w: %.200s", api.ErrPackage, err.Error())
	}
	return nil
}

// DeleteFile removes a file.
func (l *RPMLocal) DeleteFile(ctx context.Context, repo oci.Name, path string, when storage.Match) error {
	defer l.changed(repo)
	return l.local.DeleteFile(ctx, repo, path, when)
}

// owns reports whether a package of that name is in the repository below the directory dir.
func (l *RPMLocal) owns(ctx context.Context, repo oci.Name, dir, name string) (bool, error) {
	counted := l.counted(repo)
	l.mu.Lock()
	known, ok := l.owned[repo]
	l.mu.Unlock()
	if !ok || known.changes != counted {
		known = owned{map[string][]string{}, counted}
		for e, err := range storage.WalkFiles(ctx, l.kept, repo, "") {
			if err != nil {
				return false, err
			}
			if n, d := rpmName(e.Name), up(e.Name); isRPM(e.Name) && !slices.Contains(known.names[n], d) {
				known.names[n] = append(known.names[n], d)
			}
		}
		l.mu.Lock()
		l.owned[repo] = known
		l.mu.Unlock()
	}
	return slices.ContainsFunc(known.names[name], func(d string) bool { return d == dir || storage.InDir(d, dir) }), nil
}
