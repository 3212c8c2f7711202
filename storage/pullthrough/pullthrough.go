// Package pullthrough is a storage.Store that is filled from another registry as it is read.
//
//	       GetManifest, OpenBlob, ResolveTag, ...
//	                     |
//	          name: Prefix is cut, patterns        refused before anything is asked
//	                     |
//	     +---------------+----------------+
//	     v                                v
//	file class: by digest           index class: tag -> digest, tag lists, referrers
//	kept FileTTL, 0 for ever        kept IndexTTL, then asked again (a tag: by HEAD)
//	     |                                |
//	 local store  <-- download --  upstream  --- in trouble: what is kept, however old, with a note
//
// A download is an upload to the local store: one for each digest however many want it, on a context of its own, so it goes on when whoever began it leaves.
// Who wants the bytes reads what has arrived so far, at his own pace, from the store and not from the line:
//
//	upstream --Read--> Append, Append, Append, ... Commit --> a blob of the local store
//	                      |       |                  |
//	                    reader  reader            the last byte
//
// The last byte is handed out when Commit has found that all of them fit the digest. So nobody who was fed other bytes comes to a clean end: Read fails,
// and nothing is kept. A download begins when somebody reads the blob from its beginning; whoever reads far ahead of what has arrived, or only here and there
// (ReadAt), is served by upstream directly, and what he reads is as unverified as any part of a blob.
//
// The local store holds everything that lasts: content, links, and tags. When upstream was last asked for a tag is kept in memory only, and so are lists: to
// write down a time at each look would cost a write to the disk for each, and what a restart costs without it is one HEAD for each tag that is used again.
// What upstream says is not there is remembered for NegativeTTL, in memory.
//
// Names keep their prefix: "hub/library/nginx" of a Store with Prefix "hub" is stored under that name, and "library/nginx" for upstream and in patterns.
// Content is stored once, whatever names lead to it. A blob that is in the local store under any name becomes one of another name without a download, but only
// after upstream has said that it has it there: nobody can get at content by naming its digest.
//
// Files does the same for repositories of files, whose content is not named by its digest.
//
// It is read-only: every write is storage.ErrUnsupported. Repositories and Manifests list what is kept; Tags and Referrers list what upstream has.
package pullthrough

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Options of a Store. Nil and zero: no prefix, everything let through, kept without bound.
type Options struct {
	Prefix  oci.Name         // what all names begin with, before a slash; "": they are upstream's
	Library bool             // a name of one component is one of "library/", as at Docker Hub
	Include []*regexp.Regexp // what is let through: see Store.allow; none: everything

	IndexTTL    time.Duration // 0: 5 minutes; negative: upstream is asked each time
	FileTTL     time.Duration // after which upstream is asked whether it still has what is kept by digest; 0: never
	NegativeTTL time.Duration // 0: 5 seconds; negative: what is not there is asked for each time
	Patience    time.Duration // how long an answer is waited for by who can have an old one; 0: 3 seconds
	Stall       time.Duration // a download that brings no byte for so long has failed; 0: a minute

	MaxSize int64               // bytes kept, about; 0: no bound. The least recently used go first
	IsLocal func(oci.Name) bool // whose content is never evicted; nil: all names without the prefix

	Offline bool // upstream is not asked: see SetOffline
	Log     *slog.Logger
}

// Bounds of what is kept in memory.
const (
	maxTags    = 1 << 15  // tags whose target is known, some 300 bytes each, and as many times of files
	maxAbsent  = 1 << 12  // things that upstream does not have: strangers can name any number
	maxPending = 1 << 12  // manifests that tags wait for
	maxLists   = 32 << 20 // bytes of tag lists, and of lists of referrers
)

// Store is a storage.Store in front of another registry.
type Store struct {
	local    storage.Store
	upstream storage.Reader
	o        Options
	count    counters
	asker

	tags      *lru[tagKey, binding]
	pending   *lru[fileKey, []oci.Tag] // tags that are to be set when their manifest is kept
	files     *lru[fileKey, time.Time] // when upstream last said that it has them; only with a FileTTL
	tagLists  *lru[string, listed[oci.Tag]]
	referrers *lru[string, listed[oci.Descriptor]]
	shelf     *shelf // nil without a MaxSize

	// Guarded by asker.mu.
	downloads map[digest.Digest]*download
	orphans   orphans
	partials  partials
}

// New returns a Store that keeps in local what it reads of upstream. Close ends it; local and upstream stay open.
func New(local storage.Store, upstream storage.Reader, o *Options) *Store {
	s := &Store{local: local, upstream: upstream}
	if o != nil {
		s.o = *o
	}
	s.o.IndexTTL = cmp.Or(s.o.IndexTTL, 5*time.Minute)
	s.o.NegativeTTL = cmp.Or(s.o.NegativeTTL, 5*time.Second)
	s.o.Patience = cmp.Or(s.o.Patience, 3*time.Second)
	s.o.Stall = cmp.Or(s.o.Stall, time.Minute)
	s.asker.init(cmp.Or(string(s.o.Prefix), "this registry"), s.o.Log)
	s.negativeTTL, s.patience = s.o.NegativeTTL, s.o.Patience
	s.offline.Store(s.o.Offline)
	s.tags, s.pending = newLRU[tagKey, binding](maxTags), newLRU[fileKey, []oci.Tag](maxPending)
	s.files = newLRU[fileKey, time.Time](maxTags)
	s.tagLists, s.referrers = newLRU[string, listed[oci.Tag]](maxLists), newLRU[string, listed[oci.Descriptor]](maxLists)
	s.downloads = map[digest.Digest]*download{}
	if s.o.MaxSize > 0 {
		s.shelf = newShelf(s.o.MaxSize)
		s.spawn(s.takeStock)
	}
	return s
}

