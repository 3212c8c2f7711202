package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"vitrine/storage/disk"
)

// TestSecret: a secret is made once, stays, and is for its owner alone.
func TestSecret(t *testing.T) {
	root, made := t.TempDir(), 0
	make := func() ([]byte, error) { made++; return []byte("s3cret"), nil }
	for range 2 {
		s, err := disk.Open(root, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if raw, err := s.Secret(t.Context(), "a@b.rsa", make); err != nil || string(raw) != "s3cret" {
				t.Errorf("Secret = %q, %v", raw, err)
			}
		}
		for _, name := range []string{"", ".a", "a/b", "../a", "a b"} {
			if _, err := s.Secret(t.Context(), name, make); !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("Secret(%q): %v, want fs.ErrInvalid", name, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if made != 1 {
		t.Errorf("made %d times, want once", made)
	}
	if fi, err := os.Stat(root + "/keys/a@b.rsa"); err != nil || fi.Mode() != 0o600 {
		t.Errorf("the file: %v, %v, want mode 0600", fi, err)
	}
	s, err := disk.Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	broken := errors.New("broken")
	if _, err := s.Secret(t.Context(), "b", func() ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("Secret = %v, want what make says", err)
	}
}
