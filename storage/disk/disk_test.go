package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
	"vitrine/storage/storagetest"
)

func open(t *testing.T, root string) *Store {
	t.Helper()
	s, err := Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func reopen(t *testing.T, s *Store) *Store {
	t.Helper()
	root := s.tree.root.Name()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, root)
}

func put(t *testing.T, s storage.Store, repo oci.Name, content string) digest.Digest {
	t.Helper()
	d := digest.FromString(content)
	if err := storage.PutBlob(t.Context(), s, repo, d, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return d
}

func putManifest(t *testing.T, s storage.Store, repo oci.Name, raw string) storage.Manifest {
	t.Helper()
	m, _, err := storage.ParseManifest("", []byte(raw), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutManifest(t.Context(), repo, m); err != nil {
		t.Fatal(err)
	}
	return m
}

const index = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`

func read(t *testing.T, s storage.Store, repo oci.Name, d digest.Digest) string {
	t.Helper()
	b, err := storage.ReadBlob(t.Context(), s, repo, d, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store { return open(t, t.TempDir()) })
}

func TestContractWithoutSync(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		s, err := Open(t.TempDir(), &Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}

func TestOneProcess(t *testing.T) {
	root := t.TempDir()
	open(t, root)
	if _, err := Open(root, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open = %v, want ErrLocked", err)
	}
}

func TestLayout(t *testing.T) {
	for content, want := range map[string]error{
		`{"version":1}`: nil, `{"version":2}`: ErrLayout, `{}`: ErrLayout, ``: ErrLayout, `{"version":"1"}`: ErrLayout,
	} {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "vitrine.json"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open(root, nil)
		if !errors.Is(err, want) {
			t.Errorf("Open of a root with %q = %v, want %v", content, err, want)
		}
		if err == nil {
			s.Close()
		}
	}
}

func TestRestartKeepsAll(t *testing.T) {
	s := open(t, t.TempDir())
	layer := put(t, s, "a/b", "layer")
	if err := s.MountBlob(t.Context(), "c", layer, "a/b"); err != nil {
		t.Fatal(err)
	}
	m := putManifest(t, s, "a/b", index)
	ref := putManifest(t, s, "a/b", `{"mediaType":"application/vnd.oci.image.index.v1+json","artifactType":"x/y","annotations":{"k":"v"},"manifests":[],
		"subject":{"mediaType":"a/b","size":1,"digest":"`+string(m.Digest)+`"}}`)
	for _, tag := range []oci.Tag{"v1", "v2", "v10"} {
		if err := s.SetTag(t.Context(), "a/b", tag, m.Digest, storage.Match{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetTag(t.Context(), "a/b", "v2", ref.Digest, storage.Still(m.Digest)); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	if got := read(t, s, "c", layer); got != "layer" {
		t.Errorf("blob after a restart = %q", got)
	}
	if got, err := s.ResolveTag(t.Context(), "a/b", "v2"); err != nil || got.Digest != ref.Digest || got.MediaType != ref.MediaType || got.Size != ref.Size {
		t.Errorf("v2 = %v, %v, want %s", got, err, ref.Digest)
	}
	if got := fmt.Sprint(collect(t, s.Tags(t.Context(), "a/b", ""))); got != "[v1 v10 v2]" {
		t.Errorf("tags = %s", got)
	}
	if got := fmt.Sprint(collect(t, s.Repositories(t.Context(), ""))); got != "[a/b c]" {
		t.Errorf("repositories = %s", got)
	}
	refs := collect(t, s.Referrers(t.Context(), "a/b", m.Digest))
	if len(refs) != 1 || refs[0].ArtifactType != "x/y" || refs[0].Annotations["k"] != "v" || refs[0].Digest != ref.Digest {
		t.Errorf("referrers = %v", refs)
	}
}

func collect[T any](t *testing.T, seq func(func(T, error) bool)) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// TestUploadAfterRestart goes on with an upload in a new process, which has to have the hash's state: the bytes that
// were there before are damaged on purpose, so that hashing them again would be seen.
func TestUploadAfterRestart(t *testing.T) {
	for _, alg := range oci.Algorithms {
		s := open(t, t.TempDir())
		u, err := s.StartUpload(t.Context(), "a", alg)
		if err != nil {
			t.Fatal(err)
		}
		first := strings.Repeat("x", 300_000)
		if _, err := u.Append(t.Context(), 0, strings.NewReader(first)); err != nil {
			t.Fatal(err)
		}
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
		half, err := s.ResumeUpload(t.Context(), "a", u.ID())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := half.Append(t.Context(), 300_000, strings.NewReader("never acknowledged")); err != nil {
			t.Fatal(err)
		}
		s = reopen(t, s) // without half.Close
		damage(t, s, "uploads/"+u.ID(), func(b []byte) []byte { b[0] = 'y'; return b })
		if _, err := s.ResumeUpload(t.Context(), "b", u.ID()); !errors.Is(err, storage.ErrUploadUnknown) {
			t.Errorf("ResumeUpload in another repository = %v", err)
		}
		u, err = s.ResumeUpload(t.Context(), "a", u.ID())
		if err != nil || u.Size() != 300_000 {
			t.Fatalf("ResumeUpload = %v, %v", u, err)
		}
		if _, err := u.Append(t.Context(), 300_000, strings.NewReader("end")); err != nil {
			t.Fatal(err)
		}
		if err := u.Commit(t.Context(), alg.FromString(first+"end")); err != nil {
			t.Errorf("Commit after a restart: %v", err)
		}
		if n, err := s.StatBlob(t.Context(), "a", alg.FromString(first+"end")); err != nil || n != 300_003 {
			t.Errorf("StatBlob = %d, %v", n, err)
		}
	}
}

func TestEmptyUploadAfterRestart(t *testing.T) {
	s := open(t, t.TempDir())
	u, err := s.StartUpload(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	u.Close()
	s = reopen(t, s)
	if u, err = s.ResumeUpload(t.Context(), "a", u.ID()); err != nil || u.Size() != 0 {
		t.Fatalf("ResumeUpload = %v, %v", u, err)
	}
	if _, err := s.ResumeUpload(t.Context(), "b", u.ID()); !errors.Is(err, storage.ErrUploadUnknown) {
		t.Errorf("ResumeUpload by a second repository = %v", err)
	}
}

// damage rewrites a file of the root in place.
func damage(t *testing.T, s *Store, name string, f func([]byte) []byte) {
	t.Helper()
	name = filepath.Join(s.tree.root.Name(), name)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, f(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLeftovers(t *testing.T) {
	s := open(t, t.TempDir())
	root := s.tree.root.Name()
	id := storage.NewUploadID()
	for _, name := range []string{"uploads/.tmp-1", "uploads/junk"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"uploads/" + id + ".state", "uploads/.tmp-2"} {
		if err := os.Symlink("5 sha256 x a", filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	reopen(t, s)
	if left, _ := os.ReadDir(filepath.Join(root, "uploads")); len(left) > 0 {
		t.Errorf("left in uploads: %v", left)
	}
}

func TestExpireUploads(t *testing.T) {
	s := open(t, t.TempDir())
	u, err := s.StartUpload(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Append(t.Context(), 0, strings.NewReader("half")); err != nil {
		t.Fatal(err)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.ExpireUploads(t.Context(), time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("ExpireUploads of an hour ago = %d, %v", n, err)
	}
	if n, err := s.ExpireUploads(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("ExpireUploads = %d, %v", n, err)
	}
	if left, _ := os.ReadDir(filepath.Join(s.tree.root.Name(), "uploads")); len(left) > 0 {
		t.Errorf("left in uploads: %v", left)
	}
}

func TestContentOnce(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "a", "same")
	put(t, s, "b/c", "same")
	n := 0
	filepath.Walk(filepath.Join(s.tree.root.Name(), "blobs"), func(_ string, fi os.FileInfo, err error) error {
		if err == nil && fi.Mode().IsRegular() {
			n++
		}
		return err
	})
	if n != 1 {
		t.Errorf("%d files for one content", n)
	}
}

func TestDamage(t *testing.T) {
	for what, f := range map[string]func([]byte) []byte{
		"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"halved":  func(b []byte) []byte { return b[:len(b)/2] },
		"emptied": func(b []byte) []byte { return nil },
		"longer":  func(b []byte) []byte { return append(b, ' ') },
		"removed": nil,
	} {
		t.Run(what, func(t *testing.T) {
			s := open(t, t.TempDir())
			d := put(t, s, "a", "a layer")
			m := putManifest(t, s, "a", index)
			if err := s.SetTag(t.Context(), "a", "v1", m.Digest, storage.Match{}); err != nil {
				t.Fatal(err)
			}
			for _, reopened := range []bool{false, true} {
				if reopened {
					s = reopen(t, s)
				}
				testDamage(t, s, d, m, f)
			}
		})
	}
}

func testDamage(t *testing.T, s *Store, d digest.Digest, m storage.Manifest, f func([]byte) []byte) {
	t.Helper()
	for _, d := range []digest.Digest{d, m.Digest} {
		if f == nil {
			os.Remove(filepath.Join(s.tree.root.Name(), file(d)))
		} else {
			damage(t, s, file(d), f)
		}
	}
	if _, err := s.GetManifest(t.Context(), "a", m.Digest); !errors.Is(err, storage.ErrManifestUnknown) || !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("GetManifest = %v, want ErrManifestUnknown and ErrDamaged", err)
	}
	b, err := storage.ReadBlob(t.Context(), s, "a", d, 100)
	if err == nil && len(b) != len("a layer") || err != nil && !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("ReadBlob = %q, %v", b, err)
	}
	if n := problems(t, s); n < 2 {
		t.Errorf("Verify found %d problems, want 2 at least", n)
	}
	put(t, s, "a", "a layer")
	putManifest(t, s, "a", index)
	if got := read(t, s, "a", d); got != "a layer" {
		t.Errorf("pushed again: %q", got)
	}
	if got, err := s.GetManifest(t.Context(), "a", m.Digest); err != nil || !bytes.Equal(got.Raw, m.Raw) {
		t.Errorf("pushed again: %s, %v", got.Raw, err)
	}
	if n := problems(t, s); n != 0 {
		t.Errorf("healed, and Verify found %d problems", n)
	}
}

func problems(t *testing.T, s *Store) int {
	t.Helper()
	sum, err := Verify(t.Context(), s.tree.root.Name(), func(p Problem) { t.Log(p) })
	if err != nil {
		t.Fatal(err)
	}
	return sum.Problems
}

func TestVerifyRecords(t *testing.T) {
	for name, target := range map[string]string{
		"repos/a/_tags/v9": "sha256:" + strings.Repeat("0", 64),
		"repos/a/_tags/v8": "junk",
		"repos/a/_blobs/sha256/" + strings.Repeat("0", 64): "12",
		"repos/a/_blobs/sha256/xyz":                        "12",
	} {
		s := open(t, t.TempDir())
		put(t, s, "a", "x")
		full := filepath.Join(s.tree.root.Name(), name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, full); err != nil {
			t.Fatal(err)
		}
		if n := problems(t, s); n != 1 {
			t.Errorf("%s -> %s: %d problems, want 1", name, target, n)
		}
	}
}

// TestSyncTogether has many wait for the fsync of one directory: all of them return, and only after one began for them.
func TestSyncTogether(t *testing.T) {
	s := open(t, t.TempDir())
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if err := s.tree.syncDirs("blobs", "repos"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	if len(s.tree.groups) > 0 {
		t.Errorf("%d groups are left", len(s.tree.groups))
	}
}

func TestSyncError(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.tree.syncDirs("nowhere"); err == nil {
		t.Error("the fsync of a directory that is not there succeeded")
	}
}

func TestReaderFails(t *testing.T) {
	s := open(t, t.TempDir())
	u, err := s.StartUpload(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Cancel(context.Background())
	cut := io.MultiReader(bytes.NewReader(make([]byte, 600_000)), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := u.Append(t.Context(), 0, cut); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Append = %v", err)
	}
	if fi, err := os.Stat(filepath.Join(s.tree.root.Name(), "uploads", u.ID())); err != nil || fi.Size() != 0 {
		t.Errorf("%v, %v: bytes of a body that was cut short are kept", fi.Size(), err)
	}
}

func TestCollect(t *testing.T) {
	s := open(t, t.TempDir())
	gone, kept, config := put(t, s, "a", "gone"), put(t, s, "a", "kept"), put(t, s, "a", "config")
	m := putManifest(t, s, "a", `{"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","size":6,"digest":"`+string(config)+`"},"layers":[]}`)
	if err := s.MountBlob(t.Context(), "b", kept, "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteBlob(t.Context(), "a", gone); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Minute)
	for _, tt := range []struct {
		o    CollectOptions
		want Collected
	}{
		{CollectOptions{Dry: true}, Collected{Files: 1, Bytes: 4}},
		{CollectOptions{}, Collected{Files: 1, Bytes: 4}},
		{CollectOptions{}, Collected{}},
		{CollectOptions{Dry: true, Before: now.Add(-time.Hour)}, Collected{}},
		{CollectOptions{Dry: true, Before: now}, Collected{Links: 2, Files: 1, Bytes: 4}}, // "kept", which no manifest names, in a and b
		{CollectOptions{Before: now}, Collected{Links: 2, Files: 1, Bytes: 4}},
		{CollectOptions{Before: now}, Collected{}},
	} {
		if c, err := s.Collect(t.Context(), tt.o); err != nil || c != tt.want {
			t.Errorf("Collect(%+v) = %+v, %v, want %+v", tt.o, c, err, tt.want)
		}
	}
	if got := read(t, s, "a", config); got != "config" {
		t.Errorf("the config that a manifest names = %q", got)
	}
	if _, err := s.GetManifest(t.Context(), "a", m.Digest); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(collect(t, s.Repositories(t.Context(), ""))); got != "[a]" {
		t.Errorf("repositories = %s, want those that hold something", got)
	}
	damage(t, s, file(m.Digest), func(b []byte) []byte { return b[:1] })
	if c, err := s.Collect(t.Context(), CollectOptions{Before: now}); err != nil || c != (Collected{}) {
		t.Errorf("Collect beside a manifest that cannot be read = %+v, %v", c, err)
	}
}
