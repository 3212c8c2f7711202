package storagetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"vitrine/storage"
	"vitrine/storage/oci"
)

var manifestTests = []test{
	{"unknown", testManifestUnknown},
	{"byte for byte", testManifestBytes},
	{"the caller's bytes", testManifestCallersBytes},
	{"put twice", testManifestPutTwice},
	{"no blob", testManifestNoBlob},
	{"in two repositories", testManifestTwoRepositories},
	{"delete takes its tags", testManifestDelete},
	{"delete of nothing", testManifestDeleteOfNothing},
	{"back after delete", testManifestBack},
	{"list", testManifestList},
}

func testManifestUnknown(t *testing.T, s storage.Store) {
	m := image(t, "m")
	_, err := s.GetManifest(t.Context(), none, m.Digest)
	wantErr(t, "GetManifest in no repository", err, storage.ErrRepoUnknown)
	wantOnly(t, "Manifests of no repository", s.Manifests(t.Context(), none), storage.ErrRepoUnknown)
	push(t, s, other, m)
	push(t, s, app, image(t, "another"))
	wantNoManifest(t, s, app, m.Digest)
}

// testManifestBytes checks that a manifest is kept as it was pushed, however it is written, under both algorithms.
func testManifestBytes(t *testing.T, s storage.Store) {
	for _, tt := range []struct{ contentType, raw string }{
		{"application/vnd.example+json", "{}"},
		{"application/vnd.example+json", "  {\r\n\t\"a\" : 1.0e2 , \"a\" :\"\\u00e9\", \"z\": \"\xc3\xa9<&>\" }\n\n"},
		{oci.MediaTypeDockerList, `{"schemaVersion":2,"manifests":[]}`},
		{oci.MediaTypeImageIndex, `{"manifests":[],"annotations":{"pad":"` + strings.Repeat("x", 1<<17) + `"}}`},
	} {
		for _, alg := range oci.Algorithms {
			m := parse(t, tt.contentType, tt.raw, alg)
			push(t, s, app, m, "latest")
			wantManifest(t, s, app, m)
			wantTag(t, s, app, "latest", m)
		}
	}
	if n := len(list(t, s.Manifests(t.Context(), app))); n != 8 {
		t.Errorf("Manifests yields %d, want 8: the same bytes under two digests are two manifests", n)
	}
}

// testManifestCallersBytes checks that the store keeps what was put, not a view of the caller's buffer.
func testManifestCallersBytes(t *testing.T, s storage.Store) {
	m := image(t, "m")
	mine := m
	mine.Raw = slices.Clone(m.Raw)
	push(t, s, app, mine)
	clear(mine.Raw)
	wantManifest(t, s, app, m)
}

func testManifestPutTwice(t *testing.T, s storage.Store) {
	m := image(t, "m")
	push(t, s, app, m, "latest")
	push(t, s, app, m)
	wantManifest(t, s, app, m)
	wantTag(t, s, app, "latest", m)
	wantList(t, "Tags", s.Tags(t.Context(), app, ""), []oci.Tag{"latest"})
	if n := len(list(t, s.Manifests(t.Context(), app))); n != 1 {
		t.Errorf("Manifests yields %d, want 1", n)
	}
}

// testManifestNoBlob checks that manifests and blobs don't stand in for each other, even where the bytes are the same.
func testManifestNoBlob(t *testing.T, s storage.Store) {
	m := image(t, "m")
	push(t, s, app, m)
	wantNoBlob(t, s, app, m.Digest)
	wantErr(t, "DeleteBlob of a manifest", s.DeleteBlob(t.Context(), app, m.Digest), storage.ErrBlobUnknown)
	wantErr(t, "MountBlob of a manifest", s.MountBlob(t.Context(), other, m.Digest, app), storage.ErrBlobUnknown)
	pushBlob(t, s, app, string(m.Raw))
	if err := s.DeleteManifest(t.Context(), app, m.Digest); err != nil {
		t.Fatalf("DeleteManifest = %v", err)
	}
	wantNoManifest(t, s, app, m.Digest)
	wantBlob(t, s, app, m.Digest, string(m.Raw))
	push(t, s, app, m)
	if err := s.DeleteBlob(t.Context(), app, m.Digest); err != nil {
		t.Fatalf("DeleteBlob = %v", err)
	}
	wantManifest(t, s, app, m)
}

