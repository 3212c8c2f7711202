package memory

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"sync"

	"vitrine/storage"
)

// secrets are by name.
type secrets struct {
	mu  sync.Mutex
	raw map[string][]byte
}

// Secret implements storage.SecretKeeper.
func (s *Store) Secret(ctx context.Context, name string, make func() ([]byte, error)) ([]byte, error) {
	if !storage.ValidSecretName(name) {
		return nil, fmt.Errorf("%w: %.64q is no name of a secret", fs.ErrInvalid, name)
	}
	x := &s.secrets
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw, ok := x.raw[name]
	if !ok {
		var err error
		if raw, err = make(); err != nil {
			return nil, err
		}
		if x.raw == nil {
			x.raw = map[string][]byte{}
		}
		x.raw[name] = raw
	}
	return bytes.Clone(raw), nil
}

var _ storage.SecretKeeper = (*Store)(nil)
