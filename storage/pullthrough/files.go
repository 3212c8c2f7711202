package pullthrough

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// FilesOptions of a Files. Nil and zero: every file is of the class ClassFile, kept for ever and as it came.
type FilesOptions struct {
	Rule func(path string) Rule // nil: all files are ClassFile

	IndexTTL    time.Duration // 0: 5 minutes; negative: upstream is asked each time
	FileTTL     time.Duration // 0: for ever
	Floor       time.Duration // how old an index has to be at least for storage.Recheck to have upstream asked; 0: 5 seconds
	NegativeTTL time.Duration // 0: 5 seconds; negative: what is not there is asked for each time
	Patience    time.Duration // how long an answer is waited for by who can have an old one; 0: 3 seconds
	Stall       time.Duration // a line that brings no byte for so long is given up; 0: a minute

	// Verify fails where content cannot be the file at path: it is not kept then, and whoever reads it comes to no end. f has the digest and the size.
	// It is called when all bytes are there, and may take its time.
	Verify func(ctx context.Context, path string, f storage.File, content io.ReaderAt) error
	// Publish makes the generation that the index at root, which has changed, is published with: files by path, all below base, root itself among them or not.
	// What it needs besides it gets from b. Where it fails the generation before stays; storage.ErrReplaced has the new index tried at once. nil: an index is a file
	// like others.
	Publish func(ctx context.Context, root string, f storage.File, b *Bundle) (base string, files map[string]storage.File, err error)
	Keep    int // generations; 0: 8

	MaxSize int64 // bytes of ClassFile kept, about; 0: no bound. The least recently used go first
	Offline bool  // upstream is not asked: see SetOffline
	Log     *slog.Logger
}

// Rule is how a path is treated.
type Rule struct {
	Class storage.FileClass
	// Root is the path of the index that the file is published with: the path itself for a root, "" for a file that stands alone. It counts with
	// FilesOptions.Publish only. Who reads a part has the root looked after first, and gets what the last generation has at the path, or nothing.
	Root string
}

// LocalFiles is where a Files keeps things: memory.Store or disk.Store.
type LocalFiles interface {
	storage.Store
	storage.FileStore
}

// Files is a storage.FileReader of one repository, filled from upstream as it is read:
//
//	kept and young      is served
//	kept and old        upstream is asked for another one by ETag or Last-Modified; what is kept is served, with a note, where upstream is in trouble,
//	                    takes its time, or says that there is no such file any more: nothing is deleted because it is old
//	not kept            is read while it arrives
//
// There is one download for each path, however many read it, on a context of its own. A line that breaks is taken up where it broke, if upstream still has the same
// content; if not, whoever has read some of it gets an error. The last byte is handed out when all are there and verified. A File that is arriving, or is not kept
// and was only asked about, has no Digest unless upstream told one; what upstream does not tell the size of is waited for.
type Files struct {
	local    LocalFiles
	name     oci.Name
	upstream storage.FileUpstream
	o        FilesOptions
	asker

	hits, downloads, bytes, checks, evicted atomic.Int64

	checked  *lru[string, time.Time]    // when upstream last confirmed a path
	broken   *lru[string, storage.File] // what upstream said of those of partials
	partials partials
	shelf    *shelf // nil without a MaxSize

	pinning sync.Mutex            // held while content is dropped
	pins    map[digest.Digest]int // content that is here and not yet named by a path

	// Guarded by asker.mu.
	fetches map[string]*fetch
	orphans orphans
}

// maxChecked bounds the paths whose last check is remembered, some 200 bytes each.
const maxChecked = 1 << 14

// NewFiles returns a Files that keeps the files of upstream as those of the repository name in local. Close ends it; local and upstream stay open.
func NewFiles(local LocalFiles, name oci.Name, upstream storage.FileUpstream, o *FilesOptions) *Files {
	s := &Files{local: local, name: name, upstream: upstream, fetches: map[string]*fetch{}, pins: map[digest.Digest]int{}}
	if o != nil {
		s.o = *o
	}
	s.o.IndexTTL = cmp.Or(s.o.IndexTTL, 5*time.Minute)
	s.o.Floor = cmp.Or(s.o.Floor, 5*time.Second)
	s.o.Stall = cmp.Or(s.o.Stall, time.Minute)
	s.o.Keep = cmp.Or(s.o.Keep, 8)
	if s.o.Rule == nil {
		s.o.Rule = func(string) Rule { return Rule{} }
	}
	s.asker.init(string(name), s.o.Log)
	s.negativeTTL, s.patience = cmp.Or(s.o.NegativeTTL, 5*time.Second), cmp.Or(s.o.Patience, 3*time.Second)
	s.offline.Store(s.o.Offline)
	s.checked, s.broken = newLRU[string, time.Time](maxChecked), newLRU[string, storage.File](maxPartials)
	if s.o.MaxSize > 0 {
		s.shelf = newShelf(s.o.MaxSize)
		s.spawn(s.takeStock)
	}
	return s
}

