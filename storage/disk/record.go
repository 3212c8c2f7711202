package disk

import (
	"context"
	"encoding"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// stateSuffix makes the name of a session's record out of that of its bytes.
const stateSuffix = ".state"

// save makes the session as it stands survive a power cut: first its bytes, then the record that counts them. If it
// cannot, the session ends: nobody may go on from bytes that were refused.
func (u *upload) save() error {
	err := u.ss.acquire(context.Background())
	if errors.Is(err, storage.ErrUploadUnknown) {
		return nil // ended meanwhile
	}
	if err != nil {
		return err
	}
	defer u.ss.release()
	if err := u.sync(); err != nil {
		return err
	}
	record, err := u.ss.record()
	if err == nil {
		err = u.store.tree.link(record, u.ss.path()+stateSuffix)
	}
	if err == nil {
		u.ss.saved, u.dirty = true, false
		err = u.store.tree.syncDirs("uploads")
	}
	if err != nil {
		return errors.Join(err, u.end())
	}
	return nil
}

// record is "SIZE ALGORITHM HASHSTATE NAME", at most some 600 bytes.
func (ss *session) record() (string, error) {
	state, err := ss.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %s %s %s", ss.size.Load(), ss.alg, base64.RawStdEncoding.EncodeToString(state), *ss.repo.Load()), nil
}

// parseRecord is the inverse of record.
func parseRecord(id, record string) (*session, error) {
	f := strings.Split(record, " ")
	if len(f) != 4 {
		return nil, fmt.Errorf("%d fields, want 4", len(f))
	}
	size, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return nil, err
	}
	alg, err := oci.ParseAlgorithm(f[1])
	if err != nil {
		return nil, err
	}
	state, err := base64.RawStdEncoding.DecodeString(f[2])
	if err != nil {
		return nil, err
	}
	name, err := oci.ParseName(f[3])
	if err != nil {
		return nil, err
	}
	ss := newSession(id, alg)
	ss.saved = true
	ss.size.Store(size)
	ss.repo.Store(&name)
	return ss, ss.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

// loadUploads takes up the sessions of the process before, and removes what a crash has left in uploads/.
func (s *Store) loadUploads() error {
	names, err := s.tree.names("uploads")
	if err != nil {
		return err
	}
	for _, name := range names {
		id, isState := strings.CutSuffix(name, stateSuffix)
		switch {
		case !storage.ValidUploadID(id):
			s.tidy(name)
		case isState:
			err = s.dropOrphan(id)
		default:
			err = s.loadUpload(id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tidy removes what is no upload. What cannot be removed, somebody has put there, and it is no reason not to start.
func (s *Store) tidy(name string) {
	if err := s.tree.remove("uploads/" + name); err != nil {
		s.log.Warn("something else than an upload stays", "name", name, "err", err)
	}
}

// dropOrphan removes the record of a session whose bytes are gone: its commit came between.
func (s *Store) dropOrphan(id string) error {
	if _, err := s.tree.root.Lstat("uploads/" + id); err == nil {
		return nil
	}
	return s.tree.remove("uploads/" + id + stateSuffix)
}

// loadUpload takes up one session. Its file has at least the bytes that the record counts, unless somebody damaged it;
// without a record nothing of it was acknowledged but its ID.
func (s *Store) loadUpload(id string) error {
	fi, err := s.tree.root.Lstat("uploads/" + id)
	if err != nil {
		return err
	}
	ss := newSession(id, oci.Algorithms[0])
	if record, err := s.tree.readlink("uploads/" + id + stateSuffix); err == nil {
		saved, err := parseRecord(id, record)
		if err != nil || saved.size.Load() > fi.Size() {
			s.log.Error("upload lost", "id", id, "err", err, "bytes", fi.Size())
			return errors.Join(s.tree.remove("uploads/"+id), s.tree.remove("uploads/"+id+stateSuffix))
		}
		ss = saved
	}
	ss.used.Store(fi.ModTime().Unix())
	if fi.Size() > ss.size.Load() { // bytes that were never acknowledged
		if err := s.cutUpload(ss); err != nil {
			return err
		}
	}
	s.uploads.take(ss)
	return nil
}

func (s *Store) cutUpload(ss *session) error {
	f, err := s.tree.openFile(ss.path(), os.O_WRONLY)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(ss.size.Load()), f.Close())
}

// ExpireUploads implements storage.UploadExpirer. A session that is being written to is not old.
func (s *Store) ExpireUploads(ctx context.Context, before time.Time) (n int, err error) {
	for _, ss := range s.idle(before) {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if s.expire(ss, before) {
			n++
		}
	}
	return n, nil
}

// expire ends a session, and reports whether it did: not if it is in use, or has been gone on with since before.
func (s *Store) expire(ss *session, before time.Time) bool {
	if !ss.tryAcquire() {
		return false
	}
	defer ss.release()
	if ss.ended || ss.used.Load() > before.Unix() {
		return false
	}
	if err := (&upload{store: s, ss: ss}).end(); err != nil {
		s.log.Warn("an upload that expired stays", "id", ss.id, "err", err)
	}
	return true
}

func (s *Store) idle(before time.Time) []*session {
	s.uploads.mu.Lock()
	defer s.uploads.mu.Unlock()
	var all []*session
	for _, ss := range s.uploads.m {
		if ss.used.Load() <= before.Unix() {
			all = append(all, ss)
		}
	}
	return all
}

var _ interface {
	storage.Store
	storage.FileStore
	storage.BlobFinder
	storage.TagDater
	storage.UploadExpirer
	storage.Reclaimer
} = (*Store)(nil)
