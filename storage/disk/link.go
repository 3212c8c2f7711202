package disk

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/opencontainers/go-digest"

	"vitrine/storage/oci"
)

// Kinds of links, which are the directories that they stand in.
const (
	blobs     = "_blobs"
	manifests = "_manifests"
	referrers = "_referrers"
)

// link is the record that a repository may see some content.
type link struct {
	size      int64
	mediaType string        // of a manifest
	subject   digest.Digest // of a manifest
	durable   atomic.Bool   // it and its content were synced by this process
}

func (l *link) String() string {
	return strings.TrimRight(strconv.FormatInt(l.size, 10)+" "+l.mediaType+" "+string(l.subject), " ")
}

// parseLink is the inverse of String.
func parseLink(record string) (*link, error) {
	size, rest, _ := strings.Cut(record, " ")
	mediaType, subject, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(size, 10, 64)
	if err == nil && subject != "" {
		_, err = oci.ParseDigest(subject)
	}
	if err != nil {
		return nil, err
	}
	return &link{size: n, mediaType: mediaType, subject: digest.Digest(subject)}, nil
}

// linkKey is what is remembered of a repository by digest. Its strings are nobody's request line: a piece of one would
// keep the whole of it.
type linkKey struct {
	repo   oci.Name
	kind   string
	digest digest.Digest
}

func (r *repo) key(kind string, d digest.Digest) linkKey { return linkKey{r.name, kind, d} }

func (k linkKey) own() linkKey {
	k.digest = digest.Digest(strings.Clone(string(k.digest)))
	return k
}

// linkPath returns the directory and the name of a link.
func (r *repo) linkPath(kind string, d digest.Digest) (dir, name string) {
	dir = r.dir(kind, string(d.Algorithm()))
	return dir, dir + "/" + d.Encoded()
}

// referrersDir returns the directory that has an entry for each referrer of subject.
func (r *repo) referrersDir(subject digest.Digest) string {
	return r.dir(referrers, string(subject.Algorithm()), subject.Encoded())
}

// getLink reads a link of r, nil if there is none. Called without the lock.
func (s *Store) getLink(r *repo, kind string, d digest.Digest) (*link, error) {
	if l, ok := s.links.get(r.key(kind, d)); ok {
		return l, nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return s.readLink(r, kind, d)
}

// readLink reads a link of r, nil if there is none, and remembers it. Called with r's lock held.
func (s *Store) readLink(r *repo, kind string, d digest.Digest) (*link, error) {
	key := r.key(kind, d)
	if l, ok := s.links.get(key); ok {
		return l, nil
	}
	_, name := r.linkPath(kind, d)
	record, err := s.tree.readlink(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: something else than a link stands there
		return nil, err
	}
	l, err := parseLink(record)
	if err != nil {
		s.log.Error("not a link", "path", name, "record", record)
		return nil, nil
	}
	s.links.put(key.own(), l, 1)
	return l, nil
}

// putLink records that r may see d, and under the same lock that it refers to its subject. It returns the directories
// that are to be synced.
func (s *Store) putLink(r *repo, kind string, d digest.Digest, l *link) (dirs []string, err error) {
	dir, name := r.linkPath(kind, d)
	dirs = []string{dir}
	if l.subject != "" {
		dirs = append(dirs, r.referrersDir(l.subject))
	}
	for _, dir := range dirs {
		if err := s.tree.mkdirs(dir); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.subject != "" { // first: an entry without its manifest is passed over
		if err := s.tree.link("-", r.referrersDir(l.subject)+"/"+d.Encoded()); err != nil {
			return nil, err
		}
	}
	if err := s.tree.link(l.String(), name); err != nil {
		return nil, err
	}
	s.links.put(r.key(kind, d).own(), l, 1)
	s.forgetReferrers(r, l.subject)
	s.list(r)
	return dirs, nil
}

// dropLink removes a link, durably. Called with r's lock held.
func (s *Store) dropLink(r *repo, kind string, d digest.Digest) error {
	dir, name := r.linkPath(kind, d)
	if err := s.tree.remove(name); err != nil {
		return err
	}
	s.links.drop(r.key(kind, d))
	return errors.Join(s.unlist(r), s.tree.syncDirs(dir))
}

// settle makes a link durable: dirs are its directories, and its content's unless that is known to be safe.
func (s *Store) settle(l *link, dirs []string) error {
	if err := s.tree.syncDirs(dirs...); err != nil {
		return err
	}
	l.durable.Store(true)
	return nil
}