// Close breaks off what goes on and waits for its end. Files that were arriving fail.
func (s *Files) Close() error {
	s.end()
	s.partials.drop(s.local)
	return nil
}

// SetOffline switches upstream off, or on again. While it is off, what is kept is served, however old, and nothing else.
func (s *Files) SetOffline(off bool) { s.offline.Store(off) }

// Stats returns the counts. Fetched and Mounted are those of images.
func (s *Files) Stats() Stats {
	return Stats{
		Hits: s.hits.Load(), Downloads: s.downloads.Load(), Bytes: s.bytes.Load(), Checked: s.checks.Load(), Stale: s.stale.Load(), Evicted: s.evicted.Load(),
	}
}

// check refuses what cannot be here.
func (s *Files) check(ctx context.Context, repo oci.Name, path string) error {
	if err := errors.Join(storage.CheckPath(path), ctx.Err()); err != nil {
		return err
	}
	if repo != s.name {
		return fmt.Errorf("%w: %s is not %s", storage.ErrFileUnknown, repo, s.name)
	}
	return nil
}

// StatFile implements storage.FileReader. It downloads nothing that is not kept.
func (s *Files) StatFile(ctx context.Context, repo oci.Name, path string) (storage.File, error) {
	if err := s.check(ctx, repo, path); err != nil {
		return storage.File{}, err
	}
	f, err := s.current(ctx, path)
	if !errors.Is(err, errCold) {
		return f, err
	}
	if f, ok := s.arrivingFile(path); ok {
		return f, nil
	}
	if err := s.stillAbsent("file " + path); err != nil {
		return storage.File{}, err
	}
	path = own(path)
	return answer(ctx, &s.asker, question[storage.File]{
		kind: "stat", key: path,
		ask: func(ctx context.Context) (storage.File, error) {
			s.checks.Add(1)
			got, err := s.upstream.FetchFile(ctx, path, storage.Fetch{Head: true})
			if got.Body != nil {
				got.Body.Close()
			}
			return got.File, err
		},
	})
}

// OpenFile implements storage.FileReader. What is not kept is a blob that arrives while it is read; ctx is its own until it is closed.
func (s *Files) OpenFile(ctx context.Context, repo oci.Name, path string) (storage.Blob, storage.File, error) {
	if err := s.check(ctx, repo, path); err != nil {
		return nil, storage.File{}, err
	}
	for range maxTurns {
		b, f, err := s.open(ctx, path)
		if b != nil || err != nil {
			return b, f, err
		}
	}
	return nil, storage.File{}, fmt.Errorf("%w: %.256q in %s comes and goes", storage.ErrUpstream, path, repo)
}

// open tries once: nil and no error if something has changed and it is to be tried again.
func (s *Files) open(ctx context.Context, path string) (storage.Blob, storage.File, error) {
	rule := s.o.Rule(path)
	if s.isPublished(rule) {
		if _, err := s.published(ctx, path, rule.Root); err != nil {
			return nil, storage.File{}, err
		}
	}
	b, f, err := s.local.OpenFile(ctx, s.name, path)
	if errors.Is(err, storage.ErrDamaged) && s.isPublished(rule) { // what is fetched again mends it
		if _, err = s.refresh(ctx, own(rule.Root), storage.File{}, false); err == nil {
			b, f, err = s.local.OpenFile(ctx, s.name, path)
		}
	}
	switch {
	case errors.Is(err, storage.ErrFileUnknown) && !s.isPublished(rule): // or it is damaged, and mended so
		return s.follow(ctx, path)
	case err != nil:
		return nil, storage.File{}, err
	case !s.isPublished(rule):
		if b, f, err = s.youngest(ctx, path, rule.Class, b, f); b == nil {
			return nil, storage.File{}, err
		}
	}
	s.hits.Add(1)
	s.keeps(path, f)
	return b, f, nil
}

// youngest returns what is open, or what upstream has in its place by now.
func (s *Files) youngest(ctx context.Context, path string, class storage.FileClass, b storage.Blob, f storage.File) (storage.Blob, storage.File, error) {
	now, err := s.refreshed(ctx, path, class, f, true)
	if err == nil && now.Digest == f.Digest {
		return b, now, nil
	}
	b.Close()
	if err != nil {
		return nil, now, err
	}
	b, err = s.local.OpenBlob(ctx, s.name, now.Digest)
	if isUnknown(err) { // it has changed again
		return nil, now, nil
	}
	return b, now, err
}

