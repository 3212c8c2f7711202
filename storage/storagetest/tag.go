package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vitrine/storage"
	"vitrine/storage/oci"
)

var tagTests = []test{
	{"unknown", testTagUnknown},
	{"moves", testTagMoves},
	{"needs its manifest", testTagNeedsManifest},
	{"match", testTagMatch},
	{"delete leaves the manifest", testTagDelete},
	{"delete of nothing", testTagDeleteOfNothing},
	{"names", testTagNames},
	{"order and after", testTagOrder},
	{"list of nothing", testTagListOfNothing},
	{"list while it changes", testTagListChanges},
	{"3,000", testTagMany},
}

func testTagUnknown(t *testing.T, s storage.Store) {
	_, err := s.ResolveTag(t.Context(), none, "latest")
	wantErr(t, "ResolveTag in no repository", err, storage.ErrRepoUnknown)
	push(t, s, app, image(t, "m"), "latest")
	push(t, s, other, image(t, "m"))
	wantNoTag(t, s, other, "latest")
	wantNoTag(t, s, app, "lates")
	wantNoTag(t, s, app, "Latest")
}

func testTagMoves(t *testing.T, s storage.Store) {
	a, b := image(t, "a"), image(t, "b")
	push(t, s, app, a, "latest", "a")
	for _, m := range []storage.Manifest{b, b, a, b} {
		push(t, s, app, m, "latest")
		wantTag(t, s, app, "latest", m)
	}
	wantTag(t, s, app, "a", a)
	wantManifest(t, s, app, a)
	wantList(t, "Tags", s.Tags(t.Context(), app, ""), []oci.Tag{"a", "latest"})
}

func testTagNeedsManifest(t *testing.T, s storage.Store) {
	m, absent := image(t, "m"), image(t, "absent")
	err := s.SetTag(t.Context(), none, "latest", m.Digest, storage.Match{})
	if !errors.Is(err, storage.ErrManifestUnknown) && !errors.Is(err, storage.ErrRepoUnknown) {
		t.Errorf("SetTag in no repository = %v, want %v", err, storage.ErrManifestUnknown)
	}
	push(t, s, app, m, "latest")
	push(t, s, other, absent)
	d := pushBlob(t, s, app, "content")
	for _, d := range []storage.Manifest{absent, {Descriptor: oci.Descriptor{Digest: d}}} {
		err := s.SetTag(t.Context(), app, "latest", d.Digest, storage.Match{})
		wantErr(t, "SetTag to what is no manifest of the repository", err, storage.ErrManifestUnknown)
	}
	wantTag(t, s, app, "latest", m)
	wantList(t, "Repositories", s.Repositories(t.Context(), ""), []oci.Name{app, other})
}

// testTagMatch sets to b a tag that points at a, and one that is not there.
func testTagMatch(t *testing.T, s storage.Store) {
	a, b := image(t, "a"), image(t, "b")
	push(t, s, app, a)
	push(t, s, app, b)
	for i, tt := range []struct {
		name          string
		when          storage.Match
		there, absent error
	}{
		{"zero", storage.Match{}, nil, nil},
		{"Unset", storage.Unset(), storage.ErrTagMatch, nil},
		{"Still(a)", storage.Still(a.Digest), nil, storage.ErrTagMatch},
		{"Still(b)", storage.Still(b.Digest), storage.ErrTagMatch, storage.ErrTagMatch},
	} {
		there, absent := oci.Tag(fmt.Sprintf("there-%d", i)), oci.Tag(fmt.Sprintf("absent-%d", i))
		setTag(t, s, app, there, a.Digest)
		wantErr(t, "SetTag(there, "+tt.name+")", s.SetTag(t.Context(), app, there, b.Digest, tt.when), tt.there)
		wantErr(t, "SetTag(absent, "+tt.name+")", s.SetTag(t.Context(), app, absent, b.Digest, tt.when), tt.absent)
		if tt.there == nil {
			wantTag(t, s, app, there, b)
		} else {
			wantTag(t, s, app, there, a)
		}
		if tt.absent == nil {
			wantTag(t, s, app, absent, b)
		} else {
			wantNoTag(t, s, app, absent)
		}
	}
}

func testTagDelete(t *testing.T, s storage.Store) {
	m := image(t, "m")
	push(t, s, app, m, "latest", "stays")
	if err := s.DeleteTag(t.Context(), app, "latest"); err != nil {
		t.Fatalf("DeleteTag = %v", err)
	}
	wantNoTag(t, s, app, "latest")
	wantTag(t, s, app, "stays", m)
	if err := s.DeleteTag(t.Context(), app, "stays"); err != nil {
		t.Fatalf("DeleteTag = %v", err)
	}
	wantManifest(t, s, app, m)
	wantList(t, "Tags", s.Tags(t.Context(), app, ""), nil)
	setTag(t, s, app, "latest", m.Digest)
	wantTag(t, s, app, "latest", m)
}

