package memory_test

import (
	"errors"
	"testing"

	"vitrine/storage"
	"vitrine/storage/memory"
	"vitrine/storage/storagetest"
)

var _ interface {
	storage.Store
	storage.FileStore
	storage.BlobFinder
	storage.UploadExpirer
} = memory.New()

func TestStore(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return memory.New() })
}

func TestFileStore(t *testing.T) {
	storagetest.RunFiles(t, func(*testing.T) storagetest.FileStore { return memory.New() })
}

func TestPutManifestHashes(t *testing.T) {
	m, _, err := storage.ParseManifest("application/vnd.example+json", []byte(`{"a":1}`), "")
	if err != nil {
		t.Fatal(err)
	}
	m.Raw = []byte(`{"a":2}`)
	s := memory.New()
	if err := s.PutManifest(t.Context(), "r", m); !errors.Is(err, storage.ErrDigestMismatch) {
		t.Errorf("PutManifest of other bytes = %v, want %v", err, storage.ErrDigestMismatch)
	}
	for repo := range s.Repositories(t.Context(), "") {
		t.Errorf("%s exists after all", repo)
	}
}
