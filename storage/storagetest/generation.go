package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/storage"
)

// publish makes a generation of base: "path=content path=content".
func publish(t *testing.T, s FileStore, base, files string, keep int) storage.Generation {
	t.Helper()
	all := map[string]storage.File{}
	for _, f := range strings.Fields(files) {
		path, content, _ := strings.Cut(f, "=")
		all[path] = storage.File{Digest: pushBlob(t, s, app, content), Class: storage.ClassIndex}
	}
	g, err := s.PutFiles(t.Context(), app, base, all, keep)
	if err != nil {
		t.Fatalf("PutFiles(%q, %q) = %v", base, files, err)
	}
	return g
}

// wantGenerations checks the numbers of the generations that are kept.
func wantGenerations(t *testing.T, s FileStore, base string, want ...int64) {
	t.Helper()
	var got []int64
	for _, g := range list(t, s.Generations(t.Context(), app, base)) {
		got = append(got, g.Number)
		if g.Files != nil {
			t.Errorf("Generations(%q) has files", base)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("Generations(%q) yields %v, want %v", base, got, want)
	}
}

func testGeneration(t *testing.T, s FileStore) {
	before := time.Now().Add(-time.Minute)
	first := publish(t, s, "x/repodata", "x/repodata/repomd.xml=1 x/repodata/repomd.xml.asc=s1 x/repodata/sub/old=o", 2)
	if first.Number != 1 || first.Time.Before(before) || first.Time.After(time.Now().Add(time.Minute)) {
		t.Errorf("PutFiles = %v", first)
	}
	wantFile(t, s, app, "x/repodata/repomd.xml", "1")
	wantFile(t, s, app, "x/repodata/repomd.xml.asc", "s1")
	wantFile(t, s, app, "x/repodata/sub/old", "o")
	wantNames(t, s, app, "", "", "x/")
	wantNames(t, s, app, "x/repodata", "", "repomd.xml", "repomd.xml.asc", "sub/")
	stored, _ := s.StatFile(t.Context(), app, "x/repodata/repomd.xml.asc")

	second := publish(t, s, "x/repodata", "x/repodata/repomd.xml=2 x/repodata/repomd.xml.asc=s1 x/repodata/new=n", 2)
	if second.Number != 2 || second.Time.Before(first.Time) {
		t.Errorf("PutFiles = %v after %v", second, first)
	}
	wantFile(t, s, app, "x/repodata/repomd.xml", "2")
	if f, err := s.StatFile(t.Context(), app, "x/repodata/repomd.xml"); err != nil || f.Generation != 2 {
		t.Errorf("the generation of a file is %d, %v, want 2", f.Generation, err)
	}
	wantFile(t, s, app, "x/repodata/new", "n")
	wantNoFile(t, s, app, "x/repodata/sub/old")
	wantNames(t, s, app, "x/repodata", "", "new", "repomd.xml", "repomd.xml.asc")
	if same, err := s.StatFile(t.Context(), app, "x/repodata/repomd.xml.asc"); err != nil || !same.Stored.Equal(stored.Stored) {
		t.Errorf("Stored of what has not changed = %v, %v, want %v", same.Stored, err, stored.Stored)
	}
	for _, err := range []error{
		s.PutFile(t.Context(), app, "x/repodata/new", storage.File{Digest: blobOf("n")}, storage.Match{}),
		s.DeleteFile(t.Context(), app, "x/repodata/new", storage.Match{}),
	} {
		wantErr(t, "changing a part of a generation", err, storage.ErrFileGeneration)
	}
}

// testOpenFileAt reads on in the generation that one has begun with.
func testOpenFileAt(t *testing.T, s FileStore) {
	for i := range 3 {
		publish(t, s, "d", fmt.Sprintf("d/f=%d", i), 2)
	}
	putFile(t, s, app, "d/single", "s")
	for _, tt := range []struct {
		number  int64
		path    string
		content string // "" for none
	}{{3, "d/f", "2"}, {2, "d/f", "1"}, {1, "d/f", ""}, {3, "d/single", ""}, {4, "d/f", ""}} {
		b, f, err := storage.OpenFileAt(t.Context(), s, app, "d", tt.number, tt.path)
		if tt.content == "" {
			wantErr(t, fmt.Sprintf("OpenFileAt(%d, %s)", tt.number, tt.path), err, storage.ErrFileUnknown)
			continue
		}
		if err != nil || f.Digest != blobOf(tt.content) || f.Generation != tt.number {
			t.Errorf("OpenFileAt(%d, %s) = %+v, %v, want %q", tt.number, tt.path, f, err, tt.content)
			continue
		}
		b.Close()
	}
	if f, err := s.StatFile(t.Context(), app, "d/single"); err != nil || f.Generation != 0 {
		t.Errorf("the generation of a single file is %d, %v", f.Generation, err)
	}
}

func testGenerationsKept(t *testing.T, s FileStore) {
	for i := range 5 {
		publish(t, s, "d", fmt.Sprintf("d/f=%d d/same=s", i), 3)
	}
	publish(t, s, "", "top=t", 0)
	wantGenerations(t, s, "d", 5, 4, 3)
	wantGenerations(t, s, "", 1)
	wantGenerations(t, s, "d/f")
	for number, content := range map[int64]string{3: "2", 4: "3", 5: "4"} {
		g, err := s.GetGeneration(t.Context(), app, "d", number)
		if err != nil || g.Number != number || len(g.Files) != 2 || g.Files["d/f"].Generation != number || g.Files["d/f"].Digest != blobOf(content) || g.Files["d/f"].Class != storage.ClassIndex {
			t.Errorf("GetGeneration(%d) = %v, %v, want %q", number, g, err, content)
		}
		wantBlob(t, s, app, blobOf(content), content)
	}
	for _, number := range []int64{-1, 0, 1, 2, 6} {
		_, err := s.GetGeneration(t.Context(), app, "d", number)
		wantErr(t, fmt.Sprintf("GetGeneration(%d)", number), err, storage.ErrFileUnknown)
	}
	publish(t, s, "d", "d/f=last", 0)
	wantGenerations(t, s, "d", 6)
	wantFile(t, s, app, "top", "t")
}

// testGenerationShadows: a generation stands in front of single files and of generations of directories above.
func testGenerationShadows(t *testing.T, s FileStore) {
	putFile(t, s, app, "a/b/f", "single")
	putFile(t, s, app, "a/b/g", "single")
	publish(t, s, "a", "a/b/f=outer a/x=outer", 1)
	wantFile(t, s, app, "a/b/f", "outer")
	wantFile(t, s, app, "a/b/g", "single")
	publish(t, s, "a/b", "a/b/f=inner", 1)
	wantFile(t, s, app, "a/b/f", "inner")
	wantFile(t, s, app, "a/x", "outer")
	wantNames(t, s, app, "a/b", "", "f", "g")
	wantNames(t, s, app, "a", "", "b/", "x")
	publish(t, s, "a/b", "a/b/h=inner", 1)
	wantFile(t, s, app, "a/b/f", "outer")
	publish(t, s, "a", "a/x=outer", 1)
	wantFile(t, s, app, "a/b/f", "single")
	wantNames(t, s, app, "a/b", "", "f", "g", "h")
	wantNames(t, s, app, "a/b", "f", "g", "h")
}

// testGenerationHolds checks that content stays as long as a generation that is kept names it.
func testGenerationHolds(t *testing.T, s FileStore) {
	publish(t, s, "d", "d/f=1", 2)
	publish(t, s, "d", "d/f=2", 2)
	wantErr(t, "DeleteBlob of the generation before", s.DeleteBlob(t.Context(), app, blobOf("1")), storage.ErrFileHolds)
	publish(t, s, "d", "d/f=3", 2)
	wantErr(t, "DeleteBlob of a generation that is not kept", s.DeleteBlob(t.Context(), app, blobOf("1")), nil)
	wantErr(t, "DeleteBlob of the generation before", s.DeleteBlob(t.Context(), app, blobOf("2")), storage.ErrFileHolds)
	wantErr(t, "DeleteBlob of the last generation", s.DeleteBlob(t.Context(), app, blobOf("3")), storage.ErrFileHolds)
	wantFile(t, s, app, "d/f", "3")
}

func testBadGeneration(t *testing.T, s FileStore) {
	d := pushBlob(t, s, app, "x")
	many := map[string]storage.File{}
	for i := range storage.MaxGeneration + 1 {
		many[fmt.Sprint("d/", i)] = storage.File{Digest: d}
	}
	for _, tt := range []struct {
		base  string
		files map[string]storage.File
		want  error
	}{
		{"d", nil, storage.ErrFilePath},
		{"d", many, storage.ErrFilePath},
		{"d", map[string]storage.File{"e": {Digest: d}}, storage.ErrFilePath},
		{"d", map[string]storage.File{"d": {Digest: d}}, storage.ErrFilePath},
		{"d", map[string]storage.File{"dd/e": {Digest: d}}, storage.ErrFilePath},
		{"d", map[string]storage.File{"d/../e": {Digest: d}}, storage.ErrFilePath},
		{"../d", map[string]storage.File{"../d/e": {Digest: d}}, storage.ErrFilePath},
		{"d", map[string]storage.File{"d/a": {Digest: d}, "d/b": {Digest: blobOf("elsewhere")}}, storage.ErrBlobUnknown},
	} {
		_, err := s.PutFiles(t.Context(), app, tt.base, tt.files, 1)
		wantErr(t, fmt.Sprintf("PutFiles(%q) of %d files", tt.base, len(tt.files)), err, tt.want)
	}
	wantGenerations(t, s, "d")
	wantNames(t, s, app, "", "")
}

func testStatFileAt(t *testing.T, s FileStore) {
	putFile(t, s, app, "d/single", "s")
	single, err := s.StatFile(t.Context(), app, "d/single")
	if err != nil {
		t.Fatal(err)
	}
	var times []time.Time
	for i := range 3 {
		g := publish(t, s, "d", fmt.Sprintf("d/f=%d", i), 2)
		times = append(times, g.Time)
		for deadline := time.Now().Add(10 * time.Second); !time.Now().Truncate(time.Millisecond).After(g.Time); time.Sleep(time.Millisecond) { // until the clock has gone on
			if time.Now().After(deadline) {
				t.Fatal("the clock stands still")
			}
		}
	}
	for _, tt := range []struct {
		path string
		at   time.Time
		want string // content, "" for none
	}{
		{"d/f", times[0], ""}, // no longer kept
		{"d/f", times[1], "1"},
		{"d/f", times[2].Add(-time.Millisecond), "1"},
		{"d/f", times[2], "2"},
		{"d/f", times[2].Add(time.Hour), "2"},
		{"d/single", times[2], "s"},
		{"d/single", single.Stored.Add(-time.Millisecond), ""},
		{"d/none", times[2], ""},
	} {
		got, err := storage.StatFileAt(t.Context(), s, app, tt.path, tt.at)
		if tt.want == "" {
			wantErr(t, fmt.Sprintf("StatFileAt(%s, %s)", tt.path, tt.at), err, storage.ErrFileUnknown)
		} else if err != nil || got.Digest != blobOf(tt.want) {
			t.Errorf("StatFileAt(%s, %s) = %s, %v, want %q", tt.path, tt.at, got.Digest, err, tt.want)
		}
	}
}

// testGenerationsAtOnce: while generations follow one another, those who read see one after the other and no mixture.
func testGenerationsAtOnce(t *testing.T, s FileStore) {
	const rounds = 30
	publish(t, s, "d", "d/a=0 d/b=0", 3)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for last := int64(0); ; {
				select {
				case <-done:
					return
				default:
				}
				last = readGeneration(t, s, last)
			}
		})
	}
	for i := 1; i <= rounds; i++ {
		publish(t, s, "d", fmt.Sprintf("d/a=%d d/b=%[1]d", i), 3)
	}
	close(done)
	wg.Wait()
	wantGenerations(t, s, "d", rounds+1, rounds, rounds-1)
}

// readGeneration reads the last generation, which is not before the number last, and returns its number.
func readGeneration(t *testing.T, s FileStore, last int64) int64 {
	b, f, err := s.OpenFile(t.Context(), app, "d/a")
	if err != nil {
		t.Errorf("OpenFile = %v", err)
		return last
	}
	b.Close()
	for g, err := range s.Generations(t.Context(), app, "d") {
		if err != nil || g.Number < last {
			t.Errorf("Generations begins with %d, %v after %d", g.Number, err, last)
		}
		last = g.Number
		break
	}
	g, err := s.GetGeneration(t.Context(), app, "d", last)
	if ignore(err, storage.ErrFileUnknown) != nil || err == nil && g.Files["d/a"].Digest != g.Files["d/b"].Digest {
		t.Errorf("GetGeneration = %v, %v", g, err)
	}
	if f.Digest == "" {
		t.Error("a file without a digest")
	}
	return last
}
