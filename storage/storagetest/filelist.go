package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"vitrine/storage"
)

// goodPaths are such that a store on a disk may trip over them.
var goodPaths = []string{
	"a", "A", "a.b", ".a", "..a", "...", "a..", "_a", "_blobs/sha256/x", "-", "+", "@", "@a", "%", "%a", "%41", "%2e%2e/x", "%2F", "%+a/b", "a%2fb",
	"a b", " ", "a+b~c^d.rpm", "g++_1%3a2.deb", "x?y=z&w", "a#b", `a\b`, `"'<>&`, "*", "a:b", "CON", "NUL", "lost+found", ".tmp-1", "tree/refs",
	"äöü/ß", "\u0061\u0308", "\u00e4", "日本語.txt", "😀", "a\u202eb", "\ufeffbom",
	strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("%", 300), strings.Repeat("é", 400) + "/x", strings.Repeat("w", 4096),
	strings.Repeat("a/", 63) + "a", strings.Repeat("b", 300) + "/" + strings.Repeat("b", 300), strings.Repeat("@", 250),
}

// badPaths are refused everywhere.
var badPaths = []string{
	"", "/", "/a", "a/", "a//b", ".", "..", "a/.", "./a", "a/..", "../a", "a/../b", "a/./b", "a\x00b", "\x00", "a\nb", "a\rb", "\x1b[1m", "\x7f", "\xff", "a/\xc3",
	"a\u0085b", strings.Repeat("x", 4097), strings.Repeat("a/", 64) + "a",
}

func testFilePaths(t *testing.T, s FileStore) {
	for _, p := range goodPaths {
		putFile(t, s, app, p, "content of "+p)
	}
	for _, p := range goodPaths {
		wantFile(t, s, app, p, "content of "+p)
	}
	var got []string
	for _, e := range list(t, storage.WalkFiles(t.Context(), s, app, "")) {
		got = append(got, e.Name)
		if want := blobOf("content of " + e.Name); e.File.Digest != want {
			t.Errorf("WalkFiles has %.80q with %s, want %s", e.Name, e.File.Digest, want)
		}
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(goodPaths)); !slices.Equal(got, want) {
		t.Errorf("WalkFiles yields %d paths, want %d:\n%.80q\n%.80q", len(got), len(want), got, want)
	}
	for _, p := range goodPaths {
		wantErr(t, fmt.Sprintf("DeleteFile(%.80q)", p), s.DeleteFile(t.Context(), app, p, storage.Match{}), nil)
	}
	wantNames(t, s, app, "", "")
}

func testBadPaths(t *testing.T, s FileStore) {
	d := pushBlob(t, s, app, "x")
	for _, p := range badPaths {
		call := func(method string) string { return fmt.Sprintf("%s(%.80q)", method, p) }
		_, err := s.StatFile(t.Context(), app, p)
		wantErr(t, call("StatFile"), err, storage.ErrFilePath)
		_, _, err = s.OpenFile(t.Context(), app, p)
		wantErr(t, call("OpenFile"), err, storage.ErrFilePath)
		wantErr(t, call("PutFile"), s.PutFile(t.Context(), app, p, storage.File{Digest: d}, storage.Match{}), storage.ErrFilePath)
		wantErr(t, call("DeleteFile"), s.DeleteFile(t.Context(), app, p, storage.Match{}), storage.ErrFilePath)
		_, err = s.PutFiles(t.Context(), app, "", map[string]storage.File{p: {Digest: d}}, 1)
		wantErr(t, call("PutFiles"), err, storage.ErrFilePath)
		if p == "" { // the topmost directory
			continue
		}
		wantOnly(t, call("ListFiles"), s.ListFiles(t.Context(), app, p, ""), storage.ErrFilePath)
		wantOnly(t, call("Generations"), s.Generations(t.Context(), app, p), storage.ErrFilePath)
		_, err = s.GetGeneration(t.Context(), app, p, 1)
		wantErr(t, call("GetGeneration"), err, storage.ErrFilePath)
	}
	wantNames(t, s, app, "", "")
}

// testFileAndDirectory: an upstream may well answer for both.
func testFileAndDirectory(t *testing.T, s FileStore) {
	for _, p := range []string{"a", "a/b", "a/b/c", "a-b"} {
		putFile(t, s, app, p, p)
	}
	for _, p := range []string{"a", "a/b", "a/b/c", "a-b"} {
		wantFile(t, s, app, p, p)
	}
	wantNames(t, s, app, "", "", "a", "a-b", "a/")
	wantNames(t, s, app, "a", "", "b", "b/")
	wantErr(t, "DeleteFile", s.DeleteFile(t.Context(), app, "a", storage.Match{}), nil)
	wantNames(t, s, app, "", "", "a-b", "a/")
	wantErr(t, "DeleteFile", s.DeleteFile(t.Context(), app, "a/b/c", storage.Match{}), nil)
	wantNames(t, s, app, "a", "", "b")
}