func testTagDeleteOfNothing(t *testing.T, s storage.Store) {
	wantErr(t, "DeleteTag in no repository", s.DeleteTag(t.Context(), none, "latest"), storage.ErrRepoUnknown)
	push(t, s, app, image(t, "m"), "latest")
	push(t, s, other, image(t, "m"))
	wantErr(t, "DeleteTag of another's", s.DeleteTag(t.Context(), other, "latest"), storage.ErrManifestUnknown)
	wantErr(t, "DeleteTag of nothing", s.DeleteTag(t.Context(), app, "absent"), storage.ErrManifestUnknown)
	if err := s.DeleteTag(t.Context(), app, "latest"); err != nil {
		t.Fatalf("DeleteTag = %v", err)
	}
	wantErr(t, "DeleteTag again", s.DeleteTag(t.Context(), app, "latest"), storage.ErrManifestUnknown)
}

// testTagNames has tags that a file system or a careless encoding could take for something else.
func testTagNames(t *testing.T, s storage.Store) {
	for i, tag := range []oci.Tag{
		"_", "__", "_tags", "_manifests", "a..b", "a.tmp", "0", "CON", "latest", "LATEST", "Latest",
		oci.Tag(strings.Repeat("x", oci.MaxTag)), oci.ReferrersTag(blobOf("x")),
	} {
		m := image(t, fmt.Sprint(i))
		push(t, s, app, m, tag)
		wantTag(t, s, app, tag, m)
	}
	for i, tag := range []oci.Tag{"latest", "LATEST", "Latest"} {
		wantTag(t, s, app, tag, image(t, fmt.Sprint(8+i)))
	}
}

// testTagOrder asks for what comes after each tag, and after tags between them that are not there.
func testTagOrder(t *testing.T, s storage.Store) {
	tags := []oci.Tag{"0", "1.10", "1.9", "A", "Z", "_", "a", "a-b", "a.b", "a0", "aB", "a_b", "ab", "b"}
	m := image(t, "m")
	push(t, s, other, m, "another")
	push(t, s, app, m)
	for i := range tags { // in an order of its own
		setTag(t, s, app, tags[i*5%len(tags)], m.Digest)
	}
	asked := append([]oci.Tag{"", "00", "1.", "9", "AA", "__", "a-", "a.", "a-c", "aa", "zzz"}, tags...)
	for _, after := range asked {
		i, found := slices.BinarySearch(tags, after)
		if found {
			i++
		}
		wantList(t, fmt.Sprintf("Tags(%q)", after), s.Tags(t.Context(), app, after), tags[i:])
	}
}

func testTagListOfNothing(t *testing.T, s storage.Store) {
	wantOnly(t, "Tags of no repository", s.Tags(t.Context(), none, ""), storage.ErrRepoUnknown)
	pushBlob(t, s, app, "content")
	push(t, s, other, image(t, "m"))
	for _, repo := range []oci.Name{app, other} {
		wantList(t, "Tags of an untagged repository", s.Tags(t.Context(), repo, ""), nil)
	}
}

// testTagListChanges uses the store inside the loop over its tags: that must not lock up, and what was there all the
// time is in the list.
func testTagListChanges(t *testing.T, s storage.Store) {
	m := image(t, "m")
	push(t, s, app, m, "a", "b", "c", "d", "e")
	var seen []oci.Tag
	for tag, err := range s.Tags(t.Context(), app, "") {
		if err != nil {
			t.Fatalf("Tags yields %v", err)
		}
		seen = append(seen, tag)
		wantTag(t, s, app, tag, m)
		if err := s.DeleteTag(t.Context(), app, tag); err != nil {
			t.Errorf("DeleteTag(%s) = %v", tag, err)
		}
		setTag(t, s, app, "A", m.Digest) // behind the place of the list
	}
	if want := []oci.Tag{"a", "b", "c", "d", "e"}; !slices.Equal(seen, want) {
		t.Errorf("Tags yields %s while they are deleted, want %s", seen, want)
	}
	wantList(t, "Tags", s.Tags(t.Context(), app, ""), []oci.Tag{"A"})
}

// testTagMany pages through many tags as a client does: so many, and then those after the last.
func testTagMany(t *testing.T, s storage.Store) {
	const count, page = 3000, 100
	m := image(t, "m")
	push(t, s, app, m)
	var want []oci.Tag
	for i := range count {
		tag := oci.Tag(fmt.Sprintf("v%d", i*7919%count)) // 7919 is prime: each once, in no order
		want = append(want, tag)
		setTag(t, s, app, tag, m.Digest)
	}
	slices.Sort(want)
	var got []oci.Tag
	for after := oci.Tag(""); ; after = got[len(got)-1] {
		before := len(got)
		for tag, err := range s.Tags(t.Context(), app, after) {
			if err != nil {
				t.Fatalf("Tags(%s) yields %v", after, err)
			}
			if got = append(got, tag); len(got) == before+page {
				break
			}
		}
		if len(got) < before+page {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages of %d make %d tags, which are not the %d that were set", page, len(got), len(want))
	}
}
