// Package disk keeps a registry in a directory:
//
//	ROOT/
//	  vitrine.json                                the layout's version
//	  lock                                        held by the one process that writes
//	  blobs/sha256/ab/abcd...                     content, each once, whatever it is
//	  repos/NAME/_blobs/sha256/HEX                -> "SIZE": this repository may see that blob
//	  repos/NAME/_manifests/sha256/HEX            -> "SIZE MEDIATYPE [SUBJECT]": ... that manifest
//	  repos/NAME/_referrers/sha256/SUBJECT/HEX    -> "-": HEX refers to SUBJECT
//	  repos/NAME/_tags/TAG                        -> "sha256:HEX"
//	  repos/NAME/_files/tree/@DIR/FILE            -> JSON: what the path DIR/FILE is, see filename.go
//	  repos/NAME/_files/generations/@DIR/N-MS     files of DIR that were published at once
//	  uploads/ID, uploads/ID.state                bytes so far; -> "SIZE ALGORITHM HASHSTATE NAME"
//	  keys/NAME                                   what the server signs with, for its owner alone
//	  cache/                                      derived data, may be deleted at any time
//
// An arrow is a symbolic link whose target is the record. A leading "_" is no legal name component, so nothing collides.
// What a write does in which order stands at tree; docs/storage.md tells what a crash can leave.
package disk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// Errors of Open.
var (
	ErrLocked = errors.New("another process is using this root (a running vitrine serve?)")
	ErrLayout = errors.New("unknown layout")
)

// layoutVersion is the version of the tree above. A store of another version is refused.
const layoutVersion = 1

// Options of a Store; nil is the zero Options.
type Options struct {
	NoSync bool         // do not fsync: quicker, and a power cut loses or damages what was acknowledged
	Log    *slog.Logger // told of damage; nil discards
}

// Store is a storage.Store in a directory.
type Store struct {
	tree  *tree
	lock  *os.File
	log   *slog.Logger
	repos repoMap
	names names

	shards    [2][256]atomic.Pointer[dir] // by algorithm and first byte of the digest
	links     cache[linkKey, *link]       // blobs that a repository may see
	manifests cache[linkKey, *link]       //
	raws      cache[digest.Digest, *rawManifest]
	referrers cache[linkKey, []oci.Descriptor]
	listings  cache[dirKey, *listing]
	uploads   sessions
	keeping   keeping
	checking  sync.Mutex
	secrets   sync.Mutex
}

// Bounds of the caches: entries, and bytes where entries differ in size. A full cache is emptied.
const (
	maxLinks     = 1 << 16
	maxRawBytes  = 8 << 20
	maxReferrers = 32 << 20 // of which one list may take a quarter: twice the longest page
	maxListings  = 32 << 20 // of which one directory may take a quarter: 100,000 names of 67 bytes
)

// Open opens the store at root, and makes it if there is none. It cleans up what a crash has left.
// Errors wrap ErrLocked, ErrLayout, or those of the file system.
func Open(root string, o *Options) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	s := &Store{tree: newTree(r, !o.NoSync), log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.links.max, s.uploads.max = maxLinks, maxSessions
	s.raws.max, s.referrers.max, s.listings.max = maxRawBytes, maxReferrers, maxListings
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open() (err error) {
	if s.lock, err = s.tree.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return err
	}
	if err := lockFile(s.lock); err != nil {
		return fmt.Errorf("%w: %s", ErrLocked, s.tree.root.Name())
	}
	if err := s.checkLayout(); err != nil {
		return err
	}
	for _, dir := range []string{"blobs", "repos", "uploads"} {
		if err := s.tree.mkdirs(dir); err != nil {
			return err
		}
	}
	if err := s.loadUploads(); err != nil {
		return err
	}
	err = s.Check(context.Background()) // and with it, what a process before us left unsynced is made durable
	if errors.Is(err, storage.ErrNoSpace) {
		s.log.Error("the disk is full: reading works, and gc may make room", "error", err)
		err = s.tree.syncDirs(".")
	}
	return errors.Join(err, s.tree.syncParent())
}

// layout is the content of vitrine.json.
type layout struct {
	Version int `json:"version"`
}

func (s *Store) checkLayout() error {
	err := checkLayout(s.tree.root)
	if errors.Is(err, fs.ErrNotExist) {
		raw, _ := json.Marshal(layout{layoutVersion}) // a struct of an int always marshals
		return s.writeFile(layoutFile, append(raw, '\n'))
	}
	return err
}

const layoutFile = "vitrine.json"

// checkLayout returns ErrLayout where the root has another layout than this one; fs.ErrNotExist where it has none.
func checkLayout(root *os.Root) error {
	raw, err := root.ReadFile(layoutFile)
	if err != nil {
		return err
	}
	var l layout
	if err := json.Unmarshal(raw, &l); err != nil {
		return fmt.Errorf("%w: %s: %v", ErrLayout, layoutFile, err)
	}
	if l.Version != layoutVersion {
		return fmt.Errorf("%w: %s says version %d, this program knows %d", ErrLayout, layoutFile, l.Version, layoutVersion)
	}
	return nil
}

// writeFile writes a small file of the root, durably.
func (s *Store) writeFile(name string, data []byte) error {
	tmp := tempPrefix + name
	if err := s.tree.remove(tmp); err != nil {
		return err
	}
	if err := s.tree.write(tmp, data); err != nil {
		return err
	}
	if err := s.tree.rename(tmp, name); err != nil {
		return err
	}
	return s.tree.syncDirs(".")
}

// Check reports whether the store can be written to.
func (s *Store) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.checking.Lock()
	defer s.checking.Unlock()
	if err := s.writeFile("probe", nil); err != nil {
		return err
	}
	return s.tree.remove("probe")
}

// Close gives the root back. Calls that are running fail or end as they can.
func (s *Store) Close() error {
	errs := []error{s.uploads.close()}
	for i := range s.shards {
		for j := range s.shards[i] {
			if d := s.shards[i][j].Swap(nil); d != nil {
				errs = append(errs, s.tree.release(d))
			}
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(append(errs, s.tree.close())...)
}

// damaged makes the error for content that is not as it was stored, and tells the log.
func (s *Store) damaged(unknown error, d digest.Digest, why string) error {
	s.log.Error("damaged content", "digest", d, "why", why, "mend", "push it again")
	return fmt.Errorf("%w: %w: %s: push it again", unknown, storage.ErrDamaged, d)
}
