package disk

import (
	"context"
	"strconv"
	"sync"

	"github.com/opencontainers/go-digest"
)

// keeping orders those who remove content that nobody links with all others, by the first byte of the digest. It is held for reading by whoever makes a link,
// from before he has found or made the content until the link is there, and by whoever reads one, until he has found the content.
type keeping [256]sync.RWMutex

func (k *keeping) of(d digest.Digest) *sync.RWMutex {
	b, err := strconv.ParseUint(d.Encoded()[:2], 16, 8)
	if err != nil {
		b = 0 // no content has such a digest
	}
	return &k[b]
}

// read holds the lock of d for reading until the function that it returns is called.
func (k *keeping) read(d digest.Digest) (release func()) {
	lock := k.of(d)
	lock.RLock()
	return lock.RUnlock
}

// Reclaim implements storage.Reclaimer. It costs two looks for each repository. Nothing has to be synced: a file that a power cut brings back is one that
// nobody refers to.
func (s *Store) Reclaim(ctx context.Context, d digest.Digest) (int64, error) {
	lock := s.keeping.of(d)
	lock.Lock()
	defer lock.Unlock()
	fi, err := s.tree.root.Lstat(file(d))
	if notThere(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if held, err := s.isHeld(ctx, d); held || err != nil {
		return 0, err
	}
	s.raws.drop(d)
	return fi.Size(), s.tree.remove(file(d))
}

// isHeld reports whether a repository links the content.
func (s *Store) isHeld(ctx context.Context, d digest.Digest) (bool, error) {
	for name, err := range s.Repositories(ctx, "") {
		if err != nil {
			return false, err
		}
		for _, kind := range []string{blobs, manifests} {
			_, path := (&repo{name: name}).linkPath(kind, d)
			if _, err := s.tree.root.Lstat(path); !notThere(err) {
				return true, nil // or it cannot be told
			}
		}
	}
	return false, nil
}