func testManifestTwoRepositories(t *testing.T, s storage.Store) {
	m := image(t, "m")
	for _, repo := range []oci.Name{app, other} {
		push(t, s, repo, m, "latest")
	}
	if err := s.DeleteManifest(t.Context(), app, m.Digest); err != nil {
		t.Fatalf("DeleteManifest = %v", err)
	}
	wantManifest(t, s, other, m)
	wantTag(t, s, other, "latest", m)
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), []oci.Name{other})
}

func testManifestDelete(t *testing.T, s storage.Store) {
	gone, stays := image(t, "gone"), image(t, "stays")
	push(t, s, app, gone, "a", "c", "moved", "z")
	push(t, s, app, stays, "b", "moved")
	if err := s.DeleteManifest(t.Context(), app, gone.Digest); err != nil {
		t.Fatalf("DeleteManifest = %v", err)
	}
	wantNoManifest(t, s, app, gone.Digest)
	for _, tag := range []oci.Tag{"a", "c", "z"} {
		wantNoTag(t, s, app, tag)
	}
	wantManifest(t, s, app, stays)
	wantTag(t, s, app, "b", stays)
	wantTag(t, s, app, "moved", stays)
	wantList(t, "Tags", s.Tags(t.Context(), app, ""), []oci.Tag{"b", "moved"})
}

func testManifestDeleteOfNothing(t *testing.T, s storage.Store) {
	m := image(t, "m")
	wantErr(t, "DeleteManifest in no repository", s.DeleteManifest(t.Context(), none, m.Digest), storage.ErrRepoUnknown)
	push(t, s, app, m, "latest")
	absent := image(t, "absent").Digest
	wantErr(t, "DeleteManifest of nothing", s.DeleteManifest(t.Context(), app, absent), storage.ErrManifestUnknown)
	push(t, s, other, image(t, "another"))
	wantErr(t, "DeleteManifest of another's", s.DeleteManifest(t.Context(), other, m.Digest), storage.ErrManifestUnknown)
	wantTag(t, s, app, "latest", m)
}

// testManifestBack checks that a manifest that comes back does not bring its tags.
func testManifestBack(t *testing.T, s storage.Store) {
	m := image(t, "m")
	push(t, s, app, m, "latest")
	if err := s.DeleteManifest(t.Context(), app, m.Digest); err != nil {
		t.Fatalf("DeleteManifest = %v", err)
	}
	push(t, s, app, m)
	wantManifest(t, s, app, m)
	wantNoTag(t, s, app, "latest")
	wantList(t, "Tags", s.Tags(t.Context(), app, ""), nil)
}

func testManifestList(t *testing.T, s storage.Store) {
	var want []short
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		m := image(t, name)
		push(t, s, app, m, oci.Tag(name))
		want = append(want, brief(m.Descriptor))
	}
	long := parse(t, "application/vnd.example+json", "{}", digest.SHA512)
	push(t, s, app, long)
	push(t, s, other, image(t, "another"))
	slices.SortFunc(want, byDigest)
	want = append(want, brief(long.Descriptor)) // "sha512:" is greater than "sha256:"
	wantDescriptors(t, "Manifests", list(t, s.Manifests(t.Context(), app)), want)
	if err := s.DeleteManifest(t.Context(), app, want[2].Digest); err != nil {
		t.Fatalf("DeleteManifest = %v", err)
	}
	wantDescriptors(t, "Manifests", list(t, s.Manifests(t.Context(), app)), slices.Delete(want, 2, 3))
	for d, err := range s.Manifests(t.Context(), app) {
		if brief(d) != want[0] || err != nil {
			t.Errorf("the first of Manifests = %v, %v, want %v", d, err, want[0])
		}
		break
	}
}

func byDigest(a, b short) int { return strings.Compare(string(a.Digest), string(b.Digest)) }

func wantDescriptors(t *testing.T, call string, got []oci.Descriptor, want []short) {
	t.Helper()
	var all []short
	for _, d := range got {
		all = append(all, brief(d))
	}
	if !slices.Equal(all, want) {
		t.Errorf("%s yields %v, want %v", call, all, want)
	}
}