// Close breaks off what goes on and waits for its end. Blobs that were arriving fail; those that are kept are the local store's.
func (s *Store) Close() error {
	s.end()
	s.partials.drop(s.local)
	return nil
}

// SetOffline switches upstream off, or on again. While it is off, what is kept is served, however old, and nothing else.
func (s *Store) SetOffline(off bool) { s.offline.Store(off) }

// Stats counts what has happened since New.
type Stats struct {
	Hits      int64 // blobs and manifests that were there
	Fetched   int64 // manifests that upstream was asked for
	Downloads int64 // blobs that upstream was asked for
	Bytes     int64 // of them
	Mounted   int64 // blobs that were there under another name: no download
	Checked   int64 // tags that upstream was asked for
	Stale     int64 // answers that were older than they should be
	Evicted   int64 // blobs and manifests
}

type counters struct {
	hits, fetched, downloads, bytes, mounted, checked, evicted atomic.Int64
}

// Stats returns the counts.
func (s *Store) Stats() Stats {
	c := &s.count
	return Stats{
		Hits: c.hits.Load(), Fetched: c.fetched.Load(), Downloads: c.downloads.Load(), Bytes: c.bytes.Load(),
		Mounted: c.mounted.Load(), Checked: c.checked.Load(), Stale: s.stale.Load(), Evicted: c.evicted.Load(),
	}
}

// repo is a repository under both of its names.
type repo struct {
	name oci.Name // in the local store
	up   oci.Name // upstream
}

type (
	tagKey struct {
		repo oci.Name
		tag  oci.Tag
	}
	fileKey struct {
		repo oci.Name
		d    digest.Digest
	}
)

// allow returns the repository, or ErrDenied where the patterns do not let the request through: one of them has to match upstream's name of the image (the
// first two components of the repository's name), the repository's whole name, or the path NAME/KIND/REF, anywhere in it. It is called before anything is asked or
// looked up.
func (s *Store) allow(name oci.Name, kind, ref string) (repo, error) {
	r, err := s.names(name)
	if err != nil || len(s.o.Include) == 0 {
		return r, err
	}
	up := string(r.up)
	image := up
	if parts := strings.SplitN(up, "/", 3); len(parts) == 3 {
		image = parts[0] + "/" + parts[1]
	}
	path := up + "/" + kind + "/" + ref
	for _, p := range s.o.Include {
		if p.MatchString(image) || p.MatchString(up) || p.MatchString(path) {
			return r, nil
		}
	}
	return repo{}, fmt.Errorf("%w: %s is none of the names that are let through to the registry behind %s", storage.ErrDenied, up, s.self)
}

// names cuts the prefix.
func (s *Store) names(name oci.Name) (repo, error) {
	r := repo{name, name}
	if p := s.o.Prefix; p != "" {
		rest, ok := strings.CutPrefix(string(name), string(p)+"/")
		if !ok {
			return repo{}, fmt.Errorf("%w: %s: repositories of %s have names of more than one component", storage.ErrRepoUnknown, name, p)
		}
		r.up = oci.Name(rest)
	}
	if s.o.Library && !strings.Contains(string(r.up), "/") {
		r.up = "library/" + r.up
		r.name = s.withPrefix(r.up)
	}
	if len(r.name) > oci.MaxName {
		return repo{}, fmt.Errorf("%w: %s is too long a name", storage.ErrRepoUnknown, r.name)
	}
	return r, nil
}

func (s *Store) withPrefix(up oci.Name) oci.Name {
	if s.o.Prefix == "" {
		return up
	}
	return s.o.Prefix + "/" + up
}

// allowBlob is allow for calls whose errors are to be those of blobs.
func (s *Store) allowBlob(name oci.Name, d digest.Digest) (repo, error) {
	r, err := s.allow(name, "blobs", string(d))
	if errors.Is(err, storage.ErrRepoUnknown) {
		err = fmt.Errorf("%w: %s in %s: %w", storage.ErrBlobUnknown, d, name, err)
	}
	return r, err
}

// allowManifest is allow for calls whose errors are to be those of manifests.
func (s *Store) allowManifest(name oci.Name, ref string) (repo, error) {
	r, err := s.allow(name, "manifests", ref)
	if errors.Is(err, storage.ErrRepoUnknown) {
		err = fmt.Errorf("%w: %s in %s: %w", storage.ErrManifestUnknown, ref, name, err)
	}
	return r, err
}

// MayNote implements storage.Noter: anything may be older than it should be.
func (s *Store) MayNote(oci.Name) bool { return true }

var _ interface {
	storage.Store
	storage.BlobFinder
	storage.Asker
	storage.ManifestStater
	storage.Locator
	storage.Noter
} = (*Store)(nil)
