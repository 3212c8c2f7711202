package explore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"vitrine/storage"
)

// Memory is a Cache in memory, of a bounded size: what was not used for longest goes first.
type Memory struct {
	mu   sync.Mutex
	kept *lru[string, []byte]
}

// NewMemory returns a Cache that keeps at most maxBytes.
func NewMemory(maxBytes int64) *Memory { return &Memory{kept: newLRU[string, []byte](maxBytes)} }

// Get implements Cache.
func (m *Memory) Get(_ context.Context, key string) (storage.Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.kept.get(key)
	if !ok {
		return nil, fmt.Errorf("%w: %.64q", fs.ErrNotExist, key)
	}
	return section{io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))}, nil
}

// Put implements Cache. The error is that of write, or wraps storage.ErrNoSpace for more than there is room for.
func (m *Memory) Put(_ context.Context, key string, write func(io.Writer) error) error {
	w := &boundedBuffer{max: m.kept.max}
	if err := write(w); err != nil {
		return err
	}
	b := bytes.Clone(w.b) // of its own length
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept.put(key, b, int64(len(b)))
	return nil
}

// boundedBuffer has no way to be written to but one.
type boundedBuffer struct {
	b   []byte
	max int64
}

func (w *boundedBuffer) Write(p []byte) (int, error) {
	if int64(len(w.b)+len(p)) > w.max {
		return 0, fmt.Errorf("%w: more than the %d bytes of the cache", storage.ErrNoSpace, w.max)
	}
	w.b = append(w.b, p...)
	return len(p), nil
}

// section is a part of something that others close, as a Blob.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }
