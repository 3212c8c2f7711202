package storagetest

import (
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

var blobTests = []test{
	{"unknown", testBlobUnknown},
	{"read", testBlobRead},
	{"empty", testBlobEmpty},
	{"two readers", testBlobTwoReaders},
	{"linked", testBlobLinked},
	{"pushed twice", testBlobPushedTwice},
	{"mount", testBlobMount},
	{"mount from itself", testBlobMountFromItself},
	{"mount of nothing", testBlobMountOfNothing},
	{"delete drops one link", testBlobDelete},
	{"delete of nothing", testBlobDeleteOfNothing},
	{"open survives delete", testBlobOpenSurvivesDelete},
	{"open survives another push", testBlobOpenSurvivesPush},
	{"back after delete", testBlobBack},
	{"find", testBlobFind},
	{"find all", testBlobRepositories},
	{"reclaim", testBlobReclaim},
}

func testBlobUnknown(t *testing.T, s storage.Store) {
	wantNoBlob(t, s, none, blobOf("x"))
	d := pushBlob(t, s, app, "content")
	wantNoBlob(t, s, none, d)
	wantNoBlob(t, s, app, blobOf("x"))
}

// testBlobRead runs Read, Seek and ReadAt through all of their corners. TestReader costs the square of the size.
func testBlobRead(t *testing.T, s storage.Store) {
	content := strings.Repeat("0123456789abcdef", 64)
	d := pushBlob(t, s, app, content)
	b, err := s.OpenBlob(t.Context(), app, d)
	if err != nil {
		t.Fatalf("OpenBlob = %v", err)
	}
	if err := iotest.TestReader(b, []byte(content)); err != nil {
		t.Errorf("TestReader: %v", err)
	}
	if n := b.Size(); n != int64(len(content)) {
		t.Errorf("Size at the end = %d, want %d", n, len(content))
	}
	if n, err := b.Seek(-4, io.SeekEnd); n != int64(len(content))-4 || err != nil {
		t.Errorf("Seek(-4, end) = %d, %v", n, err)
	}
	if rest, err := io.ReadAll(b); string(rest) != "cdef" || err != nil {
		t.Errorf("ReadAll after Seek = %q, %v, want %q", rest, err, "cdef")
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func testBlobEmpty(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "")
	wantBlob(t, s, app, d, "")
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), []oci.Name{app})
}

// testBlobTwoReaders checks that each open blob has a place of its own.
func testBlobTwoReaders(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	for _, n := range []int64{3, 7} {
		b, err := s.OpenBlob(t.Context(), app, d)
		if err != nil {
			t.Fatalf("OpenBlob = %v", err)
		}
		defer b.Close()
		if got, err := io.ReadAll(io.LimitReader(b, n)); string(got) != "content"[:n] || err != nil {
			t.Errorf("the first %d bytes = %q, %v", n, got, err)
		}
	}
}

func testBlobLinked(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	wantNoBlob(t, s, other, d)
	pushBlob(t, s, other, "content")
	wantBlob(t, s, app, d, "content")
	wantBlob(t, s, other, d, "content")
}

func testBlobPushedTwice(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	pushBlob(t, s, app, "content")
	wantBlob(t, s, app, d, "content")
	if err := s.DeleteBlob(t.Context(), app, d); err != nil {
		t.Errorf("DeleteBlob = %v", err)
	}
	wantNoBlob(t, s, app, d)
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), nil)
}

func testBlobMount(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	for range 2 { // what is mounted already may be mounted
		if err := s.MountBlob(t.Context(), other, d, app); err != nil {
			t.Fatalf("MountBlob = %v", err)
		}
	}
	wantBlob(t, s, other, d, "content")
	wantBlob(t, s, app, d, "content")
	if err := s.DeleteBlob(t.Context(), other, d); err != nil {
		t.Errorf("DeleteBlob = %v", err)
	}
	wantNoBlob(t, s, other, d)
	wantBlob(t, s, app, d, "content")
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), []oci.Name{app})
}

func testBlobMountFromItself(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	if err := s.MountBlob(t.Context(), app, d, app); err != nil {
		t.Errorf("MountBlob from itself = %v", err)
	}
	wantBlob(t, s, app, d, "content")
	wantErr(t, "MountBlob of nothing from itself", s.MountBlob(t.Context(), other, d, other), storage.ErrBlobUnknown)
	wantNoBlob(t, s, other, d)
}

// testBlobMountOfNothing checks that it is the source's link that counts, not that the store has the bytes.
func testBlobMountOfNothing(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	pushBlob(t, s, other, "else")
	wantErr(t, "MountBlob from nowhere", s.MountBlob(t.Context(), "library/new", d, none), storage.ErrBlobUnknown)
	wantErr(t, "MountBlob of another's", s.MountBlob(t.Context(), "library/new", d, other), storage.ErrBlobUnknown)
	wantErr(t, "MountBlob into the holder", s.MountBlob(t.Context(), app, d, other), storage.ErrBlobUnknown)
	wantNoBlob(t, s, "library/new", d)
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), []oci.Name{app, other})
}

