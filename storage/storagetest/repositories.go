package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"vitrine/storage"
	"vitrine/storage/oci"
)

var repositoriesTests = []test{
	{"none", testRepositoriesNone},
	{"order and after", testRepositoriesOrder},
	{"names", testRepositoriesNames},
	{"come and go", testRepositoriesComeAndGo},
	{"nested", testRepositoriesNested},
	{"list while it changes", testRepositoriesListChanges},
}

func testRepositoriesNone(t *testing.T, s storage.Store) {
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), nil)
	wantList(t, "Repositories", s.Repositories(t.Context(), "a"), nil)
}

// testRepositoriesOrder has names whose byte order is not the order of their paths: '-' and '.' are less than '/'.
func testRepositoriesOrder(t *testing.T, s storage.Store) {
	names := []oci.Name{"0", "a", "a-b", "a-b/c", "a.b", "a/b", "a/b/c", "a/b0", "a0", "a__b", "a_b", "ab", "b/c/d", "b0"}
	if !slices.IsSorted(names) {
		t.Fatal("the table is not sorted")
	}
	for i := range names {
		pushBlob(t, s, names[i*5%len(names)], "content")
	}
	for _, after := range append([]oci.Name{"", "00", "a-a", "a/a", "a/b/d", "b", "b/c", "zzz"}, names...) {
		i, found := slices.BinarySearch(names, after)
		if found {
			i++
		}
		wantList(t, fmt.Sprintf("Repositories(%q)", after), s.Repositories(t.Context(), after), names[i:])
	}
	for name, err := range s.Repositories(t.Context(), "a") {
		if name != "a-b" || err != nil {
			t.Errorf("the first after a = %s, %v, want a-b", name, err)
		}
		break
	}
}

// testRepositoriesNames has names that a file system or a careless encoding could take for something else.
func testRepositoriesNames(t *testing.T, s storage.Store) {
	for _, name := range []oci.Name{
		"blobs", "blobs/uploads", "blobs/sha256", "manifests/a", "tags/list", "lock", "repos/a", "uploads", "con", "vitrine.json",
		oci.Name(strings.Repeat("x", oci.MaxName)), oci.Name(strings.Repeat("x/", oci.MaxName/2) + "x"),
	} {
		m := image(t, string(name))
		d := pushBlob(t, s, name, string(name))
		push(t, s, name, m, "latest")
		wantBlob(t, s, name, d, string(name))
		wantTag(t, s, name, "latest", m)
		wantManifest(t, s, name, m)
	}
	if n := len(list(t, s.Repositories(t.Context(), ""))); n != 12 {
		t.Errorf("Repositories yields %d, want 12", n)
	}
}

// testRepositoriesComeAndGo checks that a repository exists as long as it holds a manifest or a blob.
func testRepositoriesComeAndGo(t *testing.T, s storage.Store) {
	m := image(t, "m")
	content := pushBlob(t, s, app, "content")
	exists := func(step string, want bool) {
		t.Helper()
		if got := len(list(t, s.Repositories(t.Context(), ""))) == 1; got != want {
			t.Errorf("after %s the repository exists = %v, want %v", step, got, want)
		}
		if _, err := collect(s.Tags(t.Context(), app, "")); want != (err == nil) {
			t.Errorf("after %s Tags = %v", step, err)
		} else if !want {
			wantErr(t, "Tags after "+step, err, storage.ErrRepoUnknown)
		}
	}
	for _, step := range []struct {
		name string
		do   func() error
		want bool
	}{
		{"nothing", func() error { return nil }, true},
		{"a manifest", func() error { return s.PutManifest(t.Context(), app, m) }, true},
		{"deleting the blob", func() error { return s.DeleteBlob(t.Context(), app, content) }, true},
		{"deleting the manifest", func() error { return s.DeleteManifest(t.Context(), app, m.Digest) }, false},
		{"another manifest", func() error { return s.PutManifest(t.Context(), app, m) }, true},
		{"tagging it", func() error { return s.SetTag(t.Context(), app, "a", m.Digest, storage.Match{}) }, true},
		{"deleting its tag", func() error { return s.DeleteTag(t.Context(), app, "a") }, true},
		{"deleting it", func() error { return s.DeleteManifest(t.Context(), app, m.Digest) }, false},
		{"another blob", func() error { return storage.PutBlob(t.Context(), s, app, content, strings.NewReader("content")) }, true},
		{"deleting that", func() error { return s.DeleteBlob(t.Context(), app, content) }, false},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		exists(step.name, step.want)
	}
}

// testRepositoriesNested checks that a name is no folder: what is below lives on its own.
func testRepositoriesNested(t *testing.T, s storage.Store) {
	d := pushBlob(t, s, "a/b/c", "content")
	push(t, s, "a/b/c", image(t, "m"), "latest")
	wantOnly(t, "Tags(a/b)", s.Tags(t.Context(), "a/b", ""), storage.ErrRepoUnknown)
	pushBlob(t, s, "a", "content")
	if err := s.DeleteBlob(t.Context(), "a", d); err != nil {
		t.Fatalf("DeleteBlob = %v", err)
	}
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), []oci.Name{"a/b/c"})
	wantBlob(t, s, "a/b/c", d, "content")
	wantTag(t, s, "a/b/c", "latest", image(t, "m"))
	pushBlob(t, s, "a/b", "content")
	if err := s.DeleteManifest(t.Context(), "a/b/c", image(t, "m").Digest); err != nil {
		t.Fatalf("DeleteManifest = %v", err)
	}
	if err := s.DeleteBlob(t.Context(), "a/b/c", d); err != nil {
		t.Fatalf("DeleteBlob = %v", err)
	}
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), []oci.Name{"a/b"})
	wantBlob(t, s, "a/b", d, "content")
}

func testRepositoriesListChanges(t *testing.T, s storage.Store) {
	for _, name := range []oci.Name{"b", "c", "d"} {
		pushBlob(t, s, name, "content")
	}
	var seen []oci.Name
	for name, err := range s.Repositories(t.Context(), "") {
		if err != nil {
			t.Fatalf("Repositories yields %v", err)
		}
		seen = append(seen, name)
		if err := s.DeleteBlob(t.Context(), name, blobOf("content")); err != nil {
			t.Errorf("DeleteBlob(%s) = %v", name, err)
		}
		pushBlob(t, s, "a", "content") // behind the place of the list
	}
	if want := []oci.Name{"b", "c", "d"}; !slices.Equal(seen, want) {
		t.Errorf("Repositories yields %s while they are deleted, want %s", seen, want)
	}
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), []oci.Name{"a"})
}
