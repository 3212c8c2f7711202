package registry

import (
	"errors"
	"fmt"
	"io"

	"vitrine/registry/api"
)

// exactly passes on what r holds if that is n bytes, and fails with api.ErrSize instead of ending otherwise.
type exactly struct {
	r io.Reader
	n int64
}

func (e *exactly) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.n -= int64(n)
	if e.n < 0 || e.n > 0 && errors.Is(err, io.EOF) {
		return n, fmt.Errorf("%w: Content-Range", api.ErrSize)
	}
	return n, err
}
