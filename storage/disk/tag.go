package disk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// tags is the directory of a repository's tags.
const tags = "_tags"

// tagIndex is a repository's tags in memory: what each points at, and their order.
type tagIndex struct {
	at      map[oci.Tag]tagTarget
	sorted  []oci.Tag
	targets []tagTarget // of sorted, each beside its tag: whoever wants all of them spares the map
}

// tagTarget is what a tag points at.
type tagTarget struct {
	digest.Digest
	since int64 // in nanoseconds of Unix time: the time of the record
}

func (x *tagIndex) set(tag oci.Tag, d digest.Digest) {
	if x.at[tag].Digest == d { // the record has stayed as it was
		return
	}
	i, ok := slices.BinarySearch(x.sorted, tag)
	if !ok {
		tag = oci.Tag(strings.Clone(string(tag)))
		x.sorted = slices.Insert(x.sorted, i, tag)
		x.targets = slices.Insert(x.targets, i, tagTarget{})
	}
	x.targets[i] = tagTarget{digest.Digest(strings.Clone(string(d))), time.Now().UnixNano()}
	x.at[tag] = x.targets[i]
}

func (x *tagIndex) remove(tag oci.Tag) {
	if i, ok := slices.BinarySearch(x.sorted, tag); ok {
		x.sorted = slices.Delete(x.sorted, i, i+1)
		x.targets = slices.Delete(x.targets, i, i+1)
	}
	delete(x.at, tag)
}

// tagsOf returns r's tags, reading them from the disk the first time. Called with the lock held for writing.
func (s *Store) tagsOf(r *repo) (*tagIndex, error) {
	if r.tags != nil {
		return r.tags, nil
	}
	x := &tagIndex{at: map[oci.Tag]tagTarget{}}
	dir := r.dir(tags)
	names, err := s.tree.names(dir)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		sub, err := s.tree.root.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer sub.Close()
		for _, name := range names {
			if err := s.loadTag(x, r, sub, name); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(x.sorted)
	for _, tag := range x.sorted {
		x.targets = append(x.targets, x.at[tag])
	}
	r.tags = x
	return x, nil
}

// loadTag enters one link of the tags directory sub; the sorting is left to the end.
func (s *Store) loadTag(x *tagIndex, r *repo, sub *os.Root, name string) error {
	target, err := sub.Readlink(name)
	if err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: something else than a link
		return err
	}
	tag, err := oci.ParseTag(name)
	d, err2 := oci.ParseDigest(target)
	if err != nil || err2 != nil {
		s.log.Error("not a tag", "repository", r.name, "name", name, "record", target)
		return nil
	}
	fi, err := sub.Lstat(name)
	if err != nil {
		return err
	}
	x.at[tag] = tagTarget{d, fi.ModTime().UnixNano()}
	x.sorted = append(x.sorted, tag)
	return nil
}

// readTags calls f with r's tags and the lock held for reading.
func (s *Store) readTags(r *repo, f func(*tagIndex)) error {
	return reading(&r.mu, &r.tags, func() (*tagIndex, error) { return s.tagsOf(r) }, f)
}

// reading calls f with what at remembers and mu held for reading, or with what load reads, which is called with mu held for writing.
func reading[T any](mu *sync.RWMutex, at **T, load func() (*T, error), f func(*T)) error {
	mu.RLock()
	if x := *at; x != nil {
		defer mu.RUnlock()
		f(x)
		return nil
	}
	mu.RUnlock()
	mu.Lock()
	defer mu.Unlock()
	x, err := load()
	if err == nil {
		f(x)
	}
	return err
}

// ResolveTag implements storage.ManifestReader.
func (s *Store) ResolveTag(ctx context.Context, name oci.Name, tag oci.Tag) (oci.Descriptor, error) {
	r, err := s.checkExists(name)
	if err != nil {
		return oci.Descriptor{}, unknownRepo(err)
	}
	d, l, err := s.lookUp(r, tag)
	if err != nil {
		return oci.Descriptor{}, err
	}
	switch {
	case d == "":
		return oci.Descriptor{}, fmt.Errorf("%w: no tag %s in %s", storage.ErrManifestUnknown, tag, name)
	case l == nil:
		return oci.Descriptor{}, s.damaged(storage.ErrManifestUnknown, d, "a tag points at it and it is not there")
	}
	return l.descriptor(d), nil
}

// lookUp returns what tag points at, and the link of that manifest, as they are at one moment.
func (s *Store) lookUp(r *repo, tag oci.Tag) (d digest.Digest, l *link, err error) {
	if err := s.readTags(r, func(x *tagIndex) { d = x.at[tag].Digest }); err != nil || d == "" {
		return "", nil, err
	}
	if l, err := s.getLink(r, manifests, d); l != nil || err != nil {
		return d, l, err
	}
	var inner error
	err = s.readTags(r, func(x *tagIndex) { // it was deleted between the two looks, with the tag; or the disk is damaged
		if d = x.at[tag].Digest; d != "" {
			l, inner = s.readLink(r, manifests, d)
		}
	})
	return d, l, errors.Join(err, inner)
}

