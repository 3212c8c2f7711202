package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"vitrine/storage"
)

// tree changes the directory tree below one root so that a change, once acknowledged, survives a power cut, and one
// that was cut short leaves at most a file that nobody refers to. It is the only code of the store that renames or
// syncs. Two kinds of thing are written:
//
//	a file      create uploads/ID - write - fsync it - rename it to its name - fsync the directory
//	a link      symlink(2), or symlink under a temporary name and rename to replace one - fsync the directory
//
// A link is a symbolic link whose target is not a path but the record itself (a size, a digest): making one is a single
// operation on the directory, atomic and journalled with it, where a small file costs a second fsync.
type tree struct {
	root *os.Root
	sync bool // false: nothing is fsynced

	mu     sync.Mutex
	groups map[string]*group // directories that are being fsynced now
	made   map[string]bool   // directories that are there for good
	pinned int               // of dirs, those that are never forgotten
	dirs   map[string]*dir   // open directories: os.Root opens each component of a path by itself, every time

	serial atomic.Uint64 // for temp
}

// Bounds of what tree remembers of directories; forgetting costs a few system calls.
const (
	maxMade = 1 << 14
	maxDirs = 128 // each is two file descriptors, beside those of the content: these are at most 512, and never forgotten
)

func newTree(root *os.Root, sync bool) *tree {
	return &tree{root: root, sync: sync, groups: map[string]*group{}, made: map[string]bool{}, dirs: map[string]*dir{}}
}

func (t *tree) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.closeDirs(), t.root.Close())
}

// dir is an open directory: as a root for what stands in it, and as a file to sync.
type dir struct {
	*os.Root
	name string // below the tree's root
	file *os.File

	users int  // who use it now; guarded by tree.mu
	gone  bool // closed by the last user
}

func (d *dir) close() error { return errors.Join(d.Root.Close(), d.file.Close()) }

// closeDirs closes the open directories, those that are used when they no longer are. Called with mu held.
func (t *tree) closeDirs() error {
	var errs []error
	for _, d := range t.dirs {
		errs = append(errs, t.forget(d))
	}
	return errors.Join(errs...)
}

func (t *tree) forget(d *dir) error {
	delete(t.dirs, d.name)
	if d.gone = true; d.users > 0 {
		return nil
	}
	return d.close()
}

// in calls f with the open directory of name, and the rest of name.
func (t *tree) in(name string, f func(d *dir, base string) error) error {
	parent, base := path.Split(name)
	d, err := t.use(path.Clean(parent))
	if err != nil {
		return err
	}
	return errors.Join(f(d, base), t.release(d))
}

// use opens a directory, or finds it open. Until release it stays so.
func (t *tree) use(name string) (*dir, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.dirs[name]; d != nil {
		d.users++
		return d, nil
	}
	root, err := t.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	file, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	for _, d := range t.dirs { // any that nobody uses
		if len(t.dirs)-t.pinned < maxDirs {
			break
		}
		if d.users == 0 {
			err = errors.Join(err, t.forget(d))
		}
	}
	d := &dir{Root: root, name: name, file: file, users: 1}
	t.dirs[name] = d
	return d, err
}

// pin says of a directory in use that it is never going to be released.
func (t *tree) pin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pinned++
}

func (t *tree) release(d *dir) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d.users--; d.users == 0 && d.gone {
		return d.close()
	}
	return nil
}

// group is a directory with an fsync under way. Whoever asks meanwhile is served by one more fsync, together: that one
// begins after they asked, so it covers what they did.
type group struct{ next *flight }

type flight struct {
	done chan struct{}
	err  error
}

// syncDirs makes what was renamed, linked and removed in the directories durable.
func (t *tree) syncDirs(dirs ...string) error {
	if !t.sync {
		return nil
	}
	var errs []error
	for _, d := range dirs {
		errs = append(errs, t.syncDir(d))
	}
	return errors.Join(errs...)
}

func (t *tree) syncDir(dir string) error {
	t.mu.Lock()
	g, busy := t.groups[dir]
	if !busy {
		t.groups[dir] = &group{}
		t.mu.Unlock()
		err := t.fsyncDir(dir)
		t.handOver(dir)
		return err
	}
	if g.next == nil {
		g.next = &flight{done: make(chan struct{})}
	}
	f := g.next
	t.mu.Unlock()
	<-f.done
	return f.err
}

// handOver starts the fsync that others wait for, or ends the group.
func (t *tree) handOver(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.groups[dir].next
	if f == nil {
		delete(t.groups, dir)
		return
	}
	t.groups[dir].next = nil
	go func() {
		f.err = t.fsyncDir(dir)
		close(f.done)
		t.handOver(dir)
	}()
}

