package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/storage"
)

func derive(t *testing.T, c *Derived, key, content string) {
	t.Helper()
	err := c.Put(t.Context(), key, func(w io.Writer) error { _, err := io.WriteString(w, content); return err })
	if err != nil {
		t.Fatalf("Put(%s): %v", key, err)
	}
}

// derived returns what is kept under key, "-" if that is nothing.
func derived(t *testing.T, c *Derived, key string) string {
	t.Helper()
	b, err := c.Get(t.Context(), key)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	if err != nil {
		t.Fatalf("Get(%s): %v", key, err)
	}
	defer b.Close()
	got, err := io.ReadAll(b)
	if err != nil || int64(len(got)) != b.Size() {
		t.Fatalf("Get(%s): %d bytes of %d, %v", key, len(got), b.Size(), err)
	}
	return string(got)
}

func cached(t *testing.T, root string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "cache"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestDerived: what was used last stays, in this process and in the next.
func TestDerived(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	c := s.Derived(10)
	if got := derived(t, c, "a.v1"); got != "-" {
		t.Errorf("an empty cache has %q", got)
	}
	derive(t, c, "a.v1", "aaaa")
	derive(t, c, "b.v1", "bbbb")
	derived(t, c, "a.v1")
	derive(t, c, "c.v1", "cccc") // b is the one that was not asked for
	if got := cached(t, root); !slices.Equal(got, []string{"a.v1", "c.v1"}) {
		t.Errorf("files: %q", got)
	}
	derive(t, c, "a.v1", "AAAAAA")
	if a, b := derived(t, c, "a.v1"), derived(t, c, "b.v1"); a != "AAAAAA" || b != "-" {
		t.Errorf("a: %q, b: %q", a, b)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(root, "cache", "a.v1"), old, old); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(root, "cache", tempPrefix+"7"), []byte("half"), 0o644)
	c = reopen(t, s).Derived(10)
	derive(t, c, "d.v1", "d")
	if got := cached(t, root); !slices.Equal(got, []string{"c.v1", "d.v1"}) {
		t.Errorf("files after a restart: %q", got)
	}
}

// TestDerivedFailures: what could not be written whole leaves what was there, and no file.
func TestDerivedFailures(t *testing.T) {
	root := t.TempDir()
	c := open(t, root).Derived(10)
	derive(t, c, "a.v1", "old")
	broken := errors.New("broken")
	err := c.Put(t.Context(), "a.v1", func(w io.Writer) error { io.WriteString(w, "ne"); return broken })
	if !errors.Is(err, broken) {
		t.Errorf("Put: %v, want %v", err, broken)
	}
	err = c.Put(t.Context(), "b.v1", func(w io.Writer) error { _, err := io.WriteString(w, strings.Repeat("b", 11)); return err })
	if !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("Put of more than fits: %v", err)
	}
	for _, key := range []string{"", ".", "..", ".tmp-1", "a/b", `a\b`, "../x", "sha256:ab", "A", "a\x00", strings.Repeat("a", maxKey+1)} {
		if _, err := c.Get(t.Context(), key); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Get(%q): %v", key, err)
		}
		if err := c.Put(t.Context(), key, func(io.Writer) error { return nil }); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Put(%q): %v", key, err)
		}
	}
	if got := cached(t, root); !slices.Equal(got, []string{"a.v1"}) || derived(t, c, "a.v1") != "old" {
		t.Errorf("files: %q, a.v1: %q", got, derived(t, c, "a.v1"))
	}
}

// TestDerivedDeleted: cache/ may go at any time, and what is open stays readable.
func TestDerivedDeleted(t *testing.T) {
	root := t.TempDir()
	c := open(t, root).Derived(100)
	derive(t, c, "a.v1", "aaaa")
	b, err := c.Get(t.Context(), "a.v1")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := os.RemoveAll(filepath.Join(root, "cache")); err != nil {
		t.Fatal(err)
	}
	if got := derived(t, c, "a.v1"); got != "-" {
		t.Errorf("a.v1: %q", got)
	}
	derive(t, c, "b.v1", "bbbb")
	if got := derived(t, c, "b.v1"); got != "bbbb" || c.total != 4 {
		t.Errorf("b.v1: %q, %d bytes counted", got, c.total)
	}
	if got, err := io.ReadAll(b); string(got) != "aaaa" || err != nil {
		t.Errorf("the open one reads %q, %v", got, err)
	}
}

func TestDerivedConcurrently(t *testing.T) {
	c := open(t, t.TempDir()).Derived(50)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("k%d.v1", (g+i)%5)
				derive(t, c, key, strings.Repeat(key[1:2], 20))
				if got := derived(t, c, key); got != "-" && got != strings.Repeat(key[1:2], 20) {
					t.Errorf("%s: %q", key, got)
				}
			}
		})
	}
	wg.Wait()
	if c.total > 50 || c.recent.Len() != len(c.files) {
		t.Errorf("%d bytes, %d and %d files", c.total, c.recent.Len(), len(c.files))
	}
}

// TestReader reads beside the process that writes.
func TestReader(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	d := put(t, s, "app", "layer")
	m := putManifest(t, s, "app", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
	if err := s.SetTag(t.Context(), "app", "1", m.Digest, storage.Match{}); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var _ storage.Reader = r
	raw, err := storage.ReadBlob(t.Context(), r, "app", d, 100)
	if string(raw) != "layer" || err != nil {
		t.Errorf("blob: %q, %v", raw, err)
	}
	desc, err := r.ResolveTag(t.Context(), "app", "1")
	if err != nil || desc.Digest != m.Digest {
		t.Errorf("tag: %v, %v", desc, err)
	}
	if got, err := r.GetManifest(t.Context(), "app", desc.Digest); err != nil || string(got.Raw) != string(m.Raw) {
		t.Errorf("manifest: %s, %v", got.Raw, err)
	}
	var names []string
	for name, err := range r.Repositories(t.Context(), "") {
		names = append(names, fmt.Sprint(name, err))
	}
	if !slices.Equal(names, []string{"app<nil>"}) {
		t.Errorf("repositories: %q", names)
	}
	derive(t, s.Derived(100), "a.v1", "index")
	b, err := r.Derived().Get(t.Context(), "a.v1")
	if err != nil || b.Size() != 5 {
		t.Fatalf("derived data: %v, %v", b, err)
	}
	b.Close()
	if _, err := r.Derived().Get(t.Context(), "b.v1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("derived data that is not there: %v", err)
	}
	if err := r.Derived().Put(t.Context(), "b.v1", func(io.Writer) error { return nil }); !errors.Is(err, storage.ErrUnsupported) {
		t.Errorf("Put: %v", err)
	}
	empty := t.TempDir()
	if _, err := OpenReader(empty, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenReader of an empty directory: %v", err)
	}
	if left, err := os.ReadDir(empty); len(left) > 0 || err != nil {
		t.Errorf("it left %v, %v", left, err)
	}
}

// TestOpenDerived: without a store it is the same, and stays for the next process.
func TestOpenDerived(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	c, err := OpenDerived(dir, 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	derive(t, c, "a", "aaaaa")
	derive(t, c, "b", "bbbbb")
	derive(t, c, "c", "ccccc")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err = OpenDerived(dir, 10, nil); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := derived(t, c, "a") + derived(t, c, "b") + derived(t, c, "c"); got != "-bbbbbccccc" {
		t.Errorf("there is %s", got)
	}
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	if _, err := OpenDerived(filepath.Join(dir, "cache", "b"), 10, nil); err == nil {
		t.Error("a file is taken for a directory")
	}
}
