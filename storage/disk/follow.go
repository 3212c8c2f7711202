package disk

import (
	"fmt"
	"io"
	"os"

	"vitrine/storage"
)

// Follow implements storage.Follower. It opens the session's file once more: that stays readable when the file becomes a blob, or goes.
func (u *upload) Follow() (storage.Appended, error) {
	f, err := u.store.openSession(u.ss)
	if err != nil {
		return nil, err
	}
	return &appended{u.store, f, u.ss}, nil
}

// openSession opens the session's file for reading.
func (s *Store) openSession(ss *session) (*os.File, error) {
	f, err := s.tree.openFile(ss.path(), os.O_RDONLY)
	if notThere(err) {
		return nil, fmt.Errorf("%w: %s", storage.ErrUploadUnknown, ss.id)
	}
	return f, err
}

// appended is the part of a session's file that counts: behind it stands what an Append has not finished, or not undone.
type appended struct {
	store *Store
	file  *os.File
	ss    *session
}

// Stream implements storage.Streamer.
func (a *appended) Stream() (io.ReadSeekCloser, error) {
	f, err := a.store.openSession(a.ss)
	if err != nil {
		return nil, err // and no nil file that is not nil
	}
	return f, nil
}

// ReadAt implements io.ReaderAt.
func (a *appended) ReadAt(p []byte, off int64) (int, error) {
	left := a.ss.size.Load() - off
	if off >= 0 && left <= 0 {
		return 0, io.EOF
	}
	if off >= 0 && int64(len(p)) > left {
		n, err := a.file.ReadAt(p[:left], off)
		if err == nil {
			err = io.EOF
		}
		return n, err
	}
	return a.file.ReadAt(p, off)
}

// Close implements io.Closer.
func (a *appended) Close() error { return a.file.Close() }