// errCold is what current says of a file that is not kept and can be followed.
var errCold = fmt.Errorf("%w: it is not kept", storage.ErrFileUnknown)

// current returns the file that is kept, as young as it has to be, or can be had.
func (s *Files) current(ctx context.Context, path string) (storage.File, error) {
	rule := s.o.Rule(path)
	if s.isPublished(rule) {
		return s.published(ctx, path, rule.Root)
	}
	f, err := s.kept(ctx, path)
	if err != nil {
		return f, err
	}
	return s.refreshed(ctx, path, rule.Class, f, true)
}

// kept returns the file that is kept; errCold where none is, or its content is damaged.
func (s *Files) kept(ctx context.Context, path string) (storage.File, error) {
	f, err := s.local.StatFile(ctx, s.name, path)
	if err == nil {
		_, err = s.local.StatBlob(ctx, s.name, f.Digest)
	}
	if isUnknown(err) || errors.Is(err, storage.ErrFileUnknown) {
		return storage.File{}, errCold
	}
	return f, err
}

// isPublished reports whether a path of this rule is part of generations.
func (s *Files) isPublished(rule Rule) bool { return s.o.Publish != nil && rule.Root != "" }

// published returns what the last generation has at path, once the root is as young as it has to be.
func (s *Files) published(ctx context.Context, path, root string) (storage.File, error) {
	old, err := s.kept(ctx, root)
	if err != nil && !errors.Is(err, errCold) {
		return storage.File{}, err
	}
	f, err := s.refreshed(ctx, root, storage.ClassIndex, old, err == nil)
	if err != nil || path == root {
		return f, err
	}
	return s.local.StatFile(ctx, s.name, path)
}

// isYoung reports whether upstream need not be asked for f, which is kept at path.
func (s *Files) isYoung(ctx context.Context, path string, class storage.FileClass, f storage.File) bool {
	ttl := s.o.IndexTTL
	if class != storage.ClassIndex {
		if ttl = s.o.FileTTL; ttl <= 0 {
			return true
		}
	} else if storage.IsRecheck(ctx) {
		ttl = min(ttl, s.o.Floor)
	}
	at := f.Checked
	if t, ok := s.checked.get(path); ok && t.After(at) {
		at = t
	}
	age := time.Since(at)
	return age >= 0 && age < ttl
}

// answered is what a question after a file brings.
type answered struct {
	storage.File
	gone error // why upstream does not give it to us any more: it is what was kept
}

// refreshed asks upstream whether it has another file than old, unless that is young.
func (s *Files) refreshed(ctx context.Context, path string, class storage.FileClass, old storage.File, has bool) (storage.File, error) {
	if has && s.isYoung(ctx, path, class, old) {
		return old, nil
	}
	path = own(path)
	if has {
		if err := s.stillAbsent("gone " + path); err != nil {
			return s.outdated(ctx, answered{old, err}), nil
		}
	}
	a, err := answer(ctx, &s.asker, question[answered]{
		kind: "file", key: path, old: answered{File: old}, has: has,
		ask: func(ctx context.Context) (answered, error) { return s.refresh(ctx, path, old, has) },
	})
	if err != nil {
		return storage.File{}, err
	}
	return s.outdated(ctx, a), nil
}

// outdated returns the file, with a note if upstream has it no longer.
func (s *Files) outdated(ctx context.Context, a answered) storage.File {
	if a.gone == nil {
		return a.File
	}
	why := "the server behind it does not have this any more"
	if !isAbsent(a.gone) {
		why = reason(a.gone)
	}
	s.stale.Add(1)
	storage.AddNote(ctx, storage.Note{Kind: storage.Stale, Text: s.self + ": " + why + ": this is what was kept"})
	return a.File
}

// maxReplaced is how often an index is brought that upstream replaces while its parts are brought, before it is left for the next time.
const maxReplaced = 3

// refresh waits for a download of the path, or for upstream to say that there is nothing new.
func (s *Files) refresh(ctx context.Context, path string, old storage.File, has bool) (a answered, err error) {
	for range maxReplaced {
		if a, err = s.refreshOnce(ctx, path, old, has); !errors.Is(err, storage.ErrReplaced) {
			break
		}
	}
	return a, err
}

func (s *Files) refreshOnce(ctx context.Context, path string, old storage.File, has bool) (answered, error) {
	s.checks.Add(1)
	f := s.join(path, "", old)
	defer s.leave(f)
	select {
	case <-f.settled:
	case <-ctx.Done():
		return answered{}, ctx.Err()
	}
	if f.failed != nil && has && !isTrouble(f.failed) {
		return answered{old, f.failed}, nil
	}
	return answered{File: f.result}, f.failed
}

var _ interface {
	storage.FileReader
	storage.GenerationReader
	storage.BlobReader
} = (*Files)(nil)
