package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"vitrine/storage"
)

// secretDir is where secrets stand, a file each that its owner alone may read.
const secretDir = "keys"

// maxSecret bounds one in bytes: a key of RSA with 16,384 bits has some 13 KB in PEM.
const maxSecret = 64 << 10

// Secret implements storage.SecretKeeper.
func (s *Store) Secret(ctx context.Context, name string, make func() ([]byte, error)) ([]byte, error) {
	if !storage.ValidSecretName(name) {
		return nil, fmt.Errorf("%w: %.64q is no name of a secret", fs.ErrInvalid, name)
	}
	s.secrets.Lock()
	defer s.secrets.Unlock()
	raw, err := s.readSecret(secretDir + "/" + name)
	if !errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
		return raw, errors.Join(err, ctx.Err())
	}
	if raw, err = make(); err != nil {
		return nil, err
	}
	return raw, s.writeSecret(secretDir+"/"+name, raw)
}

func (s *Store) readSecret(name string) ([]byte, error) {
	f, err := s.tree.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSecret))
}

// writeSecret writes a secret, durably. It is never readable for others, not even before it has its name.
func (s *Store) writeSecret(name string, raw []byte) error {
	if err := s.tree.mkdirs(secretDir); err != nil {
		return err
	}
	tmp := s.tree.temp("uploads")
	err := s.writePrivate(tmp, raw)
	if err == nil {
		err = s.tree.rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, s.tree.remove(tmp))
	}
	return s.tree.syncDirs(secretDir)
}

func (s *Store) writePrivate(name string, raw []byte) (err error) {
	f, err := s.tree.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return wrap(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(raw); err != nil {
		return wrap(err)
	}
	return s.tree.syncFile(f)
}

var _ storage.SecretKeeper = (*Store)(nil)