func testListFiles(t *testing.T, s FileStore) {
	for _, p := range []string{"x/2", "x/10", "x/1/a", "x/1/b", "x/1-", "x/Z", "x/é", "y", "xx"} {
		putFile(t, s, app, p, p)
	}
	wantNames(t, s, app, "", "", "x/", "xx", "y")
	wantNames(t, s, app, "x", "", "1-", "1/", "10", "2", "Z", "é")
	wantNames(t, s, app, "x", "1/", "10", "2", "Z", "é")
	wantNames(t, s, app, "x", "1", "1-", "1/", "10", "2", "Z", "é")
	wantNames(t, s, app, "x", "é")
	wantNames(t, s, app, "x", "a", "é")
	wantNames(t, s, app, "x/1", "", "a", "b")
	wantNames(t, s, app, "y", "")
	wantNames(t, s, app, "nowhere/at/all", "")
	wantNames(t, s, other, "x", "")
	for e, err := range s.ListFiles(t.Context(), app, "x", "") {
		if err != nil || e.Name != "1-" {
			t.Errorf("ListFiles begins with %q, %v", e.Name, err)
		}
		break
	}
}

// testListMany has more files than a store may hand out at a time, and changes the directory meanwhile.
func testListMany(t *testing.T, s FileStore) {
	d := pushBlob(t, s, app, "x")
	var want []string
	for i := range 300 {
		name := fmt.Sprintf("f%03d", i)
		want = append(want, name)
		if err := s.PutFile(t.Context(), app, "d/"+name, storage.File{Digest: d}, storage.Match{}); err != nil {
			t.Fatal(err)
		}
	}
	wantNames(t, s, app, "d", "", want...)
	wantNames(t, s, app, "d", "f149", want[150:]...)
	n := 0
	for e, err := range s.ListFiles(t.Context(), app, "d", "") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%2 == 0 {
			wantErr(t, "DeleteFile", s.DeleteFile(t.Context(), app, "d/"+e.Name, storage.Match{}), nil)
		}
	}
	if n != 300 {
		t.Errorf("ListFiles yields %d files of 300 while those that it has yielded are deleted", n)
	}
	if got := list(t, s.ListFiles(t.Context(), app, "d", "")); len(got) != 150 {
		t.Errorf("ListFiles yields %d files, want 150", len(got))
	}
}

func testWalkFiles(t *testing.T, s FileStore) {
	want := []string{"a", "b-", "b/c", "b/d/e", "b/f", "c"}
	for _, p := range want {
		putFile(t, s, app, p, p)
	}
	var got []string
	for _, e := range list(t, storage.WalkFiles(t.Context(), s, app, "")) {
		got = append(got, e.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("WalkFiles yields %q, want %q", got, want)
	}
	for e := range storage.WalkFiles(t.Context(), s, app, "b") {
		if e.Name != "b/c" {
			t.Errorf("WalkFiles below b begins with %q", e.Name)
		}
		break
	}
}

// testFilesAtOnce: of those who create one path, one does; a directory that empties while another file comes into it does not lose it.
func testFilesAtOnce(t *testing.T, s FileStore) {
	d := pushBlob(t, s, app, "x")
	f := storage.File{Digest: d}
	for range 20 {
		var wg sync.WaitGroup
		created := make(chan bool, 4)
		for range cap(created) {
			wg.Go(func() {
				err := s.PutFile(t.Context(), app, "one/path", f, storage.Unset())
				created <- err == nil
				wantErr(t, "PutFile(Unset)", ignore(err, storage.ErrFileMatch), nil)
			})
		}
		wg.Go(func() {
			wantErr(t, "PutFile", s.PutFile(t.Context(), app, "dir/sub/stays", f, storage.Match{}), nil)
		})
		wg.Go(func() {
			wantErr(t, "PutFile", s.PutFile(t.Context(), app, "dir/goes", f, storage.Match{}), nil)
			wantErr(t, "DeleteFile", s.DeleteFile(t.Context(), app, "dir/goes", storage.Match{}), nil)
		})
		wg.Wait()
		close(created)
		n := 0
		for ok := range created {
			if ok {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("%d have created the file, want 1", n)
		}
		wantNames(t, s, app, "dir", "", "sub/")
		wantFile(t, s, app, "dir/sub/stays", "x")
		wantErr(t, "DeleteFile", s.DeleteFile(t.Context(), app, "one/path", storage.Match{}), nil)
		wantErr(t, "DeleteFile", s.DeleteFile(t.Context(), app, "dir/sub/stays", storage.Match{}), nil)
	}
}
