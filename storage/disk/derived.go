package disk

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"vitrine/storage"
)

// cacheDir is where derived data stands, one file for each key.
const cacheDir = "cache"

// maxKey bounds a key in bytes: a file name may have 255 of them, one of sha512 with a version takes some 150.
const maxKey = 200

// Derived keeps what can be made again, below cache/: files of a bounded size together, of which the least recently used go first. Anything
// there may be deleted at any time, also while it is in use. A Derived may be used by many goroutines at once.
type Derived struct {
	s   *Store
	max int64

	mu     sync.Mutex
	files  map[string]*list.Element // of *derivedFile; nil until the directory was listed
	recent list.List                // the most recently used first
	total  int64
}

type derivedFile struct {
	key  string
	size int64
}

// Derived returns the derived data of the store, of which it keeps at most maxBytes. There should be one for a store.
func (s *Store) Derived(maxBytes int64) *Derived { return &Derived{s: s, max: maxBytes} }

// checkKey returns the name of the file of key, which is a digest and a version such as "sha256-HEX.v1": lower-case letters, digits, "-", "_"
// and "." not at the start.
func checkKey(key string) (name string, err error) {
	bad := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}
	if key == "" || len(key) > maxKey || key[0] == '.' || strings.ContainsFunc(key, bad) {
		return "", fmt.Errorf("%w: %.64q is no key of derived data", fs.ErrInvalid, key)
	}
	return cacheDir + "/" + key, nil
}

// Get opens what Put kept under key; fs.ErrNotExist if that is nothing, or no longer. The caller closes it.
func (c *Derived) Get(ctx context.Context, key string) (storage.Blob, error) {
	name, err := checkKey(key)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(); err != nil {
		return nil, err
	}
	e := c.files[key]
	if e == nil {
		return nil, fmt.Errorf("%w: %s", fs.ErrNotExist, key)
	}
	b, err := c.s.openDerived(name)
	if err != nil {
		c.forget(e) // somebody has deleted it
		return nil, err
	}
	c.recent.MoveToFront(e)
	now := time.Now()
	_ = c.s.tree.root.Chtimes(name, now, now) // the next process goes by it; if it can't, a file goes too early
	return b, nil
}

func (s *Store) openDerived(name string) (storage.Blob, error) {
	f, err := s.tree.root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is no file", fs.ErrNotExist, name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &blob{f, fi.Size()}, nil
}

// Put keeps what write writes under key, whole or not at all; what was there before is replaced. It returns the error of write, or one that says
// that there is more than the cache holds.
func (c *Derived) Put(ctx context.Context, key string, write func(io.Writer) error) error {
	name, err := checkKey(key)
	if err != nil {
		return err
	}
	c.mu.Lock()
	err = c.load()
	c.mu.Unlock()
	if err != nil {
		return err
	}
	tmp := c.s.tree.temp(cacheDir)
	size, err := c.write(ctx, tmp, write)
	if err == nil {
		err = c.enter(tmp, name, &derivedFile{key, size})
	}
	if err != nil {
		return errors.Join(err, c.s.tree.root.Remove(tmp))
	}
	return nil
}

// write writes a new file. It is synced before it gets its name: an index is read piece by piece, so a torn one would be found long after.
func (c *Derived) write(ctx context.Context, tmp string, write func(io.Writer) error) (size int64, err error) {
	root := c.s.tree.root
	if err := root.MkdirAll(cacheDir, 0o755); err != nil {
		return 0, wrap(err)
	}
	f, err := root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, wrap(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := &derivedWriter{ctx: ctx, f: f, max: c.max}
	if err := write(w); err != nil {
		return 0, wrap(err)
	}
	return w.size, c.s.tree.syncFile(f)
}

type derivedWriter struct {
	ctx       context.Context
	f         *os.File
	size, max int64
}

func (w *derivedWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if w.size+int64(len(p)) > w.max {
		return 0, fmt.Errorf("%w: derived data of more than %d bytes", storage.ErrNoSpace, w.max)
	}
	n, err := w.f.Write(p)
	w.size += int64(n)
	return n, err
}

// enter gives the file its name, and makes room.
func (c *Derived) enter(tmp, name string, f *derivedFile) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.s.tree.replace(tmp, name); err != nil {
		return err
	}
	if old := c.files[f.key]; old != nil {
		c.forget(old)
	}
	c.files[f.key] = c.recent.PushFront(f)
	c.total += f.size
	return c.evict()
}

// evict removes files until the rest fits. Who reads one of them goes on reading. Called with mu held.
func (c *Derived) evict() error {
	for c.total > c.max {
		e := c.recent.Back()
		name := cacheDir + "/" + e.Value.(*derivedFile).key
		if err := c.s.tree.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		c.forget(e)
	}
	return nil
}

func (c *Derived) forget(e *list.Element) {
	f := c.recent.Remove(e).(*derivedFile)
	delete(c.files, f.key)
	c.total -= f.size
}

// load lists the directory the first time, and removes what a crash has left. Called with mu held.
func (c *Derived) load() error {
	if c.files != nil {
		return nil
	}
	entries, err := fs.ReadDir(c.s.tree.root.FS(), cacheDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var infos []fs.FileInfo
	for _, e := range entries {
		fi, err := e.Info()
		_, bad := checkKey(e.Name())
		switch {
		case strings.HasPrefix(e.Name(), tempPrefix):
			c.tidy(e.Name())
		case err == nil && bad == nil && fi.Mode().IsRegular():
			infos = append(infos, fi)
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	c.files = map[string]*list.Element{}
	for _, fi := range infos {
		c.files[fi.Name()] = c.recent.PushBack(&derivedFile{fi.Name(), fi.Size()})
		c.total += fi.Size()
	}
	return c.evict()
}

func (c *Derived) tidy(name string) {
	if err := c.s.tree.root.Remove(cacheDir + "/" + name); err != nil {
		c.s.log.Warn("an unfinished file stays in cache/", "name", name, "error", err)
	}
}