func (t *tree) fsyncDir(name string) error {
	return wrap(t.in(name+"/", func(d *dir, _ string) error { return d.file.Sync() }))
}

// syncFile makes what was written to f durable.
func (t *tree) syncFile(f *os.File) error {
	if !t.sync {
		return nil
	}
	return wrap(f.Sync())
}

// mkdirs makes dir and its parents, durably.
func (t *tree) mkdirs(dir string) error {
	t.mu.Lock()
	ok := t.made[dir]
	t.mu.Unlock()
	if ok || dir == "." {
		return nil
	}
	if err := t.mkdirs(path.Dir(dir)); err != nil {
		return err
	}
	if err := t.root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return wrap(err)
	}
	if err := t.syncDirs(path.Dir(dir)); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.made) >= maxMade {
		clear(t.made)
	}
	t.made[dir] = true
	return nil
}

// syncParent makes the root itself durable in the directory that it stands in, as far as that can be opened.
func (t *tree) syncParent() error {
	f, err := os.Open(filepath.Dir(filepath.Clean(t.root.Name())))
	if err != nil || !t.sync {
		return nil
	}
	defer f.Close()
	return wrap(f.Sync())
}

// create makes a new file.
func (t *tree) create(name string) (*os.File, error) {
	return t.openFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// openFile opens a file, with a flag that regular files do not heed: it saves package os four system calls to find that
// out, and a pipe that somebody put there does not hold up whoever opens it.
func (t *tree) openFile(name string, flag int) (f *os.File, err error) {
	err = t.in(name, func(d *dir, base string) (err error) {
		f, err = d.OpenFile(base, flag|nonblock, 0o644)
		return err
	})
	return f, wrap(err)
}

// write makes a new file that holds data, and syncs it.
func (t *tree) write(name string, data []byte) (err error) {
	f, err := t.create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return wrap(err)
	}
	return t.syncFile(f)
}

// rename gives a file that was synced its name, in place of what had it. The caller syncs the directory of the new name.
func (t *tree) rename(from, to string) error {
	return wrap(t.in(from, func(d *dir, oldBase string) error {
		return t.in(to, func(e *dir, newBase string) error { return t.renameAt(d, oldBase, e, newBase) })
	}))
}

// link records target under name; what was recorded there is replaced. The caller syncs the directory.
func (t *tree) link(target, name string) error {
	err := t.in(name, func(d *dir, base string) error {
		err := d.Symlink(target, base)
		if errors.Is(err, fs.ErrExist) {
			if old, err := d.Readlink(base); err == nil && old == target {
				return nil
			}
		}
		return err
	})
	if !errors.Is(err, fs.ErrExist) {
		return wrap(err)
	}
	tmp := t.temp("uploads")
	err = t.in(tmp, func(d *dir, base string) error { return d.Symlink(target, base) })
	if err == nil {
		err = t.rename(tmp, name)
	}
	if err != nil {
		return errors.Join(wrap(err), t.remove(tmp))
	}
	return nil
}

// tempPrefix begins the names of what is not yet in place. No digest, upload ID or key of derived data begins with a dot.
const tempPrefix = ".tmp-"

// temp returns a new temporary name in dir, which somebody cleans up after a crash: "uploads" at every start.
func (t *tree) temp(dir string) string {
	return dir + "/" + tempPrefix + strconv.FormatUint(t.serial.Add(1), 36)
}

// readlink returns what link recorded.
func (t *tree) readlink(name string) (target string, err error) {
	err = t.in(name, func(d *dir, base string) (err error) {
		target, err = d.Readlink(base)
		return err
	})
	return target, err
}

// remove removes a file or a link; one that is not there is no error. The caller syncs the directory if it must stay away.
func (t *tree) remove(name string) error {
	err := t.in(name, func(d *dir, base string) error { return d.Remove(base) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return wrap(err)
	}
	return nil
}

// removeDirs removes dir and those above it as far as they are empty, but not top.
func (t *tree) removeDirs(dir, top string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ; dir != top; dir = path.Dir(dir) {
		err := t.root.Remove(dir)
		if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		delete(t.made, dir)
		if d := t.dirs[dir]; d != nil {
			if err := t.forget(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// names lists a directory; one that is not there is empty.
func (t *tree) names(dir string) ([]string, error) { return t.someNames(dir, -1) }

// someNames lists at most n names of a directory.
func (t *tree) someNames(dir string, n int) ([]string, error) {
	f, err := t.root.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if notThere(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(n)
	if err == io.EOF { // an empty directory, asked for n > 0
		err = nil
	}
	return names, err
}

// wrap turns what the system says of a full disk into the word that a client is told.
func wrap(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errors.Join(storage.ErrNoSpace, err)
	}
	return err
}
