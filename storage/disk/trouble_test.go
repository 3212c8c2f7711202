package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

// start opens an upload that holds content.
func start(t *testing.T, s *Store, repo oci.Name, content string) storage.Upload {
	t.Helper()
	u, err := s.StartUpload(t.Context(), repo, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Append(t.Context(), 0, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return u
}

func wantUnknown(t *testing.T, s *Store, u storage.Upload) {
	t.Helper()
	if _, err := s.ResumeUpload(t.Context(), "a", u.ID()); !errors.Is(err, storage.ErrUploadUnknown) {
		t.Errorf("ResumeUpload = %v, want ErrUploadUnknown", err)
	}
}

// A failed fsync must not be asked again: the second answer would be a lie.
func TestSyncFailsOnce(t *testing.T) {
	s := open(t, t.TempDir())
	u := start(t, s, "a", "x")
	u.(*upload).file.Close()
	if err := u.Commit(t.Context(), digest.FromString("x")); err == nil {
		t.Error("Commit of a file that cannot be synced succeeded")
	}
	wantUnknown(t, s, u)
	if err := u.Close(); err != nil {
		t.Error(err)
	}
}

// A session whose record cannot be written must not be gone on with: it would acknowledge bytes that a restart loses.
func TestSaveFails(t *testing.T) {
	s := open(t, t.TempDir())
	u := start(t, s, "a", "x")
	if err := os.MkdirAll(filepath.Join(s.tree.root.Name(), "uploads", u.ID()+stateSuffix, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := u.Close(); err == nil {
		t.Error("Close saved a record where none can be")
	}
	wantUnknown(t, s, u)
}

// slow is a body that comes when it is told to.
type slow struct{ more chan struct{} }

func (r slow) Read([]byte) (int, error) {
	<-r.more
	return 0, errors.New("cut")
}

func TestWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.TempDir(), &Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		u := start(t, s, "a", "x")
		other, err := s.ResumeUpload(t.Context(), "a", u.ID())
		if err != nil {
			t.Fatal(err)
		}
		body := slow{make(chan struct{})}
		done := make(chan error)
		go func() {
			_, err := u.Append(t.Context(), 1, body)
			done <- err
		}()
		synctest.Wait()
		for name, call := range map[string]func() error{
			"Append": func() error { _, err := other.Append(t.Context(), 1, strings.NewReader("y")); return err },
			"Commit": func() error { return other.Commit(t.Context(), digest.FromString("x")) },
			"Cancel": func() error { return other.Cancel(t.Context()) },
		} {
			began := time.Now()
			if err := call(); !errors.Is(err, storage.ErrTooMany) || time.Since(began) != maxWait {
				t.Errorf("%s beside a slow one = %v after %v, want ErrTooMany after %v", name, err, time.Since(began), maxWait)
			}
		}
		close(body.more)
		if err := <-done; err == nil {
			t.Error("the slow Append succeeded")
		}
	})
}

// What is written to between the look and the lock has not expired.
func TestExpireLooksAgain(t *testing.T) {
	s := open(t, t.TempDir())
	u := start(t, s, "a", "x")
	ss := s.uploads.get(u.ID())
	ss.used.Store(time.Now().Add(time.Minute).Unix())
	if s.expire(ss, time.Now()) {
		t.Error("a session that was just used expired")
	}
	if err := u.Commit(t.Context(), digest.FromString("x")); err != nil {
		t.Error(err)
	}
}

func TestFullHouse(t *testing.T) {
	s := open(t, t.TempDir())
	s.uploads.max = 2
	full := start(t, s, "a", "x")
	empty, err := s.StartUpload(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := empty.Close(); err != nil {
		t.Fatal(err)
	}
	third := start(t, s, "a", "y")
	wantUnknown(t, s, empty)
	if _, err := s.StartUpload(t.Context(), "a", ""); !errors.Is(err, storage.ErrTooMany) {
		t.Errorf("StartUpload beside two that hold bytes = %v, want ErrTooMany", err)
	}
	if err := errors.Join(full.Close(), third.Close()); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	s.uploads.max = 0
	for _, u := range []storage.Upload{full, third} {
		if _, err := s.ResumeUpload(t.Context(), "a", u.ID()); err != nil {
			t.Errorf("ResumeUpload of what was acknowledged = %v", err)
		}
	}
}

// A disk that cannot be read is not an empty one.
func TestErrorIsNotAbsence(t *testing.T) {
	s := open(t, t.TempDir())
	d := put(t, s, "a", "x")
	m := putManifest(t, s, "a", index)
	if err := s.SetTag(t.Context(), "a", "v1", m.Digest, storage.Match{}); err != nil {
		t.Fatal(err)
	}
	root := s.tree.root.Name()
	if err := os.Rename(filepath.Join(root, "repos/a"), filepath.Join(root, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(root, "repos/a")); err != nil { // os.Root refuses it, which is no ErrNotExist
		t.Fatal(err)
	}
	s = reopen(t, s)
	_, statErr := s.StatBlob(t.Context(), "a", d)
	_, getErr := s.GetManifest(t.Context(), "a", m.Digest)
	_, tagErr := s.ResolveTag(t.Context(), "a", "v1")
	var refErr, manifestsErr error
	for _, err := range s.Referrers(t.Context(), "a", m.Digest) {
		refErr = err
	}
	for _, err := range s.Manifests(t.Context(), "a") {
		manifestsErr = err
	}
	for call, err := range map[string]error{
		"StatBlob": statErr, "GetManifest": getErr, "ResolveTag": tagErr, "DeleteBlob": s.DeleteBlob(t.Context(), "a", d),
		"DeleteManifest": s.DeleteManifest(t.Context(), "a", m.Digest), "Referrers": refErr, "Manifests": manifestsErr,
	} {
		for _, no := range []error{nil, storage.ErrBlobUnknown, storage.ErrManifestUnknown, storage.ErrRepoUnknown} {
			if errors.Is(err, no) {
				t.Errorf("%s of what cannot be read = %v", call, err)
			}
		}
	}
}

// Things that somebody has put into the root do not take down what is beside them.
func TestStrays(t *testing.T) {
	s := open(t, t.TempDir())
	m := putManifest(t, s, "a", index)
	if err := s.SetTag(t.Context(), "a", "v1", m.Digest, storage.Match{}); err != nil {
		t.Fatal(err)
	}
	root := s.tree.root.Name()
	for _, name := range []string{"repos/a/_tags/file", "repos/stray", "repos/a/_manifests/sha256/stray", "uploads/dir/file"} {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s)
	if got := fmt.Sprint(collect(t, s.Tags(t.Context(), "a", ""))); got != "[v1]" {
		t.Errorf("tags = %s", got)
	}
	if got := fmt.Sprint(collect(t, s.Repositories(t.Context(), ""))); got != "[a]" {
		t.Errorf("repositories = %s", got)
	}
	if got := collect(t, s.Manifests(t.Context(), "a")); len(got) != 1 {
		t.Errorf("manifests = %v", got)
	}
	if err := s.DeleteManifest(t.Context(), "a", m.Digest); err != nil {
		t.Error(err)
	}
}

// A manifest that is put and deleted at once is there with its entry among the referrers, or gone with it.
func TestPutBesideDelete(t *testing.T) {
	s, err := Open(t.TempDir(), &Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	subject := digest.FromString("subject")
	raw := `{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"subject":{"mediaType":"a/b","size":1,"digest":"` + string(subject) + `"}}`
	m, _, err := storage.ParseManifest("", []byte(raw), "")
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.PutManifest(t.Context(), "a", m); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := s.DeleteManifest(t.Context(), "a", m.Digest); err != nil && !errors.Is(err, storage.ErrManifestUnknown) {
				t.Error(err)
			}
		})
		wg.Wait()
		_, err := s.GetManifest(t.Context(), "a", m.Digest)
		if listed := len(collect(t, s.Referrers(t.Context(), "a", subject))) == 1; listed != (err == nil) {
			t.Fatalf("GetManifest = %v and listed = %v", err, listed)
		}
	}
}

// A list too long to remember is right all the same.
func TestManyReferrers(t *testing.T) {
	s, err := Open(t.TempDir(), &Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	subject := digest.FromString("subject")
	const n = 4 // more than a quarter, together
	for i := range n {
		putManifest(t, s, "a", fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"n":"%d","big":"%s"},
			"subject":{"mediaType":"a/b","size":1,"digest":%q}}`, i, strings.Repeat("x", maxReferrers/4/3), subject))
	}
	for range 2 {
		all := collect(t, s.Referrers(t.Context(), "a", subject))
		if len(all) != n || len(all[n-1].Annotations["big"]) != maxReferrers/4/3 {
			t.Errorf("%d referrers, want %d", len(all), n)
		}
	}
	if _, ok := s.referrers.get(linkKey{"a", referrers, subject}); ok {
		t.Error("remembered more than a quarter of the cache")
	}
}

// More directories than are kept open.
func TestManyRepositories(t *testing.T) {
	s, err := Open(t.TempDir(), &Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d := put(t, s, "a", "x")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range maxDirs {
				if err := s.MountBlob(t.Context(), oci.Name(fmt.Sprintf("r%d/%d", w, i)), d, "a"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if open := len(s.tree.dirs) - s.tree.pinned; open > maxDirs {
		t.Errorf("%d directories are open, want at most %d", open, maxDirs)
	}
	if got := len(collect(t, s.Repositories(t.Context(), ""))); got != 4*maxDirs+1 {
		t.Errorf("%d repositories, want %d", got, 4*maxDirs+1)
	}
}

// An empty session keeps its file open for a moment only.
func TestSpareFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.TempDir(), &Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		u, err := s.StartUpload(t.Context(), "a", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
		if s.uploads.spares.Load() != 1 {
			t.Error("the file was not kept")
		}
		time.Sleep(spareTime + time.Millisecond)
		synctest.Wait()
		if s.uploads.spares.Load() != 0 {
			t.Error("the file is still kept")
		}
		if u, err = s.ResumeUpload(t.Context(), "a", u.ID()); err != nil {
			t.Fatal(err)
		}
		if _, err := u.Append(t.Context(), 0, strings.NewReader("x")); err != nil {
			t.Error(err)
		}
		if err := u.Commit(t.Context(), digest.FromString("x")); err != nil {
			t.Error(err)
		}
	})
}
