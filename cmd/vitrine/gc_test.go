package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/disk"
)

func TestGC(t *testing.T) {
	root := t.TempDir()
	s, err := disk.Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := digest.FromString("x")
	if err := storage.PutBlob(t.Context(), s, "app", d, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteBlob(t.Context(), "app", d); err != nil {
		t.Fatal(err)
	}
	gc := func(want string, code int, args ...string) {
		t.Helper()
		var out bytes.Buffer
		got := run(t.Context(), &process{args: append([]string{"gc", "--root", root}, args...), stdout: &out, stderr: &out})
		if got != code || !strings.Contains(out.String(), want) {
			t.Errorf("gc %q = %d, %s, want %d, %q", args, got, out.String(), code, want)
		}
	}
	gc(disk.ErrLocked.Error(), exitFailure)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	gc("1 files (1 bytes) that no repository holds would be removed", exitOK, "--dry-run")
	gc("1 files (1 bytes) that no repository holds removed", exitOK)
	gc("0 files (0 bytes)", exitOK)
	root = filepath.Join(root, "nowhere")
	gc("no store is there", exitFailure)
	gc("unexpected argument", exitUsage, "everything")
}
