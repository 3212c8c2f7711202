package disk

import (
	"fmt"
	"log/slog"
	"os"
)

// OpenDerived returns derived data that is kept below dir/cache/, beside any store, at most maxBytes of it. The directory is made if it is not there. Two
// processes may use the same: each bounds what it knows of. nil for log discards. Close it when nobody uses it any more.
func OpenDerived(dir string, maxBytes int64, log *slog.Logger) (*Derived, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("derived data: %w", err)
	}
	return &Derived{s: &Store{tree: newTree(root, true), log: log}, max: maxBytes}, nil
}

// Close closes what OpenDerived opened. What is open of it stays readable.
func (c *Derived) Close() error { return c.s.tree.close() }
