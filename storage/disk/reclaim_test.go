package disk

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
)

// TestReclaimRemovesTheFile looks at the disk: whether the space is given back is not to be seen through the store.
func TestReclaimRemovesTheFile(t *testing.T) {
	s, err := Open(t.TempDir(), &Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := digest.FromString("content")
	if err := storage.PutBlob(t.Context(), s, "a", d, strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteBlob(t.Context(), "a", d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.tree.root.Lstat(file(d)); err != nil {
		t.Fatalf("DeleteBlob has removed the content: %v", err)
	}
	if n, err := s.Reclaim(t.Context(), d); n != 7 || err != nil {
		t.Errorf("Reclaim = %d, %v, want 7", n, err)
	}
	if _, err := s.tree.root.Lstat(file(d)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file after Reclaim: %v, want %v", err, fs.ErrNotExist)
	}
}