func testBlobDelete(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	rest := pushBlob(t, s, app, "the rest")
	if err := s.MountBlob(t.Context(), other, d, app); err != nil {
		t.Fatalf("MountBlob = %v", err)
	}
	if err := s.DeleteBlob(t.Context(), app, d); err != nil {
		t.Fatalf("DeleteBlob = %v", err)
	}
	wantNoBlob(t, s, app, d)
	wantBlob(t, s, app, rest, "the rest")
	wantBlob(t, s, other, d, "content")
	wantErr(t, "MountBlob of what is deleted", s.MountBlob(t.Context(), none, d, app), storage.ErrBlobUnknown)
}

func testBlobDeleteOfNothing(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	wantErr(t, "DeleteBlob in no repository", s.DeleteBlob(t.Context(), none, d), storage.ErrBlobUnknown)
	wantErr(t, "DeleteBlob of no blob", s.DeleteBlob(t.Context(), app, blobOf("x")), storage.ErrBlobUnknown)
	wantBlob(t, s, app, d, "content")
	if err := s.DeleteBlob(t.Context(), app, d); err != nil {
		t.Fatalf("DeleteBlob = %v", err)
	}
	wantErr(t, "DeleteBlob again", s.DeleteBlob(t.Context(), app, d), storage.ErrBlobUnknown)
}

func testBlobOpenSurvivesDelete(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	b, err := s.OpenBlob(t.Context(), app, d)
	if err != nil {
		t.Fatalf("OpenBlob = %v", err)
	}
	defer b.Close()
	if err := s.DeleteBlob(t.Context(), app, d); err != nil {
		t.Fatalf("DeleteBlob = %v", err)
	}
	wantOpen(t, b, "content")
}

func testBlobOpenSurvivesPush(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	b, err := s.OpenBlob(t.Context(), app, d)
	if err != nil {
		t.Fatalf("OpenBlob = %v", err)
	}
	defer b.Close()
	pushBlob(t, s, other, "content")
	wantOpen(t, b, "content")
}

// wantOpen checks that an open blob still reads as content.
func wantOpen(t *testing.T, b storage.Blob, content string) {
	t.Helper()
	if got, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size())); string(got) != content || err != nil {
		t.Errorf("ReadAt = %q, %v, want %q", got, err, content)
	}
	if got, err := io.ReadAll(b); string(got) != content || err != nil {
		t.Errorf("Read = %q, %v, want %q", got, err, content)
	}
}

func testBlobBack(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	if err := s.DeleteBlob(t.Context(), app, d); err != nil {
		t.Fatalf("DeleteBlob = %v", err)
	}
	pushBlob(t, s, other, "content")
	wantNoBlob(t, s, app, d)
	if err := s.MountBlob(t.Context(), app, d, other); err != nil {
		t.Fatalf("MountBlob = %v", err)
	}
	wantBlob(t, s, app, d, "content")
}

// testBlobFind tests storage.FindBlob, with the ability that makes it fast, where there is one, and without.
func testBlobFind(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, app, "content")
	pushBlob(t, s, other, "else")
	for _, r := range []storage.Reader{s, struct{ storage.Reader }{s}} {
		repo, err := storage.FindBlob(t.Context(), r, d)
		if repo != app || err != nil {
			t.Errorf("FindBlob = %s, %v, want %s", repo, err, app)
		}
		_, err = storage.FindBlob(t.Context(), r, blobOf("x"))
		wantErr(t, "FindBlob of nothing", err, storage.ErrBlobUnknown)
	}
}

func testBlobRepositories(t *testing.T, s storage.Store) {
	f, ok := s.(storage.BlobFinder)
	if !ok {
		t.Skip("not a BlobFinder")
	}
	d := blobOf("content")
	wantFound := func(want ...oci.Name) {
		t.Helper()
		got := list(t, f.BlobRepositories(t.Context(), d))
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("BlobRepositories = %s, want %s", got, want)
		}
	}
	wantFound()
	pushBlob(t, s, other, "else")
	pushBlob(t, s, app, "content")
	wantFound(app)
	if err := s.MountBlob(t.Context(), other, d, app); err != nil {
		t.Fatalf("MountBlob = %v", err)
	}
	wantFound(app, other)
	for _, repo := range []oci.Name{app, other} {
		if err := s.DeleteBlob(t.Context(), repo, d); err != nil {
			t.Fatalf("DeleteBlob = %v", err)
		}
	}
	wantFound()
}
