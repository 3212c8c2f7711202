package storagetest

import (
	"context"
	"testing"
	"time"

	"vitrine/storage"
	"vitrine/storage/oci"
)

var datedTests = []test{
	{"of nothing", testDatedOfNothing},
	{"order and targets", testDatedOrder},
	{"moves", testDatedMoves},
	{"ended", testDatedEnded},
}

// datedTags returns those of repo, or skips the test.
func datedTags(t *testing.T, s storage.Store, repo oci.Name) []storage.DatedTag {
	t.Helper()
	if _, ok := s.(storage.TagDater); !ok {
		t.Skip("not a TagDater")
	}
	return list(t, storage.DatedTags(t.Context(), s, repo))
}

func testDatedOfNothing(t *testing.T, s storage.Store) {
	pushBlob(t, s, app, "content")
	if got := datedTags(t, s, app); len(got) > 0 {
		t.Errorf("DatedTags of an untagged repository yields %v", got)
	}
	wantOnly(t, "DatedTags of no repository", storage.DatedTags(t.Context(), s, none), storage.ErrRepoUnknown)
}

// testDatedOrder has more tags than a store may hand out at a time.
func testDatedOrder(t *testing.T, s storage.Store) {
	a, b := image(t, "a"), image(t, "b")
	push(t, s, app, a)
	push(t, s, app, b)
	before := time.Now().Add(-time.Minute) // a file system's clock may be behind, and counts in seconds on some
	for i := range 300 {
		setTag(t, s, app, oci.Tag(string(rune('a'+i%26))+string(rune('a'+i/26))), []storage.Manifest{a, b}[i%2].Digest)
	}
	got := datedTags(t, s, app)
	var names []oci.Tag
	for _, tag := range got {
		names = append(names, tag.Tag)
		if want, err := s.ResolveTag(t.Context(), app, tag.Tag); err != nil || tag.Digest != want.Digest {
			t.Errorf("DatedTags has %s at %s, ResolveTag = %s, %v", tag.Tag, tag.Digest, want.Digest, err)
		}
		if tag.Time.Before(before) || tag.Time.After(time.Now().Add(time.Minute)) {
			t.Errorf("DatedTags has %s at %s", tag.Tag, tag.Time)
		}
	}
	wantList(t, "Tags", s.Tags(t.Context(), app, ""), names)
}

// testDatedMoves checks that a tag that moves gets another time, and one that is set to where it is keeps its own.
func testDatedMoves(t *testing.T, s storage.Store) {
	a, b := image(t, "a"), image(t, "b")
	push(t, s, app, b)
	push(t, s, app, a, "moves", "stays")
	before := datedTags(t, s, app)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // until the clock has gone on
		setTag(t, s, app, "stays", a.Digest)
		setTag(t, s, app, "moves", b.Digest)
		after := datedTags(t, s, app)
		if len(after) != 2 || after[0].Digest != b.Digest || after[1] != before[1] {
			t.Fatalf("DatedTags yields %v, then %v", before, after)
		}
		if after[0].Time.After(before[0].Time) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a tag that moved stays at %v", after[0].Time)
		}
		setTag(t, s, app, "moves", a.Digest)
	}
	if err := s.DeleteTag(t.Context(), app, "moves"); err != nil {
		t.Fatal(err)
	}
	if got := datedTags(t, s, app); len(got) != 1 || got[0] != before[1] {
		t.Errorf("DatedTags yields %v after a deletion, want %v", got, before[1])
	}
}

func testDatedEnded(t *testing.T, s storage.Store) {
	push(t, s, app, image(t, "m"), "latest")
	datedTags(t, s, app)
	wantOnly(t, "DatedTags of a context that is over", storage.DatedTags(ended(t), s, app), context.Canceled)
}
