package pullthrough_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/disk"
	"vitrine/storage/oci"
	"vitrine/storage/pullthrough"
)

// kept reports whether the local store has the blob under a name.
func kept(t *testing.T, local storage.BlobReader, name oci.Name, content string) bool {
	t.Helper()
	_, err := local.StatBlob(t.Context(), name, digest.FromString(content))
	return err == nil
}

// layer is content of 1000 bytes that differs from others by its first.
func layer(c byte) string { return string(c) + text(999) }

// TestEviction checks what goes when there is too much: what was used longest ago, and of an image that is used nothing.
func TestEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		s, local := open(t, u, &pullthrough.Options{MaxSize: 3600})
		pull := func(c byte) {
			t.Helper()
			wantBlob(t, s, app, layer(c))
			synctest.Wait()
		}
		a := u.image(t, app, layer('a'), "a")
		wantTag(t, s, app, "a", a)
		wantManifest(t, s, app, a)
		for _, c := range "abc" {
			u.blob(t, app, layer(byte(c)))
			pull(byte(c))
		}
		wantManifest(t, s, app, a) // its client has the layer
		u.blob(t, app, layer('d'))
		pull('d')
		for c, want := range map[byte]bool{'a': true, 'b': false, 'c': true, 'd': true} {
			if kept(t, local, app, layer(c)) != want {
				t.Errorf("%c is kept: %v, want %v", c, !want, want)
			}
		}
		if n := s.Stats().Evicted; n != 1 {
			t.Errorf("%d were evicted, want 1", n)
		}
		for _, c := range "efg" {
			u.blob(t, app, layer(byte(c)))
			pull(byte(c))
		}
		if _, err := local.GetManifest(t.Context(), app, a.Digest); err == nil {
			t.Error("a manifest is kept that was not used")
		}
		u.calls()
		pull('b')
		wantTag(t, s, app, "a", a)
		wantManifest(t, s, app, a)
		wantCalls(t, "what went", u, "open library/app "+short(digest.FromString(layer('b'))), "manifest library/app "+short(a.Digest))
	})
}

// TestEvictionSpares checks that what a local repository holds stays where it is, and that other caches do not count as such.
func TestEvictionSpares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		isLocal := func(name oci.Name) bool { return name == "team" }
		s, local := open(t, u, &pullthrough.Options{Prefix: "hub", MaxSize: 2500, IsLocal: isLocal})
		for _, c := range "abcdef" {
			u.blob(t, app, layer(byte(c)))
			wantBlob(t, s, "hub/"+app, layer(byte(c)))
			synctest.Wait()
			for from, to := range map[rune]oci.Name{'a': "team", 'b': "quay/" + app} {
				if from == c {
					if err := local.MountBlob(t.Context(), to, digest.FromString(layer(byte(c))), "hub/"+app); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for c, want := range map[byte]bool{'a': true, 'b': false, 'c': false, 'd': false, 'e': true, 'f': true} {
			if kept(t, local, "hub/"+app, layer(c)) != want {
				t.Errorf("%c is kept: %v, want %v", c, !want, want)
			}
		}
		if !kept(t, local, "team", layer('a')) || !kept(t, local, "quay/"+app, layer('b')) {
			t.Error("another repository has lost its blob")
		}
	})
}

// TestEvictionOnDisk checks that the bytes go, and that whoever was reading them reads on.
func TestEvictionOnDisk(t *testing.T) {
	root := t.TempDir()
	local, err := disk.Open(root, &disk.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	u := newUpstream()
	s := reopen(t, local, u, &pullthrough.Options{MaxSize: 1500})
	u.blob(t, app, layer('a'))
	u.blob(t, app, layer('b'))
	wantBlob(t, s, app, layer('a'))
	deadline := time.Now().Add(time.Minute)
	for !kept(t, local, app, layer('a')) && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	b := openBlob(t, s, app, digest.FromString(layer('a')))
	wantBlob(t, s, app, layer('b'))
	settledAfter(t, s, func() bool { return s.Stats().Evicted == 1 })
	if n := filesIn(t, root); n != 1 {
		t.Errorf("%d files of content, want 1", n)
	}
	wantRead(t, b, layer('a'))
}

// settledAfter closes s when ok.
func settledAfter(t *testing.T, s *pullthrough.Store, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come to that")
		}
	}
	settled(t, s)
}

func filesIn(t *testing.T, root string) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, "blobs"), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return n
}

// TestStock checks that a new process knows what is there, and drops what was tagged longest ago.
func TestStock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		s, local := open(t, u, &pullthrough.Options{Prefix: "hub"})
		for _, c := range "bacd" {
			m := u.image(t, app, layer(byte(c)), oci.Tag(c))
			wantTag(t, s, "hub/"+app, oci.Tag(c), m)
			wantManifest(t, s, "hub/"+app, m)
			wantBlob(t, s, "hub/"+app, layer(byte(c)))
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		settled(t, s)
		s = reopen(t, local, u, &pullthrough.Options{Prefix: "hub", MaxSize: 3000})
		synctest.Wait()
		for c, want := range map[byte]bool{'b': false, 'a': false, 'c': true, 'd': true} {
			if kept(t, local, "hub/"+app, layer(c)) != want {
				t.Errorf("%c is kept: %v, want %v", c, !want, want)
			}
		}
		if _, err := local.ResolveTag(t.Context(), "hub/"+app, "b"); err == nil {
			t.Error("the oldest tag is there")
		}
	})
}

// TestEvictionOfTooMuch checks that what has no room by itself takes nobody else's.
func TestEvictionOfTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		s, local := open(t, u, &pullthrough.Options{MaxSize: 3000})
		large := text(4000)
		u.blob(t, app, layer('a'))
		u.blob(t, app, large)
		wantBlob(t, s, app, layer('a'))
		wantBlob(t, s, app, large)
		synctest.Wait()
		if !kept(t, local, app, layer('a')) || kept(t, local, app, large) {
			t.Errorf("small is kept: %v, large: %v", kept(t, local, app, layer('a')), kept(t, local, app, large))
		}
	})
}

// TestStockIsWhole checks that what was there when something had to go is found by the next process, and goes then.
func TestStockIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		s, local := open(t, u, &pullthrough.Options{MaxSize: 2500})
		pull := func(c byte) {
			t.Helper()
			m := u.image(t, app, layer(c), oci.Tag(c))
			wantTag(t, s, app, oci.Tag(c), m)
			wantManifest(t, s, app, m)
			wantBlob(t, s, app, layer(c))
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		pull('a')
		pull('b')
		settled(t, s)
		s = reopen(t, local, u, &pullthrough.Options{MaxSize: 1000})
		synctest.Wait()
		for _, c := range "ab" {
			if kept(t, local, app, layer(byte(c))) {
				t.Errorf("%c is kept", c)
			}
		}
	})
}