// Tags implements storage.ManifestReader.
func (s *Store) Tags(ctx context.Context, name oci.Name, after oci.Tag) iter.Seq2[oci.Tag, error] {
	return func(yield func(oci.Tag, error) bool) {
		r, err := s.checkExists(name)
		if err != nil {
			yield("", err)
			return
		}
		pages(after, itself, yield, func(after oci.Tag, buf []oci.Tag) ([]oci.Tag, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			err := s.readTags(r, func(x *tagIndex) { buf = append(buf, page(x.sorted, after)...) })
			return buf, err
		})
	}
}

// DatedTags implements storage.TagDater.
func (s *Store) DatedTags(ctx context.Context, name oci.Name) iter.Seq2[storage.DatedTag, error] {
	return func(yield func(storage.DatedTag, error) bool) {
		r, err := s.checkExists(name)
		if err != nil {
			yield(storage.DatedTag{}, err)
			return
		}
		name := func(t storage.DatedTag) oci.Tag { return t.Tag }
		pages("", name, yield, func(after oci.Tag, buf []storage.DatedTag) ([]storage.DatedTag, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			err := s.readTags(r, func(x *tagIndex) {
				from, to := pageBounds(x.sorted, after)
				buf = slices.Grow(buf, to-from)
				for i := from; i < to; i++ {
					buf = append(buf, storage.DatedTag{Tag: x.sorted[i], Digest: x.targets[i].Digest, Time: time.Unix(0, x.targets[i].since)})
				}
			})
			return buf, err
		})
	}
}

// SetTag implements storage.ManifestStore.
func (s *Store) SetTag(ctx context.Context, name oci.Name, tag oci.Tag, d digest.Digest, when storage.Match) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := s.manifestLink(name, d); err != nil {
		return err
	}
	r := s.repo(name)
	dir := r.dir(tags)
	if err := s.tree.mkdirs(dir); err != nil {
		return err
	}
	if err := s.setTag(r, tag, d, when); err != nil {
		return err
	}
	return s.tree.syncDirs(dir)
}

func (s *Store) setTag(r *repo, tag oci.Tag, d digest.Digest, when storage.Match) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, err := s.tagsOf(r)
	if err != nil {
		return err
	}
	if !when.Holds(x.at[tag].Digest) {
		return fmt.Errorf("%w: %s in %s", storage.ErrTagMatch, tag, r.name)
	}
	l, err := s.readLink(r, manifests, d)
	if err != nil {
		return err
	}
	if l == nil { // it was there a moment ago
		return fmt.Errorf("%w: %s in %s", storage.ErrManifestUnknown, d, r.name)
	}
	if !l.durable.Load() { // somebody else is putting it just now, or a process before this one did
		if err := s.settleManifest(r, d, l); err != nil {
			return err
		}
	}
	if err := s.tree.link(string(d), r.dir(tags, string(tag))); err != nil {
		return err
	}
	x.set(tag, d)
	return nil
}

// settleManifest makes durable what a tag is going to rely on.
func (s *Store) settleManifest(r *repo, d digest.Digest, l *link) error {
	dir, _ := r.linkPath(manifests, d)
	dirs := []string{dir, shardDir(d)}
	if l.subject != "" {
		dirs = append(dirs, r.referrersDir(l.subject))
	}
	return s.settle(l, dirs)
}

// DeleteTag implements storage.ManifestStore.
func (s *Store) DeleteTag(ctx context.Context, name oci.Name, tag oci.Tag) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.checkExists(name)
	if err != nil {
		return unknownRepo(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x, err := s.tagsOf(r)
	if err != nil {
		return err
	}
	if x.at[tag].Digest == "" {
		return fmt.Errorf("%w: no tag %s in %s", storage.ErrManifestUnknown, tag, name)
	}
	return s.removeTags(r, x, tag)
}

// untag removes every tag that points at d, durably. Called with the lock held.
func (s *Store) untag(r *repo, d digest.Digest) error {
	x, err := s.tagsOf(r)
	if err != nil {
		return err
	}
	var gone []oci.Tag
	for tag, at := range x.at {
		if at.Digest == d {
			gone = append(gone, tag)
		}
	}
	return s.removeTags(r, x, gone...)
}

func (s *Store) removeTags(r *repo, x *tagIndex, gone ...oci.Tag) error {
	for _, tag := range gone {
		if err := s.tree.remove(r.dir(tags, string(tag))); err != nil {
			return err
		}
		x.remove(tag)
	}
	if len(gone) == 0 && len(x.at) == 0 { // else a tag may have moved off what is deleted now, and not be synced yet
		return nil
	}
	return s.tree.syncDirs(r.dir(tags))
}
